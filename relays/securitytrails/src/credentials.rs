//! What a token carries for this relay: the API key, and how many pages its user is willing to pay for.

use relay_core::auth::{ClaimError, Claims};
use relay_core::relay::Credentials;
use secrecy::{ExposeSecret, SecretString};

use crate::query::RecordType;

/// An API key with the options of the request that it came with.
pub struct ApiKey {
    key: SecretString,
    pages: u64,
    extra_record_types: Option<Vec<RecordType>>,
    subdomains: Option<bool>,
}

impl ApiKey {
    /// The key, fit for a header.
    pub fn key(&self) -> &SecretString {
        &self.key
    }

    /// How many pages each lookup may read; [`u64::MAX`] for all there are.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Which further DNS records are wanted, where the token says so.
    pub fn extra_record_types(&self) -> Option<&[RecordType]> {
        self.extra_record_types.as_deref()
    }

    /// Whether subdomains are wanted, where the token says so.
    pub fn subdomains(&self) -> Option<bool> {
        self.subdomains
    }
}

impl Credentials for ApiKey {
    fn from_claims(claims: &Claims) -> Result<Self, ClaimError> {
        let key = claims.header_secret("key")?;
        if key.expose_secret().contains(' ') {
            return Err(ClaimError::new(
                "the claim `key` of the token has a space, so it is no SecurityTrails API key",
            ));
        }
        let extra = claims.text("EXTRA_RECORD_TYPES").map(|text| {
            let words: Vec<&str> = text.split(',').map(str::trim).collect();
            RecordType::listed(&words, RecordType::EXTRA)
        });
        Ok(Self {
            key,
            pages: pages(claims),
            extra_record_types: extra,
            subdomains: claims.raw("GET_SUBDOMAINS").map(|_| switch(claims, "GET_SUBDOMAINS")),
        })
    }

    fn identity(&self) -> Vec<&str> {
        vec![self.key.expose_secret()]
    }
}

/// Pages cost money: what is not clearly a number or a yes means one page.
fn pages(claims: &Claims) -> u64 {
    if switch(claims, "GET_ALL_PAGES") {
        return u64::MAX;
    }
    match claims.integer("NUMBER_OF_PAGES").and_then(|number| u64::try_from(number).ok()) {
        Some(0) => u64::MAX,
        Some(number) => number,
        None => 1,
    }
}

/// The form delivers a switch as boolean or text. A number is neither, and no yes.
fn switch(claims: &Claims, name: &str) -> bool {
    let is_number = claims.raw(name).is_some_and(serde_json::Value::is_number);
    !is_number && claims.flag(name) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ALL: u64 = u64::MAX;

    fn read(claims: Value) -> Result<ApiKey, ClaimError> {
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        ApiKey::from_claims(&Claims::from(claims))
    }

    fn key(key: impl Into<Value>) -> Option<String> {
        let read = read(json!({"key": key.into()})).ok()?;
        Some(read.key().expose_secret().to_owned())
    }

    #[test]
    fn white_space_around_the_key_is_no_part_of_it() {
        assert_eq!(key(" k\n").as_deref(), Some("k"));
        assert_eq!(key("Ab9~!").as_deref(), Some("Ab9~!"));
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_without_being_repeated() {
        for bad in ["", " ", "a b", "ключ", "a\u{7}b", "a\u{7f}", "käse"] {
            let error = read(json!({"key": bad})).err().expect("no key").to_string();
            assert!(error.contains("`key`") && (bad.trim().len() < 2 || !error.contains(bad)), "{error}");
        }
        assert!(key(Value::Null).is_none() && key(7).is_none() && read(json!({})).is_err());
    }

    #[test]
    fn pages_are_read_leniently_and_default_to_one() {
        let number =
            |value: Value| read(json!({"key": "k", "NUMBER_OF_PAGES": value})).expect("a key").pages();
        let table = [
            (json!(1), 1),
            (json!(7), 7),
            (json!("3"), 3),
            (json!(" 3 "), 3),
            (json!(0), ALL),
            (json!("0"), ALL),
            (json!(null), 1),
            (json!(""), 1),
            (json!("  "), 1),
            (json!(-1), 1),
            (json!("-1"), 1),
            (json!(2.7), 1),
            (json!("2.7"), 1),
            (json!("abc"), 1),
            (json!([1]), 1),
            (json!({}), 1),
            (json!(true), 1),
        ];
        for (value, pages) in table {
            assert_eq!(number(value.clone()), pages, "{value}");
        }
        assert_eq!(read(json!({"key": "k"})).expect("a key").pages(), 1);
    }

    #[test]
    fn all_pages_are_read_only_where_the_switch_says_yes() {
        let pages = |value: Value| {
            read(json!({"key": "k", "NUMBER_OF_PAGES": 2, "GET_ALL_PAGES": value})).expect("a key").pages()
        };
        for yes in [json!(true), json!("true"), json!("True"), json!("1"), json!("YES"), json!("on")] {
            assert_eq!(pages(yes.clone()), ALL, "{yes}");
        }
        for no in [
            json!(null),
            json!(""),
            json!("False"),
            json!(false),
            json!("0"),
            json!(0),
            json!(1),
            json!("no"),
        ] {
            assert_eq!(pages(no.clone()), 2, "{no}");
        }
    }

    #[test]
    fn what_costs_further_queries_is_asked_for_by_name() {
        let extra = |value: Value| {
            read(json!({"key": "k", "EXTRA_RECORD_TYPES": value})).expect("a key").extra_record_types
        };
        assert_eq!(extra(json!("MX, ns,txt")), Some(vec![RecordType::Mx, RecordType::Ns]));
        assert_eq!(extra(json!(" ns ")), Some(vec![RecordType::Ns]));
        assert_eq!(extra(json!("txt")), Some(vec![]));
        assert_eq!(extra(json!(null)), None);
        assert_eq!(extra(json!(7)), None);
        let subdomains =
            |value: Value| read(json!({"key": "k", "GET_SUBDOMAINS": value})).expect("a key").subdomains();
        assert_eq!(subdomains(json!("Yes")), Some(true));
        assert_eq!(subdomains(json!(false)), Some(false));
        assert_eq!(subdomains(json!(1)), Some(false));
        assert_eq!(read(json!({"key": "k"})).expect("a key").subdomains(), None);
    }
}
