//! What is used of the month's quota.

use std::collections::BTreeMap;

use relay_core::text::sanitized;
use serde_json::Value;

/// A subscription of `GET /all-subscriptions/usage` that says how many records a month it allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// What it is for, such as `api`.
    pub kind: String,
    /// Records a month.
    pub entitlement: i64,
    /// Records used, by month (`2026-03`).
    pub cycles: BTreeMap<String, i64>,
}

/// How many subscriptions are read.
const MOST: usize = 4;
/// How many months of each.
const CYCLES: usize = 100;
/// How long a name is shown.
const NAME: usize = 40;

impl Subscription {
    /// The subscriptions of an answer, in order, at most four. Whatever the answer is, reading it cannot fail.
    pub fn all(usage: &Value) -> Vec<Self> {
        usage.as_array().into_iter().flatten().filter_map(Self::read).take(MOST).collect()
    }

    fn read(subscription: &Value) -> Option<Self> {
        let data = subscription.get("usageData")?;
        let entitlement = data.get("entitlement").and_then(number)?;
        let kind = subscription.get("subscriptionType").and_then(Value::as_str).unwrap_or_default();
        let cycles = data.get("usage").and_then(Value::as_array).into_iter().flatten().take(CYCLES);
        let cycle = |one: &Value| {
            let month = one.get("cycle")?.as_str().filter(|text| is_month(text))?;
            Some((month.to_owned(), one.get("usage").and_then(number)?))
        };
        Some(Self {
            kind: sanitized(kind, NAME),
            entitlement: entitlement.max(0),
            cycles: cycles.filter_map(cycle).collect(),
        })
    }

    /// Records used in a month; a month that is not named has none.
    pub fn used(&self, month: &str) -> i64 {
        self.cycles.get(month).copied().unwrap_or_default()
    }

    /// Records left of a month.
    pub fn left(&self, month: &str) -> i64 {
        self.entitlement.saturating_sub(self.used(month)).max(0)
    }
}

fn number(value: &Value) -> Option<i64> {
    let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())?;
    Some(number.max(0))
}

fn is_month(text: &str) -> bool {
    let digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    text.len() == 7 && [0, 1, 2, 3, 5, 6].into_iter().all(digit) && text.as_bytes()[4] == b'-'
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_read_of_the_usage_is_little_whatever_the_provider_sends() {
        let one = |kind: &str| {
            let usage = [
                json!({"cycle": "2026-03", "usage": "312"}),
                json!({"cycle": "March", "usage": 1}),
                json!(7),
            ];
            json!({"subscriptionType": kind, "usageData": {"entitlement": "1000", "usage": usage}})
        };
        let long = format!("api\n{}", "x".repeat(1000));
        let all = Subscription::all(&Value::Array(vec![one(&long); 1000]));
        assert_eq!(all.len(), MOST);
        assert_eq!(all[0].kind, format!("api {}…", "x".repeat(36)));
        assert_eq!(
            (all[0].used("2026-03"), all[0].left("2026-03"), all[0].left("2026-04")),
            (312, 688, 1000)
        );
        assert_eq!(all[0].cycles.len(), 1);
        for odd in [json!({}), json!([{"subscriptionType": "feed"}, {"usageData": null}, 7])] {
            assert_eq!(Subscription::all(&odd), [], "{odd}");
        }
    }

    #[test]
    fn a_month_is_a_year_and_two_digits() {
        assert!(is_month("2026-11"));
        for odd in ["2026/11", "2026-1", "2026-1a", "abcdefg", "2026-111", "x026-11", "2026-11-01"] {
            assert!(!is_month(odd), "{odd}");
        }
    }
}
