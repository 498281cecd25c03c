//! Tokens: whatever a header or a payload holds, it is refused with an error or read as claims, and no error and no log
//! line repeats a secret.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use relay_core::auth::{Claims, KeySet, without_scheme};
use relay_core::error::Error;
use relay_core::relay::Relay;
use relay_core::settings::{Environment, Settings};
use relay_core::testing::Tokens;
use serde_json::{Map, Value, json};

const SECRET: &str = "a secret of tokens of at least 32 bytes";
const ORIGIN: &str = "https://relay.example";
/// What no message may hold. A secret stands in it twice, so that half of it would be found, too.
const CANARY: &str = "s3cr3t-s3cr3t";
const PART: &str = "s3cr3t";

static TOKENS: LazyLock<Tokens> = LazyLock::new(|| {
    Tokens::new(SECRET, "keys.example", KeySet::read(br#"{"keys": []}"#).expect("a key set"))
        .expect("settings")
});

static RELAYS: LazyLock<Vec<(Relay, Settings)>> = LazyLock::new(|| {
    let relays = [
        relay_defender::relay(),
        relay_gigamon::relay(),
        relay_graph::relay(),
        relay_securitytrails::relay(),
        relay_xforce::relay(),
    ];
    let with_settings = |relay: Relay| {
        let settings = Settings::load(relay.module(), Environment::default()).expect("the defaults").settings;
        (relay, settings)
    };
    relays.map(with_settings).into()
});

/// The target. An input is a header, or claims of a token that is signed here, where it begins with `{`; claims may be
/// preceded by a line with the token's own header, in JSON, too.
pub fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return header(data) };
    if !text.starts_with('{') {
        without_scheme(text);
        return header(data);
    }
    if text.contains(PART) {
        return;
    }
    let (head, payload) = match text.split_once('\n') {
        Some((head, payload)) => (head, payload),
        None => (r#"{"alg": "HS256", "typ": "JWT"}"#, text),
    };
    drop(verified(head, payload));
    if let Ok(claims) = serde_json::from_str::<Map<String, Value>>(payload) {
        with_secrets(head, &claims, payload.len());
    }
}

fn header(header: &[u8]) {
    if let Err(error) = TOKENS.verify(Some(header), ORIGIN) {
        is_safe(&error);
    }
}

/// The claims of a token of these parts, signed with the secret.
fn verified(head: &str, payload: &str) -> Result<Claims, Error> {
    let signed = [head, payload].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".");
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature =
        jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).expect("a signature");
    let outcome = TOKENS.verify(Some(format!("Bearer {signed}.{signature}").as_bytes()), ORIGIN);
    match &outcome {
        Ok(claims) => {
            assert!(claims.asker().lines().count() == 1, "a log line is one");
            assert!(head.contains("HS256"), "no other algorithm counts");
        }
        Err(error) => is_safe(error),
    }
    outcome
}

/// Puts the canary into the secret claims of each relay, in every form that a claim can have.
fn with_secrets(head: &str, claims: &Map<String, Value>, variant: usize) {
    let secrets = [
        json!(CANARY),
        json!(format!("{CANARY}\n{CANARY}")),
        json!([CANARY]),
        json!({ CANARY: CANARY }),
        json!(format!(" {CANARY}ü")),
    ];
    for (relay, settings) in RELAYS.iter() {
        let mut claims = claims.clone();
        for claim in relay.module().claims.iter().filter(|claim| claim.secret) {
            claims.insert(claim.name.to_owned(), secrets[variant % secrets.len()].clone());
        }
        let text = Value::Object(claims).to_string();
        match verified(head, &text) {
            Ok(claims) => {
                assert!(!format!("{claims:?} {}", claims.asker()).contains(PART), "a claim is shown");
                if let Err(error) = relay.check_claims(settings, &claims) {
                    assert!(!error.to_string().contains(PART), "{error}");
                }
            }
            Err(error) => {
                let shown = format!("{} {error:?}", error.message());
                assert!(!shown.contains(PART), "{shown}");
            }
        }
    }
}

/// An error is one short line of plain text.
fn is_safe(error: &Error) {
    let message = error.message();
    assert!(message.len() < 1000, "{message}");
    assert!(!message.contains(char::is_control), "{message:?}");
}
