//! Hostile values stay what they are: each test decodes with a decoder of its own.

use proptest::prelude::*;

use super::*;

/// Values that have broken such code before.
fn hostile() -> Vec<String> {
    let fixed = [
        "..",
        ".",
        "",
        "...",
        "%2e%2e",
        "%2E.",
        "..%2f..",
        "%",
        "%%",
        "%zz",
        "%252e",
        "/",
        "//",
        "/../x",
        "\\",
        "\\..\\",
        "?",
        "?a=b",
        "#",
        "#x",
        "&a=b",
        "a=b;c",
        "+",
        " ",
        "  ",
        "@",
        "user@host",
        ":",
        "::1",
        "http://evil.example/",
        "//evil.example",
        "'",
        "''",
        "'''",
        "' or 1 eq 1 or '",
        "\\'",
        "\\\\'",
        "\"",
        "\"\"",
        "\\\"",
        "`",
        "|",
        "[x]",
        "{x}",
        "<x>",
        "^",
        "$filter",
        "(x)",
        "*",
        "!",
        ",",
        ";",
        "\n",
        "\r\nX: y",
        "\t",
        "\0",
        "a\0b",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\u{2029}",
        "\u{200b}",
        "\u{feff}",
        "\u{202e}gpj.exe",
        "שלום",
        "ü",
        "e\u{301}",
        "。。",
        "．．",
        "🦀",
        "𝒜𐍈",
        "\u{10ffff}",
        "example.com",
        "C:\\Temp\\drop.exe",
        "x' | take 1 //",
    ];
    fixed.into_iter().map(str::to_owned).chain(["a".repeat(5_000), "'\\%".repeat(1_700)]).collect()
}

fn values() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(hostile()), any::<String>(), "[.%/?#&='\"\\\\ 2eE\\n]{0,12}",]
}

fn bases() -> impl Strategy<Value = Url> {
    let bases = [
        "https://api.example",
        "https://api.example/",
        "http://127.0.0.1:7000/securitytrails/",
        "https://[2001:db8::1]:8443/a/b",
        "https://api.example/v1/?dropped=1#too",
    ];
    prop::sample::select(bases.map(|base| Url::parse(base).unwrap()).to_vec())
}

/// Percent-decoding, written apart from the crate that encodes.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::new();
    let mut position = 0;
    while position < bytes.len() {
        if bytes[position] == b'%' {
            plain.push(u8::from_str_radix(&text[position + 1..position + 3], 16).unwrap());
            position += 3;
        } else {
            plain.push(bytes[position]);
            position += 1;
        }
    }
    String::from_utf8(plain).unwrap()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Reads a literal between `quote`s: `escape` tells what the characters after the opening quote mean,
/// as one character and how many it took. The literal has to end with the text.
fn unquoted(literal: &str, quote: char, escape: fn(&[char]) -> Option<(char, usize)>) -> Option<String> {
    let characters: Vec<char> = literal.chars().collect();
    if characters.first() != Some(&quote) {
        return None;
    }
    let mut plain = String::new();
    let mut rest = &characters[1..];
    loop {
        if let Some((character, taken)) = escape(rest) {
            plain.push(character);
            rest = &rest[taken..];
        } else if rest.first() == Some(&quote) {
            return (rest.len() == 1).then_some(plain);
        } else {
            plain.push(*rest.first()?);
            rest = &rest[1..];
        }
    }
}

fn odata_value(literal: &str) -> Option<String> {
    unquoted(literal, '\'', |rest| rest.starts_with(&['\'', '\'']).then_some(('\'', 2)))
}

fn kql_value(literal: &str, quote: char) -> Option<String> {
    unquoted(literal, quote, |rest| match rest {
        ['\\', 't', ..] => Some(('\t', 2)),
        ['\\', 'r', ..] => Some(('\r', 2)),
        ['\\', 'n', ..] => Some(('\n', 2)),
        ['\\', escaped @ ('\\' | '\'' | '"'), ..] => Some((*escaped, 2)),
        _ => None,
    })
}

#[test]
fn steps_in_the_path_are_refused_and_look_alikes_encoded() {
    for value in ["", ".", ".."] {
        assert_eq!(segment(value), None, "{value:?}");
    }
    assert_eq!(segment("%2e%2e").as_deref(), Some("%252e%252e"));
    assert_eq!(segment("...").as_deref(), Some("..."));
    assert_eq!(segment("2001:db8::1").as_deref(), Some("2001:db8::1"));
    assert_eq!(segment("a/b?c#d é'").as_deref(), Some("a%2Fb%3Fc%23d%20%C3%A9%27"));
}

#[test]
fn spaces_in_parameters_are_percent_or_plus() {
    assert_eq!(query("uuid = 'a+b':"), "uuid%20%3D%20%27a%2Bb%27%3A");
    assert_eq!(form("uuid = 'a+b':"), "uuid+%3D+%27a%2Bb%27%3A");
    assert_eq!(form("%20"), "%2520");
}

#[test]
fn literals_of_query_languages() {
    assert_eq!(odata("O'Brien"), "'O''Brien'");
    assert_eq!(odata(""), "''");
    assert_eq!(kql(r"C:\Temp\it's").as_deref(), Some(r"'C:\\Temp\\it\'s'"));
    assert_eq!(kql("say \"x\"").as_deref(), Some("'say \"x\"'"));
    assert_eq!(kql_double_quoted(r#"C:\a "b"'c'"#).as_deref(), Some(r#""C:\\a \"b\"'c'""#));
    assert_eq!(kql_double_quoted("a\tb\r\nc").as_deref(), Some(r#""a\tb\r\nc""#));
    for value in ["a\nb", "\0", "\u{7f}", "\u{85}", "\u{2028}"] {
        assert_eq!(kql(value), None, "{value:?}");
    }
    for value in ["\0", "\u{7f}", "\u{85}", "\u{2029}"] {
        assert_eq!(kql_double_quoted(value), None, "{value:?}");
    }
}

#[test]
fn the_prefix_of_the_base_stays() {
    let base = Url::parse("https://api.example/prefix/?dropped=1#too").unwrap();
    let url = UrlBuilder::new(&base).path("v1/").path("/history").segment("a b").param("page", 1).build();
    assert_eq!(url.unwrap().as_str(), "https://api.example/prefix/v1/history/a%20b?page=1");
    let url = UrlBuilder::new(&base).build().unwrap();
    assert_eq!(url.as_str(), "https://api.example/prefix");
    assert_eq!(UrlBuilder::new(&Url::parse("mailto:x@y.example").unwrap()).path("a").build(), None);
}

#[test]
fn constants_go_out_as_they_are() {
    let base = Url::parse("https://api.example").unwrap();
    let filter = format!("indicatorValue eq {}", odata("it's"));
    let url = UrlBuilder::new(&base).path("indicators").param("$filter", filter).param("$top", 10).build();
    let text = "https://api.example/indicators?$filter=indicatorValue%20eq%20%27it%27%27s%27&$top=10";
    assert_eq!(url.unwrap().as_str(), text);
}

#[test]
fn every_hostile_value_stays_a_value() {
    let base = Url::parse("https://api.example/v1").unwrap();
    for value in hostile() {
        check_url(&base, &value);
    }
}

/// What must hold for the URL that is built from any value.
fn check_url(base: &Url, value: &str) {
    let built = UrlBuilder::new(base)
        .path("a")
        .segment(value)
        .path("z")
        .param("q", value)
        .form_param("f", value)
        .build();
    if matches!(value, "" | "." | "..") {
        assert_eq!(built, None);
        return;
    }
    let url = built.expect("a value that can be a segment");
    assert_eq!(url.origin(), base.origin());
    assert_eq!((url.username(), url.password(), url.fragment()), ("", None, None));
    let prefix: Vec<&str> = base.path_segments().unwrap().filter(|segment| !segment.is_empty()).collect();
    let segments: Vec<&str> = url.path_segments().unwrap().collect();
    let (own, tail) = segments.split_at(prefix.len());
    assert_eq!(own, prefix);
    assert_eq!((tail.len(), tail[0], tail[2]), (3, "a", "z"), "{url}");
    assert_eq!(decoded(tail[1]), value);
    let parameters: Vec<(&str, &str)> =
        url.query().unwrap().split('&').map(|pair| pair.split_once('=').unwrap()).collect();
    assert_eq!(parameters.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["q", "f"], "{url}");
    assert_eq!(decoded(parameters[0].1), value);
    assert_eq!(decoded(&parameters[1].1.replace('+', " ")), value);
    // A second parser of the same URL, as the other side has one, sees the same.
    assert_eq!(Url::parse(url.as_str()).unwrap(), url);
}

proptest! {
    #[test]
    fn urls_keep_their_shape(base in bases(), value in values()) {
        check_url(&base, &value);
    }

    #[test]
    fn a_link_is_what_the_url_would_be(base in bases(), value in values(), plain in any::<bool>()) {
        let url = UrlBuilder::new(&base).path("a/b");
        let url = if plain { url } else { url.segment(&value).param("q", &value).form_param("f", &value) };
        let built = url.clone().build().and_then(|url| HttpUrl::from_url(&url));
        prop_assert_eq!(url.link(), built);
    }

    #[test]
    fn segments_read_back(value in values()) {
        if let Some(segment) = segment(&value) {
            prop_assert!(segment.bytes().all(|byte| is_unreserved(byte) || b"%:".contains(&byte)));
            prop_assert_eq!(decoded(&segment), value);
        }
    }

    #[test]
    fn parameters_read_back(value in values()) {
        let query = query(&value);
        prop_assert!(query.bytes().all(|byte| is_unreserved(byte) || byte == b'%'));
        prop_assert_eq!(decoded(&query), value.clone());
        let form = form(&value);
        prop_assert!(form.bytes().all(|byte| is_unreserved(byte) || b"%+".contains(&byte)));
        prop_assert_eq!(decoded(&form.replace('+', " ")), value);
    }

    #[test]
    fn odata_literals_read_back(value in values()) {
        prop_assert_eq!(odata_value(&odata(&value)), Some(value));
    }

    #[test]
    fn kql_literals_read_back(value in values()) {
        match kql(&value) {
            Some(literal) => prop_assert_eq!(kql_value(&literal, '\''), Some(value)),
            None => prop_assert!(value.chars().any(ends_line)),
        }
    }

    #[test]
    fn double_quoted_kql_literals_read_back(value in values()) {
        match kql_double_quoted(&value) {
            Some(literal) => {
                prop_assert!(!literal.chars().any(ends_line));
                prop_assert_eq!(kql_value(&literal, '"'), Some(value));
            }
            None => prop_assert!(value.chars().any(|c| ends_line(c) && !"\t\r\n".contains(c))),
        }
    }
}

#[test]
fn a_function_is_one_segment_whatever_its_values() {
    let base = Url::parse("https://api.example/v1").expect("a URL");
    let url = |value: &str| {
        let literal = odata(value);
        let url = UrlBuilder::new(&base)
            .path("machines")
            .function("findbyip", &[("ip", &literal), ("timestamp", "t")]);
        url.build().expect("a URL").to_string()
    };
    assert_eq!(url("10.0.0.8"), "https://api.example/v1/machines/findbyip(ip='10.0.0.8',timestamp=t)");
    assert_eq!(
        url("x')/../a?b#c"),
        "https://api.example/v1/machines/findbyip(ip='x''%29%2F..%2Fa%3Fb%23c',timestamp=t)"
    );
}
