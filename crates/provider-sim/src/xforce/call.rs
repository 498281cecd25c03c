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

#[cfg(test)]
mod tests {
    use super::*;

    fn call(path: &str, expected: Option<Call<'_>>) {
        assert_eq!(Call::of(&Request::new("GET", "/xforce", path)), expected, "{path}");
    }

    #[test]
    fn paths_are_matched_strictly() {
        call("/all-subscriptions/usage", Some(Call::Usage));
        call("/url/http:%2F%2Fa.example%2Fx%3Fy", Some(Call::Url("http://a.example/x?y")));
        call("/url/..%2Fall-subscriptions%2Fusage", Some(Call::Url("../all-subscriptions/usage")));
        call("/api/resolve/a.example?basicResolve=true", Some(Call::Resolve("a.example")));
        call("/resolve/a.example", Some(Call::Resolve("a.example")));
        call("/api/linkage/ip/2001:db8::7?maxpertype=20", Some(Call::Linkage(Kind::Ip, "2001:db8::7")));
        call("/api/malware/00", Some(Call::Malware("00")));
        for path in [
            "",
            "/",
            "/url",
            "/url/http://a.example",
            "/url/../all-subscriptions/usage",
            "/url/a.example/",
            "/URL/a",
            "/linkage/ip/192.0.2.1",
            "/api/linkage/md5/00",
            "/api/api/resolve/a",
            "/ipr/192.0.2.1/history",
        ] {
            call(path, None);
        }
    }
}
