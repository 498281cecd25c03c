//! The socket of a connection, to reset it.

use std::any::Any;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use actix_web::rt::net::TcpStream;

/// A second handle of a connection's socket.
#[derive(Debug)]
pub(crate) struct Socket {
    handle: OwnedFd,
}

impl Socket {
    pub(crate) fn of(connection: &dyn Any) -> Option<Self> {
        let stream = connection.downcast_ref::<TcpStream>()?;
        Some(Self { handle: stream.as_fd().try_clone_to_owned().ok()? })
    }

    /// Makes closing the connection reset it.
    pub(crate) fn reset_on_close(&self) -> io::Result<()> {
        let stream = std::net::TcpStream::from(self.handle.try_clone()?);
        TcpStream::from_std(stream)?.set_zero_linger()
    }
}
