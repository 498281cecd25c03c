//! Texts from outside: made safe to show, on one line, in one direction, of bounded length; and read as yes or no.
//! And times in words.

use std::time::Duration;

/// Whether a character of a text from outside does something where the text is shown: control characters, the
/// line ends of Unicode, and those that turn the direction of writing.
pub fn is_control_or_bidi(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The first `length` characters of a text from outside, on one line and in one direction, for a message.
pub fn sanitized(text: &str, length: usize) -> String {
    let mut out: String =
        text.chars().map(|c| if is_control_or_bidi(c) { ' ' } else { c }).take(length + 1).collect();
    if let Some((at, _)) = out.char_indices().nth(length) {
        out.truncate(at);
        out.push('…');
    }
    out
}

/// What a text says where yes or no is expected, in any case and with white space around it; anything else is nothing.
pub fn yes_or_no(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// A time for people: in whole seconds, rounded up, where it is at least one.
pub fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) && time.subsec_millis() > 0 {
        return format!("{} ms", time.as_millis());
    }
    format!("{} s", time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_seconds_and_never_shorter_than_it_is() {
        for (millis, words) in
            [(25_000, "25 s"), (41_100, "42 s"), (100, "100 ms"), (1_000, "1 s"), (0, "0 s")]
        {
            assert_eq!(seconds(Duration::from_millis(millis)), words);
        }
    }
}
