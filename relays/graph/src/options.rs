//! The settings that only this relay has, as types.

use relay_core::observable::Observable;
use relay_core::settings::{ProviderSettings, SettingsError};

use crate::module::ALWAYS;

/// Which of the two alert APIs are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apis {
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
    /// What works: a filter, else hunting, else a scan.
    Auto,
    /// By an OData filter over the evidence of alerts.
    Filter,
    /// By an advanced hunting query, which names the alerts.
    Hunting,
    /// By reading all recent alerts.
    Scan,
}

/// What may be searched, and how.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Which APIs are asked.
    pub apis: Apis,
    /// How alerts are found in `alerts_v2`.
    pub search: Search,
    /// How far back hunting and scans look, in days.
    pub lookback_days: u32,
    /// Most pages of a scan.
    pub scan_pages: usize,
    /// Whether the types that the original relay does not know are looked up too.
    pub extended_types: bool,
}

impl Options {
    /// Reads them.
    ///
    /// # Errors
    /// A setting is not usable.
    pub fn new(settings: &ProviderSettings) -> Result<Self, SettingsError> {
        let apis = [("auto", Apis::Auto), ("v2", Apis::V2), ("legacy", Apis::Legacy)];
        let search = [
            ("auto", Search::Auto),
            ("filter", Search::Filter),
            ("hunting", Search::Hunting),
            ("scan", Search::Scan),
        ];
        Ok(Self {
            apis: settings.choice("alerts_api", &apis)?,
            search: settings.choice("v2_search", &search)?,
            lookback_days: u32::try_from(settings.integer("lookback_days", 1, 365)?).unwrap_or(365),
            scan_pages: usize::try_from(settings.integer("scan_max_pages", 1, 100)?).unwrap_or(100),
            extended_types: settings.flag("extended_types")?,
        })
    }

    /// Whether an observable is looked up at all.
    pub fn admits(&self, about: &Observable) -> bool {
        ALWAYS.contains(&about.kind()) || (self.extended_types && self.apis != Apis::Legacy)
    }
}
