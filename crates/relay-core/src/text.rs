//! Texts from outside: made safe to show, on one line, in one direction, of bounded length; and read as yes or no.

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
