//! A host whose certificate nobody signed.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ServerConfig, ServerConnection};

/// Shakes hands with a certificate of its own making, until the test's process ends; gives its `https` address.
pub fn self_signed_host() -> String {
    host_with_certificate("127.0.0.1", |_| ()).0
}

/// As [`self_signed_host`], with a certificate for a name of the test's choice, changed as the test likes; gives the
/// certificate too (PEM), for a relay that is to trust it.
pub fn host_with_certificate(name: &str, change: impl Fn(&mut CertificateParams)) -> (String, String) {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
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
    (format!("https://{address}"), certificate.pem())
}
