//! Which call a path is.

use crate::request::Request;

/// A call, its value decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call<'a> {
    Usage,
    Ip(&'a str),
    Url(&'a str),
    Malware(&'a str),
    Resolve(&'a str),
    Linkage(Kind, &'a str),
}

/// What sort of value collections are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Url,
    Ip,
    Malware,
}

impl<'a> Call<'a> {
    /// The call that a path names; none when there is no such call.
    pub(super) fn of(request: &'a Request) -> Option<Self> {
        let parts = request.parts();
        let (below_api, words) = match *parts.as_slice() {
            ["api", ref words @ ..] => (true, words),
            ref words => (false, words),
        };
        let call = match *words {
            ["all-subscriptions", "usage"] => Self::Usage,
            ["ipr", value] => Self::Ip(value),
            ["url", value] => Self::Url(value),
            ["malware", value] => Self::Malware(value),
            ["resolve", value] => Self::Resolve(value),
            // An internal call of the portal: the API proper does not have it.
            ["linkage", kind, value] if below_api => Self::Linkage(Kind::of(kind)?, value),
            _ => return None,
        };
        Some(call)
    }

    /// Records of the monthly quota that it costs.
    pub(super) fn cost(&self) -> u64 {
        u64::from(*self != Self::Usage)
    }
}

impl Kind {
    fn of(word: &str) -> Option<Self> {
        match word {
            "url" => Some(Self::Url),
            "ip" => Some(Self::Ip),
            "malware" => Some(Self::Malware),
            _ => None,
        }
    }
}
