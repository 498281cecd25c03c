//! The socket beneath a connection, for the one thing that HTTP has no words for: a reset.

use std::any::Any;
use std::io;
#[cfg(unix)]
use std::os::fd::{AsFd as _, OwnedFd};

use actix_web::rt::net::TcpStream;

/// A second handle of a connection's socket.
#[derive(Debug)]
pub(crate) struct Socket {
    #[cfg(unix)]
    handle: OwnedFd,
}

#[cfg(unix)]
impl Socket {
    pub(crate) fn of(connection: &dyn Any) -> Option<Self> {
        let stream = connection.downcast_ref::<TcpStream>()?;
        Some(Self { handle: stream.as_fd().try_clone_to_owned().ok()? })
    }

    /// From now on, closing the connection resets it instead of ending it in order.
    pub(crate) fn reset_on_close(&self) -> io::Result<()> {
        let stream = std::net::TcpStream::from(self.handle.try_clone()?);
        TcpStream::from_std(stream)?.set_zero_linger()
    }
}

/// Elsewhere a connection is closed without an answer, which callers take for much the same.
#[cfg(not(unix))]
impl Socket {
    pub(crate) fn of(connection: &dyn Any) -> Option<Self> {
        connection.is::<TcpStream>().then_some(Self {})
    }

    pub(crate) fn reset_on_close(&self) -> io::Result<()> {
        Ok(())
    }
}
