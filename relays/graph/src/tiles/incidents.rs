//! The tile of incidents: how many there are in each state.

use futures::future::join_all;
use relay_core::call::Call;
use relay_core::tiles::{Icon, Metric, Shown, Window};

use crate::Graph;
use crate::credentials::GraphCredentials;

impl Graph {
    /// How many incidents are active now, by severity, or in progress, and how many are new in the window. A call for
    /// each.
    pub(super) async fn incidents(&self, call: &Call<GraphCredentials>, window: &Window) -> Shown {
        let active = |severity: &str| format!("status eq 'active' and severity eq '{severity}'");
        let metrics = [
            (Icon::CriticalStop, "Active, high", active("high")),
            (Icon::Warning, "Active, medium", active("medium")),
            (Icon::Information, "Active, low", active("low")),
            (Icon::BulletedList, "In progress", "status eq 'inProgress'".to_owned()),
            (Icon::ViewMetadata, "New in this period", format!("createdDateTime ge {}", window.start_text())),
        ];
        let page = call.credentials.application.page(&self.settings.ui, "incidents");
        let counted = metrics.map(|(icon, label, filter)| {
            let page = page.clone();
            async move {
                let number = self.incident_count(call, &filter).await;
                (label, number.map(|number| Metric::new(icon, label, number, page)))
            }
        });
        Shown::named_metrics(join_all(counted).await)
    }
}
