//! Names, observable types, claims and settings of the relay.

use relay_core::module::{Claim, ENTITIES_LIMIT, Module};
use relay_core::observable::{ObservableType, TypeCase};
use relay_core::settings::Setting;

/// The provider's name in every entity.
pub(crate) const TITLE: &str = "IBM X-Force Exchange";

pub(crate) const MODULE: Module = Module {
    name: "xforce",
    package: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    title: TITLE,
    summary: "Risk verdicts, judgements, categories, DNS resolutions and collections of IBM X-Force Exchange",
    user_agent: None,
    observables: &[
        ObservableType::Domain,
        ObservableType::Url,
        ObservableType::Ip,
        ObservableType::Ipv6,
        ObservableType::Md5,
        ObservableType::Sha1,
        ObservableType::Sha256,
    ],
    type_case: TypeCase::Exact,
    claims: &[
        Claim {
            name: "key",
            label: "X-Force API Key",
            required: true,
            secret: true,
            help: "API key, from https://exchange.xforce.ibmcloud.com/settings/api",
            only_with: None,
        },
        Claim {
            name: "password",
            label: "X-Force API Password",
            required: true,
            secret: true,
            help: "API password, shown once when the key is made",
            only_with: None,
        },
        ENTITIES_LIMIT,
    ],
    settings: &[
        Setting::new("provider.api_url", "https://api.xforce.ibmcloud.com", "base URL of the API"),
        Setting::new(
            "provider.ui_url",
            "https://exchange.xforce.ibmcloud.com",
            "base URL of the portal, for links",
        ),
        Setting::new("provider.resolve_enabled", "true", "ask for DNS resolutions of domains and addresses"),
        Setting::new(
            "provider.linkage_enabled",
            "true",
            "ask for collections. This call belongs to the portal's own API and is undocumented",
        ),
        Setting::new(
            "provider.report_first",
            "false",
            "`true`: ask for resolutions and collections only where there is a report. Saves records; a \
             name without a report loses its passive DNS",
        ),
        Setting::new("provider.collections", "20", "how many collections to ask for, 1 to 100"),
        Setting::new("provider.skip_private", "true", "do not ask about addresses of local networks"),
        Setting::new("provider.malware_details", "true", "families, servers and mails of file hashes"),
    ],
};
