//! Which tokens are refused, each fault in words of its own.

use provider_sim::{Keys, Options, Sim};
use relay_testkit::{Stage, errors};
use serde_json::{Value, json};

use crate::acme::{setup, thing};
use crate::messages;
use crate::mock::Mock;

const SECRET: &str = "a-shared-secret-of-more-than-32-bytes";

/// A relay that takes both kinds of tokens.
async fn stage() -> Stage {
    setup(&Mock::always(thing(true, &[])).await).setting("RELAY_AUTH__SECRET_KEY", SECRET).start().await
}

/// What the relay says to an `Authorization` header.
async fn reported(stage: &Stage, header: Option<&str>) -> String {
    let mut request = stage.http.post(format!("{}/observe/observables", stage.relay.url)).body("[]");
    if let Some(header) = header {
        request = request.header("Authorization", header);
    }
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.expect("JSON");
    if answer == json!({"data": {}}) {
        return "accepted".to_owned();
    }
    assert_eq!(errors(&answer), [("fatal", "authorization error")], "{answer}");
    assert_eq!(answer.get("data"), None);
    let message = messages(&answer)[0];
    message.strip_prefix("Authorization failed: ").unwrap_or_else(|| panic!("{message}")).to_owned()
}

async fn reported_of(stage: &Stage, token: &str) -> String {
    reported(stage, Some(&format!("Bearer {token}"))).await
}

const WRONG_KEY: &str = "the token's signature is wrong: made with another key, or the token was changed";
const WRONG_SECRET: &str =
    "the token's signature is wrong: made with another secret, or the token was changed";

async fn assert_not_a_jwt(stage: &Stage, token: &str) {
    let reported = reported_of(stage, token).await;
    assert!(reported.starts_with("the token is not a JWT: it"), "{token}: {reported}");
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_without_a_token_are_told_apart() {
    let stage = stage().await;
    let token = stage.token();
    let basic = format!("Basic {token}");
    let table = [
        (None, "the Authorization header is missing"),
        (Some(""), "the Authorization header must be of the type Bearer"),
        (Some(basic.as_str()), "the Authorization header must be of the type Bearer"),
        (Some(token.as_str()), "the Authorization header must be of the type Bearer"),
        (Some("Bearer"), "the Authorization header has no token"),
        (Some("Bearer  "), "the Authorization header has no token"),
    ];
    for (header, expected) in table {
        assert_eq!(reported(&stage, header).await, expected, "{header:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scheme_may_be_written_in_any_case() {
    let stage = stage().await;
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR "] {
        assert_eq!(
            reported(&stage, Some(&format!("{scheme} {}", stage.token()))).await,
            "accepted",
            "{scheme}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_jwt_is_said_to_be_none() {
    let stage = stage().await;
    let token = stage.token();
    let (head, rest) = token.split_once('.').expect("a header");
    let (_, signature) = rest.split_once('.').expect("a payload");
    let listed_kid_as_number =
        stage.sim.keys().sign_with(&json!({"alg": "RS256", "typ": "JWT", "kid": 7}), &stage.claims());
    for nonsense in [
        "nonsense",
        "a.b.c",
        "....",
        &format!("{head}.."),
        &format!("{head}.!!!.{signature}"),
        &format!("{head}.{signature}.{signature}"),
        &format!("{token}.more"),
        &listed_kid_as_number,
    ] {
        assert_not_a_jwt(&stage, nonsense).await;
    }
}

/// A token of the shared secret whose header and payload are these texts.
fn hs256_of(header: &str, payload: &str) -> String {
    use aws_lc_rs::hmac;
    use base64::Engine as _;
    let encoded = |bytes: &[u8]| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encoded(header.as_bytes()), encoded(payload.as_bytes()));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", encoded(signature.as_ref()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_token_may_be_hostile_all_the_same() {
    let stage = stage().await;
    let plain = r#"{"alg": "HS256"}"#;
    let reported_of_payload = async |more: &str| {
        reported_of(&stage, &hs256_of(plain, &format!(r#"{{"key": "key-one"{more}}}"#))).await
    };
    assert_eq!(reported_of_payload("").await, "accepted");
    let deep = format!(r#", "x": {}{}"#, "[".repeat(5000), "]".repeat(5000));
    for no_claims in [
        &deep,
        // Which of two times would count?
        r#", "exp": 1, "exp": 99999999999"#,
        r#", "exp": 1e999"#,
        r#", "x": "\ud800""#,
        "} {",
    ] {
        let reported = reported_of_payload(no_claims).await;
        assert_eq!(reported, "the token is not a JWT: its payload is not the JSON of a JWT", "{no_claims}");
    }
    for payload in ["[]", "null", "\"text\"", "7", ""] {
        assert_not_a_jwt(&stage, &hs256_of(plain, payload)).await;
    }
    let payload = r#"{"key": "key-one"}"#;
    for header in [r#"{"alg": "none", "alg": "HS256"}"#, r#"{"alg": "HS256", "alg": "none"}"#, "[]", "{}"] {
        assert_not_a_jwt(&stage, &hs256_of(header, payload)).await;
    }
    let demanding = r#"{"alg": "HS256", "b64": false, "crit": ["b64"]}"#;
    assert_eq!(
        reported_of(&stage, &hs256_of(demanding, payload)).await,
        "the token's header demands an extension (`crit`)"
    );
    // A key that the token brings along is no key.
    let with_key = r#"{"alg": "HS256", "jwk": {"kty": "oct", "k": "AAAA"}, "jku": "http://127.0.0.1/"}"#;
    let forged = hs256_of(with_key, payload);
    assert_eq!(reported_of(&stage, &forged[..forged.len() - 4]).await, WRONG_SECRET);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_jwks_host_or_kid_says_which() {
    let stage = stage().await;
    let without = stage.token_with(&json!({"jwks_host": null}));
    assert_eq!(reported_of(&stage, &without).await, "the token lacks the claim `jwks_host`");
    for odd in [json!(["127.0.0.1"]), json!(""), json!(" ")] {
        let mut claims = stage.claims();
        claims["jwks_host"] = odd;
        let odd = stage.sim.keys().sign(&claims);
        assert_eq!(reported_of(&stage, &odd).await, "the token lacks the claim `jwks_host`");
    }
    let no_kid = stage.sim.keys().sign_with(&json!({"alg": "RS256"}), &stage.claims());
    assert_eq!(reported_of(&stage, &no_kid).await, "the token's header lacks `kid`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kid_that_the_platform_does_not_list_is_not_found() {
    let stage = stage().await;
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": "another"});
    let token = stage.sim.keys().sign_with(&header, &stage.claims());
    let expected = format!("no key with the token's `kid` at {}", stage.sim.host());
    assert_eq!(reported_of(&stage, &token).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_by_another_key_is_wrong() {
    let stage = stage().await;
    let other = Keys::generate().expect("a key").with_kid(stage.sim.keys().kid());
    assert_eq!(reported_of(&stage, &other.sign(&stage.claims())).await, WRONG_KEY);
    let changed = {
        // The payload of one token with the signature of another.
        let (good, evil) = (stage.token(), stage.token_with(&json!({"key": "key-of-another"})));
        let signature = good.rsplit('.').next().expect("a signature");
        format!("{}.{signature}", evil.rsplit_once('.').expect("three parts").0)
    };
    assert_eq!(reported_of(&stage, &changed).await, WRONG_KEY);
    let claims = json!({"key": "key-one"});
    let forged = stage.sim.keys().hs256(b"another secret", &claims);
    assert_eq!(reported_of(&stage, &forged).await, WRONG_SECRET);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_algorithm_of_the_callers_choice_is_refused() {
    let stage = stage().await;
    let expected =
        |name: &str| format!("the token's algorithm `{name}` is not accepted; it must be RS256 or HS256");
    assert_eq!(reported_of(&stage, &stage.sim.keys().unsigned(&stage.claims())).await, expected("none"));
    for algorithm in
        ["none", "None", "RS384", "RS512", "PS256", "HS384", "HS512", "ES256", "EdDSA", "made-up"]
    {
        let header = json!({"alg": algorithm, "typ": "JWT", "kid": stage.sim.keys().kid()});
        let token = stage.sim.keys().sign_with(&header, &stage.claims());
        assert_eq!(reported_of(&stage, &token).await, expected(algorithm));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hs256_token_signed_with_the_public_key_is_refused() {
    let with_secret = stage().await;
    let without_secret = setup(&Mock::always(thing(true, &[])).await).start().await;
    for (stage, expected) in [
        (with_secret, WRONG_SECRET),
        (without_secret, "HS256 tokens need a shared secret, and none is given (RELAY_AUTH__SECRET_KEY)"),
    ] {
        let keys = stage.sim.keys();
        // So that the public key is at hand when the forged tokens come.
        assert_eq!(reported_of(&stage, &stage.token()).await, "accepted");
        let header = json!({"alg": "HS256", "typ": "JWT", "kid": keys.kid()});
        for public in [keys.public_pem().as_bytes(), keys.public_der()] {
            let token = keys.hs256_with(&header, public, &stage.claims());
            assert_eq!(reported_of(&stage, &token).await, expected);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rs256_tokens_are_refused_where_no_host_is_allowed() {
    let provider = Mock::always(thing(true, &[])).await;
    let stage = setup(&provider)
        .setting("RELAY_AUTH__JWKS_HOSTS", "off")
        .setting("RELAY_AUTH__SECRET_KEY", SECRET)
        .start()
        .await;
    let expected = "RS256 tokens are not accepted by this relay (RELAY_AUTH__JWKS_HOSTS)";
    assert_eq!(reported_of(&stage, &stage.token()).await, expected);
    let token = stage.sim.keys().hs256(SECRET.as_bytes(), &json!({"key": "key-one"}));
    assert_eq!(reported_of(&stage, &token).await, "accepted");
    assert_eq!(stage.sim.calls_to("jwks").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_and_an_early_one_are_refused_beyond_the_leeway() {
    let stage = stage().await;
    let table = [
        (json!({}), "accepted"),
        (json!({"exp": now() + 60}), "accepted"),
        (json!({"exp": now() - 15}), "accepted"),
        (json!({"exp": now() - 60}), "the token has expired (6"),
        (json!({"exp": 1_500_000_000.5}), "the token has expired ("),
        (json!({"exp": -1}), "the token's `exp` is not a time in seconds since 1970"),
        (json!({"nbf": now() + 15}), "accepted"),
        (json!({"nbf": now() + 600}), "the token is not valid yet (only in "),
        (json!({"exp": "tomorrow"}), "the token's `exp` is not a time in seconds since 1970"),
        (json!({"exp": (now() + 60).to_string()}), "the token's `exp` is not a time in seconds since 1970"),
        (json!({"nbf": true}), "the token's `nbf` is not a time in seconds since 1970"),
    ];
    for (changes, expected) in table {
        let hs256 = stage.sim.keys().hs256(SECRET.as_bytes(), &{
            let mut claims = json!({"key": "key-one"});
            claims.as_object_mut().expect("claims").extend(changes.as_object().expect("changes").clone());
            claims
        });
        for token in [stage.token_with(&changes), hs256] {
            let reported = reported_of(&stage, &token).await;
            assert!(reported.starts_with(expected), "{changes}: {reported}");
        }
    }
    let nothing = stage.sim.keys().hs256(SECRET.as_bytes(), &json!({"key": "key-one", "exp": null}));
    assert_eq!(reported_of(&stage, &nothing).await, "the token's `exp` is not a time in seconds since 1970");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_credential_is_named_and_never_repeated() {
    let stage = stage().await;
    let table = [
        (json!(null), "the token lacks the claim `key`; fill it in the module's settings"),
        (json!("  "), "the claim `key` of the token is empty"),
        (json!(["hidden"]), "the claim `key` of the token is not a text"),
    ];
    for (value, expected) in table {
        let mut claims = stage.claims();
        claims["key"] = value;
        assert_eq!(reported_of(&stage, &stage.sim.keys().sign(&claims)).await, expected);
    }
    assert_eq!(
        reported_of(&stage, &stage.token_with(&json!({"key": null}))).await,
        "the token lacks the claim `key`; fill it in the module's settings"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_one_allowed_host_does_not_sign_for_another() {
    let other = Keys::generate().expect("a key");
    let second =
        Sim::start(Options { keys: Some(other.clone()), ..Options::default() }).await.expect("a simulator");
    let first = Sim::start(Options::default()).await.expect("a simulator");
    let provider = Mock::always(thing(true, &[])).await;
    let hosts = format!("{},{}", first.url(), second.url());
    let stage = setup(&provider).setting("RELAY_AUTH__JWKS_HOSTS", &hosts).before(first);
    assert_eq!(reported_of(&stage, &stage.token()).await, "accepted");
    let mut claims = stage.claims();
    claims["jwks_host"] = json!(second.host());
    assert_eq!(reported_of(&stage, &other.sign(&claims)).await, "accepted");
    // The right key's id, but at the other host.
    let crossed = stage.sim.keys().sign(&claims);
    assert_eq!(
        reported_of(&stage, &crossed).await,
        format!("no key with the token's `kid` at {}", second.host())
    );
}
