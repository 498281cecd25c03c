//! Assertions that the relay signs with the key of a certificate, in files that may be renewed while it runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::SecretString;
use serde::Serialize;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::read;
use crate::error::Error;
use crate::settings::SettingsError;
use crate::telemetry::Metrics;

/// Life of an assertion in seconds, as the login service advises.
const LIFE: i64 = 300;
const DAY: i64 = 24 * 3600;
/// From when on the operator is warned.
const SOON: i64 = 30 * DAY;

/// The certificate and its key, each in a file or both in one.
pub(in crate::provider) struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    metrics: Arc<Metrics>,
    loaded: Mutex<Loaded>,
}

/// What was read last.
struct Loaded {
    pair: Arc<Pair>,
    /// When the files had changed, before they were read.
    changed: Changed,
    /// Whether what was read then is of no use, so that an earlier pair is kept.
    failed: bool,
}

/// When the two files were changed.
type Changed = [Option<SystemTime>; 2];

/// A certificate with the key that belongs to it.
struct Pair {
    key: EncodingKey,
    /// SHA-256 of the certificate, as assertions name it.
    thumbprint: String,
    /// In seconds since 1970.
    expires: i64,
}

/// Why files are of no use, with the setting that names the file.
struct Fault {
    setting: &'static str,
    problem: String,
}

/// See [the claims](https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials).
#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: i64,
    iat: i64,
    exp: i64,
}

impl CertificateFiles {
    /// Reads the files, which may be one.
    ///
    /// # Errors
    /// They cannot be read, do not belong together, or the certificate has expired.
    pub(in crate::provider) fn open(
        certificate: &Path,
        key: Option<&Path>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, SettingsError> {
        let [certificate, key] = [certificate, key.unwrap_or(certificate)].map(Path::to_owned);
        let now = Timestamp::now();
        let changed = changed(&certificate, &key);
        let pair = Pair::read(&certificate, &key, now)
            .map_err(|fault| SettingsError::value(fault.setting, fault.problem))?;
        pair.announce(&metrics, now);
        let loaded = Mutex::new(Loaded { pair: Arc::new(pair), changed, failed: false });
        Ok(Self { certificate, key, metrics, loaded })
    }

    /// An assertion that an application makes of itself to the token endpoint `audience`.
    ///
    /// # Errors
    /// The certificate has expired meanwhile.
    pub(super) fn assertion(
        &self,
        client_id: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<SecretString, Error> {
        let pair = self.current(now);
        let seconds = now.as_second();
        if pair.expires <= seconds {
            return Err(Error::authorization(format!(
                "the relay cannot log in: its certificate expired on {}; the operator has to put a renewed one at \
                 RELAY_PROVIDER__CERTIFICATE_FILE and register it with the application",
                date(pair.expires)
            )));
        }
        let header = Header { x5t_s256: Some(pair.thumbprint.clone()), ..Header::new(Algorithm::PS256) };
        let claims = Claims {
            aud: audience,
            iss: client_id,
            sub: client_id,
            jti: random_id()?,
            nbf: seconds,
            iat: seconds,
            exp: seconds + LIFE,
        };
        jsonwebtoken::encode(&header, &claims, &pair.key).map(SecretString::from).map_err(|_| unsigned())
    }

    /// The pair that is in the files now; while they are of no use, as when only one of them is replaced, the last
    /// that was.
    fn current(&self, now: Timestamp) -> Arc<Pair> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = changed(&self.certificate, &self.key);
        if changed != loaded.changed || loaded.failed {
            match Pair::read(&self.certificate, &self.key, now) {
                Ok(pair) => {
                    log::info!("the renewed certificate is in use; it expires on {}", date(pair.expires));
                    pair.announce(&self.metrics, now);
                    loaded.pair = Arc::new(pair);
                    loaded.failed = false;
                }
                Err(fault) => {
                    if changed != loaded.changed {
                        let name = crate::module::variable(fault.setting);
                        log::warn!("{name}: {}; the certificate read before stays in use", fault.problem);
                    }
                    loaded.failed = true;
                }
            }
            loaded.changed = changed;
        }
        Arc::clone(&loaded.pair)
    }
}

/// When the files were changed; a link counts as the file that it leads to.
fn changed(certificate: &Path, key: &Path) -> Changed {
    [certificate, key].map(|path| fs::metadata(path).and_then(|data| data.modified()).ok())
}

impl Pair {
    fn read(certificate: &Path, key: &Path, now: Timestamp) -> Result<Self, Fault> {
        let of_certificate = |problem| Fault { setting: "provider.certificate_file", problem };
        let of_key = |problem| Fault { setting: "provider.key_file", problem };
        let text =
            |path: &Path| read(path).map_err(|error| format!("cannot read {}: {error}", path.display()));
        let certificates = text(certificate).map_err(of_certificate)?;
        let key_text = text(key).map_err(of_key)?;
        let block =
            private_key(&key_text).map_err(|problem| of_key(format!("{}: {problem}", key.display())))?;
        let (encoding, public) =
            rsa(block).map_err(|problem| of_key(format!("{}: {problem}", key.display())))?;
        let mut found = false;
        for der in CertificateDer::pem_slice_iter(certificates.as_bytes()).map_while(Result::ok) {
            found = true;
            let Ok(parsed) = Certificate::from_der(&der) else {
                let problem = format!("{}: what it holds is no X.509 certificate", certificate.display());
                return Err(of_certificate(problem));
            };
            let parsed = parsed.tbs_certificate();
            if parsed.subject_public_key_info().subject_public_key.raw_bytes() != public {
                // One of the chain.
                continue;
            }
            let expires = parsed.validity().not_after.to_unix_duration().as_secs();
            let expires = i64::try_from(expires).unwrap_or(i64::MAX);
            if expires <= now.as_second() {
                let problem = format!("the certificate expired on {}; renew it", date(expires));
                return Err(of_certificate(problem));
            }
            let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &der));
            return Ok(Self { key: encoding, thumbprint, expires });
        }
        Err(if found {
            of_key(format!(
                "the key in {} does not belong to the certificate in {}; make a certificate of this key, or name the \
                 key that the certificate was made of",
                key.display(),
                certificate.display()
            ))
        } else {
            of_certificate(format!(
                "{} holds no certificate in PEM (BEGIN CERTIFICATE)",
                certificate.display()
            ))
        })
    }

    /// Shows when it expires, and warns when that is soon.
    fn announce(&self, metrics: &Metrics, now: Timestamp) {
        metrics.certificate_expires(self.expires);
        if let Some(warning) = expiry_warning(self.expires, now) {
            log::warn!("{warning}");
        }
    }
}

/// What to do about a certificate that expires soon, at this second since 1970.
pub(super) fn expiry_warning(expires: i64, now: Timestamp) -> Option<String> {
    let left = expires - now.as_second();
    if left >= SOON {
        return None;
    }
    let days = left / DAY;
    let unit = if days == 1 { "day" } else { "days" };
    Some(format!(
        "the certificate of RELAY_PROVIDER__CERTIFICATE_FILE expires in {days} {unit}, on {}; register a new one with \
         the applications and put it in its place, no restart is needed",
        date(expires)
    ))
}

/// The PEM block of a private key.
fn private_key(text: &str) -> Result<&str, &'static str> {
    for label in ["PRIVATE KEY", "RSA PRIVATE KEY"] {
        let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
        if let Some(start) = text.find(&begin)
            && let Some(length) = text[start..].find(&end)
        {
            return Ok(&text[start..start + length + end.len()]);
        }
    }
    Err(if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        "its key is encrypted; take the passphrase off and protect the file instead"
    } else if text.contains("BEGIN EC PRIVATE KEY") {
        NOT_RSA
    } else {
        "it holds no private key in PEM (BEGIN PRIVATE KEY or BEGIN RSA PRIVATE KEY)"
    })
}

const NOT_RSA: &str = "its key is no RSA key; the login service takes RSA of 2048 bits or more";

/// The key for signing, and its public part as certificates hold it.
fn rsa(block: &str) -> Result<(EncodingKey, Vec<u8>), &'static str> {
    if block.contains("ENCRYPTED") {
        return Err("its key is encrypted; take the passphrase off and protect the file instead");
    }
    let key = EncodingKey::from_rsa_pem(block.as_bytes()).map_err(|_| NOT_RSA)?;
    let pair = RsaKeyPair::from_der(key.as_bytes())
        .map_err(|_| "its key is of no use; an RSA key of 2048 to 8192 bits is needed")?;
    let public = pair.public_key().as_ref().to_vec();
    Ok((key, public))
}

/// A random UUID.
fn random_id() -> Result<String, Error> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| unsigned())?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
}

fn unsigned() -> Error {
    Error::authorization(
        "the relay cannot log in: its key signs nothing; the operator has to check RELAY_PROVIDER__KEY_FILE",
    )
}

fn date(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    time.strftime("%Y-%m-%d").to_string()
}
