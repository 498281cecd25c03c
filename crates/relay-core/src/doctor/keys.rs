//! The hosts whose keys may sign tokens: whether their keys can be had, and how old they are.

use jiff::Timestamp;
use reqwest::header::{AGE, HeaderMap, LAST_MODIFIED};

use super::line::Line;
use super::network::{Network, Page};
use crate::auth::{KeySet, key_set_url};

/// The checks of a host of `RELAY_AUTH__JWKS_HOSTS`.
pub(super) async fn host(network: &Network, entry: &str) -> Vec<Line> {
    let url = match key_set_url(entry) {
        Ok(url) => url,
        Err(error) => return vec![Line::fail("keys", error.to_string(), "correct the setting")],
    };
    let (mut lines, page) = network.reach(&url).await;
    lines.extend(page.map(|page| keys(entry, &page)));
    lines
}

fn keys(entry: &str, page: &Page) -> Line {
    const ADVICE: &str = "tokens signed there are refused until its keys can be read: check the host, and what \
                          stands between (a proxy may answer in its place)";
    if page.status != 200 {
        return Line::fail("keys", format!("{entry} answers with status {}", page.status), ADVICE);
    }
    match KeySet::read(&page.body) {
        Ok(set) if set.len() > 0 => Line::ok(
            "keys",
            format!("{entry}: {}{}", counted(set.len()), age(&page.headers, Timestamp::now())),
        ),
        Ok(_) => Line::fail("keys", format!("{entry}: no key for RS256 tokens"), ADVICE),
        Err(_) => Line::fail("keys", format!("{entry}: the answer is not a key set"), ADVICE),
    }
}

fn counted(keys: usize) -> String {
    if keys == 1 { "1 key".to_owned() } else { format!("{keys} keys") }
}

/// How old the keys are, as far as the host says it.
fn age(headers: &HeaderMap, now: Timestamp) -> String {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let changed = text(LAST_MODIFIED).and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    let kept = text(AGE).and_then(|age| age.trim().parse::<u64>().ok());
    let changed = changed.map(|date| {
        let days = (now.as_second() - date.timestamp().as_second()).max(0) / 86400;
        format!(", changed {days} days ago")
    });
    let kept = kept.map(|seconds| format!(", {seconds} s old in a cache on the way"));
    format!("{}{}", changed.unwrap_or_default(), kept.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(status: u16, body: &str) -> Page {
        Page { status, headers: HeaderMap::new(), body: body.into() }
    }

    #[test]
    fn a_host_without_a_usable_key_fails() {
        for (status, body, expected) in [
            (404, "", "status 404"),
            (200, "<html>", "not a key set"),
            (200, r#"{"keys": []}"#, "no key for RS256"),
        ] {
            let line = keys("keys.example", &page(status, body));
            assert!(line.is_fail() && line.detail.contains(expected), "{line}");
        }
    }

    #[test]
    fn the_age_of_keys_is_what_the_host_says() {
        let now = "2026-11-27T10:00:00Z".parse().expect("a time");
        let mut headers = HeaderMap::new();
        assert_eq!(age(&headers, now), "");
        headers.insert(LAST_MODIFIED, "Tue, 24 Nov 2026 09:00:00 GMT".parse().expect("a header"));
        headers.insert(AGE, "600".parse().expect("a header"));
        assert_eq!(age(&headers, now), ", changed 3 days ago, 600 s old in a cache on the way");
    }
}
