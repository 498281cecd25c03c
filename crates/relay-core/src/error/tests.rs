use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::lookup::Lookup;
use crate::observable::ObservableType;
use crate::text::is_control_or_bidi;

fn domain(number: usize) -> Observable {
    Observable::new(ObservableType::Domain, format!("{number}.example").as_str()).expect("an observable")
}

/// The errors of lookups for the first observables, settled as those of a request for `asked`.
fn settled(error: &Error, lookups: usize, asked: usize) -> Vec<String> {
    let mut errors = Errors::default();
    for number in 0..lookups {
        errors.add_lookup(error.clone().into(), &domain(number));
    }
    errors.finalize(asked);
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn an_error_that_concerns_all_observables_names_none() {
    let error = Error::fatal(Code::UNAVAILABLE, "Acme is down.");
    assert_eq!(settled(&error, 3, 3), ["Acme is down."]);
    assert_eq!(settled(&error, 1, 1), ["Acme is down."]);
    assert_eq!(settled(&error, 1, 2), ["Acme is down. (concerns domain 0.example)"]);
    assert_eq!(settled(&error, 2, 3), ["Acme is down. (concerns domain 0.example, domain 1.example)"]);
}

#[test]
fn at_most_ten_observables_are_named() {
    let error = Error::fatal(Code::UNAVAILABLE, "Acme is down.");
    let ten: Vec<String> = (0..10).map(|number| format!("domain {number}.example")).collect();
    let ten = ten.join(", ");
    assert_eq!(settled(&error, 10, 100), [format!("Acme is down. (concerns {ten})")]);
    assert_eq!(settled(&error, 11, 100), [format!("Acme is down. (concerns {ten} and 1 more)")]);
    assert_eq!(settled(&error, 99, 100), [format!("Acme is down. (concerns {ten} and 89 more)")]);
}

#[test]
fn failures_of_one_cause_are_one_though_their_words_differ() {
    let error = |words: &'static str| Error::warning(Code::TOO_MANY_REQUESTS, words).with_cause("the quota");
    let mut errors = Errors::from(error("used up, free in 9 s").about(&domain(1)));
    errors.add(error("used up, free in 8 s").about(&domain(2)));
    errors.add(error("used up, free in 9 s").with_note("details are missing").about(&domain(3)));
    let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "used up, free in 9 s (concerns domain 1.example, domain 2.example)",
            "used up, free in 9 s; details are missing (concerns domain 3.example)",
        ]
    );
    // What was folded in parts of a lookup is folded with the others all the same.
    let mut part = Errors::from(Error::warning(Code::TOO_MANY_REQUESTS, "the quota"));
    part.add(error("used up, free in 8 s; and more words"));
    errors.extend(part);
    assert_eq!(errors.len(), 2);
    assert_eq!(errors.iter().next().map(Error::message), Some("used up, free in 8 s; and more words"));
}

#[test]
fn tens_of_thousands_of_failures_are_told_without_delay() {
    let error = Error::fatal(Code::UNAVAILABLE, "Acme is down.");
    let begun = std::time::Instant::now();
    let message = settled(&error, 40_000, 40_001);
    assert!(message[0].ends_with(" and 39990 more)"), "{message:?}");
    let mut errors = Errors::default();
    for number in 0..40_000 {
        errors.add(Error::fatal(Code::UNAVAILABLE, format!("Acme does not like {number}.")));
    }
    assert_eq!(errors.len(), 40_000);
    // Comparing each with all others takes a minute.
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

#[test]
fn lookups_that_the_deadline_cut_off_are_counted() {
    let error = Error::out_of_time("The request ran out of its 25s");
    assert_eq!(settled(&error, 2, 2), ["The request ran out of its 25s; 2 of 2 lookups did not finish"]);
    assert_eq!(
        settled(&error, 1, 2),
        ["The request ran out of its 25s; 1 of 2 lookups did not finish (concerns domain 0.example)"]
    );
    // Where no lookup is concerned, as in `/health`, there is nothing to count.
    let mut errors = Errors::from(error);
    errors.finalize(0);
    assert_eq!(
        errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["The request ran out of its 25s"]
    );
}

#[test]
fn errors_are_equal_by_code_type_and_words() {
    let error = Error::fatal(Code::UNAVAILABLE, "Acme is down.");
    let mut errors = Errors::default();
    errors.add(error.clone().about(&domain(1)));
    errors.add(error.clone().about(&domain(1)));
    errors.add(error.clone().with_severity(Severity::Error));
    errors.add(error.clone().with_code(Code::TIMEOUT));
    errors.add(Error::fatal(Code::UNAVAILABLE, "Acme is gone."));
    errors.add(error.about(&domain(2)));
    let message: Vec<String> = errors.iter().map(|error| format!("{} {error}", error.code())).collect();
    assert_eq!(
        message,
        [
            "unavailable Acme is down. (concerns domain 1.example, domain 2.example)",
            "unavailable Acme is down.",
            "timeout Acme is down.",
            "unavailable Acme is gone.",
        ]
    );
}

#[test]
fn an_error_that_names_its_observable_keeps_it() {
    let mut errors = Errors::default();
    let derived = Error::warning(Code::UNKNOWN, "cut").about(&domain(7));
    errors.add_lookup(derived.into(), &domain(1));
    assert_eq!(errors.iter().map(Error::observables).collect::<Vec<_>>(), [&[domain(7)]]);
}

#[test]
fn what_parts_of_a_lookup_met_is_folded_before_the_observable_is_added() {
    let mut lookup = Lookup::from(Error::fatal(Code::UNAVAILABLE, "Acme is down."));
    lookup.errors.add(Error::fatal(Code::UNAVAILABLE, "Acme is down."));
    assert_eq!(lookup.errors.len(), 1);
    let mut all = Lookup::nothing();
    all.merge_about(lookup, &domain(0));
    assert_eq!(all.errors.into_iter().map(|error| error.observables().len()).collect::<Vec<_>>(), [1]);
}

#[test]
fn an_error_is_written_as_the_platform_reads_it() {
    let error = Error::warning(Code::new("made up"), "cut").about(&domain(1));
    assert_eq!(
        serde_json::to_value(&error).expect("JSON"),
        json!({"type": "warning", "code": "made up", "message": "cut (concerns domain 1.example)"})
    );
    assert_eq!(
        serde_json::to_value(Error::authorization("no")).expect("JSON"),
        json!({"type": "fatal", "code": "authorization error", "message": "Authorization failed: no"})
    );
}

#[test]
fn a_long_or_odd_value_does_not_spoil_a_message() {
    let turned = Observable::new(ObservableType::Domain, "\u{202e}elpmaxe.\u{2028}a").expect("an observable");
    let message = Error::fatal(Code::UNKNOWN, "no.").about(&turned).to_string();
    assert_eq!(message, "no. (concerns domain  elpmaxe. a)");
    let long = Observable::new(ObservableType::Url, "x\r\ny".repeat(100).as_str()).expect("an observable");
    let message = Error::fatal(Code::UNKNOWN, "no.").about(&long).to_string();
    assert!(message.starts_with("no. (concerns url x  yx  y") && message.ends_with("…)"), "{message}");
    assert!(message.chars().count() < 130 && !message.contains('\n'), "{message}");
}

proptest! {
    #[test]
    fn a_shortened_text_is_a_beginning_on_one_line(text in ".*", length in 0_usize..40) {
        let short = sanitized(&text, length);
        prop_assert!(!short.chars().any(is_control_or_bidi));
        prop_assert!(short.chars().count() <= length + 1);
        let kept = short.strip_suffix('…').filter(|_| text.chars().count() > length).unwrap_or(&short);
        prop_assert!(text.chars().zip(kept.chars()).all(|(was, is)| was == is || (is_control_or_bidi(was) && is == ' ')));
        prop_assert_eq!(kept.chars().count(), text.chars().count().min(length));
    }
}
