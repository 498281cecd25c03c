//! The tile of response actions: how many there are in each state, and how many indicators may still be added.

use jiff::Timestamp;
use relay_core::call::Call;
use relay_core::error::{Code, Error};
use relay_core::lenient::List;
use relay_core::tiles::{Icon, Metric, Shown, Window};

use crate::Defender;
use crate::api::DefenderApi;
use crate::api::counts::MOST_LISTED;
use crate::api::listings::ListedAction;
use crate::credentials::Account;
use crate::module::TITLE;

/// The most indicators that a tenant may have.
const MOST_INDICATORS: i64 = 15_000;

/// The actions of a window, counted by their state.
#[derive(Default)]
struct Actions {
    running: i64,
    failed: i64,
    completed: i64,
    oldest: Option<Timestamp>,
}

impl Defender {
    /// The actions of the window by their state, and the indicators.
    pub(super) async fn response_actions(&self, call: &Call<Account>, window: &Window) -> Shown {
        let api = DefenderApi::new(self, call);
        let start = window.start_text();
        let (listed, indicators) = futures::join!(api.actions_since(&start), api.indicator_count());
        let application = &call.credentials.application;
        let page = |path| application.page(&self.settings.portal, path);
        let (mut metrics, mut since, mut cut) = (Vec::new(), None, None);
        match listed {
            Err(error) => metrics.push(Err(error)),
            Ok(listed) => {
                let actions = Actions::count(window, &listed);
                if listed.received >= MOST_LISTED {
                    since = actions.oldest;
                    let words = format!(
                        "{TITLE} has more response actions of this period; counted the newest {MOST_LISTED} actions"
                    );
                    cut = Some(Error::warning(Code::UNPROCESSED, words));
                }
                let link = page("action-center/history");
                let metric = |icon, label, number| Ok(Metric::new(icon, label, number, link.clone()));
                let failed = if actions.failed > 0 { Icon::Warning } else { Icon::Information };
                metrics.push(metric(Icon::Information, "Running", actions.running));
                metrics.push(metric(failed, "Failed", actions.failed));
                metrics.push(metric(Icon::LabelGroup, "Completed", actions.completed));
            }
        }
        match indicators {
            Err(error) => metrics.push(Err(error)),
            // The API does not count them here.
            Ok(None) => {}
            Ok(Some(number)) => {
                let link = page("securitysettings/endpoints/custom_ti_indicators");
                metrics.push(Ok(Metric::new(Icon::Block, "Indicators", number, link.clone())));
                let label = format!("Indicators left of {MOST_INDICATORS}");
                metrics.push(Ok(Metric::left(label, MOST_INDICATORS - number, MOST_INDICATORS, link)));
            }
        }
        let mut shown = Shown { since, ..Shown::metrics(metrics) };
        shown.errors.extend(cut);
        shown
    }
}

impl Actions {
    fn count(window: &Window, listed: &List<ListedAction>) -> Self {
        let mut actions = Self::default();
        for action in &listed.items {
            let made: Option<Timestamp> =
                action.creation_date_time_utc.as_deref().and_then(|time| time.trim().parse().ok());
            let Some(made) = made.filter(|made| window.bucket(*made).is_some()) else { continue };
            actions.oldest = Some(actions.oldest.map_or(made, |oldest| oldest.min(made)));
            let status = action.status.as_deref().unwrap_or_default().trim().to_ascii_lowercase();
            match status.as_str() {
                "pending" | "inprogress" => actions.running += 1,
                "failed" | "timeout" => actions.failed += 1,
                "succeeded" => actions.completed += 1,
                // Cancelled ones neither run nor ended by themselves.
                _ => {}
            }
        }
        actions
    }
}
