//! The tile of devices at risk: how many there are of each sort.

use futures::future::join_all;
use relay_core::call::Call;
use relay_core::error::{Code, Error};
use relay_core::tiles::{Icon, Metric, Shown, Window};

use crate::Defender;
use crate::api::DefenderApi;
use crate::api::counts::{MOST_LISTED, Number};
use crate::credentials::Account;
use crate::module::TITLE;

/// Icon, label and condition of each metric.
const METRICS: [(Icon, &str, &str); 4] = [
    (Icon::CriticalStop, "High risk", "riskScore eq 'High'"),
    (Icon::Warning, "Medium risk", "riskScore eq 'Medium'"),
    (Icon::Warning, "High exposure", "exposureLevel eq 'High'"),
    (Icon::DeviceType, "Sensor problems", "healthStatus ne 'Active' and healthStatus ne 'Inactive'"),
];

impl Defender {
    /// How many of the devices that were seen in the window are at risk. A call for each metric.
    pub(super) async fn devices_at_risk(&self, call: &Call<Account>, window: &Window) -> Shown {
        let api = DefenderApi::new(self, call);
        let start = window.start_text();
        let counted = METRICS.map(|(.., condition)| {
            let (api, filter) = (&api, format!("{condition} and lastSeen ge {start}"));
            async move { api.machine_count(&filter).await }
        });
        let numbers = join_all(counted).await;
        let is_cut = numbers.iter().any(|number| matches!(number, Ok(Number::AtLeast(_))));
        let page = call.credentials.application.page(&self.settings.portal, "machines");
        let metric = |((icon, label, _), number): ((Icon, &'static str, &str), Result<Number, Error>)| {
            let metric = number.map(|number| match number {
                Number::Exactly(number) => Metric::new(icon, label, number, page.clone()),
                Number::AtLeast(number) => {
                    Metric::new(icon, format!("{label} (at least)"), number, page.clone())
                }
            });
            (label, metric)
        };
        let mut shown = Shown::named_metrics(METRICS.into_iter().zip(numbers).map(metric));
        let words =
            format!("{TITLE} has more such devices; counted the first {MOST_LISTED} devices of each list");
        shown.errors.extend(is_cut.then(|| Error::warning(Code::UNPROCESSED, words)));
        shown
    }
}
