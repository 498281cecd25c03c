//! Names, observable types, claims and settings of the relay.

use relay_core::module::{Claim, ENTITIES_LIMIT, Module};
use relay_core::observable::{ObservableType, TypeCase};
use relay_core::provider::entra;
use relay_core::settings::Setting;

/// The provider's name in every entity.
pub(crate) const TITLE: &str = "Microsoft Defender for Endpoint";

pub(crate) const MODULE: Module = Module {
    name: "defender",
    package: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    title: TITLE,
    summary: "Alerts, device events and verdicts of Microsoft Defender for Endpoint, and response actions on devices \
              and indicators",
    user_agent: Some(concat!(
        "Cisco-SecureXThreatResponseMicrosoftDefenderForEndpoint/",
        env!("CARGO_PKG_VERSION")
    )),
    observables: &[
        ObservableType::Sha1,
        ObservableType::Sha256,
        ObservableType::Md5,
        ObservableType::Ip,
        ObservableType::Ipv6,
        ObservableType::Domain,
        ObservableType::Url,
        ObservableType::MsMachineId,
        ObservableType::Hostname,
        ObservableType::User,
        ObservableType::FileName,
        ObservableType::FilePath,
    ],
    type_case: TypeCase::Folded,
    claims: &[
        Claim {
            name: "client_id",
            label: "Application ID",
            required: true,
            secret: false,
            help: "application (client) id of the registration in Microsoft Entra",
            only_with: None,
        },
        Claim {
            name: "tenant_id",
            label: "Tenant ID",
            required: true,
            secret: false,
            help: "directory (tenant) id, or one of the tenant's domain names",
            only_with: None,
        },
        Claim {
            name: "client_secret",
            label: "Client Secret",
            required: true,
            secret: true,
            help: "value of a client secret of the application",
            only_with: Some(("credential", "secret")),
        },
        ENTITIES_LIMIT,
    ],
    settings: &[
        Setting::new(
            "provider.api_url",
            "https://api.security.microsoft.com/api/v1.0",
            "base URL of the API, version included",
        ),
        Setting::new(
            "provider.login_url",
            "https://login.microsoftonline.com",
            "base URL of the login service",
        ),
        entra::CREDENTIAL,
        entra::CERTIFICATE_FILE,
        entra::KEY_FILE,
        entra::FEDERATED_TOKEN_FILE,
        entra::ALLOWED_APPLICATIONS,
        Setting::new(
            "provider.ui_url",
            "https://security.microsoft.com",
            "base URL of the portal, for links",
        ),
        Setting::new(
            "provider.scope",
            "https://api.securitycenter.microsoft.com/.default",
            "what access tokens are for",
        ),
        Setting::new(
            "provider.hunting_api",
            "auto",
            "where advanced hunting is asked: `auto`, `mde`, `graph` or `off`",
        ),
        Setting::new(
            "provider.graph_url",
            "",
            "Microsoft Graph, for hunting; `off` for none",
        )
        .default_in_words("`https://graph.microsoft.com/v1.0` while `API_URL` is one of the public cloud or GCC, otherwise none"),
        Setting::new(
            "provider.graph_scope",
            "https://graph.microsoft.com/.default",
            "what access tokens for Graph are for",
        ),
        Setting::new(
            "provider.max_enrichment",
            "30",
            "most calls about devices, files and single alerts, of each, per request",
        ),
        Setting::new(
            "provider.hunting_depth",
            "standard",
            "`deep` looks for image loads and for the connections of files asked for too, which costs \
             hunting time",
        ),
        Setting::new(
            "provider.stats",
            "files",
            "what prevalence in the organization is looked up for: `off`, `files` or `all` (domains and \
             addresses too)",
        ),
        Setting::new(
            "provider.verdicts",
            "all",
            "where verdicts come from: `off`, `indicators`, `files` or `all`",
        ),
        Setting::new(
            "provider.command_lines",
            "true",
            "whether command lines are reported; they may hold secrets",
        ),
        Setting::new(
            "provider.actions",
            "all",
            "response actions that are allowed: `all`, `none`, or some of `indicators`, `isolate`, \
             `restrict`, `scan`, `collect`, `investigate`, `quarantine`, `cancel`, separated by commas",
        ),
        Setting::new(
            "provider.indicator_days",
            "",
            "after how many days indicators that are added end, 1 to 365",
        )
        .default_in_words("none: never"),
        Setting::new(
            "provider.indicator_groups",
            "",
            "names of the device groups that indicators that are added are limited to, separated by \
             commas",
        )
        .default_in_words("none: all devices"),
        Setting::new(
            "provider.indicator_actions",
            "current",
            "words for an indicator's action: `current` (`Audit`, `Block`) or `legacy` (`Alert`, \
             `AlertAndBlock`)",
        ),
        Setting::new(
            "provider.dry_run",
            "false",
            "check triggers without sending them: each is answered with `failure` and an error with the \
             code `dry run`",
        ),
        Setting::new(
            "provider.repeat_window",
            "30s",
            "an identical trigger within this time is answered from the first one's result; `0s`: never",
        ),
    ],
};
