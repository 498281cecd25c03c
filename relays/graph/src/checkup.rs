//! What `doctor` checks: the addresses, what is about to end, and the permission of each feature that is switched on.

use jiff::civil::date;
use relay_core::call::Call;
use relay_core::doctor::checkup::{Checkup, Feature, Grant, Retiring};

use crate::Graph;
use crate::api::LOGIN_API;
use crate::credentials::GraphCredentials;
use crate::module::TITLE;
use crate::settings::{AlertsApi, Intelligence, Search, Settings, TilesSearch};

/// <https://devblogs.microsoft.com/microsoft365dev/deprecating-the-legacy-alerts-api/>
const LEGACY_ALERTS: Retiring = Retiring::new(
    "The API `alerts` (RELAY_PROVIDER__ALERTS_API)",
    date(2026, 10, 15),
    "set RELAY_PROVIDER__ALERTS_API=v2, and consent to SecurityAlert.Read.All; clouds that have no alerts_v2 \
             keep `legacy`",
);

impl Graph {
    pub(crate) fn what_to_check(&self) -> Checkup {
        let is_legacy = self.settings.alerts_api != AlertsApi::V2;
        Checkup {
            addresses: vec![self.settings.login.clone(), self.settings.api.clone()],
            retiring: is_legacy.then_some(LEGACY_ALERTS).into_iter().collect(),
        }
    }

    pub(crate) async fn granted(&self, call: &Call<GraphCredentials>) -> Vec<Grant> {
        let source = call.credentials.application.token_source(&self.settings.login, &self.settings.scope);
        let roles = self.client.roles(&LOGIN_API, call, source).await;
        vec![Grant { api: TITLE, roles, features: features(&self.settings) }]
    }
}

const ALERTS: Feature =
    Feature::essential("alerts", &["SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All"]);
const LEGACY: Feature = Feature::essential(
    "alerts of the retired API",
    &["SecurityEvents.Read.All", "SecurityEvents.ReadWrite.All"],
);
const HUNTING: [&str; 1] = ["ThreatHunting.Read.All"];
const INCIDENTS: Feature =
    Feature::optional("tile of incidents", &["SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All"]);
const INTELLIGENCE: Feature = Feature::essential("Threat Intelligence", &["ThreatIntelligence.Read.All"]);
const ACCOUNTS: Feature =
    Feature::optional("state of accounts, for actions", &["User.Read.All", "User.ReadWrite.All"]);
const REVOKE: Feature =
    Feature::optional("action `revoke`", &["User.RevokeSessions.All", "User.ReadWrite.All"]);
const SWITCH: Feature = Feature::optional(
    "actions `disable`, `enable`",
    &["User.EnableDisableAccount.All", "User.ReadWrite.All"],
);

/// The features that are switched on.
fn features(settings: &Settings) -> Vec<Feature> {
    let v2 = settings.alerts_api != AlertsApi::Legacy;
    let acts = |groups: &[&str]| groups.iter().any(|group| settings.actions.allows(group));
    let table = [
        (v2, ALERTS),
        (settings.alerts_api != AlertsApi::V2, LEGACY),
        // Otherwise alerts are found by a scan, which is slow.
        (v2 && settings.search == Search::Auto, Feature::optional("hunting", &HUNTING)),
        (v2 && settings.search == Search::Hunting, Feature::essential("hunting", &HUNTING)),
        (
            v2 && settings.tiles_search == TilesSearch::Hunting,
            Feature::optional("hunting for tiles", &HUNTING),
        ),
        (v2, INCIDENTS),
        (settings.intelligence == Intelligence::On, INTELLIGENCE),
        (acts(&["revoke", "disable", "enable"]), ACCOUNTS),
        (acts(&["revoke"]), REVOKE),
        (acts(&["disable", "enable"]), SWITCH),
    ];
    table.into_iter().filter(|(is_on, _)| *is_on).map(|(_, feature)| feature).collect()
}

#[cfg(test)]
mod tests {
    use relay_core::settings::{Environment, Settings as All};

    use super::*;

    fn names(given: &[(&str, &str)]) -> Vec<&'static str> {
        let environment = Environment::of(given.iter().copied());
        let settings = All::load(crate::relay().module(), environment).unwrap().settings;
        features(&Settings::new(&settings.provider).unwrap())
            .into_iter()
            .map(|feature| feature.name)
            .collect()
    }

    #[test]
    fn a_permission_is_wanted_where_its_feature_is_on() {
        assert_eq!(names(&[]), ["alerts", "hunting", "tile of incidents"]);
        assert_eq!(
            names(&[("RELAY_PROVIDER__ALERTS_API", "legacy")]),
            ["alerts of the retired API"],
            "which is neither hunted in nor counted"
        );
        let all = [
            ("RELAY_PROVIDER__ALERTS_API", "auto"),
            ("RELAY_PROVIDER__V2_SEARCH", "scan"),
            ("RELAY_PROVIDER__TILES_SEARCH", "hunting"),
            ("RELAY_PROVIDER__THREAT_INTEL", "on"),
            ("RELAY_PROVIDER__ACTIONS", "revoke"),
        ];
        assert_eq!(
            names(&all),
            [
                "alerts",
                "alerts of the retired API",
                "hunting for tiles",
                "tile of incidents",
                "Threat Intelligence",
                "state of accounts, for actions",
                "action `revoke`",
            ]
        );
    }
}
