//! `relayctl token`, `keys` and `explain`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::{Scratch, program, ran, relayctl};

const CLAIMS: &str = r#"{"key": "k", "password": "p"}"#;

#[test]
fn a_secret_is_made_and_printed_beside_the_token() {
    let made = ran(&mut program(&["token", "--relay", "xforce", "--file", "-"]), CLAIMS);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let secret = made.err.lines().find_map(|line| line.strip_prefix("RELAY_AUTH__SECRET_KEY=")).unwrap();
    assert!(secret.len() >= 32);
    let mut rules = Validation::new(Algorithm::HS256);
    rules.required_spec_claims.clear();
    let key = DecodingKey::from_secret(secret.as_bytes());
    let token = decode::<Value>(made.out.trim(), &key, &rules).unwrap();
    assert_eq!(token.claims, json!({"key": "k", "password": "p"}));
    assert_eq!(made.out.lines().count(), 1, "the token alone goes to standard output");
}

#[test]
fn the_secret_is_kept_in_a_file_that_only_its_owner_reads() {
    let scratch = Scratch::new("secret-file");
    let file = scratch.path("secret");
    let arguments = ["token", "--relay", "xforce", "--file", "-", "--secret-file", &file];
    let first = ran(&mut program(&arguments), CLAIMS);
    let secret = fs::read_to_string(&file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!first.err.contains(secret.trim()), "{}", first.err);
    let second = ran(&mut program(&arguments), CLAIMS);
    assert_eq!(second.out, first.out, "the same secret signs the same token");
    assert_eq!(fs::read_to_string(&file).unwrap(), secret);
}

#[test]
fn without_a_terminal_missing_claims_are_named() {
    let made = relayctl(&["token", "--relay", "xforce", "--set", "key=k"]);
    assert_eq!((made.code, made.out.as_str()), (Some(2), ""));
    assert!(made.err.contains("needs these claims") && made.err.contains("`password`"), "{}", made.err);
    assert!(made.err.contains("key is on the command line"), "{}", made.err);
}

#[test]
fn claims_that_the_relay_cannot_use_make_no_token() {
    let claims = r#"{"key": "a:b", "password": "p"}"#;
    let made = ran(&mut program(&["token", "--relay", "xforce", "--file", "-"]), claims);
    assert_eq!((made.code, made.out.as_str()), (Some(2), ""));
    assert!(made.err.contains("has a colon"), "{}", made.err);
}

#[test]
fn a_claim_that_nobody_reads_is_noted() {
    let claims = r#"{"key": "k", "password": "p", "pasword": "x"}"#;
    let made = ran(&mut program(&["token", "--relay", "xforce", "--file", "-"]), claims);
    assert_eq!(made.code, Some(0));
    assert!(made.err.contains("does not read pasword; it reads key, password"), "{}", made.err);
}

#[test]
fn keys_sign_tokens_that_their_key_set_verifies() {
    let scratch = Scratch::new("keys");
    let made = relayctl(&["keys", "--out", &scratch.path("")]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let (pem, jwks) = (scratch.path("private.pem"), scratch.path("jwks.json"));
    assert_eq!(fs::metadata(&pem).unwrap().permissions().mode() & 0o777, 0o600);
    let private = fs::read_to_string(&pem).unwrap();

    let token = ran(
        &mut program(&[
            "token",
            "--relay",
            "xforce",
            "--file",
            "-",
            "--rs256",
            &pem,
            "--jwks-host",
            "https://keys.example/",
            "--audience",
            "https://xdr.example/",
            "--expires",
            "1h",
        ]),
        CLAIMS,
    );
    assert_eq!(token.code, Some(0), "{}", token.err);
    let set: JwkSet = serde_json::from_str(&fs::read_to_string(&jwks).unwrap()).unwrap();
    let kid = decode_header(token.out.trim()).unwrap().kid.unwrap();
    let key = DecodingKey::from_jwk(set.find(&kid).unwrap()).unwrap();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_audience(&["https://xdr.example"]);
    let claims = decode::<Value>(token.out.trim(), &key, &rules).unwrap().claims;
    assert_eq!((&claims["jwks_host"], &claims["key"]), (&json!("keys.example"), &json!("k")));

    let explain = [
        "explain",
        "-",
        "--relay",
        "xforce",
        "--url",
        "https://xdr.example",
        "--jwks-host",
        "keys.example",
        "--jwks",
        &jwks,
    ];
    let explained = ran(&mut program(&explain), &token.out);
    assert_eq!(explained.code, Some(0), "{}", explained.out);
    assert!(
        explained.out.contains("The token is accepted by xforce at https://xdr.example"),
        "{}",
        explained.out
    );

    let again = relayctl(&["keys", "--out", &scratch.path("")]);
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("already exists and was not overwritten"), "{}", again.err);
    assert_eq!(fs::read_to_string(&pem).unwrap(), private);
}

#[test]
fn longer_keys_are_made() {
    let scratch = Scratch::new("longer");
    assert_eq!(relayctl(&["keys", "--bits", "3072", "--out", &scratch.path("")]).code, Some(0));
    let jwks: Value = serde_json::from_str(&fs::read_to_string(scratch.path("jwks.json")).unwrap()).unwrap();
    // 384 bytes in base64url.
    assert_eq!(jwks["keys"][0]["n"].as_str().unwrap().len(), 512);
    assert_eq!(relayctl(&["keys", "--bits", "1024"]).code, Some(2));
}

#[test]
fn every_failing_check_is_explained() {
    let made = ran(
        &mut program(&["token", "--relay", "xforce", "--file", "-", "--audience", "https://other.example"]),
        CLAIMS,
    );
    let arguments = ["explain", "-", "--relay", "xforce", "--url", "https://xdr.example"];
    let explained = ran(&mut program(&arguments), &made.out);
    assert_eq!(explained.code, Some(1));
    for expected in [
        "ok    algorithm  HS256",
        "?     signature  HS256 tokens need a shared secret, and none is given",
        "FAIL  audience   wrong audience: this relay is `https://xdr.example`",
        "ok    claims     key (secret), password (secret)",
        "The token is refused by xforce at https://xdr.example: 1 check failed",
    ] {
        assert!(explained.out.contains(expected), "{expected}: {}", explained.out);
    }
}

const PAIR: &str =
    r#"{"application_id": "22222222-3333-4444-8555-666666666666", "tenant_id": "corp.example"}"#;

#[test]
fn a_relay_that_logs_in_by_a_credential_of_its_operator_needs_no_secret_in_the_token() {
    let token = |more: &[&str]| {
        let arguments: Vec<&str> =
            ["token", "--relay", "graph", "--file", "-"].iter().chain(more).copied().collect();
        ran(&mut program(&arguments), PAIR)
    };
    let refused = token(&[]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("`client_secret`"), "{}", refused.err);
    for credential in ["certificate", "federated"] {
        let made = token(&["--credential", credential]);
        assert_eq!(made.code, Some(0), "{}", made.err);
        assert!(!made.err.contains("client_secret"), "{}", made.err);
        let explain = |more: &[&str]| {
            let arguments = ["explain", "-", "--relay", "graph", "--url", "https://xdr.example"];
            let arguments: Vec<&str> = arguments.iter().chain(more).copied().collect();
            ran(&mut program(&arguments), &made.out).out
        };
        let by_secret = explain(&[]);
        assert!(
            by_secret.contains("FAIL  claims     the token lacks the claim `client_secret`"),
            "{by_secret}"
        );
        let explained = explain(&["--credential", credential]);
        assert!(explained.contains("ok    claims     application_id = "), "{explained}");
        assert!(!explained.contains("FAIL"), "{explained}");
    }
    let other = ran(
        &mut program(&["token", "--relay", "xforce", "--file", "-", "--credential", "certificate"]),
        CLAIMS,
    );
    assert_eq!(other.code, Some(2));
    assert!(other.err.contains("logs in with what its users enter"), "{}", other.err);
}

#[test]
fn tokens_and_keys_are_json_documents_too() {
    let arguments = ["token", "--relay", "xforce", "--file", "-", "--expires", "1h", "--json"];
    let made = ran(&mut program(&arguments), CLAIMS);
    assert_eq!((made.code, made.err.as_str()), (Some(0), ""), "{}", made.out);
    let document: Value = serde_json::from_str(&made.out).unwrap();
    assert_eq!((&document["relay"], &document["algorithm"]), (&json!("xforce"), &json!("HS256")));
    let key = DecodingKey::from_secret(document["secret"].as_str().unwrap().as_bytes());
    let token =
        decode::<Value>(document["token"].as_str().unwrap(), &key, &Validation::new(Algorithm::HS256));
    assert_eq!(token.unwrap().claims["exp"], document["expires"]);

    let scratch = Scratch::new("json-keys");
    let folder = scratch.path("");
    let made = relayctl(&["keys", "--out", &folder, "--json"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let document: Value = serde_json::from_str(&made.out).unwrap();
    let file = |name: &str| fs::read_to_string(document[name].as_str().unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&file("key_set_file")).unwrap(), document["key_set"]);
    assert_eq!(document["key_set"]["keys"][0]["kid"], document["key_id"]);
    assert!(file("private_key_file").starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(!made.out.contains("PRIVATE KEY-----"), "the key itself stays in its file");
}
