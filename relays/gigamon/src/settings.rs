//! Where an account lives: one row per region, and the settings that override its columns; and how lookups are made.

use relay_core::settings::{ProviderSettings, SettingsError};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::links::{Links, RulePage};

/// A region of the service. A token names one of these, never a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Region {
    /// Under the names from before the product was sold.
    Icebrg,
    /// The United States, with the renamed portal.
    Us,
    /// The European Union.
    Eu,
}

impl Region {
    /// All, by their names in claims and settings.
    pub const NAMES: [(&'static str, Self); 3] =
        [("icebrg", Self::Icebrg), ("us", Self::Us), ("eu", Self::Eu)];

    /// The region of this name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim();
        Self::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, region)| *region)
    }

    /// The hosts: the API's are those of
    /// <https://docs.fortinet.com/document/fortindr-cloud/latest/fortindr-api-getting-started/440236/requirements>.
    fn hosts(self) -> Hosts {
        match self {
            Self::Icebrg => Hosts {
                detections: "https://detections.icebrg.io",
                events: Some("https://events.icebrg.io"),
                entity: "https://entity.icebrg.io",
                portal: "https://portal.icebrg.io",
                rule_page: RulePage::Path,
            },
            Self::Us => Hosts {
                portal: "https://portal.fortindr.forticloud.com",
                rule_page: RulePage::Query,
                ..Self::Icebrg.hosts()
            },
            Self::Eu => Hosts {
                detections: "https://detections.eu.fortindr.forticloud.com",
                // No host for the event search is published.
                events: None,
                entity: "https://entity.eu.fortindr.forticloud.com",
                portal: "https://portal-eu.fortindr.forticloud.com",
                rule_page: RulePage::Query,
            },
        }
    }
}

/// A region's row of constants.
struct Hosts {
    detections: &'static str,
    events: Option<&'static str>,
    entity: &'static str,
    portal: &'static str,
    rule_page: RulePage,
}

/// A region's bases, overrides applied. They carry no API version: that is part of each call's path.
#[derive(Clone, Debug)]
pub struct Site {
    /// Which region it is.
    pub region: Region,
    /// Base of the Detections API.
    pub detections: Url,
    /// Base of the Events API, where there is an event search.
    pub events: Option<Url>,
    /// Base of the Entity API.
    pub entity: Url,
    /// Pages of the portal.
    pub links: Links,
}

impl Site {
    /// The bases of a region under the settings; each setting overrides its base in all regions.
    ///
    /// # Errors
    /// A setting is no URL.
    pub fn of(region: Region, settings: &ProviderSettings) -> Result<Self, SettingsError> {
        let hosts = region.hosts();
        let base = |name: &str, usual: &str| match settings.text(name) {
            Some(_) => settings.url(name),
            None => parsed(name, usual),
        };
        Ok(Self {
            region,
            detections: base("detections_url", hosts.detections)?,
            events: match (settings.text("events_url"), hosts.events) {
                (Some(_), _) => settings.optional_url("events_url")?,
                (None, Some(usual)) => Some(parsed("events_url", usual)?),
                (None, None) => None,
            },
            entity: base("entity_url", hosts.entity)?,
            links: Links::new(base("ui_url", hosts.portal)?, hosts.rule_page),
        })
    }
}

/// For which addresses detections **on** them are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceDetections {
    /// All: a network may have public ones inside.
    Always,
    /// Those of local networks.
    Local,
    /// None.
    Never,
}

/// How lookups are made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Days of events that are searched.
    pub event_days: u32,
    /// Most values in one event search.
    pub search_values: usize,
    /// For how many detections of a request events are read at most.
    pub detection_reads: usize,
    /// For which addresses detections on them are looked for.
    pub device_detections: DeviceDetections,
    /// Whether muted detections are shown, where the token does not say.
    pub show_muted: bool,
    /// Whether the summary of a value is asked for where nothing else is found.
    pub entity_summary: bool,
}

impl Options {
    /// Reads the settings.
    ///
    /// # Errors
    /// A setting is out of bounds or none of its words.
    pub fn of(settings: &ProviderSettings) -> Result<Self, SettingsError> {
        let number = |name: &str, most: u64| settings.integer(name, 1, most);
        Ok(Self {
            event_days: number("event_days", 30)?.try_into().unwrap_or(7),
            search_values: number("search_values", 100)?.try_into().unwrap_or(50),
            detection_reads: number("detection_reads", 1000)?.try_into().unwrap_or(100),
            device_detections: settings.choice(
                "device_detections",
                &[
                    ("true", DeviceDetections::Always),
                    ("local", DeviceDetections::Local),
                    ("false", DeviceDetections::Never),
                ],
            )?,
            show_muted: settings.flag("show_muted")?,
            entity_summary: settings.flag("entity_summary")?,
        })
    }
}

fn parsed(name: &str, usual: &str) -> Result<Url, SettingsError> {
    Url::parse(usual)
        .map_err(|error| SettingsError::Value { name: name.to_owned(), problem: error.to_string() })
}

#[cfg(test)]
mod tests {
    use relay_core::settings::{Environment, Settings};

    use super::*;

    fn site(region: Region, settings: &[(&str, &str)]) -> Result<Site, SettingsError> {
        let relay = crate::relay();
        let loaded = Settings::load(relay.module(), Environment::of(settings.iter().copied()))?;
        Site::of(region, &loaded.settings.provider)
    }

    fn bases(site: &Site) -> [Option<&str>; 3] {
        [Some(site.detections.as_str()), site.events.as_ref().map(Url::as_str), Some(site.entity.as_str())]
    }

    #[test]
    fn each_region_has_its_hosts() {
        let icebrg =
            ["https://detections.icebrg.io/", "https://events.icebrg.io/", "https://entity.icebrg.io/"];
        for region in [Region::Icebrg, Region::Us] {
            assert_eq!(bases(&site(region, &[]).unwrap()), icebrg.map(Some));
        }
        let eu = site(Region::Eu, &[]).unwrap();
        let hosts = ["detections", "entity"].map(|api| format!("https://{api}.eu.fortindr.forticloud.com/"));
        assert_eq!(bases(&eu), [Some(hosts[0].as_str()), None, Some(hosts[1].as_str())]);
    }

    #[test]
    fn a_setting_overrides_its_base_in_all_regions_and_keeps_a_prefix() {
        let settings = [
            ("RELAY_PROVIDER__DETECTIONS_URL", "http://127.0.0.1:7000/gigamon/"),
            ("RELAY_PROVIDER__EVENTS_URL", "http://127.0.0.1:7001/events"),
        ];
        for (_, region) in Region::NAMES {
            let site = site(region, &settings).unwrap();
            assert_eq!(site.detections.as_str(), "http://127.0.0.1:7000/gigamon");
            assert_eq!(site.events.as_ref().map(Url::as_str), Some("http://127.0.0.1:7001/events"));
            assert!(site.entity.host_str().is_some_and(|host| host.starts_with("entity.")));
        }
    }

    #[test]
    fn the_event_search_can_be_switched_off() {
        assert_eq!(site(Region::Icebrg, &[("RELAY_PROVIDER__EVENTS_URL", "off")]).unwrap().events, None);
    }

    #[test]
    fn a_bad_base_names_its_setting() {
        let error = site(Region::Us, &[("RELAY_PROVIDER__ENTITY_URL", "off")]).unwrap_err();
        assert!(error.to_string().starts_with("RELAY_PROVIDER__ENTITY_URL"), "{error}");
    }

    #[test]
    fn only_known_names_are_regions() {
        assert_eq!(Region::named(" EU "), Some(Region::Eu));
        for name in ["", "http://evil", "us.evil.example", "icebrg.io"] {
            assert_eq!(Region::named(name), None, "{name:?}");
        }
    }
}
