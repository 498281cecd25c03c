//! What failures are called, and what is struck out of the provider's words.

use super::*;

fn words(body: &str, secret: &str) -> Option<String> {
    let rejection = Rejection { status: 400, body: Bytes::from(body.to_owned()), retry_after: None };
    match Failure::Rejected(rejection).without(&SecretString::from(secret)) {
        Failure::Rejected(rejection) => rejection.text_at(&["/error"]).or_else(|| rejection.plain_text()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_page_is_named_by_its_title_and_never_passed_on() {
    let page =
        |body: &str| Rejection { status: 403, body: Bytes::from(body.to_owned()), retry_after: None }.page();
    assert_eq!(
        page("\n<!DOCTYPE html><html><HEAD><Title lang=\"en\"> Attention\nRequired! | Gate </Title>")
            .as_deref(),
        Some("an HTML page (title `Attention Required! | Gate`)")
    );
    for without in ["<html><h1>Bad</h1>", "<title>", "<title></title>", "<TITLE", "<title>\u{1f480}"] {
        assert_eq!(page(without).as_deref(), Some("an HTML page"), "{without}");
    }
    assert_eq!(page("error code: 1020"), None);
}

#[test]
fn a_secret_is_struck_out_however_the_provider_writes_it() {
    let secret = "p\"a/ß-word";
    for body in [
        r#"{"error": "no p\"a/ß-word here", "more": ["p\"a/ß-word"]}"#,
        r#"{"error": "no p\u0022a\/\u00df-word here"}"#,
        "no p\"a/ß-word here",
    ] {
        assert_eq!(words(body, secret).as_deref(), Some("no [secret] here"), "{body}");
    }
    assert_eq!(words("nothing secret", "short").as_deref(), Some("nothing secret"));
    assert_eq!(words("a short text", "short").as_deref(), Some("a short text"));
}
#[test]
fn a_secret_is_struck_out_of_every_part_of_a_body() {
    let secret = "p\"a/ß-word";
    for body in [
        r#"["p\"a/ß-word", 1, "p\"a/ß-word"]"#,
        r#"["p\"a/ß-word", 1]"#,
        r#"{"one": {"in": "p\"a/ß-word"}, "two": "x", "more": [["p\"a/ß-word"]]}"#,
        r#"{"one": "p\"a/ß-word", "two": "p\"a/ß-word"}"#,
    ] {
        let left = struck(Bytes::from(body), secret);
        let wanted = body.replace(r#"p\"a/ß-word"#, "[secret]");
        let parsed = |text: &[u8]| serde_json::from_slice::<Value>(text).expect("JSON");
        assert_eq!(parsed(&left), parsed(wanted.as_bytes()), "{body}");
    }
}

#[test]
fn a_body_without_the_secret_stays_as_it_is() {
    let body = "{ \"two\" : \"x\",  \"one\": [1.0] }";
    assert_eq!(struck(Bytes::from(body), "p4ssw0rd"), body);
}

#[test]
fn statuses_have_labels_of_a_fixed_set() {
    let table = [
        (400, "status_4xx"),
        (401, "status_401"),
        (403, "status_403"),
        (404, "status_404"),
        (429, "status_429"),
        (499, "status_4xx"),
        (500, "status_5xx"),
        (599, "status_5xx"),
        (302, "status_other"),
    ];
    for (status, label) in table {
        let rejection = Rejection { status, body: Bytes::new(), retry_after: None };
        assert_eq!(Failure::Rejected(rejection).label(), label);
    }
}

#[test]
fn what_is_known_of_a_failure_is_known_while_no_calls_are_made_for_it() {
    let down = |failure| Failure::Down(Box::new(failure));
    let rejected = || Failure::Rejected(Rejection { status: 503, body: Bytes::new(), retry_after: None });
    assert_eq!(down(rejected()).status(), Some(503));
    assert_eq!(down(Failure::NoMemory).status(), None);
    let unknown = || Failure::Unreachable(format!("x.example: {UNKNOWN_HOST}"));
    for (failure, is_unknown) in [
        (unknown(), true),
        (down(unknown()), true),
        (Failure::Unreachable("refused".to_owned()), false),
        (down(rejected()), false),
    ] {
        assert_eq!(failure.is_unknown_host(), is_unknown, "{failure:?}");
    }
}

#[test]
fn a_host_that_answers_is_not_down() {
    let rejected = |status| Failure::Rejected(Rejection { status, body: Bytes::new(), retry_after: None });
    let table = [
        (rejected(404), true, false),
        (rejected(500), true, false),
        (rejected(503), false, true),
        (Failure::TooLarge(String::new()), true, false),
        (Failure::Timeout(Duration::from_secs(1)), false, true),
        (Failure::NoMemory, false, false),
    ];
    for (failure, is_answer, is_down) in table {
        assert_eq!((failure.is_answer(), failure.is_down()), (is_answer, is_down), "{failure:?}");
    }
}
