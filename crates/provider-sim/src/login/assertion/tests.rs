use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use serde_json::json;

use super::super::directory::{ALERTS_ONLY, FULL};
use super::*;
use crate::keys::Keys;

const ENDPOINT: &str = "http://127.0.0.1:9100/login/corp.example/oauth2/v2.0/token";
const NOW: i64 = 1_800_000_000;

/// A certificate of a key, and what signs with it.
struct Signer {
    pem: String,
    key: EncodingKey,
}

impl Signer {
    fn new(keys: &Keys) -> Self {
        let pem = keys.private_pem().unwrap();
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &PKCS_RSA_SHA256).unwrap();
        let certificate =
            CertificateParams::new(["a.example".to_owned()]).unwrap().self_signed(&pair).unwrap();
        Self { pem: certificate.pem(), key: EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap() }
    }

    fn registered(&self) -> Registration {
        Registration::certificate(FULL.id, &self.pem).unwrap()
    }

    fn thumbprint(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, &pem_block(&self.pem).unwrap().1))
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let algorithm = if header["alg"] == "RS256" { Algorithm::RS256 } else { Algorithm::PS256 };
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.key, algorithm).unwrap();
        format!("{signed}.{signature}")
    }

    fn header(&self) -> Value {
        json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint()})
    }
}

fn claims() -> Value {
    json!({"aud": ENDPOINT, "iss": FULL.id, "sub": FULL.id, "jti": "1", "nbf": NOW, "iat": NOW, "exp": NOW + 300})
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn outcome(registrations: &Registrations, assertion: &str) -> Result<(), Refusal> {
    let once = registrations.check(&FULL, assertion, ENDPOINT, NOW)?;
    once.map_or(Ok(()), |once| registrations.use_up(once, NOW))
}

#[test]
fn an_assertion_of_a_registered_certificate_serves_once() {
    let signer = Signer::new(&Keys::shared().unwrap());
    let registrations = Registrations::default();
    registrations.add(signer.registered());
    let assertion = signer.sign(&signer.header(), &claims());
    // Checked as often as one likes, used once.
    let checks = [(); 2].map(|()| registrations.check(&FULL, &assertion, ENDPOINT, NOW).unwrap().unwrap());
    let used = checks.map(|once| registrations.use_up(once, NOW));
    assert_eq!(used, [Ok(()), Err(Refusal::UsedAssertion)]);
    assert_eq!(outcome(&registrations, &assertion), Err(Refusal::UsedAssertion));
    let another = signer.sign(&signer.header(), &with(claims(), "jti", json!("2")));
    assert_eq!(outcome(&registrations, &another), Ok(()));
    registrations.clear();
    assert!(matches!(outcome(&registrations, &another), Err(Refusal::UnknownCertificate { .. })));
}

#[test]
fn every_fault_of_a_certificates_assertion_is_refused() {
    let keys = Keys::shared().unwrap();
    let (signer, other) = (Signer::new(&keys), Signer::new(&Keys::generate().unwrap()));
    let registrations = Registrations::default();
    registrations.add(signer.registered());
    registrations.add(Registration::certificate(ALERTS_ONLY.id, &other.pem).unwrap());
    let code = |assertion: &str| outcome(&registrations, assertion).unwrap_err().codes().2;
    let claimed = |name: &str, value: Value| signer.sign(&signer.header(), &with(claims(), name, value));
    let headed = |name: &str, value: Value| signer.sign(&with(signer.header(), name, value), &claims());

    assert_eq!(code(&other.sign(&signer.header(), &claims())), 700_027, "another key");
    assert_eq!(code(&other.sign(&other.header(), &claims())), 700_027, "of another application");
    assert_eq!(code(&headed("x5t#S256", json!(other.thumbprint()))), 700_027);
    assert_eq!(code(&headed("x5t#S256", Value::Null)), 700_027);
    assert_eq!(code(&headed("alg", json!("RS256"))), 50_027);
    assert_eq!(code(&headed("alg", json!("none"))), 50_027);
    assert_eq!(code(&headed("typ", Value::Null)), 50_027);
    assert_eq!(code("no.token"), 50_027);
    assert_eq!(code(&claimed("sub", json!(ALERTS_ONLY.id))), 700_021);
    assert_eq!(code(&claimed("aud", json!("https://login.microsoftonline.com/"))), 700_023);
    assert_eq!(code(&claimed("exp", json!(NOW - 301))), 700_024);
    assert_eq!(code(&claimed("nbf", json!(NOW + 301))), 700_024);
    assert_eq!(code(&claimed("exp", json!(NOW + 3600))), 50_027);
    for name in ["jti", "nbf", "iat"] {
        assert_eq!(code(&claimed(name, Value::Null)), 50_027, "{name}");
    }
    assert_eq!(code(&claimed("jti", json!(""))), 50_027);
    let assertion = claimed("jti", json!("3"));
    let unsigned = assertion.rsplit_once('.').unwrap().0;
    assert_eq!(code(&format!("{unsigned}.AAAA")), 700_027);
}

#[test]
fn a_federated_token_has_to_be_one_that_the_application_trusts() {
    let keys = Keys::shared().unwrap();
    let registrations = Registrations::default();
    registrations.add(Registration::federated(FULL.id, ["i", "s", "a"], &keys.public_pem()).unwrap());
    let good = json!({"iss": "i", "sub": "s", "aud": ["a"], "exp": NOW + 60});
    for _ in 0..2 {
        assert_eq!(outcome(&registrations, &keys.sign(&good)), Ok(()), "it serves until it expires");
    }
    let code = |claims: &Value| outcome(&registrations, &keys.sign(claims)).unwrap_err().codes().2;
    for (name, value, expected) in [
        ("iss", json!("x"), 700_211),
        ("sub", json!("x"), 700_213),
        ("aud", json!(["x"]), 700_212),
        ("exp", json!(NOW - 301), 700_024),
        ("exp", Value::Null, 50_027),
    ] {
        assert_eq!(code(&with(good.clone(), name, value)), expected, "{name}");
    }
    let forged = Keys::generate().unwrap().sign(&good);
    assert_eq!(outcome(&registrations, &forged), Err(Refusal::AssertionSignature));
}

#[test]
fn what_is_registered_is_checked() {
    let keys = Keys::shared().unwrap();
    let signer = Signer::new(&keys);
    let read =
        |body: Value| serde_json::from_value::<Registration>(body).map(drop).map_err(|e| e.to_string());
    assert_eq!(read(json!({"application": FULL.id, "certificate": signer.pem})), Ok(()));
    let federated = json!({
        "application": FULL.id, "issuer": "i", "subject": "s", "audience": "a", "key": keys.public_pem()
    });
    assert_eq!(read(federated.clone()), Ok(()));
    for (body, expected) in [
        (json!({"application": "nobody", "certificate": signer.pem}), "no such application"),
        (json!({"application": FULL.id, "certificate": keys.public_pem()}), "not a certificate"),
        (json!({"application": FULL.id}), "either"),
        (with(federated.clone(), "certificate", json!(signer.pem)), "either"),
        (with(federated, "key", json!(signer.pem)), "not a public key"),
    ] {
        assert!(read(body.clone()).unwrap_err().contains(expected), "{body}");
    }
}
