//! The settings that only this relay has, as types.

use relay_core::observable::ObservableType;
use relay_core::settings::{ProviderSettings, SettingsError};
use url::Url;

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
        let intelligence =
            [("auto", Intelligence::Auto), ("off", Intelligence::Off), ("on", Intelligence::On)];
        let number = |name, least, most: u32| {
            let number = settings.integer(name, least, most.into())?;
            Ok::<u32, SettingsError>(u32::try_from(number).unwrap_or(most))
        };
        Ok(Self {
            api: settings.url("api_url")?,
            login: settings.url("login_url")?,
            ui: settings.url("ui_url")?,
            scope: settings.text("scope").unwrap_or_default().to_owned(),
            alerts_api: settings.choice("alerts_api", &alerts_api)?,
            search: settings.choice("v2_search", &search)?,
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
