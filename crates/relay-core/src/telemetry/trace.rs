//! The trace that a request belongs to, where the caller takes part in one.

/// The trace id of the header `traceparent` ([W3C Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header)):
/// nothing where the header is not valid, so that no log line holds what a caller made up.
pub(crate) fn trace_id(traceparent: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(traceparent).ok()?;
    let mut parts = text.splitn(5, '-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_set = |text: &str| text.bytes().any(|byte| byte != b'0');
    // Later versions may add parts; `ff` is none.
    let fits = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    let holds = fits && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2);
    (holds && is_set(trace) && is_set(parent)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn the_trace_of_a_valid_header_is_read() {
        for header in [
            format!("00-{TRACE}-00f067aa0ba902b7-01"),
            format!("cc-{TRACE}-00f067aa0ba902b7-00"),
            format!("cc-{TRACE}-00f067aa0ba902b7-00-what-comes-later"),
        ] {
            assert_eq!(trace_id(header.as_bytes()), Some(TRACE), "{header}");
        }
    }

    #[test]
    fn a_header_that_is_not_valid_is_none() {
        for header in [
            String::new(),
            "s3cr3t".to_owned(),
            format!("00-{TRACE}"),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("0-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", &TRACE[1..]),
            format!("00-{TRACE}-00f067aa0ba902b-01"),
            format!("00-{TRACE}-00f067aa0ba902b7-0g"),
            format!(" 00-{TRACE}-00f067aa0ba902b7-01"),
        ] {
            assert_eq!(trace_id(header.as_bytes()), None, "{header}");
        }
        assert_eq!(trace_id(b"\xff\xfe"), None);
    }
}
