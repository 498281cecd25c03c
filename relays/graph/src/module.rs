//! Names, observable types, claims and settings of the relay.

use relay_core::error::Code;
use relay_core::module::{Claim, ENTITIES_LIMIT, Module};
use relay_core::observable::{ObservableType, TypeCase};
use relay_core::provider::entra;
use relay_core::settings::Setting;

/// The provider's name in every entity.
pub(crate) const TITLE: &str = "Microsoft Graph Security";

/// The original relay's word for what others call `unavailable`.
pub(crate) const SERVICE_UNAVAILABLE: Code = Code::new("service unavailable");
/// Something was left unread.
pub(crate) const UNPROCESSED: Code = Code::new("unprocessed records");

pub(crate) const MODULE: Module = Module {
    name: "graph",
    package: env!("CARGO_PKG_NAME"),
    version: env!("CARGO_PKG_VERSION"),
    title: TITLE,
    summary: "Security alerts of a Microsoft tenant and Microsoft's Threat Intelligence, by Microsoft Graph",
    // Microsoft asks partners for {Company}-{Product}/{Version}.
    user_agent: Some(concat!(
        "Cisco-SecureXThreatResponseMicrosoftGraphSecurity/",
        env!("CARGO_PKG_VERSION")
    )),
    observables: &[
        ObservableType::Ip,
        ObservableType::Ipv6,
        ObservableType::Domain,
        ObservableType::Hostname,
        ObservableType::Url,
        ObservableType::FileName,
        ObservableType::FilePath,
        ObservableType::Sha256,
        ObservableType::Sha1,
        ObservableType::Md5,
        ObservableType::Email,
        ObservableType::User,
        ObservableType::EmailSubject,
        ObservableType::EmailMessageId,
        ObservableType::MsMachineId,
    ],
    type_case: TypeCase::Exact,
    claims: &[
        Claim {
            name: "application_id",
            label: "Application ID",
            required: true,
            secret: false,
            help: "\"Application (client) ID\" of the app registration",
            only_with: None,
        },
        Claim {
            name: "tenant_id",
            label: "Tenant ID",
            required: true,
            secret: false,
            help: "\"Directory (tenant) ID\", or a verified domain name of the tenant",
            only_with: None,
        },
        Claim {
            name: "client_secret",
            label: "Client Secret",
            required: true,
            secret: true,
            help: "value (not id) of a client secret of the application",
            only_with: Some(("credential", "secret")),
        },
        ENTITIES_LIMIT,
    ],
    settings: &[
        Setting::new(
            "provider.api_url",
            "https://graph.microsoft.com/v1.0",
            "base URL of the API, with its version",
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
            "base URL of the portal, for links that the API leaves out",
        ),
        Setting::new(
            "provider.scope",
            "https://graph.microsoft.com/.default",
            "what access tokens are for: the API's host, followed by `/.default`",
        ),
        Setting::new(
            "provider.alerts_api",
            "v2",
            "which API is asked: `v2` (alerts_v2), `legacy` (alerts, retired in October 2026) or `auto` (both)",
        ),
        Setting::new(
            "provider.v2_search",
            "auto",
            "how alerts are found in alerts_v2: `hunting`, `scan`, `filter`, or `auto`: hunting, else a \
             scan; one named is used alone, and its failure reported",
        ),
        Setting::new(
            "provider.tiles_search",
            "auto",
            "how the alerts of tiles are counted: by `hunting`, from the `list` of the newest 1000, or `auto`: hunting, \
             else the list",
        ),
        Setting::new("provider.lookback_days", "30", "how far back `hunting` (at most 30) and `scan` look"),
        Setting::new(
            "provider.alert_details",
            "60",
            "alerts found by hunting that are read in full, per request, 0 to 200; others are shown as far as \
             hunting knows them",
        ),
        Setting::new("provider.scan_max_pages", "10", "pages of 200 alerts that `scan` reads at most"),
        Setting::new(
            "provider.hash_scan_pages",
            "2",
            "pages of 200 alerts that are read for SHA-256 and MD5 values that hunting did not find, 0 to 10",
        ),
        Setting::new(
            "provider.verdicts",
            "all",
            "whether the evidence of alerts gives judgements and verdicts: `all` or `off`",
        ),
        Setting::new(
            "provider.threat_intel",
            "auto",
            "whether Microsoft Threat Intelligence is asked about hosts: `off`, `auto` (where the tenant has it) or \
             `on` (a warning where it does not)",
        ),
        Setting::new(
            "provider.threat_intel_hosts",
            "40",
            "hosts that it is asked about per request, 1 to 200",
        ),
        Setting::new(
            "provider.actions",
            "none",
            "response actions on accounts that are allowed: `all`, `none`, or some of `revoke`, \
             `disable`, `enable`, separated by commas",
        ),
        Setting::new(
            "provider.protected_accounts",
            "",
            "accounts that are never acted upon: ids and names for logging in, separated by commas",
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
