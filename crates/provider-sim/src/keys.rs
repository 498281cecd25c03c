//! The platform's signing keys, and tokens: valid ones, and the kinds that a relay must reject.
//!
//! Tokens are built by hand ([RFC 7515](https://www.rfc-editor.org/rfc/rfc7515)): the library that checks them in a
//! relay must not create them too, and would not create invalid ones.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::{fmt, fs, io};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// An RSA key pair with the id under which the JWKS lists it. A clone is the same pair.
#[derive(Clone)]
pub struct Keys {
    pair: Arc<RsaKeyPair>,
    kid: String,
    public_der: Vec<u8>,
}

impl Keys {
    /// Generates a pair of 2048 bits.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn generate() -> io::Result<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| bad("cannot generate an RSA key"))?;
        Self::new(pair)
    }

    /// The pair of this process, generated on first use, which is slow.
    ///
    /// # Errors
    /// As [`Keys::generate`].
    pub fn shared() -> io::Result<Self> {
        static SHARED: OnceLock<Keys> = OnceLock::new();
        if let Some(keys) = SHARED.get() {
            return Ok(keys.clone());
        }
        let made = Self::generate()?;
        Ok(SHARED.get_or_init(|| made).clone())
    }

    /// Reads a private key in PEM: PKCS #8 (`PRIVATE KEY`) or PKCS #1 (`RSA PRIVATE KEY`).
    ///
    /// # Errors
    /// There is no such key, or it has fewer than 2048 bits.
    pub fn from_pem(pem: &str) -> io::Result<Self> {
        let (label, der) = pem_block(pem).ok_or_else(|| bad("no PEM block found"))?;
        let pair = match label {
            "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&der),
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der),
            _ => return Err(bad("the PEM block is no private key")),
        };
        Self::new(pair.map_err(|reason| bad(&format!("not a usable RSA key: {reason}")))?)
    }

    /// Reads a private key from a PEM file.
    ///
    /// # Errors
    /// The file cannot be read, or as [`Keys::from_pem`].
    pub fn from_file(path: &Path) -> io::Result<Self> {
        Self::from_pem(&fs::read_to_string(path)?)
    }

    fn new(pair: RsaKeyPair) -> io::Result<Self> {
        let der: PublicKeyX509Der<'_> =
            pair.public_key().as_der().map_err(|_| bad("cannot write the public key"))?;
        let public_der = der.as_ref().to_vec();
        let print = digest::digest(&digest::SHA256, &public_der);
        let kid = BASE64_URL_SAFE_NO_PAD.encode(print);
        Ok(Self { pair: Arc::new(pair), kid, public_der })
    }

    /// The same pair with another id, such as that of a different key.
    #[must_use]
    pub fn with_kid(mut self, kid: &str) -> Self {
        kid.clone_into(&mut self.kid);
        self
    }

    /// The id of the key, taken from the public key's fingerprint: the same file gives the same id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key set as the platform publishes it ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)).
    pub fn jwks(&self) -> Value {
        json!({"keys": [self.jwk()]})
    }

    /// The public key as one entry of a key set.
    pub fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        let number = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "n": number(public.modulus().big_endian_without_leading_zero()),
            "e": number(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// The public key in PEM (`PUBLIC KEY`).
    pub fn public_pem(&self) -> String {
        write_pem("PUBLIC KEY", &self.public_der)
    }

    /// The public key in DER (`SubjectPublicKeyInfo`).
    pub fn public_der(&self) -> &[u8] {
        &self.public_der
    }

    /// The private key in PEM (PKCS #8), for another process.
    ///
    /// # Errors
    /// The cryptography library cannot write it.
    pub fn private_pem(&self) -> io::Result<String> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| bad("cannot write the private key"))?;
        Ok(write_pem("PRIVATE KEY", der.as_ref()))
    }

    /// The header of a valid token: `alg` RS256, `typ` JWT and the `kid`.
    pub fn header(&self) -> Value {
        json!({"alg": "RS256", "typ": "JWT", "kid": self.kid})
    }

    /// A valid RS256 token.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    /// A token with a valid RS256 signature and any header: another `kid`, none, another `alg`.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let input = signing_input(header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let signed =
            self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature);
        if signed.is_err() {
            // The remaining zeros are an invalid signature.
            log::error!("the RSA key cannot sign");
        }
        with_signature(&input, &signature)
    }

    /// An HS256 token as in self-hosted modules, with the header `alg` HS256 and `typ` JWT.
    pub fn hs256(&self, secret: &[u8], claims: &Value) -> String {
        self.hs256_with(&json!({"alg": "HS256", "typ": "JWT"}), secret, claims)
    }

    /// An HS256 token with any header, for example with this pair's `kid` and the public key as secret.
    pub fn hs256_with(&self, header: &Value, secret: &[u8], claims: &Value) -> String {
        let input = signing_input(header, claims);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
        with_signature(&input, tag.as_ref())
    }

    /// A token with `alg` none and an empty signature, naming this pair's `kid`.
    pub fn unsigned(&self, claims: &Value) -> String {
        with_signature(&signing_input(&json!({"alg": "none", "typ": "JWT", "kid": self.kid}), claims), b"")
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("kid", &self.kid).finish_non_exhaustive()
    }
}

fn signing_input(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

fn with_signature(input: &str, signature: &[u8]) -> String {
    format!("{input}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// Label and content of the first PEM block ([RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)).
pub(crate) fn pem_block(text: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.split_whitespace().collect();
    Some((label, BASE64_STANDARD.decode(body).ok()?))
}

fn write_pem(label: &str, der: &[u8]) -> String {
    let encoded = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn bad(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::{Jwk, JwkSet};
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

    use super::*;

    fn verified(token: &str, jwk: &Jwk) -> Result<Value, jsonwebtoken::errors::Error> {
        let mut rules = Validation::new(Algorithm::RS256);
        rules.required_spec_claims.clear();
        rules.validate_aud = false;
        decode::<Value>(token, &DecodingKey::from_jwk(jwk)?, &rules).map(|token| token.claims)
    }

    #[test]
    fn tokens_verify_with_the_published_key_and_bad_ones_do_not() {
        let keys = Keys::generate().unwrap();
        let set: JwkSet = serde_json::from_value(keys.jwks()).unwrap();
        let jwk = set.find(keys.kid()).unwrap();
        let claims = json!({"key": "k", "aud": "http://127.0.0.1"});

        assert_eq!(verified(&keys.sign(&claims), jwk).unwrap(), claims);
        let other = Keys::generate().unwrap().with_kid(keys.kid());
        assert_eq!(other.kid(), keys.kid());
        for bad in [
            other.sign(&claims),
            keys.unsigned(&claims),
            keys.hs256(b"secret", &claims),
            keys.hs256_with(
                &json!({"alg": "HS256", "kid": keys.kid()}),
                keys.public_pem().as_bytes(),
                &claims,
            ),
            keys.hs256_with(&json!({"alg": "RS256", "kid": keys.kid()}), keys.public_der(), &claims),
        ] {
            assert!(verified(&bad, jwk).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_survives_its_pem_file() {
        let keys = Keys::generate().unwrap();
        let read = Keys::from_pem(&keys.private_pem().unwrap()).unwrap();
        assert_eq!(read.jwks(), keys.jwks());
        assert_eq!(format!("{read:?}"), format!("Keys {{ kid: {:?}, .. }}", keys.kid()));
    }

    #[test]
    fn other_files_are_rejected() {
        let public = Keys::generate().unwrap().public_pem();
        for pem in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", &public] {
            assert_eq!(Keys::from_pem(pem).unwrap_err().kind(), io::ErrorKind::InvalidData, "{pem}");
        }
    }
}
