//! Generated DNS history: which addresses a name has had, the latest period first.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, ToSpan};
use serde_json::{Value, json};

use super::call::Record;
use super::paging::{filling, on_page, pages};
use super::refusal::unknown;
use crate::reply::Reply;
use crate::seeded::Rng;

/// The last day that the history knows: fixed, since an answer must not change from day to day.
const TODAY: Date = date(2026, 2, 28);
/// How many days a period lasts.
const PERIOD: u64 = 20;

/// A page of the history of a name.
pub(super) fn page(name: &str, record: Record, page: u64) -> Reply {
    let (word, kind) = match record {
        Record::A => ("a", "a/ipv4"),
        Record::Aaaa => ("aaaa", "a/ipv6"),
        Record::Mx => ("mx", "mx"),
        Record::Ns => ("ns", "ns"),
        Record::Other(word) => (word, word),
    };
    let mut rng = Rng::new(&["securitytrails", "history", word, name]);
    let periods = periods(&mut rng, name, record);
    let answer = |records: Vec<Value>| {
        json!({
            "type": kind,
            "records": records,
            "pages": pages(periods),
            "endpoint": format!("/v1/history/{name}/dns/{word}"),
        })
    };
    if periods == 0 {
        return unknown(rng.percent(50), &answer(Vec::new()));
    }
    let records = on_page(page, periods).map(|number| period(name, record, number)).collect();
    Reply::json(200, &answer(records))
}

/// In how many periods its addresses were constant.
fn periods(rng: &mut Rng, name: &str, record: Record) -> u64 {
    let asked_for = name
        .split('.')
        .next()
        .and_then(|label| label.strip_prefix("pages-"))
        .and_then(|number| number.parse::<u16>().ok());
    match (record, asked_for) {
        (Record::A, Some(pages)) => filling(pages.into()),
        (Record::Other(_), _) | (Record::Aaaa | Record::Mx | Record::Ns, Some(_)) => 0,
        (Record::A, None) if rng.percent(20) => 0,
        (Record::Aaaa, None) if rng.percent(60) => 0,
        _ => 1 + rng.below(7),
    }
}

/// A period, by its number from the latest.
fn period(name: &str, record: Record, number: u64) -> Value {
    let mut rng = Rng::new(&["securitytrails", "period", name, &number.to_string()]);
    let values: Vec<Value> = (0..=rng.below(3))
        .map(|_| match record {
            Record::Mx => json!({"host": format!("MX{}.{}.", rng.below(3), rng.domain()), "priority": 10}),
            Record::Ns => json!({"nameserver": format!("ns{}.{}", rng.below(3), rng.domain())}),
            Record::Aaaa => json!({"ipv6": rng.ipv6().to_string(), "ipv6_count": 1 + rng.below(30)}),
            _ => json!({"ip": rng.ipv4().to_string(), "ip_count": 1 + rng.below(400)}),
        })
        .collect();
    let organizations = rng
        .some(&["Example CDN, Inc.", "Example Hosting LLC", "Example Transit", "Example Cloud Ltd."], 0..=2);
    // One period ends on the day before the next begins.
    let ago = |periods: u64| {
        let days = i64::try_from(periods.saturating_mul(PERIOD)).unwrap_or_default();
        TODAY.saturating_sub(SignedDuration::from_hours(24 * days))
    };
    json!({
        "values": values,
        "type": match record {
            Record::Aaaa => "aaaa",
            Record::Mx => "mx",
            Record::Ns => "ns",
            _ => "a",
        },
        "organizations": organizations,
        "first_seen": ago(number + 1).saturating_add(1.day()).to_string(),
        "last_seen": ago(number).to_string(),
    })
}
