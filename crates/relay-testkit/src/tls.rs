//! A host whose certificate nobody signed.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ServerConfig, ServerConnection};

/// Shakes hands with a certificate of its own making, until the test's process ends; gives its `https` address.
pub fn self_signed_host() -> String {
    let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = certified.signing_key.serialize_der().try_into().unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            // The caller breaks off, which is what a test of certificates is about.
            while tls.is_handshaking() && tls.complete_io(&mut connection).is_ok() {}
        }
    });
    format!("https://{address}")
}
