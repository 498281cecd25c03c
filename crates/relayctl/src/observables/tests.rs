//! Observables from arguments and texts.

use proptest::prelude::*;

use super::*;

fn found(text: &str) -> Vec<String> {
    in_text(text).observables.iter().map(|one| format!("{}={}", one.kind, one.value)).collect()
}

fn one(argument: &str) -> String {
    match in_argument(argument).as_deref() {
        Ok([one]) => format!("{}={}", one.kind, one.value),
        Ok(several) => format!("{several:?}"),
        Err(why) => format!("error: {why}"),
    }
}

#[test]
fn a_report_is_read_in_order_and_each_thing_once() {
    let report = "\
The mail from billing[@]invoice-portal[.]example (see hxxps://invoice-portal[.]example/view.php?id=4711).
It dropped setup.exe and readme.md (SHA-256 323bd9118547125694702f46aa6f4bb7087cd3844d0a1db84473e4f422911ef9),
then resolved “login-verify[.]example” and login-verify.example. to 203.0.113[.]9:443, at 09:12:44 from
00:1a:2b:3c:4d:5e, over [2001:db8::1]:443. See C:\\Program Files\\Acme\\drop.exe, \\\\srv\\share\\x.dll, /etc/passwd.
MD5: 474B9CCF5AB9D72CA8A333889BBB34F0; www dot evil dot com! The dot com boom; and/or e.g. 10.0.0.0/8 v1.2.3.4";
    assert_eq!(
        found(report),
        [
            "email=billing@invoice-portal.example",
            "url=https://invoice-portal.example/view.php?id=4711",
            "sha256=323bd9118547125694702f46aa6f4bb7087cd3844d0a1db84473e4f422911ef9",
            "domain=login-verify.example",
            "ip=203.0.113.9",
            "ipv6=2001:db8::1",
            "file_path=C:\\Program Files\\Acme\\drop.exe",
            "file_path=\\\\srv\\share\\x.dll",
            "file_path=/etc/passwd",
            "md5=474B9CCF5AB9D72CA8A333889BBB34F0",
            "domain=www.evil.com",
        ]
    );
    assert_eq!(
        in_text(report).notes,
        ["10.0.0.0/8 is a network, which no relay looks up; name addresses of it"]
    );
}

#[test]
fn a_log_line_names_types() {
    assert_eq!(
        found(r#"src=192.0.2.1 user="jane doe" file_name=drop.exe, process_hash=x domain=CORP"#),
        ["ip=192.0.2.1", "user=jane doe", "file_name=drop.exe", "process_hash=x"]
    );
    let notes = in_text("domian=bad.example domain=CORP colour=red").notes;
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("did you mean `domain`?"), "{notes:?}");
    assert!(notes[1].contains("`CORP` does not fit the type domain"), "{notes:?}");
}

#[test]
fn what_only_looks_like_an_observable_is_none() {
    for text in [
        "12:30:45",
        "2026-11-26T15:07:30Z",
        "00:1a:2b:ff:fe:3c:4d:5e",
        "std::vector",
        "a::b",
        "1.2.3.4.5",
        "256.1.1.1",
        "setup.exe",
        "readme.md",
        "main.rs:12",
        "build.sh",
        "e.g. this",
        "either/or",
        "https://",
        "user@localhost",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "example",
        "com",
        ".com",
        "co.uk",
        "file.txt",
        "v2.10.3",
        "GET /index",
    ] {
        assert_eq!(found(text), [""; 0], "{text}");
    }
}

#[test]
fn defanged_forms_are_undone() {
    for text in [
        "bad[.]example",
        "bad(.)example",
        "bad{.}example",
        "bad[dot]example",
        "bad dot example",
        "bad [.] example",
        "b\u{200b}ad.example",
        "“bad.example”",
        "<bad.example>",
        "bad.example,",
        "(bad.example)",
        "bad[.]example's",
    ] {
        assert_eq!(found(text), ["domain=bad.example"], "{text}");
    }
    for text in [
        "hxxp://bad.example/x",
        "hXXp://bad[.]example/x.",
        "hxxp[:]//bad.example/x)",
        "h**p[://]bad dot example/x",
    ] {
        assert_eq!(found(text), ["url=http://bad.example/x"], "{text}");
    }
    assert_eq!(found("evil[.]zip and evil.zip and cdn.evil.sh"), ["domain=evil.zip", "domain=cdn.evil.sh"]);
    assert_eq!(found("tcp://bad.example:99 smb://192.0.2.1/x"), ["domain=bad.example", "ip=192.0.2.1"]);
    assert_eq!(found("https://a.example/w_(x)?q=[1]."), ["url=https://a.example/w_(x)?q=[1]"]);
}

#[test]
fn an_argument_is_a_value_or_a_typed_value() {
    for (argument, expected) in [
        ("8.8.8.8", "ip=8.8.8.8"),
        ("ip=8.8.8[.]8", "ip=8.8.8.8"),
        ("hxxps://bad[.]example/x", "url=https://bad.example/x"),
        ("IP=8.8.8.8", "ip=8.8.8.8"),
        ("url=https://a.example/?x=1&y=2", "url=https://a.example/?x=1&y=2"),
        ("https://a.example/?x=1&y=2", "url=https://a.example/?x=1&y=2"),
        ("fe80::1", "ipv6=fe80::1"),
        ("münchen.de", "domain=münchen.de"),
        ("readme.md", "domain=readme.md"),
        ("C:\\Program Files\\a b.exe", "file_path=C:\\Program Files\\a b.exe"),
        ("/opt/x", "file_path=/opt/x"),
        ("user=j=doe", "user=j=doe"),
    ] {
        assert_eq!(one(argument), expected, "{argument}");
    }
    for (argument, expected) in [
        ("domian=bad.example", "did you mean `domain`?"),
        ("ipv4=192.0.2.1", "did you mean `ip`?"),
        ("nonsense=1", "there is no type `nonsense`"),
        ("ip=bad", "`bad` does not fit the type ip"),
        ("ip=2001:db8::1", "write ipv6=2001:db8::1"),
        ("md5=ca118f05d354d16d50ffe2f421abce38d8bacffc", "write sha1="),
        ("ip=", "has no value"),
        ("setup.exe", "user=setup.exe"),
        ("10.0.0.0/8", "is a network"),
        ("", "is not recognised"),
    ] {
        let why = one(argument);
        assert!(why.starts_with("error: ") && why.contains(expected), "{argument}: {why}");
    }
}

/// An observable, and its value in a form that reports use.
fn written() -> impl Strategy<Value = (Observable, String)> {
    let label = "[a-z][a-z0-9]{0,8}";
    let name = (label, label, prop::sample::select(vec!["com", "co.uk", "example", "net"]))
        .prop_map(|(sub, name, suffix)| format!("{sub}.x{name}.{suffix}"));
    let of = |kind: &'static str| move |value: String| Observable { kind: kind.to_owned(), value };
    let observable = prop_oneof![
        name.clone().prop_map(of("domain")),
        (name.clone(), "[a-z0-9/]{0,9}")
            .prop_map(|(name, path)| format!("https://{name}/a{path}"))
            .prop_map(of("url")),
        name.prop_map(|name| format!("who@{name}")).prop_map(of("email")),
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()).prop_map(of("ip")),
        (any::<u16>(), 1000_u16..9999).prop_map(|(a, b)| format!("2001:db8:{a:x}::{b}")).prop_map(of("ipv6")),
        "[0-9a-f]{32}".prop_map(of("md5")),
        "[0-9a-f]{64}".prop_map(of("sha256")),
        "[a-z]{1,9}".prop_map(|name| format!("C:\\Temp\\{name}.exe")).prop_map(of("file_path")),
    ];
    let forms = prop::sample::select(vec![".", "[.]", "(.)", "{.}", "[dot]", ".\u{200b}"]);
    (observable, forms).prop_map(|(one, dot)| {
        let text = match one.kind.as_str() {
            "file_path" => one.value.clone(),
            _ => one.value.replace("https:", "hxxps[:]").replace('@', "[@]").replace('.', dot),
        };
        (one, text)
    })
}

/// Each of these once took a time, and some of them a memory, that grew with the square of the length.
#[test]
fn a_text_of_any_length_takes_a_time_that_grows_with_it_alone() {
    const LONG: usize = 1 << 17;
    // Where each step looks ahead as far as the longest value is long.
    const SHORT: usize = 1 << 12;
    let parts = [
        ("[", LONG),
        ("(a", LONG),
        ("a dot ", LONG),
        ("a b ", LONG),
        ("ip=", SHORT),
        ("url=x ", LONG),
        ("http://%/", SHORT),
        ("1.2.3.4/8 10.0.0.0/", LONG),
        ("-", LONG),
        (".", LONG),
        ("+", LONG),
        (":", LONG),
        ("-a", SHORT),
        ("a@", LONG),
        ("C:\\ ", LONG),
        ("\\\\a ", LONG),
    ];
    let texts = parts.map(|(part, length)| part.repeat(length / part.len()));
    let number = |n: usize| format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
    let numbers = (0..LONG / 16).map(number).collect::<Vec<_>>().join(" ");
    let trailing = format!("http://a.example/{}", ")".repeat(4000)).repeat(100);
    for text in texts.into_iter().chain([numbers, trailing]) {
        let begin: String = text.chars().take(20).collect();
        let (done, is_done) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(in_text(&text).observables.len()));
        let outcome = is_done.recv_timeout(std::time::Duration::from_secs(20));
        assert!(outcome.is_ok(), "{begin}… takes too long");
    }
}

#[test]
fn a_value_that_is_too_long_is_not_found_in_half() {
    let long = format!("https://a.example/{}", "x".repeat(5000));
    let text = format!("{long} {long}.b.example and b.example");
    let found: Vec<String> = in_text(&text).observables.into_iter().map(|one| one.value).collect();
    assert_eq!(found, ["b.example"]);
    let shorter = &long[..4000];
    assert_eq!(in_text(shorter).observables[0].value, shorter);
}

#[test]
fn a_note_repeats_little_of_a_value() {
    let notes = in_text(&format!("ip={} ip=\u{202e}x", "9".repeat(3000))).notes;
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes.iter().all(|note| note.len() < 200 && !note.contains('\u{202e}')), "{notes:?}");
}

proptest! {
    #[test]
    fn whatever_is_written_between_words_is_found_in_order(
        all in prop::collection::vec((written(), prop::sample::select(vec![" ", ", ", "\n", " and ", ";\t", " (seen) "])), 0..12)
    ) {
        let text: String = all.iter().flat_map(|((_, text), gap)| [text.as_str(), gap]).collect();
        let mut expected = Parsed::default();
        for ((one, _), _) in all {
            expected.extend(Parsed { observables: vec![one], notes: Vec::new() });
        }
        prop_assert_eq!(in_text(&text).observables, expected.observables, "{}", text);
    }

    #[test]
    fn what_is_found_fits_its_type_and_comes_once(text in "\\PC{0,80}|([a-z0-9.:/@=\\[\\]\\\\ -]|dot|hxxp|ip=|url=){0,60}") {
        let found = in_text(&text).observables;
        let keys: HashSet<_> = found.iter().map(shape::key).collect();
        prop_assert_eq!(keys.len(), found.len());
        for one in found {
            prop_assert_eq!(of_type(&one.kind, &one.value), Ok(one.clone()), "{}", text);
        }
        let _ = in_argument(&text);
    }
}
