//! Every form of query that tiles can send, for the check by another engine (`deploy/check-queries.py`).

use provider_sim::kql::Table;
use relay_core::tiles::PERIODS;
use relay_testkit::Queries;
use serde_json::json;

use super::*;

const TENANT: &str = "11111111-2222-4333-8444-555555555555";

#[test]
fn every_form_of_query_is_written_for_another_engine() {
    let now = jiff::Timestamp::now();
    let mut queries = Queries::new(now);
    // An alert of which the first change is before the window, and evidence without a device.
    let old = (now - jiff::SignedDuration::from_hours(31 * 24)).to_string();
    let change = |time: &str, severity: &str| json!({"Timestamp": time, "AlertId": "old", "Severity": severity, "ServiceSource": "Microsoft Sentinel"});
    let rows = [change(&old, "Low"), change(&now.to_string(), "High")];
    queries.add_rows(Table::AlertInfo, rows.into_iter().filter_map(|row| row.as_object().cloned()));
    for period in PERIODS {
        let window = Window::of(*period, now);
        for counted in [Counted::Alerts, Counted::Devices, Counted::Users] {
            queries.add_counts(format!("{counted:?}, {period}"), of(counted, &window), TENANT);
        }
    }
    queries.finish("graph-tiles");
}

#[test]
fn queries_are_those_that_are_documented() {
    let window =
        Window::of(relay_core::tiles::Period::Last24Hours, "2026-11-26T15:07:30Z".parse().expect("a time"));
    assert_eq!(
        of(Counted::Alerts, &window),
        "AlertInfo | where Timestamp >= datetime(2026-11-25T16:00:00Z) | summarize Created = min(Timestamp), \
         arg_max(Timestamp, Severity, ServiceSource) by AlertId | summarize Alerts = count() by Bucket = \
         bin(Created, 1h), Severity, ServiceSource"
    );
    assert_eq!(
        of(Counted::Users, &window),
        "AlertEvidence | where Timestamp >= datetime(2026-11-25T16:00:00Z) | where isnotempty(AccountUpn) | summarize \
         Alerts = dcount(AlertId) by AccountUpn | top 10 by Alerts desc"
    );
}
