//! Names, observable types, claims and settings of the relay.

use relay_core::module::{Claim, ENTITIES_LIMIT, Module};
use relay_core::observable::{ObservableType, TypeCase};
use relay_core::settings::Setting;

/// The provider's name in every entity and message.
pub(crate) const TITLE: &str = "SecurityTrails";

pub(crate) const MODULE: Module = Module {
    name: "securitytrails",
    package: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    title: TITLE,
    summary: "Addresses that a domain has had, and domains that point to an address, from SecurityTrails",
    user_agent: None,
    observables: &[ObservableType::Ip, ObservableType::Ipv6, ObservableType::Domain],
    type_case: TypeCase::Exact,
    claims: &[
        Claim {
            name: "key",
            label: "API Key",
            required: true,
            secret: true,
            help: "API key, from https://securitytrails.com/app/account/credentials",
            only_with: None,
        },
        Claim {
            name: "NUMBER_OF_PAGES",
            label: "Number of pages",
            required: false,
            secret: false,
            help: "pages of 100 results to read per lookup, each costs a query; default 1, 0 for all",
            only_with: None,
        },
        Claim {
            name: "GET_ALL_PAGES",
            label: "Get all available pages",
            required: false,
            secret: false,
            help: "true reads all pages whatever their number; default false",
            only_with: None,
        },
        Claim {
            name: "EXTRA_RECORD_TYPES",
            label: "Further record types",
            required: false,
            secret: false,
            help: "mx, ns or both: one more query per domain and type; default none",
            only_with: None,
        },
        Claim {
            name: "GET_SUBDOMAINS",
            label: "Get subdomains",
            required: false,
            secret: false,
            help: "true: one more query per domain; default false",
            only_with: None,
        },
        ENTITIES_LIMIT,
    ],
    settings: &[
        Setting::new("provider.api_url", "https://api.securitytrails.com/v1/", "base URL of the API"),
        Setting::new("provider.ui_url", "https://securitytrails.com/", "base URL of the site, for links"),
        Setting::new(
            "provider.max_pages",
            "100",
            "most pages per lookup, whatever the token asks for. SecurityTrails itself ends a search \
             after 100",
        ),
        Setting::new("provider.max_relations", "10000", "most relations in a sighting"),
        Setting::new(
            "provider.history_table",
            "false",
            "adds a table to sightings of domains: address, first and last day, organizations, and how \
             many names share the address, a row for each period and address, at most \
             `CTR_ENTITIES_LIMIT` rows",
        ),
        Setting::new(
            "provider.domains_table",
            "false",
            "adds a table to sightings of addresses: domain, hosting and mail provider, company, \
             registrar, dates of registration. Costs no query",
        ),
        Setting::new(
            "provider.history_types",
            "a,aaaa",
            "address records of a domain to ask for: `a`, `aaaa` or both. `a` alone: one query per domain \
             instead of two",
        ),
        Setting::new(
            "provider.extra_record_types",
            "",
            "further records of a domain to ask for: `mx`, `ns` or both, for tokens that say nothing \
             about it",
        ),
        Setting::new(
            "provider.usage",
            "true",
            "ask for the usage of the account (`account/usage`). `false`: there is no tile",
        ),
        Setting::new(
            "provider.get_subdomains",
            "false",
            "ask for subdomains, for tokens that say nothing about it",
        ),
    ],
};
