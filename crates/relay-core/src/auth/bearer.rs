//! What stands in an `Authorization` header: a token, taken apart before anything of it is verified.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::{Map, Value};

/// A token as users copy it: white space around it and the word `Bearer` before it are no part of it.
pub fn without_scheme(text: &str) -> &str {
    let text = text.trim();
    scheme(text).filter(|(scheme, _)| is_bearer(scheme)).map_or(text, |(_, token)| token)
}

fn scheme(text: &str) -> Option<(&str, &str)> {
    text.split_once(char::is_whitespace).map(|(scheme, token)| (scheme, token.trim()))
}

fn is_bearer(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("bearer")
}

/// The token of a bearer header.
///
/// # Errors
/// Says what is wrong with the header.
pub(super) fn token(header: Option<&[u8]>) -> Result<&str, &'static str> {
    let header = header.ok_or("the Authorization header is missing")?;
    let text = std::str::from_utf8(header).map_err(|_| "the Authorization header is not readable")?.trim();
    match scheme(text).unwrap_or((text, "")) {
        (scheme, _) if !is_bearer(scheme) => Err("the Authorization header must be of the type Bearer"),
        (_, "") => Err("the Authorization header has no token"),
        (_, token) => Ok(token),
    }
}

/// The parts of a token.
pub(super) struct Token<'t> {
    /// What is signed.
    pub(super) signed: &'t str,
    /// The signature, in base64url.
    pub(super) signature: &'t str,
    pub(super) head: Head,
    /// The payload. Nothing of it may be trusted before the signature was verified.
    pub(super) payload: Map<String, Value>,
}

/// What is read of a token's header.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    /// Extensions that a reader must know, or refuse the token (RFC 7515, section 4.1.11).
    pub(super) crit: Option<de::IgnoredAny>,
}

impl<'t> Token<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// Says what about it is not a JWT, without repeating any of it.
    pub(super) fn parse(text: &'t str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('.').take(10).collect();
        let [head, payload, signature] = parts.as_slice() else {
            let parts =
                if parts.len() == 1 { "one part".to_owned() } else { format!("{} parts", parts.len()) };
            return Err(format!("it has {parts} between dots, not three"));
        };
        let (head, Payload(payload)) = (part("header", head)?, part("payload", payload)?);
        bytes("signature", signature)?;
        let signed = &text[..text.len() - signature.len() - 1];
        Ok(Self { signed, signature, head, payload })
    }

    /// A claim that is a text with more than white space.
    pub(super) fn text(&self, claim: &str) -> Option<&str> {
        self.payload.get(claim).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
    }
}

fn part<T: DeserializeOwned>(name: &str, part: &str) -> Result<T, String> {
    serde_json::from_slice(&bytes(name, part)?).map_err(|_| format!("its {name} is not the JSON of a JWT"))
}

fn bytes(name: &str, part: &str) -> Result<Vec<u8>, String> {
    BASE64_URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| format!("its {name} is not base64url; perhaps it was cut when it was copied"))
}

/// Claims, each of them once: of two equal names, which one counts would be up to the reader.
struct Payload(Map<String, Value>);

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Claims;
        impl<'de> Visitor<'de> for Claims {
            type Value = Payload;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of claims")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Payload, A::Error> {
                let mut claims = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if claims.insert(name, value).is_some() {
                        return Err(A::Error::custom("a claim stands there twice"));
                    }
                }
                Ok(Payload(claims))
            }
        }
        deserializer.deserialize_map(Claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token of these texts.
    fn written(head: &str, payload: &str) -> String {
        let encoded = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", encoded(head), encoded(payload))
    }

    fn problem(text: &str) -> String {
        Token::parse(text).err().unwrap_or_default()
    }

    #[test]
    fn a_copied_token_may_have_its_scheme_and_white_space_around_it() {
        for text in ["a.b.c", " a.b.c\r\n", "Bearer a.b.c", "bearer   a.b.c ", "\tBEARER\ta.b.c\n"] {
            assert_eq!(without_scheme(text), "a.b.c", "{text:?}");
        }
        assert_eq!(without_scheme("Basic a.b.c"), "Basic a.b.c");
        assert_eq!(without_scheme("Bearer"), "Bearer");
        assert_eq!(without_scheme(""), "");
    }

    #[test]
    fn a_token_falls_into_its_parts() {
        let text =
            written(r#"{"alg": "HS256", "kid": "k", "typ": "JWT"}"#, r#"{"a": 1, "b": {"a": 2}, "c": " "}"#);
        let token = Token::parse(&text).unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!((token.head.alg.as_str(), token.head.kid.as_deref()), ("HS256", Some("k")));
        assert!(token.head.crit.is_none());
        assert_eq!((token.signature, token.payload.len(), token.text("c")), ("c2ln", 3, None));
        assert_eq!(format!("{}.{}", token.signed, token.signature), text);
    }

    #[test]
    fn what_is_not_a_jwt_says_where() {
        let good = r#"{"alg": "HS256"}"#;
        for (text, expected) in [
            ("", "it has one part between dots, not three"),
            ("nonsense", "it has one part between dots, not three"),
            ("a.b", "it has 2 parts between dots, not three"),
            ("....", "it has 5 parts between dots, not three"),
            ("é.b.c", "its header is not base64url; perhaps it was cut when it was copied"),
            (&written("[]", "{}"), "its header is not the JSON of a JWT"),
            (&written("{}", "{}"), "its header is not the JSON of a JWT"),
            (&written(r#"{"alg": "x", "kid": 7}"#, "{}"), "its header is not the JSON of a JWT"),
            (&written(r#"{"alg": "x", "alg": "y"}"#, "{}"), "its header is not the JSON of a JWT"),
            (&written(good, "[]"), "its payload is not the JSON of a JWT"),
            (&written(good, "null"), "its payload is not the JSON of a JWT"),
            (&written(good, r#"{"exp": 1, "exp": 2}"#), "its payload is not the JSON of a JWT"),
            (&written(good, "{} {}"), "its payload is not the JSON of a JWT"),
            (
                &written(good, "{}").replace("c2ln", "c2l!"),
                "its signature is not base64url; perhaps it was cut when it was copied",
            ),
        ] {
            assert_eq!(problem(text), expected, "{text}");
        }
        // Dots cost nothing, however many there are.
        assert_eq!(problem(&".".repeat(100_000)), "it has 10 parts between dots, not three");
    }
}
