//! Observables in texts.

use relayctl::observables::{in_argument, in_text, of_type};

/// A text that is found in is made this long.
const LONG: usize = 1 << 15;

/// The target. Of an input that begins with `*` the rest is repeated, so that libFuzzer's
/// time limit finds a time that grows faster than the text with a short input.
pub fn refang(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(part) = text.strip_prefix('*').filter(|part| !part.is_empty()) {
        let long = part.repeat(LONG / part.len() + 1);
        in_text(&long);
        return;
    }
    let parsed = in_text(&text);
    for (position, one) in parsed.observables.iter().enumerate() {
        assert!(!parsed.observables[..position].contains(one), "twice: {one:?}");
        assert_eq!(of_type(&one.kind, &one.value).as_ref(), Ok(one), "as what it was found");
        assert_eq!(
            in_argument(&format!("{}={}", one.kind, one.value)),
            Ok(vec![one.clone()]),
            "as an argument"
        );
    }
    let again = in_text(&text);
    assert_eq!(again, parsed, "always the same");
    if let Ok(found) = in_argument(&text) {
        assert!(!found.is_empty());
    }
}
