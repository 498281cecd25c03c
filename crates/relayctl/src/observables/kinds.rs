//! The types of observables.

use relay_core::observable::ObservableType;

/// The type of this name, whatever its case.
pub fn named(name: &str) -> Option<&'static str> {
    let name = name.trim();
    ObservableType::ALL.iter().map(|kind| kind.as_str()).find(|kind| kind.eq_ignore_ascii_case(name))
}

/// The type that a misspelt name most likely means.
pub fn meant(name: &str) -> Option<&'static str> {
    const COMMON: [(&str, &str); 8] = [
        ("ipv4", "ip"),
        ("address", "ip"),
        ("mail", "email"),
        ("host", "hostname"),
        ("uri", "url"),
        ("file", "file_name"),
        ("filename", "file_name"),
        ("mac", "mac_address"),
    ];
    let name = name.trim().to_ascii_lowercase();
    if let Some((_, kind)) = COMMON.iter().find(|(common, _)| *common == name) {
        return Some(kind);
    }
    let distance = |kind: &str| strsim::damerau_levenshtein(kind, &name);
    let all = ObservableType::ALL.iter().map(|kind| kind.as_str());
    let nearest = all.min_by_key(|kind| distance(kind))?;
    // One slip in three letters: more would be another word.
    (distance(nearest) <= (name.len() / 3).max(1)).then_some(nearest)
}

/// Why a name is no type.
pub(super) fn unknown(name: &str) -> String {
    match meant(name) {
        Some(kind) => format!("there is no type `{name}`; did you mean `{kind}`?"),
        None => format!("there is no type `{name}`; write it like ip=192.0.2.1"),
    }
}

/// The name and the value of `NAME=VALUE`; the value may contain `=`.
pub(super) fn assignment(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some((name, value))
}

/// Whether a name in a running text is a type with one slip, not just any variable.
pub(super) fn is_slip(name: &str) -> bool {
    name.len() >= 4
        && named(name).is_none()
        && meant(name).is_some_and(|kind| strsim::damerau_levenshtein(kind, &name.to_ascii_lowercase()) == 1)
}
