//! Headers of providers' answers: how long to wait, and how fast to call.

use std::time::{Duration, SystemTime};

use relay_core::provider::{HeaderMap, HeaderName, Quota, retry_after};
use relay_securitytrails::api::granted;

const DAY: Duration = Duration::from_hours(24);

/// The target. An input is lines of a name, a colon and a value.
pub fn headers(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (HeaderName::from_bytes(&line[..colon]), &line[colon + 1..]);
        if let (Ok(name), Ok(value)) = (name, value.try_into()) {
            headers.append(name, value);
        }
    }
    // 1 January 2026, and the ends of what a clock can say.
    for seconds in [1_767_225_600, 0, i64::MAX.unsigned_abs()] {
        let Some(now) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) else { continue };
        let pause = retry_after(&headers, now);
        assert!(pause.is_none_or(|pause| pause <= DAY), "{pause:?}");
    }
    let hint = granted(&headers);
    assert!(
        hint.quota.is_none_or(|quota| (1..=50).any(|calls| quota == Quota::per_second(calls))),
        "{hint:?}"
    );
    assert!(hint.pause.is_none_or(|pause| pause <= Duration::from_secs(1)), "{hint:?}");
}
