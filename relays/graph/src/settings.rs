//! The settings that only this relay has, as types.

use std::time::Duration;

use relay_core::observable::ObservableType;
use relay_core::respond::{AllowList, DryRun};
use relay_core::settings::{ProviderSettings, SettingsError};
use url::Url;

use crate::respond::GROUPS;

/// Which of the two alert APIs are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertsApi {
    /// Both, as long as both answer.
    Auto,
    /// `alerts_v2`.
    V2,
    /// `alerts`.
    Legacy,
}

/// How alerts that concern an observable are found in `alerts_v2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// By hunting, else by a scan.
    Auto,
    /// By an advanced hunting query, which names the alerts.
    Hunting,
    /// By reading all recent alerts.
    Scan,
    /// By an OData filter over the evidence of alerts.
    Filter,
}

/// How the alerts of tiles are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TilesSearch {
    /// By hunting, else from the list of alerts.
    Auto,
    /// By hunting queries.
    Hunting,
    /// From the list of alerts.
    List,
}

/// Whether Threat Intelligence is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intelligence {
    /// It is not.
    Off,
    /// Where the tenant has it.
    Auto,
    /// It is, and the user reads where the tenant does not have it.
    On,
}

/// Where the relay asks, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Base URL of the API.
    pub api: Url,
    /// Base URL of the login service.
    pub login: Url,
    /// Base URL of the portal.
    pub ui: Url,
    /// What access tokens are for.
    pub scope: String,
    /// Which APIs are asked.
    pub alerts_api: AlertsApi,
    /// How alerts are found in `alerts_v2`.
    pub search: Search,
    /// How the alerts of tiles are counted.
    pub tiles_search: TilesSearch,
    /// How far back hunting and scans look, in days.
    pub lookback_days: u32,
    /// Most alerts found by hunting that are read, per request.
    pub alert_details: usize,
    /// Most pages of a scan.
    pub scan_pages: usize,
    /// Most pages of the scan for hashes that hunting did not find.
    pub hash_scan_pages: usize,
    /// Whether the evidence of alerts gives opinions.
    pub verdicts: bool,
    /// Whether Threat Intelligence is asked.
    pub intelligence: Intelligence,
    /// Most hosts that it is asked about, per request.
    pub intelligence_hosts: usize,
    /// Which response actions are allowed.
    pub actions: AllowList,
    /// Accounts that are never acted upon: ids, and names for logging in.
    pub protected: Vec<String>,
    /// Whether triggers are checked only.
    pub dry_run: DryRun,
    /// How long a trigger's result answers identical ones.
    pub repeat_window: Duration,
    /// What the operator should know at the start.
    pub warnings: Vec<String>,
}

/// What the retired API can be asked about.
const LEGACY_TYPES: [ObservableType; 7] = [
    ObservableType::Ip,
    ObservableType::Domain,
    ObservableType::Hostname,
    ObservableType::Url,
    ObservableType::FileName,
    ObservableType::FilePath,
    ObservableType::Sha256,
];

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// A setting is not usable.
    pub fn new(settings: &ProviderSettings) -> Result<Self, SettingsError> {
        let alerts_api = [("v2", AlertsApi::V2), ("auto", AlertsApi::Auto), ("legacy", AlertsApi::Legacy)];
        let search = [
            ("auto", Search::Auto),
            ("hunting", Search::Hunting),
            ("scan", Search::Scan),
            ("filter", Search::Filter),
        ];
        let tiles_search =
            [("auto", TilesSearch::Auto), ("hunting", TilesSearch::Hunting), ("list", TilesSearch::List)];
        let intelligence =
            [("auto", Intelligence::Auto), ("off", Intelligence::Off), ("on", Intelligence::On)];
        let number = |name, least, most: u32| {
            let number = settings.integer(name, least, most.into())?;
            Ok::<u32, SettingsError>(u32::try_from(number).unwrap_or(most))
        };
        let (actions, dry_run) = (AllowList::read(settings, &GROUPS)?, DryRun::read(settings)?);
        Ok(Self {
            warnings: warnings(&actions, dry_run),
            actions,
            protected: settings.list("protected_accounts"),
            dry_run,
            repeat_window: settings.duration("repeat_window")?,
            api: settings.url("api_url")?,
            login: settings.url("login_url")?,
            ui: settings.url("ui_url")?,
            scope: settings.text("scope").unwrap_or_default().to_owned(),
            alerts_api: settings.choice("alerts_api", &alerts_api)?,
            search: settings.choice("v2_search", &search)?,
            tiles_search: settings.choice("tiles_search", &tiles_search)?,
            lookback_days: number("lookback_days", 1, 365)?,
            alert_details: number("alert_details", 0, 200)? as usize,
            scan_pages: number("scan_max_pages", 1, 100)? as usize,
            hash_scan_pages: number("hash_scan_pages", 0, 10)? as usize,
            verdicts: settings.choice("verdicts", &[("all", true), ("on", true), ("off", false)])?,
            intelligence: settings.choice("threat_intel", &intelligence)?,
            intelligence_hosts: number("threat_intel_hosts", 1, 200)? as usize,
        })
    }

    /// Whether observables of a type that the module lists are looked up with these settings.
    pub fn looks_up(&self, kind: ObservableType) -> bool {
        let has_filter = !matches!(kind, ObservableType::EmailSubject | ObservableType::EmailMessageId);
        match (self.alerts_api, self.search) {
            (AlertsApi::Legacy, _) => LEGACY_TYPES.contains(&kind),
            (AlertsApi::V2 | AlertsApi::Auto, Search::Filter) => has_filter,
            (AlertsApi::V2 | AlertsApi::Auto, _) => true,
        }
    }
}

/// What the operator should know at the start, a line each.
fn warnings(actions: &AllowList, dry_run: DryRun) -> Vec<String> {
    let mut warnings = Vec::new();
    if dry_run.0 {
        warnings.push(
            "RELAY_PROVIDER__DRY_RUN is on: response actions are not sent to Microsoft Graph".to_owned(),
        );
    }
    let allowed: Vec<&str> = GROUPS.into_iter().filter(|group| actions.allows(group)).collect();
    if !allowed.is_empty() {
        warnings.push(format!("RELAY_PROVIDER__ACTIONS allows actions on accounts: {}", allowed.join(", ")));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use relay_core::settings::{Environment, Settings as All};

    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let environment = Environment::of(given.iter().copied());
        Settings::new(&All::load(crate::relay().module(), environment)?.settings.provider)
    }

    #[test]
    fn a_relay_acts_on_no_account_unless_it_is_allowed_to() {
        let settings = read(&[]).expect("the defaults");
        assert_eq!((settings.actions.off(), settings.warnings), (GROUPS.to_vec(), vec![]));
        let given = [
            ("RELAY_PROVIDER__ACTIONS", "revoke, enable"),
            ("RELAY_PROVIDER__DRY_RUN", "true"),
            (
                "RELAY_PROVIDER__PROTECTED_ACCOUNTS",
                "break@corp.example, 0a0b0c0d-1111-4222-8333-444444444444",
            ),
        ];
        let settings = read(&given).expect("settings");
        let [dry, allowed] = settings.warnings.try_into().expect("two lines");
        assert!(dry.contains("not sent"), "{dry}");
        assert!(allowed.ends_with("revoke, enable"), "{allowed}");
        assert_eq!(settings.protected, ["break@corp.example", "0a0b0c0d-1111-4222-8333-444444444444"]);
        let error = read(&[("RELAY_PROVIDER__ACTIONS", "delete")]).expect_err("no such group").to_string();
        assert!(error.contains("RELAY_PROVIDER__ACTIONS") && error.contains("`delete`"), "{error}");
    }

    #[test]
    fn a_setting_of_former_versions_does_not_stop_the_start() {
        let environment = Environment::of([("RELAY_PROVIDER__EXTENDED_TYPES", "false")]);
        let loaded = All::load(crate::relay().module(), environment).expect("settings");
        assert_eq!(loaded.warnings.len(), 1);
        assert!(loaded.warnings[0].contains("RELAY_PROVIDER__EXTENDED_TYPES"), "{:?}", loaded.warnings);
    }
}
