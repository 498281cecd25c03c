//! One entry of a key set: an RSA key that verifies RS256 tokens, or why it cannot.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use jsonwebtoken::DecodingKey;
use serde_json::Value;

use crate::text::sanitized;

/// Sizes of a modulus that the cryptography takes for RS256, in bits.
const BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// Base64url without padding; what the last character has beyond whole bytes does not matter.
const BASE64: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

/// The id of an entry and its key. An entry without an id is none that a token could name.
pub(super) fn read(entry: &Value) -> Option<(String, Result<DecodingKey, String>)> {
    Some((entry.get("kid")?.as_str()?.to_owned(), rs256(entry)))
}

fn rs256(entry: &Value) -> Result<DecodingKey, String> {
    let is = |name: &str, wanted: &str| match entry.get(name) {
        Some(Value::String(text)) if text == wanted => Ok(()),
        Some(Value::String(text)) => Err(format!("its `{name}` is `{}`, not {wanted}", sanitized(text, 50))),
        _ => Err(format!("it lacks `{name}`")),
    };
    let is_or_lacks = |name: &str, wanted: &str| match entry.get(name) {
        None | Some(Value::Null) => Ok(()),
        Some(_) => is(name, wanted),
    };
    is("kty", "RSA")?;
    is_or_lacks("alg", "RS256")?;
    is_or_lacks("use", "sig")?;
    let (modulus, exponent) = (integer(entry, "n")?, integer(entry, "e")?);
    let bits = bits(&modulus);
    if !BITS.contains(&bits) {
        return Err(format!("it has {bits} bits; RS256 needs {} to {}", BITS.start(), BITS.end()));
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    if !is_odd(&modulus) {
        return Err("its `n` is even".to_owned());
    }
    if !is_odd(&exponent) || exponent == [1] || self::bits(&exponent) > 33 {
        return Err("its `e` is not an exponent of RSA".to_owned());
    }
    Ok(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

/// A number in base64url. Taken as well: padding, the characters of plain base64, and leading zero octets, which
/// programs write that think of a number with a sign.
fn integer(entry: &Value, name: &str) -> Result<Vec<u8>, String> {
    let Some(text) = entry.get(name).and_then(Value::as_str) else {
        return Err(format!("it lacks `{name}`"));
    };
    let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let bytes = BASE64.decode(text).map_err(|_| format!("its `{name}` is not base64url"))?;
    Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

/// How many bits a number without leading zero octets has.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
    use serde_json::json;

    /// A modulus of this many bytes. In base64, its characters are those that differ between the alphabets.
    fn modulus(bytes: usize) -> Vec<u8> {
        vec![0xff; bytes]
    }

    /// An entry of the least size that is taken.
    pub(crate) fn entry(kid: &str) -> Value {
        json!({"kty": "RSA", "kid": kid, "e": "AQAB", "n": BASE64_URL_SAFE_NO_PAD.encode(modulus(256))})
    }

    fn with(name: &str, value: impl Into<Value>) -> Value {
        let mut entry = entry("k");
        entry[name] = value.into();
        entry
    }

    /// Why an entry is no key; empty where it is one.
    fn problem(entry: &Value) -> String {
        read(entry).expect("an id").1.err().unwrap_or_default()
    }

    #[test]
    fn numbers_are_read_however_they_are_written() {
        let number = modulus(256);
        let zeros = [&[0, 0], number.as_slice()].concat();
        let expected = rs256(&entry("k")).expect("a key");
        for text in [
            BASE64_URL_SAFE.encode(&number),
            BASE64_STANDARD.encode(&number),
            BASE64_STANDARD.encode(&number).trim_end_matches('=').to_owned(),
            BASE64_URL_SAFE_NO_PAD.encode(&zeros),
            BASE64_STANDARD.encode(&zeros),
        ] {
            let key = rs256(&with("n", text.as_str())).unwrap_or_else(|problem| panic!("{text}: {problem}"));
            assert_eq!(format!("{:?}", parts(&key)), format!("{:?}", parts(&expected)), "{text}");
        }
        let padded = rs256(&with("e", "AAEAAQ==")).expect("a key");
        assert_eq!(parts(&padded).1, [1, 0, 1]);
    }

    fn parts(key: &DecodingKey) -> (Vec<u8>, Vec<u8>) {
        match key.kind() {
            jsonwebtoken::DecodingKeyKind::RsaModulusExponent { n, e } => (n.clone(), e.clone()),
            secret @ jsonwebtoken::DecodingKeyKind::SecretOrDer(_) => panic!("{secret:?}"),
        }
    }

    #[test]
    fn an_entry_that_cannot_verify_rs256_says_why() {
        let encoded = |number: Vec<u8>| BASE64_URL_SAFE_NO_PAD.encode(number);
        let table = [
            (with("alg", "RS256"), ""),
            (with("alg", Value::Null), ""),
            (with("use", "sig"), ""),
            (with("use", Value::Null), ""),
            (with("n", encoded(modulus(1024))), ""),
            (with("e", "Aw"), ""),
            (with("kty", "EC"), "its `kty` is `EC`, not RSA"),
            (with("kty", Value::Null), "it lacks `kty`"),
            (with("alg", "RS512"), "its `alg` is `RS512`, not RS256"),
            (with("alg", "made\nup"), "its `alg` is `made up`, not RS256"),
            (with("alg", 7), "it lacks `alg`"),
            (with("use", "enc"), "its `use` is `enc`, not sig"),
            (with("n", Value::Null), "it lacks `n`"),
            (with("n", "not base64!"), "its `n` is not base64url"),
            (with("n", ""), "it has 0 bits; RS256 needs 2048 to 8192"),
            (with("n", encoded(modulus(128))), "it has 1024 bits; RS256 needs 2048 to 8192"),
            (
                with("n", encoded([&[0x7f], modulus(255).as_slice()].concat())),
                "it has 2047 bits; RS256 needs 2048 to 8192",
            ),
            (
                with("n", encoded([&[1], modulus(1024).as_slice()].concat())),
                "it has 8193 bits; RS256 needs 2048 to 8192",
            ),
            (with("n", encoded([modulus(255).as_slice(), &[2]].concat())), "its `n` is even"),
            (with("e", 65537), "it lacks `e`"),
            (with("e", "AQ"), "its `e` is not an exponent of RSA"),
            (with("e", "AAAA"), "its `e` is not an exponent of RSA"),
            (with("e", "Ag"), "its `e` is not an exponent of RSA"),
            (with("e", encoded(modulus(5))), "its `e` is not an exponent of RSA"),
        ];
        for (entry, expected) in table {
            assert_eq!(problem(&entry), expected, "{entry}");
        }
    }

    #[test]
    fn an_exponent_has_at_most_33_bits() {
        let with_first = |first: u8| problem(&with("e", BASE64_URL_SAFE_NO_PAD.encode([first, 0, 0, 0, 1])));
        assert_eq!(with_first(1), "");
        assert_eq!(with_first(2), "its `e` is not an exponent of RSA");
    }

    #[test]
    fn an_entry_without_an_id_is_no_key() {
        for entry in [json!(null), json!(7), json!({}), with("kid", Value::Null), with("kid", 7)] {
            assert!(read(&entry).is_none(), "{entry}");
        }
    }
}
