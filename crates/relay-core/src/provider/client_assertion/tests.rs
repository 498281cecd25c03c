//! Files of every kind, good and bad, and what becomes of them. Logins over HTTP are tested by the relays.

use aws_lc_rs::signature::KeyPair as _;
use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use relay_testkit::identity::{Folder, certificate as new_certificate, rsa_key};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::*;
use crate::settings::SettingsError;
use crate::telemetry::Metrics;

const URL: &str = "https://login.example/t/oauth2/v2.0/token";

fn open(certificate: &str, key: Option<&str>) -> Result<CertificateFiles, SettingsError> {
    let metrics = Arc::new(Metrics::new("acme").expect("metrics"));
    CertificateFiles::open(Path::new(certificate), key.map(Path::new), metrics)
}

fn problem(certificate: &str, key: Option<&str>) -> String {
    match open(certificate, key) {
        Ok(_) => panic!("{certificate} is no good"),
        Err(error) => error.to_string(),
    }
}

/// Header and claims of a fresh assertion, verified by the key of this number.
fn assertion(files: &CertificateFiles, key: usize, now: Timestamp) -> (Value, Value) {
    let text = files.assertion("app", URL, now).expect("an assertion");
    let text = text.expose_secret();
    let key = EncodingKey::from_rsa_pem(rsa_key(key).as_bytes()).expect("a key");
    let pair = aws_lc_rs::signature::RsaKeyPair::from_der(key.as_bytes()).expect("a pair");
    let public = DecodingKey::from_rsa_der(pair.public_key().as_ref());
    let mut rules = Validation::new(Algorithm::PS256);
    rules.set_audience(&[URL]);
    rules.validate_exp = false;
    let claims = jsonwebtoken::decode::<Value>(text, &public, &rules).expect("a good signature").claims;
    let header = text.split('.').next().and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
    (serde_json::from_slice(&header.expect("a header")).expect("JSON"), claims)
}

/// The key as PKCS #1, which older tools write.
fn pkcs1(key: &str) -> String {
    let der = EncodingKey::from_rsa_pem(key.as_bytes()).expect("a key");
    let text = BASE64_STANDARD.encode(der.as_bytes());
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", lines.join("\n"))
}

#[test]
fn an_assertion_says_who_to_whom_and_until_when() {
    let folder = Folder::default();
    let pem = new_certificate(rsa_key(0), 90);
    let files = open(&folder.write("c", &pem), Some(&folder.write("k", rsa_key(0)))).expect("good files");
    let now = Timestamp::now();
    let (header, mut claims) = assertion(&files, 0, now);
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    let thumbprint =
        BASE64_URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der));
    assert_eq!(header, json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}));
    let id = claims["jti"].take();
    let seconds = now.as_second();
    assert_eq!(
        claims,
        json!({"aud": URL, "iss": "app", "sub": "app", "jti": null, "nbf": seconds, "iat": seconds, "exp": seconds + 300})
    );
    let id = uuid::Uuid::parse_str(id.as_str().expect("a text")).expect("a UUID");
    assert_eq!(id.get_version_num(), 4);
    assert_ne!(assertion(&files, 0, now).1["jti"], json!(id.to_string()), "each serves once");
}

#[test]
fn keys_of_both_forms_and_files_that_hold_both_are_read() {
    let folder = Folder::default();
    let (pem, other) = (new_certificate(rsa_key(0), 90), new_certificate(rsa_key(1), 90));
    let old_form = pkcs1(rsa_key(0));
    for text in [
        format!("{pem}{}", rsa_key(0)),
        format!("{}{pem}", rsa_key(0)),
        format!("Bag Attributes\n{old_form}{other}{pem}"),
        format!("{pem}{other}{old_form}"),
    ] {
        let files = open(&folder.write("both", &text), None).expect("good files");
        assertion(&files, 0, Timestamp::now());
    }
}

#[test]
fn each_fault_of_the_files_names_its_setting_and_repeats_nothing_of_them() {
    let folder = Folder::default();
    let pem = new_certificate(rsa_key(0), 90);
    let good = (folder.write("c", &pem), folder.write("k", rsa_key(0)));
    let curve = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    let (of_certificate, of_key) = ("RELAY_PROVIDER__CERTIFICATE_FILE: ", "RELAY_PROVIDER__KEY_FILE: ");
    let large = "x".repeat(300 * 1024);
    let broken = pem.replacen("MII", "AAA", 1);
    for (certificate, key, setting, expected) in [
        (None, Some(""), of_key, "holds no private key"),
        (None, Some(rsa_key(1)), of_key, "does not belong to the certificate"),
        (None, Some(curve.as_str()), of_key, "no RSA key"),
        (None, Some(SMALL), of_key, "2048 to 8192 bits"),
        (None, Some("-----BEGIN EC PRIVATE KEY-----"), of_key, "no RSA key"),
        (None, Some("-----BEGIN ENCRYPTED PRIVATE KEY-----"), of_key, "is encrypted"),
        (None, Some(ENCRYPTED), of_key, "is encrypted"),
        (None, Some(pem.as_str()), of_key, "holds no private key"),
        (None, Some(large.as_str()), of_key, "more than 262144 bytes"),
        (Some(""), None, of_certificate, "holds no certificate in PEM"),
        (Some(broken.as_str()), None, of_certificate, "no X.509 certificate"),
    ] {
        let certificate = certificate.map_or(good.0.clone(), |text| folder.write("bad-c", text));
        let key = key.map_or(good.1.clone(), |text| folder.write("bad-k", text));
        let said = problem(&certificate, Some(&key));
        assert!(said.starts_with(setting) && said.contains(expected), "{expected}: {said}");
        assert!(!said.contains("MII"), "{said}");
    }
    let expired = folder.write("expired", &new_certificate(rsa_key(0), -1));
    let said = problem(&expired, Some(&good.1));
    assert!(said.starts_with(of_certificate) && said.contains("expired on 20"), "{said}");
    let said = problem(&folder.path("nowhere"), None);
    assert!(said.starts_with(of_certificate) && said.contains("cannot read"), "{said}");
}

#[test]
fn a_renewed_pair_is_used_as_soon_as_it_is_whole() {
    let folder = Folder::default();
    let paths = [folder.write("c", &new_certificate(rsa_key(0), 90)), folder.write("k", rsa_key(0))];
    let files = open(&paths[0], Some(&paths[1])).expect("good files");
    let now = Timestamp::now();
    folder.write("k", rsa_key(1));
    assertion(&files, 0, now);
    folder.write("c", "");
    assertion(&files, 0, now);
    folder.write("c", &new_certificate(rsa_key(1), 90));
    assertion(&files, 1, now);
    // One that has expired is no better than the one in use.
    folder.write("c", &new_certificate(rsa_key(1), -1));
    assertion(&files, 1, now);
    std::fs::remove_file(&paths[1]).expect("the file");
    assertion(&files, 1, now);

    let later = now + jiff::SignedDuration::from_hours(24 * 91);
    let Err(error) = files.assertion("app", URL, later) else { panic!("it has expired") };
    assert!(error.message().contains("its certificate expired on"), "{}", error.message());
}

#[test]
fn a_federated_token_is_read_anew_and_says_what_it_has() {
    let folder = Folder::default();
    let path = folder.write("token", " first\n");
    let file = TokenFile::open(Path::new(&path)).expect("a token");
    let token = || file.token().map(|token| token.expose_secret().to_owned());
    assert_eq!(token().expect("a token"), "first");
    let with = |claims: Value| format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
    for (claims, said) in [
        (json!({"iss": "i", "sub": "s", "aud": ["a", "b"]}), "has issuer `i`, subject `s`, audience `a`"),
        (json!({"iss": 7, "aud": "a"}), "has issuer `nothing`, subject `nothing`, audience `a`"),
    ] {
        folder.write("token", &with(claims));
        assert_eq!(file.identity(), said);
    }
    for text in ["no token", "a.b.c", ""] {
        folder.write("token", text);
        assert_eq!(file.identity(), "is no JSON Web Token", "{text}");
    }
    let error = token().expect_err("an empty file");
    assert!(error.message().contains("is empty"), "{}", error.message());
    assert!(TokenFile::open(Path::new(&path)).is_err_and(|problem| problem.contains("is empty")));
    assert!(TokenFile::open(Path::new(&folder.path("none"))).is_err());
}

/// A key of the old form that has a passphrase.
const ENCRYPTED: &str = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----";

/// A key of 1024 bits, made for this test.
const SMALL: &str = "\
-----BEGIN RSA PRIVATE KEY-----
MIICXgIBAAKBgQDFcTzCNKI/2gUIg8aW6MIYXFfKnJphze4bZnhb/MNxL7wZPrbk
/RvenQMwOun/JXP0fnfiMgs1TzOzuxJDIWhc35RniaMrX3sNNf1cgnGzggluf+i0
7eeNaHPeYUJuKZeIMNEFVruvDQg/EshnfB3iuO+gaJLIpob0UVGXv+k6CQIDAQAB
AoGBAJVdrBRTUycw3TvqzNKfdS6OtU+vF0/ERUxvQcB9QLGg5hDHE/+5x1qqt53G
A/2krMsa3cC+ESKcL0XZ0N/+Jv8/TTq5PrBwB56RtNAqrsNwrqQvtQVYdUH8sHbm
iVW4Pslv5kn2ZxzIfslpXGp9vBeF4PpcghDYrtCkcZPxyUGtAkEA5y3Txcz5UHgh
SC9ItNYPNL+XyX/fGGngb2O0bJJBo2At1BjALVCdE/mfJtQQhy48OBFOOSzDQlv1
4AOAyqjHcwJBANqkIC7rfxwHOuHITiSJFBbAWfyppvJ1x0ajCoVDqYImYy7ao5Pa
Q8QszkIKc1BWRJv0FXcfRkGUXlO3mSCbwZMCQQDAQ5vR8PQUmaRMbY7RXwoMe5+Y
ZLG9kyimW0zN0yGl57KVp/QEe/v3he54E3yfgLNyien9oR3Pjb3CjgdKBO7DAkAY
NrkBuT74gax5uM8+qJe69U6B9t/wVi7dmczeeWHachnl5HzdMPz0SuoE0ld2/DbY
9q0x5hrHxIC10M16mQVVAkEApJfSRVFt46V2HMkOiUR78hAJHXWEQnjc2c5TFtxY
8kFQY8npE2EjYIJH+XwtKgK32ty+W9pgZYDU23qubH9A+A==
-----END RSA PRIVATE KEY-----
";

#[test]
fn a_certificate_that_expires_within_a_month_is_worth_a_warning() {
    const DAY: i64 = 24 * 60 * 60;
    let now: Timestamp = "2026-11-01T00:00:00Z".parse().expect("a time");
    let warning = |left| certificate::expiry_warning(now.as_second() + left, now);
    assert_eq!(warning(30 * DAY), None);
    for (left, words) in [
        (30 * DAY - 1, "expires in 29 days, on 2026-11-30"),
        (2 * DAY, "expires in 2 days, on 2026-11-03"),
        (2 * DAY - 1, "expires in 1 day, on 2026-11-02"),
        (DAY - 1, "expires in 0 days, on 2026-11-01"),
    ] {
        assert!(warning(left).is_some_and(|warning| warning.contains(words)), "{left}: {:?}", warning(left));
    }
}

#[test]
fn only_what_was_signed_for_a_request_serves_once() {
    let folder = Folder::default();
    let key = rsa_key(0);
    let file = folder.write("login.pem", &format!("{}{key}", new_certificate(key, 30)));
    let token = TokenFile::open(Path::new(&folder.write("token", "x.y.z"))).expect("a token");
    assert!(!Proof::Secret("s".into()).serves_once());
    assert!(Proof::Certificate(Arc::new(open(&file, None).expect("a certificate"))).serves_once());
    assert!(!Proof::Federated(Arc::new(token)).serves_once());
}

#[test]
fn a_file_has_its_largest_size_and_no_byte_more() {
    let folder = Folder::default();
    let length = usize::try_from(LARGEST_FILE).expect("a small number");
    let file = |length| folder.write(&format!("{length}"), &"x".repeat(length));
    assert_eq!(read(Path::new(&file(length))).expect("as large as allowed").len(), length);
    let problem = read(Path::new(&file(length + 1))).expect_err("a byte more");
    assert_eq!(problem.to_string(), "it has more than 262144 bytes");
}
