//! Certificate failures, told apart from other connection failures and put in words.

use rustls::{CertificateError, Error as TlsError};

use super::failure::causes;

/// The reason where a certificate was not accepted.
pub(super) fn certificate_problem(error: &reqwest::Error) -> Option<String> {
    causes(error).find_map(|cause| match cause.downcast_ref::<TlsError>() {
        Some(TlsError::InvalidCertificate(problem)) => Some(words(problem)),
        _ => None,
    })
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
