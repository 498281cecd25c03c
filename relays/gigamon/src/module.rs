//! Names, observable types, claims and settings of the relay.

use relay_core::module::{Claim, ENTITIES_LIMIT, Module};
use relay_core::observable::{ObservableType, TypeCase};
use relay_core::settings::Setting;

/// The provider's name in every entity, whatever the product is called today.
pub(crate) const TITLE: &str = "Gigamon ThreatINSIGHT";

pub(crate) const MODULE: Module = Module {
    name: "gigamon",
    package: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    title: TITLE,
    summary: "Network events and detections of Gigamon ThreatINSIGHT (Fortinet FortiNDR Cloud)",
    user_agent: None,
    observables: &[
        ObservableType::Ip,
        ObservableType::Ipv6,
        ObservableType::Domain,
        ObservableType::Md5,
        ObservableType::Sha1,
        ObservableType::Sha256,
    ],
    type_case: TypeCase::Exact,
    claims: &[
        Claim {
            name: "key",
            label: "API KEY",
            required: true,
            secret: true,
            help: "API token, made under Profile Settings > Tokens; shown once when it is made",
            only_with: None,
        },
        ENTITIES_LIMIT,
        Claim {
            name: "GTI_ALLOW_TEST_ACCOUNTS",
            label: "GTI ALLOW TEST ACCOUNTS",
            required: false,
            secret: false,
            help: "true: show data of the Demo and Training accounts too; default false",
            only_with: None,
        },
        Claim {
            name: "region",
            label: "REGION",
            required: false,
            secret: false,
            help: "icebrg, us or eu: where the account is; default: the setting provider.region",
            only_with: None,
        },
        Claim {
            name: "account_uuid",
            label: "ACCOUNT UUID",
            required: false,
            secret: false,
            help: "only this account's detections, for tokens that see several accounts",
            only_with: None,
        },
        Claim {
            name: "SHOW_MUTED",
            label: "SHOW MUTED DETECTIONS",
            required: false,
            secret: false,
            help: "true: show detections that are muted too, marked; default: the setting provider.show_muted",
            only_with: None,
        },
    ],
    settings: &[
        Setting::new(
            "provider.region",
            "icebrg",
            "`icebrg`, `us` or `eu`: the region where the token does not say; always for links",
        ),
        Setting::new("provider.detections_url", "", "base URL of the Detections API, without the version")
            .default_in_words("the region's"),
        Setting::new("provider.events_url", "", "base URL of the Events API, or `off` for no event search")
            .default_in_words("the region's"),
        Setting::new("provider.entity_url", "", "base URL of the Entity API")
            .default_in_words("the region's"),
        Setting::new("provider.ui_url", "", "base URL of the portal, for links")
            .default_in_words("the region's"),
        Setting::new(
            "provider.event_days",
            "7",
            "days of events that are searched, 1 to 30; above 7 in stretches of a week",
        ),
        Setting::new(
            "provider.search_values",
            "50",
            "most values in one event search, 1 to 100; `1` for a provider that takes no lists",
        ),
        Setting::new(
            "provider.detection_reads",
            "100",
            "detections per request to read the events of, at most, 1 to 1000",
        ),
        Setting::new(
            "provider.device_detections",
            "true",
            "look for detections on addresses: `true`, `local` (addresses of local networks only) or \
             `false`",
        ),
        Setting::new("provider.show_muted", "false", "show muted detections, if the token does not say"),
        Setting::new(
            "provider.entity_summary",
            "false",
            "where nothing else is found, one more call asks when the value was seen",
        ),
    ],
};
