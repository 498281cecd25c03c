//! What credentials come to: one real call to the provider, and what is left of quotas.

use serde_json::Value;

use super::line::Line;
use crate::error::Error;
use crate::quota::AccountQuota;

/// Part of a quota that is little, in hundredths.
const LITTLE: f64 = 0.1;

/// A real call that went well.
pub fn healthy() -> Line {
    Line::ok("health", "the provider accepts the credentials")
}

/// What went wrong with a real call.
pub fn unhealthy(is_failure: bool, code: &str, message: &str) -> Line {
    let advice = "the message is the provider's or the relay's; its README says what the account needs";
    let detail = format!("{code}: {message}");
    if is_failure { Line::fail("health", detail, advice) } else { Line::warn("health", detail, advice) }
}

pub(super) fn health(outcome: Result<Vec<AccountQuota>, Error>) -> Vec<Line> {
    match outcome {
        Ok(quotas) => {
            let quotas = quotas.iter().filter_map(|quota| left(&quota.json()));
            std::iter::once(healthy()).chain(quotas).collect()
        }
        Err(error) => vec![unhealthy(true, error.code().as_str(), error.message())],
    }
}

/// What is left of a quota, as `/health` reports it.
pub fn left(quota: &Value) -> Option<Line> {
    let number = |name: &str| quota["values"][name].as_f64();
    let (used, all) = (number("current_bucket_consumption")?, number("bucket_limit")?);
    let description = quota["description"].as_str().unwrap_or("quota");
    let ends = quota["values"]["current_bucket_end_time"].as_str().unwrap_or("the end of the period");
    let detail = format!("{description}: {used} of {all} used, until {ends}");
    Some(if used >= all {
        Line::fail("quota", detail, "nothing is answered until then; buy more, or use another key")
    } else if all - used < all * LITTLE {
        Line::warn("quota", detail, "little is left until then; a longer RELAY_CACHE__TTL saves calls")
    } else {
        Line::ok("quota", detail)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::line::Outcome;
    use super::*;

    #[test]
    fn a_quota_is_well_low_or_used_up() {
        let outcome = |used: u32| {
            let values = json!({"current_bucket_consumption": used, "bucket_limit": 100});
            left(&json!({"description": "records", "values": values})).map(|line| line.outcome)
        };
        assert_eq!(
            [0, 90, 91, 100, 200].map(outcome),
            [Outcome::Ok, Outcome::Ok, Outcome::Warn, Outcome::Fail, Outcome::Fail].map(Some)
        );
        assert_eq!(left(&json!({"values": "x"})), None);
    }
}
