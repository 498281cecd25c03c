//! What stands in for a value in recordings: the same for the same value, and of the same shape, so that a relay that
//! is asked about the stand-in makes the calls that were recorded.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_lc_rs::hmac;
use url::Url;

use super::redact::{Piece, Rule};
use crate::observable::{domain, hash_type, ip_address};

/// Most values that have stand-ins: as many as there are addresses in 198.18.0.0/15, nearly.
pub(super) const MOST: usize = 100_000;

/// The type of values that are no observables: a secret may look like a path.
pub(super) const CLAIM: &str = "claim";

/// The stand-ins that were given out. Values are known by a keyed hash only.
pub(super) struct StandIns {
    key: hmac::Key,
    numbers: HashMap<[u8; 16], u32>,
}

impl StandIns {
    pub(super) fn new(key: hmac::Key) -> Self {
        Self { key, numbers: HashMap::new() }
    }

    /// How many values have one.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of a value, whatever the case of its letters.
    fn number(&mut self, value: &str) -> u32 {
        let tag = hmac::sign(&self.key, value.to_lowercase().as_bytes());
        let mut known = [0; 16];
        known.copy_from_slice(&tag.as_ref()[..16]);
        let next = u32::try_from(self.numbers.len() + 1).unwrap_or(u32::MAX);
        *self.numbers.entry(known).or_insert(next)
    }

    /// The stand-in of a value of this type. What has to be replaced for it, which may be several texts, is added to
    /// `pieces`.
    pub(super) fn of(&mut self, kind: &str, value: &str, pieces: &mut Vec<Piece>) -> String {
        let value = value.trim();
        match kind {
            "file_name" => return self.file_name(value, pieces),
            "file_path" => return self.path(value, pieces),
            _ => {}
        }
        let is_claim = kind == CLAIM;
        if let Some(address) = ip_address(value) {
            self.address(value, address, pieces)
        } else if is_guid(value) {
            self.guid(value, pieces)
        } else if hash_type(value).is_some() {
            let number = self.number(value);
            // Numbers come first, so that stand-ins are in the order in which they were given.
            let stand_in = format!("{number:08x}{}", "c".repeat(value.len() - 8));
            push(pieces, value, stand_in, Rule::Anywhere)
        } else if let Some((scheme, rest)) = value.split_once("://").filter(|_| !is_claim) {
            self.url(value, scheme, rest, pieces)
        } else if let Some((local, name)) = value.rsplit_once('@').filter(|(_, name)| domain(name).is_some())
        {
            let stand_in = format!("{}@{}", self.text(local, pieces), self.name(name, pieces));
            push(pieces, value, stand_in, Rule::Anywhere)
        } else if let Some((before, name)) = value.split_once('\\').filter(|_| kind == "user") {
            let stand_in = format!("{}\\{}", self.text(before, pieces), self.text(name, pieces));
            push(pieces, value, stand_in, Rule::Anywhere)
        } else if let Some(digits) = mac_address(value) {
            self.mac(value, &digits, pieces)
        } else if value.contains('.') && domain(value).is_some() {
            self.name(value, pieces)
        } else if value.contains(['\\', '/']) && !is_claim {
            self.path(value, pieces)
        } else {
            self.text(value, pieces)
        }
    }

    fn text(&mut self, value: &str, pieces: &mut Vec<Piece>) -> String {
        let number = self.number(value);
        let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        // What may stand where JSON has a number has to stay one.
        let stand_in = if is_number { format!("9{number:08}") } else { format!("value{number:05}") };
        let distinct = value.len() >= 8 && !value.bytes().all(|byte| byte.is_ascii_lowercase());
        push(pieces, value, stand_in, if distinct { Rule::Anywhere } else { Rule::Word })
    }

    fn name(&mut self, value: &str, pieces: &mut Vec<Piece>) -> String {
        let value = value.trim_end_matches('.');
        let ascii = domain(value).unwrap_or_else(|| value.to_owned());
        if !ascii.contains('.') {
            return self.text(value, pieces);
        }
        let stand_in = format!("value{:05}.example", self.number(&ascii));
        push(pieces, &ascii, stand_in.clone(), Rule::Anywhere);
        push(pieces, value, stand_in, Rule::Anywhere)
    }

    fn address(&mut self, written: &str, address: IpAddr, pieces: &mut Vec<Piece>) -> String {
        let number = self.number(&address.to_string());
        let [_, second, third, fourth] = number.to_be_bytes();
        let stand_in = match address {
            IpAddr::V4(old) if is_local(old) => IpAddr::from([10, 198, third, fourth]),
            IpAddr::V4(_) => IpAddr::from([198, 18 + (second & 1), third, fourth]),
            IpAddr::V6(old) if old.segments()[0] & 0xfe00 == 0xfc00 => local_v6(number, 0xfd00),
            IpAddr::V6(old) if old.segments()[0] & 0xffc0 == 0xfe80 => local_v6(number, 0xfe80),
            IpAddr::V6(_) => {
                IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0xc000, u16::from(second), low(number)))
            }
        };
        let (IpAddr::V6(old), IpAddr::V6(new)) = (address, stand_in) else {
            push(pieces, written, stand_in.to_string(), Rule::Address);
            return push(pieces, &address.to_string(), stand_in.to_string(), Rule::Address);
        };
        push(pieces, &long(old), long(new), Rule::Address);
        push(pieces, &old.to_string(), new.to_string(), Rule::Address);
        let as_written = if written.eq_ignore_ascii_case(&long(old)) { long(new) } else { new.to_string() };
        push(pieces, written, as_written, Rule::Address)
    }

    fn guid(&mut self, value: &str, pieces: &mut Vec<Piece>) -> String {
        let number = self.number(value);
        let stand_in = format!("{number:08x}-0000-4000-8000-{number:012x}");
        push(pieces, &value.replace('-', ""), stand_in.replace('-', ""), Rule::Anywhere);
        push(pieces, value, stand_in, Rule::Anywhere)
    }

    fn mac(&mut self, value: &str, digits: &str, pieces: &mut Vec<Piece>) -> String {
        // A locally administered address.
        let stand_in = format!("0200{:08x}", self.number(digits));
        let spelled = |digits: &str, between: &str| {
            let pairs: Vec<&str> = (0..6).filter_map(|pair| digits.get(pair * 2..pair * 2 + 2)).collect();
            pairs.join(between)
        };
        for between in ["", ":", "-"] {
            push(pieces, &spelled(digits, between), spelled(&stand_in, between), Rule::Anywhere);
        }
        let between = value.get(2..3).filter(|sign| *sign == ":" || *sign == "-").unwrap_or_default();
        spelled(&stand_in, between)
    }

    /// A URL keeps its scheme and port; host, and all behind it, are replaced.
    fn url(&mut self, value: &str, scheme: &str, rest: &str, pieces: &mut Vec<Piece>) -> String {
        let Some((url, host)) =
            Url::parse(value).ok().and_then(|url| Some((url.clone(), url.host_str()?.to_owned())))
        else {
            return self.text(value, pieces);
        };
        let bare = host.trim_matches(['[', ']']);
        let stand_in = self.of("", bare, pieces);
        let stand_in = if host.starts_with('[') { format!("[{stand_in}]") } else { stand_in };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let place = rest.find(['/', '?', '#']).map_or("", |start| &rest[start..]);
        let mut whole = format!("{stand_in}{port}");
        if place.len() > 1 {
            let behind = format!("/value{:05}", self.number(place));
            if place.len() > 5 {
                push(pieces, place, behind.clone(), Rule::Anywhere);
            }
            whole.push_str(&behind);
            let without_fragment = rest.split('#').next().unwrap_or(rest);
            push(pieces, without_fragment, whole.clone(), Rule::Anywhere);
        } else {
            whole.push_str(place);
        }
        push(pieces, rest, whole.clone(), Rule::Anywhere);
        format!("{scheme}://{whole}")
    }

    fn file_name(&mut self, value: &str, pieces: &mut Vec<Piece>) -> String {
        let suffix = value.rsplit_once('.').map(|(_, suffix)| suffix).filter(|suffix| {
            (1..=5).contains(&suffix.len()) && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        let suffix = suffix.map(|suffix| format!(".{suffix}")).unwrap_or_default();
        let stand_in = format!("value{:05}{suffix}", self.number(value));
        let rule = if suffix.is_empty() { Rule::Word } else { Rule::Anywhere };
        push(pieces, value, stand_in, rule)
    }

    /// A path keeps its drive, its kind of separators and the suffix of its file.
    fn path(&mut self, value: &str, pieces: &mut Vec<Piece>) -> String {
        let Some((folder, file)) = value.rsplit_once(['\\', '/']) else {
            return self.file_name(value, pieces);
        };
        let separator = &value[folder.len()..=folder.len()];
        let root = match folder.as_bytes() {
            [_, b':', ..] => format!("{}{separator}", &folder[..2]),
            [b'\\', b'\\', ..] => r"\\".to_owned(),
            _ => separator.to_owned(),
        };
        let mut stand_in = folder.to_owned();
        if folder.len() > root.len() {
            stand_in = format!("{root}value{:05}", self.number(folder));
            push(pieces, folder, stand_in.clone(), Rule::Anywhere);
        }
        if !file.is_empty() {
            stand_in = format!("{stand_in}{separator}{}", self.file_name(file, pieces));
        }
        push(pieces, value, stand_in, Rule::Anywhere)
    }
}

/// Adds a text to replace; returns what replaces it.
fn push(pieces: &mut Vec<Piece>, original: &str, stand_in: String, rule: Rule) -> String {
    if !original.is_empty() {
        pieces.push(Piece { original: original.to_owned(), stand_in: stand_in.clone(), rule });
    }
    stand_in
}

fn is_guid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// The digits of a hardware address.
fn mac_address(text: &str) -> Option<String> {
    let separated = [':', '-'].into_iter().any(|sign| text.split(sign).map(str::len).eq([2; 6]));
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    (separated && digits.len() == 12).then_some(digits)
}

/// Whether relays may take an address for one of the user's own network.
fn is_local(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private()
        || address.is_link_local()
        || address.is_loopback()
        || (first == 100 && (64..128).contains(&second))
}

fn local_v6(number: u32, first: u16) -> IpAddr {
    let [high, second, ..] = number.to_be_bytes();
    IpAddr::from(Ipv6Addr::new(first, 0, 0, 0, 0, 0xc000, u16::from_be_bytes([high, second]), low(number)))
}

fn low(number: u32) -> u16 {
    let [.., third, fourth] = number.to_be_bytes();
    u16::from_be_bytes([third, fourth])
}

/// An address with all of its digits.
fn long(address: Ipv6Addr) -> String {
    let groups: Vec<String> = address.segments().iter().map(|group| format!("{group:04x}")).collect();
    groups.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand_ins() -> StandIns {
        StandIns::new(hmac::Key::new(hmac::HMAC_SHA256, b"test"))
    }

    #[test]
    fn a_stand_in_has_the_shape_of_its_value() {
        for (kind, value, stand_in) in [
            ("ip", "203.0.113.9", "198.18.0.1"),
            ("ip", "192.168.1.7", "10.198.0.1"),
            ("ipv6", "2001:db8:85a3::7334", "2001:db8::c000:0:1"),
            ("ipv6", "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "2001:0db8:0000:0000:0000:c000:0000:0001"),
            ("domain", "Evil.example.com.", "value00001.example"),
            ("domain", "münchen.example", "value00001.example"),
            ("hostname", "ws-042", "value00001"),
            ("url", "https://bad.example/x/y?z=1", "https://value00001.example/value00002"),
            ("url", "http://192.0.2.1:8080/", "http://198.18.0.1:8080/"),
            ("email", "jdoe@bad.example", "value00001@value00002.example"),
            ("user", r"CORP\jdoe", r"value00001\value00002"),
            ("md5", "474b9ccf5ab9d72ca8a333889bbb34f0", "00000001cccccccccccccccccccccccc"),
            ("file_name", "drop.exe", "value00001.exe"),
            ("file_path", r"C:\Temp\x\drop.exe", r"C:\value00001\value00002.exe"),
            ("file_path", "/usr/local/bin/drop", "/value00001/value00002"),
            ("mac_address", "00:1A:2b:3c:4d:5e", "02:00:00:00:00:01"),
            ("device", "11111111-2222-4333-8444-555555555555", "00000001-0000-4000-8000-000000000001"),
            ("user_id", "4711", "900000001"),
        ] {
            assert_eq!(stand_ins().of(kind, value, &mut Vec::new()), stand_in, "{value}");
        }
    }

    #[test]
    fn the_same_value_has_the_same_stand_in_and_others_have_others() {
        let mut all = stand_ins();
        let mut of = |kind, value| all.of(kind, value, &mut Vec::new());
        assert_eq!(of("domain", "bad.example"), of("domain", "BAD.example."));
        assert_ne!(of("domain", "bad.example"), of("domain", "worse.example"));
        let url = of("url", "https://bad.example/x/y");
        assert!(url.contains(&of("domain", "bad.example")), "{url}");
        let path = of("file_path", r"C:\Temp\drop.exe");
        assert!(path.ends_with(&of("file_name", "drop.exe")), "{path}");
    }
}
