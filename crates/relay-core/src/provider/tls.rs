//! Certificate failures, told apart from other connection failures and put in words.

use std::error::Error as StdError;
use std::io;

use rustls::{CertificateError, Error as TlsError};

/// The reason where a certificate was not accepted.
pub(super) fn certificate_problem(error: &reqwest::Error) -> Option<String> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(TlsError::InvalidCertificate(problem)) = current.downcast_ref::<TlsError>() {
            return Some(words(problem));
        }
        // An I/O error hides what it wraps from `source`.
        cause = match current.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => current.source(),
        };
    }
    None
}

fn words(problem: &CertificateError) -> String {
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "Certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "Certificate is not valid yet".to_owned()
        }
        CertificateError::Revoked => "Certificate was revoked".to_owned(),
        CertificateError::UnknownIssuer => {
            "Self signed certificate or unknown issuer; where that is right, name its authority in \
             RELAY_PROVIDER__CA_FILE"
                .to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "Certificate is for another host name".to_owned()
        }
        CertificateError::BadSignature => "Certificate has a wrong signature".to_owned(),
        // A certificate authority's own certificate used as a server's is the common case of this.
        CertificateError::Other(other) => format!("Certificate is not accepted ({other})"),
        other => format!("Certificate is not accepted ({other:?})"),
    }
}
