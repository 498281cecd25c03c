//! What the values of observables have to look like.

use std::net::IpAddr;

use super::ObservableType;

const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// Reads an IPv4 or IPv6 address, white space around it aside. `None` for anything with a port, a zone, a
/// prefix length or brackets, and for the shortened and octal forms of IPv4 that some libraries accept.
pub fn ip_address(text: &str) -> Option<IpAddr> {
    text.trim().parse().ok()
}

/// The type of a hash by its number of hexadecimal digits; `None` for any other text.
pub fn hash_type(text: &str) -> Option<ObservableType> {
    let kind = match text.len() {
        32 => ObservableType::Md5,
        40 => ObservableType::Sha1,
        64 => ObservableType::Sha256,
        _ => return None,
    };
    text.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(kind)
}

/// A host name as providers take it: in lower case, without the dot at the end, international names in
/// their ASCII form. `None` for what cannot be one: more than 253 characters, a label that is empty, longer
/// than 63 or not of `[a-z0-9_-]`. This refuses `.` and `..` too.
pub fn domain(text: &str) -> Option<String> {
    let text = text.trim();
    let name = if text.is_ascii() { text.to_ascii_lowercase() } else { idna::domain_to_ascii(text).ok()? };
    let name = name.strip_suffix('.').unwrap_or(&name);
    let fits = (1..=MAX_NAME).contains(&name.len()) && name.split('.').all(is_label);
    fits.then(|| name.to_owned())
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_come_alone() {
        assert_eq!(ip_address(" 192.0.2.1\n"), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(ip_address("::ffff:192.0.2.1"), Some("::ffff:192.0.2.1".parse().unwrap()));
        for text in ["192.0.2.1:80", "192.0.2.0/24", "192.0.2", "3221225985", "010.0.0.1", "0x1.0.0.1"] {
            assert_eq!(ip_address(text), None, "{text}");
        }
        for text in ["[::1]", "fe80::1%eth0", "fe80::1%25eth0", "::1/128", "::g", "", "１.1.1.1"] {
            assert_eq!(ip_address(text), None, "{text}");
        }
    }

    #[test]
    fn hashes_are_known_by_their_length() {
        assert_eq!(hash_type(&"aF".repeat(16)), Some(ObservableType::Md5));
        assert_eq!(hash_type(&"0".repeat(40)), Some(ObservableType::Sha1));
        assert_eq!(hash_type(&"9".repeat(64)), Some(ObservableType::Sha256));
        for text in
            ["", "00", &"g".repeat(32), &"é".repeat(16), &"0".repeat(41), &format!(" {}", "0".repeat(31))]
        {
            assert_eq!(hash_type(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_brought_to_one_form() {
        for (text, name) in [
            (" Shop.Example.COM. ", "shop.example.com"),
            ("localhost", "localhost"),
            ("_dmarc.example.com", "_dmarc.example.com"),
            ("münchen.example", "xn--mnchen-3ya.example"),
            ("MÜNCHEN.example.", "xn--mnchen-3ya.example"),
            ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
            ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ] {
            assert_eq!(domain(text).as_deref(), Some(name), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_none() {
        let long_label = format!("{}.example", "a".repeat(64));
        let long_name = format!("{}com", "a.".repeat(126));
        assert_eq!(long_name.len(), 255);
        for text in [
            "",
            " ",
            ".",
            "..",
            "a..b",
            ".a",
            "a..",
            "a b",
            "a/b",
            "a%2eb",
            "a'b",
            "a:80",
            "*.example",
            "a\0b",
            "münchen..example",
            "a\u{202e}b",
            &long_label,
            &long_name,
        ] {
            assert_eq!(domain(text), None, "{text:?}");
        }
        assert!(domain(&long_name[2..]).is_some(), "253 characters fit");
    }

    proptest! {
        #[test]
        fn a_name_is_its_own_form(text in "\\PC{0,30}|[a-zA-Z0-9._ß-]{0,70}") {
            if let Some(name) = domain(&text) {
                prop_assert_eq!(domain(&name), Some(name.clone()));
                prop_assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)));
            }
        }
    }
}
