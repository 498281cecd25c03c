//! What is used of the month's quota.

use relay_core::text::sanitized;
use serde_json::Value;

/// `GET /all-subscriptions/usage`.
pub struct Usage;

impl Usage {
    /// What is left this month of each subscription that says so, at most eight.
    pub fn left(usage: &Value) -> Vec<(String, i64)> {
        let number = |value: &Value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
        let left = |subscription: &Value| {
            let data = subscription.get("usageData")?;
            let used = data.pointer("/usage/0/usage").and_then(number).unwrap_or(0);
            let kind = sanitized(subscription.get("subscriptionType")?.as_str()?, 40);
            Some((kind, number(data.get("entitlement")?)?.saturating_sub(used)))
        };
        usage.as_array().into_iter().flatten().filter_map(left).take(8).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_logged_of_the_usage_is_short_whatever_the_provider_sends() {
        let one = |kind: &str| {
            let usage = [json!({"cycle": "2026-03", "usage": "312"})];
            json!({"subscriptionType": kind, "usageData": {"entitlement": 1000, "usage": usage}})
        };
        let long = format!("api\n{}", "x".repeat(1000));
        let left = Usage::left(&Value::Array(vec![one(&long); 1000]));
        assert_eq!(left, vec![(format!("api {}…", "x".repeat(36)), 688); 8]);
        for odd in [json!({}), json!([{"subscriptionType": "feed"}, {"usageData": null}, 7])] {
            assert_eq!(Usage::left(&odd), [], "{odd}");
        }
    }
}
