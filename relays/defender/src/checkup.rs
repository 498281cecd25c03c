//! What `doctor` checks: the addresses, what is about to end, and the permission of each feature that is switched on.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use relay_core::call::Call;
use relay_core::doctor::checkup::{Checkup, Feature, Grant, Retiring};
use relay_core::error::Error;

use crate::Defender;
use crate::api::POLICY;
use crate::credentials::Account;
use crate::module::TITLE;
use crate::settings::{Endpoint, Hunting, Settings, Stats};

/// The first day without Defender's own hunting API
/// (<https://learn.microsoft.com/defender-endpoint/api/run-advanced-query-api>).
const HUNTING_ENDS: Date = date(2027, 2, 1);

const DEFENDERS_HUNTING: Retiring = Retiring::new(
    "Defender's own hunting API (RELAY_PROVIDER__HUNTING_API)",
    HUNTING_ENDS,
    "set RELAY_PROVIDER__GRAPH_URL and GRAPH_SCOPE of the tenant's cloud, HUNTING_API=auto, and consent to \
             ThreatHunting.Read.All of Microsoft Graph",
);

impl Defender {
    pub(crate) fn what_to_check(&self) -> Checkup {
        let Settings { login, api, hunting, .. } = &self.settings;
        let addresses = [login, &api.url].into_iter().chain(graph(hunting).map(|graph| &graph.url));
        Checkup {
            addresses: addresses.cloned().collect(),
            retiring: (*hunting == Hunting::Defender).then_some(DEFENDERS_HUNTING).into_iter().collect(),
        }
    }

    pub(crate) async fn granted(&self, call: &Call<Account>) -> Vec<Grant> {
        let Settings { api, hunting, .. } = &self.settings;
        let today = call.now().to_zoned(TimeZone::UTC).date();
        let roles = self.roles(call, &api.scope).await;
        // The same credentials: what refuses them once refuses them again.
        let graph = graph(hunting).filter(|_| roles.is_ok());
        let mut grants = vec![Grant { api: TITLE, roles, features: features(&self.settings, today) }];
        if let Some(graph) = graph {
            let features = vec![Feature::essential("hunting", &["ThreatHunting.Read.All"])];
            grants.push(Grant {
                api: "Microsoft Graph",
                roles: self.roles(call, &graph.scope).await,
                features,
            });
        }
        grants
    }

    async fn roles(&self, call: &Call<Account>, scope: &str) -> Result<Option<Vec<String>>, Error> {
        let source = call.credentials.application.token_source(&self.settings.login, scope);
        self.client.roles(&POLICY, call, source).await
    }
}

/// Microsoft Graph, where it is asked.
fn graph(hunting: &Hunting) -> Option<&Endpoint> {
    match hunting {
        Hunting::Graph(graph) | Hunting::Either(graph) => Some(graph),
        Hunting::Defender | Hunting::Off => None,
    }
}

const OWN_HUNTING: [&str; 1] = ["AdvancedQuery.Read.All"];
const INDICATORS: [&str; 2] = ["Ti.ReadWrite.All", "Ti.ReadWrite"];

/// What is read whatever the settings are.
const READ: [Feature; 3] = [
    Feature::essential("alerts", &["Alert.Read.All", "Alert.ReadWrite.All"]),
    Feature::essential("files", &["File.Read.All"]),
    Feature::essential("devices", &["Machine.Read.All", "Machine.ReadWrite.All"]),
];

/// The groups of actions with a permission of their own.
const ACTIONS: [(&str, Feature); 7] = [
    ("indicators", Feature::optional("actions `indicators`", &INDICATORS)),
    ("isolate", Feature::optional("action `isolate`", &["Machine.Isolate"])),
    ("restrict", Feature::optional("action `restrict`", &["Machine.RestrictExecution"])),
    ("scan", Feature::optional("action `scan`", &["Machine.Scan"])),
    ("collect", Feature::optional("action `collect`", &["Machine.CollectForensics"])),
    ("investigate", Feature::optional("action `investigate`", &["Alert.ReadWrite.All"])),
    ("quarantine", Feature::optional("action `quarantine`", &["Machine.StopAndQuarantine"])),
];

/// The features of Defender's own API that are switched on.
fn features(settings: &Settings, today: Date) -> Vec<Feature> {
    let hunting = match settings.hunting {
        Hunting::Defender => Some(Feature::essential("hunting", &OWN_HUNTING)),
        Hunting::Either(_) if today < HUNTING_ENDS => {
            Some(Feature::optional("hunting until 31 January 2027", &OWN_HUNTING))
        }
        _ => None,
    };
    let indicators = settings.verdicts.indicators;
    let more = [
        (indicators, Feature::essential("verdicts of own indicators", &INDICATORS)),
        (settings.stats == Stats::All, Feature::essential("prevalence of domains", &["URL.Read.All"])),
        (settings.stats == Stats::All, Feature::essential("prevalence of addresses", &["Ip.Read.All"])),
    ];
    let more = more.into_iter().filter(|(is_on, _)| *is_on).map(|(_, feature)| feature);
    let actions = ACTIONS.into_iter().filter(|(group, _)| settings.actions.allows(group));
    READ.into_iter().chain(hunting).chain(more).chain(actions.map(|(_, feature)| feature)).collect()
}

#[cfg(test)]
mod tests {
    use relay_core::settings::{Environment, Settings as All};

    use super::*;

    fn names(given: &[(&str, &str)], today: Date) -> Vec<&'static str> {
        let environment = Environment::of(given.iter().copied());
        let settings = All::load(crate::relay().module(), environment).unwrap().settings;
        let settings = Settings::read(&settings.provider).unwrap();
        features(&settings, today).into_iter().map(|feature| feature.name).collect()
    }

    #[test]
    fn a_permission_is_wanted_where_its_feature_is_on() {
        let least = [("RELAY_PROVIDER__ACTIONS", "none"), ("RELAY_PROVIDER__VERDICTS", "files")];
        let read = ["alerts", "files", "devices"];
        assert_eq!(names(&least, HUNTING_ENDS), read);
        let before = names(&least, HUNTING_ENDS.yesterday().unwrap());
        assert_eq!(before[..3], read);
        assert_eq!(before[3..], ["hunting until 31 January 2027"]);
        let own = [least[0], least[1], ("RELAY_PROVIDER__HUNTING_API", "mde")];
        assert_eq!(names(&own, HUNTING_ENDS)[3..], ["hunting"]);
        let more = [
            ("RELAY_PROVIDER__HUNTING_API", "off"),
            ("RELAY_PROVIDER__STATS", "all"),
            ("RELAY_PROVIDER__ACTIONS", "scan,cancel"),
        ];
        assert_eq!(
            names(&more, HUNTING_ENDS)[3..],
            [
                "verdicts of own indicators",
                "prevalence of domains",
                "prevalence of addresses",
                "action `scan`"
            ]
        );
    }
}
