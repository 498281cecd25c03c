//! Assertions: what an application proves its identity with instead of a secret
//! ([certificates](https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials),
//! [federated tokens](https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation)).
//!
//! An assertion that its application has issued itself is one of a certificate, any other is a federated token.

use std::collections::HashMap;
use std::io;
use std::sync::Mutex;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::directory::Application;
use super::refusal::Refusal;
use crate::keys::pem_block;
use crate::lock::locked;

/// Seconds by which clocks may differ.
const LEEWAY: i64 = 300;
/// Longest life of an assertion that an application issues itself, in seconds.
const LONGEST: i64 = 600;

/// What an application may prove its identity with.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Wanted")]
pub struct Registration {
    application: &'static Application,
    credential: Credential,
}

#[derive(Clone, Debug)]
enum Credential {
    /// SHA-256 of the certificate, and its public key.
    Certificate { thumbprint: String, key: Vec<u8> },
    /// What the token of another issuer must say, and that issuer's public key.
    Federated { issuer: String, subject: String, audience: String, key: Vec<u8> },
}

/// A registration as the control API takes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    application: String,
    certificate: Option<String>,
    issuer: Option<String>,
    subject: Option<String>,
    audience: Option<String>,
    key: Option<String>,
}

impl TryFrom<Wanted> for Registration {
    type Error = io::Error;

    fn try_from(wanted: Wanted) -> io::Result<Self> {
        match wanted {
            Wanted {
                application,
                certificate: Some(pem),
                issuer: None,
                subject: None,
                audience: None,
                key: None,
            } => Self::certificate(&application, &pem),
            Wanted {
                application,
                certificate: None,
                issuer: Some(issuer),
                subject: Some(subject),
                audience: Some(audience),
                key: Some(key),
            } => Self::federated(&application, [&issuer, &subject, &audience], &key),
            _ => Err(bad("either `certificate`, or `issuer`, `subject`, `audience` and `key`")),
        }
    }
}

impl Registration {
    /// A certificate (PEM) of an application.
    ///
    /// # Errors
    /// There is no such application, or it is no certificate.
    pub fn certificate(application: &str, pem: &str) -> io::Result<Self> {
        let (label, der) = pem_block(pem).ok_or_else(|| bad("no PEM block found"))?;
        let parsed = Certificate::from_der(&der).map_err(|_| bad("not a certificate"))?;
        if label != "CERTIFICATE" {
            return Err(bad("the PEM block is no certificate"));
        }
        let key = parsed.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes().to_vec();
        let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &der));
        Self::new(application, Credential::Certificate { thumbprint, key })
    }

    /// Issuer, subject and audience of the tokens that an application trusts, and the issuer's public key (PEM).
    ///
    /// # Errors
    /// There is no such application, or it is no public key.
    pub fn federated(
        application: &str,
        [issuer, subject, audience]: [&str; 3],
        key: &str,
    ) -> io::Result<Self> {
        let Some(("PUBLIC KEY", key)) = pem_block(key) else { return Err(bad("not a public key in PEM")) };
        let [issuer, subject, audience] = [issuer, subject, audience].map(str::to_owned);
        Self::new(application, Credential::Federated { issuer, subject, audience, key })
    }

    fn new(application: &str, credential: Credential) -> io::Result<Self> {
        let application = Application::find(application).ok_or_else(|| bad("no such application"))?;
        Ok(Self { application, credential })
    }
}

/// What is registered, and which assertions have served.
#[derive(Debug, Default)]
pub(crate) struct Registrations {
    all: Mutex<Vec<Registration>>,
    /// Ids of assertions, with the time from which they would be refused anyway.
    used: Mutex<HashMap<String, i64>>,
}

/// The id of an assertion that serves once, and when it ends.
pub(super) struct Once {
    id: String,
    ends: i64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    #[serde(rename = "x5t#S256")]
    thumbprint: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Value,
    jti: Option<String>,
    nbf: Option<i64>,
    iat: Option<i64>,
    exp: i64,
}

impl Claims {
    fn is_for(&self, audience: &str) -> bool {
        match &self.aud {
            Value::Array(all) => all.iter().any(|one| one == audience),
            one => one == audience,
        }
    }

    fn check_times(&self, now: i64) -> Result<(), Refusal> {
        let begins = self.nbf.or(self.iat).unwrap_or(now);
        if begins > now + LEEWAY || self.exp <= now - LEEWAY {
            return Err(Refusal::AssertionTime { begins, ends: self.exp });
        }
        Ok(())
    }
}

/// An assertion, read and not yet believed.
struct Assertion<'a> {
    header: Header,
    claims: Claims,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Assertion<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
        Some(Self {
            header: serde_json::from_slice(&decoded(header)?).ok()?,
            claims: serde_json::from_slice(&decoded(claims)?).ok()?,
            signed,
            signature: decoded(signature)?,
        })
    }

    fn is_signed_by(&self, key: &[u8], algorithm: &'static RsaParameters) -> bool {
        UnparsedPublicKey::new(algorithm, key).verify(self.signed.as_bytes(), &self.signature).is_ok()
    }
}

impl Registrations {
    pub(crate) fn add(&self, registration: Registration) {
        locked(&self.all).push(registration);
    }

    pub(crate) fn clear(&self) {
        locked(&self.all).clear();
        locked(&self.used).clear();
    }

    fn of(&self, application: &Application) -> Vec<Credential> {
        let all = locked(&self.all);
        let ours = all.iter().filter(|one| one.application == application);
        ours.map(|one| one.credential.clone()).collect()
    }

    /// Checks an assertion that an application sends to the token endpoint of this URL; one of a certificate has an id
    /// that serves once.
    pub(super) fn check(
        &self,
        application: &'static Application,
        text: &str,
        endpoint: &str,
        now: i64,
    ) -> Result<Option<Once>, Refusal> {
        let assertion =
            Assertion::read(text).ok_or(Refusal::MalformedAssertion("it is no JSON Web Token"))?;
        if assertion.claims.iss.eq_ignore_ascii_case(application.id) {
            self.check_own(application, assertion, endpoint, now).map(Some)
        } else {
            self.check_federated(application, &assertion, now).map(|()| None)
        }
    }

    fn check_own(
        &self,
        application: &'static Application,
        assertion: Assertion<'_>,
        endpoint: &str,
        now: i64,
    ) -> Result<Once, Refusal> {
        if assertion.header.alg != "PS256" || assertion.header.typ.as_deref() != Some("JWT") {
            return Err(Refusal::MalformedAssertion("its header must have `alg` PS256 and `typ` JWT"));
        }
        let thumbprint = assertion.header.thumbprint.clone().unwrap_or_default();
        let key = self.of(application).into_iter().find_map(|credential| match credential {
            Credential::Certificate { thumbprint: known, key } if known == thumbprint => Some(key),
            _ => None,
        });
        let Some(key) = key else {
            return Err(Refusal::UnknownCertificate { reason: "The key was not found.", thumbprint });
        };
        if !assertion.is_signed_by(&key, &RSA_PSS_2048_8192_SHA256) {
            return Err(Refusal::UnknownCertificate { reason: "The key used is incorrect.", thumbprint });
        }
        let claims = assertion.claims;
        if claims.sub != claims.iss {
            return Err(Refusal::AssertionSubject);
        }
        if !claims.is_for(endpoint) {
            return Err(Refusal::AssertionAudience);
        }
        claims.check_times(now)?;
        let (Some(begins), Some(_), Some(id)) =
            (claims.nbf, claims.iat, claims.jti.filter(|id| !id.is_empty()))
        else {
            return Err(Refusal::MalformedAssertion("`nbf`, `iat` and `jti` are needed"));
        };
        if claims.exp - begins > LONGEST {
            return Err(Refusal::MalformedAssertion("its life is longer than ten minutes"));
        }
        if locked(&self.used).contains_key(&id) {
            return Err(Refusal::UsedAssertion);
        }
        Ok(Once { id, ends: claims.exp + LEEWAY })
    }

    fn check_federated(
        &self,
        application: &Application,
        assertion: &Assertion<'_>,
        now: i64,
    ) -> Result<(), Refusal> {
        let claims = &assertion.claims;
        let mut nearest = 0;
        let credentials = self.of(application);
        let key = credentials.iter().find_map(|credential| {
            let Credential::Federated { issuer, subject, audience, key } = credential else { return None };
            let checks = [*issuer == claims.iss, *subject == claims.sub, claims.is_for(audience)];
            nearest = nearest.max(checks.iter().take_while(|fits| **fits).count());
            (nearest == checks.len()).then_some(key)
        });
        let Some(key) = key else {
            return Err(match nearest {
                0 => Refusal::UnknownIssuer(claims.iss.clone()),
                1 => Refusal::UnknownSubject(claims.sub.clone()),
                _ => Refusal::UnknownAudience(claims.aud.to_string()),
            });
        };
        if assertion.header.alg != "RS256" || !assertion.is_signed_by(key, &RSA_PKCS1_2048_8192_SHA256) {
            return Err(Refusal::AssertionSignature);
        }
        claims.check_times(now)
    }

    /// Marks an assertion as used; fails where another request used it meanwhile.
    pub(super) fn use_up(&self, once: Once, now: i64) -> Result<(), Refusal> {
        let mut used = locked(&self.used);
        used.retain(|_, ends| *ends > now);
        match used.insert(once.id, once.ends) {
            None => Ok(()),
            Some(_) => Err(Refusal::UsedAssertion),
        }
    }
}

fn bad(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests;
