//! What the relay's own settings come to.

use std::time::Duration;

use relay_core::respond::{AllowList, DryRun};
use relay_core::settings::{ProviderSettings, SettingsError};
use url::Url;

use crate::query::Depth;
use crate::respond::{GROUPS, Words};

/// Microsoft Graph, where nothing else is set.
const PUBLIC_GRAPH: &str = "https://graph.microsoft.com/v1.0";

/// An API with the scope of its access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Base URL, version included.
    pub url: Url,
    /// What its tokens are for.
    pub scope: String,
}

/// The APIs that are asked for advanced hunting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hunting {
    /// Neither.
    Off,
    /// The one of Defender for Endpoint.
    Defender,
    /// The one of Microsoft Graph.
    Graph(Endpoint),
    /// Whichever works, the one of Graph being this.
    Either(Endpoint),
}

/// What the prevalence in the organization is looked up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stats {
    /// Nothing.
    Off,
    /// Files.
    Files,
    /// Files, domains and addresses.
    All,
}

/// Where opinions come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdicts {
    /// The customer's own indicators.
    pub indicators: bool,
    /// Defender's determination of files.
    pub files: bool,
}

impl Verdicts {
    /// Whether there are any.
    pub fn any(self) -> bool {
        self.indicators || self.files
    }
}

/// Further properties of indicators that are added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndicatorOptions {
    /// After how many days they end.
    pub days: Option<u32>,
    /// The device groups that they are limited to.
    pub groups: Vec<String>,
}

/// The relay's own settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API of Defender for Endpoint.
    pub api: Endpoint,
    /// The login service.
    pub login: Url,
    /// The portal.
    pub portal: Url,
    /// Where hunting is asked.
    pub hunting: Hunting,
    /// How hard hunting looks.
    pub depth: Depth,
    /// What prevalence is looked up for.
    pub stats: Stats,
    /// Where opinions come from.
    pub verdicts: Verdicts,
    /// Whether command lines are reported.
    pub command_lines: bool,
    /// Most enrichment calls of a kind per request.
    pub max_enrichment: usize,
    /// Which response actions are allowed.
    pub actions: AllowList,
    /// How indicators' actions are called.
    pub words: Words,
    /// Further properties of indicators that are added.
    pub indicators: IndicatorOptions,
    /// Whether triggers are checked only.
    pub dry_run: DryRun,
    /// How long a trigger's result answers identical ones.
    pub repeat_window: Duration,
    /// Whether answers may be reused.
    pub keeps_facts: bool,
    /// What the operator should know at the start.
    pub warnings: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    Auto,
    Defender,
    Graph,
    Off,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// One is not usable.
    pub fn read(settings: &ProviderSettings) -> Result<Self, SettingsError> {
        let text = |name| settings.text(name).unwrap_or_default().to_owned();
        let api = Endpoint { url: settings.url("api_url")?, scope: text("scope") };
        let choices = [
            ("auto", Choice::Auto),
            ("mde", Choice::Defender),
            ("graph", Choice::Graph),
            ("off", Choice::Off),
        ];
        let choice = settings.choice("hunting_api", &choices)?;
        let graph = graph(settings, &api.url)?;
        let actions = AllowList::read(settings, &GROUPS)?;
        let dry_run = DryRun::read(settings)?;
        let max_enrichment = settings.integer("max_enrichment", 0, 1000)?;
        Ok(Self {
            warnings: warnings(settings, choice, graph.as_ref(), &actions, dry_run),
            hunting: hunting(choice, graph)?,
            api,
            login: settings.url("login_url")?,
            portal: settings.url("ui_url")?,
            depth: settings
                .choice("hunting_depth", &[("standard", Depth::Standard), ("deep", Depth::Deep)])?,
            stats: settings
                .choice("stats", &[("off", Stats::Off), ("files", Stats::Files), ("all", Stats::All)])?,
            verdicts: verdicts(settings)?,
            command_lines: settings.flag("command_lines")?,
            max_enrichment: usize::try_from(max_enrichment).unwrap_or(usize::MAX),
            actions,
            words: settings
                .choice("indicator_actions", &[("current", Words::Current), ("legacy", Words::Legacy)])?,
            indicators: IndicatorOptions {
                days: match settings.text("indicator_days") {
                    None => None,
                    Some(_) => u32::try_from(settings.integer("indicator_days", 1, 365)?).ok(),
                },
                groups: settings.list("indicator_groups"),
            },
            dry_run,
            repeat_window: settings.duration("repeat_window")?,
            keeps_facts: !settings.cache_ttl.is_zero(),
        })
    }
}

fn verdicts(settings: &ProviderSettings) -> Result<Verdicts, SettingsError> {
    let both = Verdicts { indicators: true, files: true };
    let choices = [
        ("off", Verdicts { indicators: false, files: false }),
        ("indicators", Verdicts { files: false, ..both }),
        ("files", Verdicts { indicators: false, ..both }),
        ("all", both),
        ("on", both),
    ];
    settings.choice("verdicts", &choices)
}

fn hunting(choice: Choice, graph: Option<Endpoint>) -> Result<Hunting, SettingsError> {
    match (choice, graph) {
        (Choice::Off, _) => Ok(Hunting::Off),
        (Choice::Defender, _) | (Choice::Auto, None) => Ok(Hunting::Defender),
        (Choice::Auto, Some(graph)) => Ok(Hunting::Either(graph)),
        (Choice::Graph, Some(graph)) => Ok(Hunting::Graph(graph)),
        (Choice::Graph, None) => Err(SettingsError::Value {
            name: "RELAY_PROVIDER__HUNTING_API".to_owned(),
            problem:
                "`graph` needs RELAY_PROVIDER__GRAPH_URL; only the public cloud and GCC have one by default"
                    .to_owned(),
        }),
    }
}

/// Graph as it is set; the public one only with an API of the public cloud or of GCC, since a relay that was pointed
/// elsewhere, at a simulator for instance, must not call the public host.
fn graph(settings: &ProviderSettings, api: &Url) -> Result<Option<Endpoint>, SettingsError> {
    let url = match settings.optional_url("graph_url")? {
        Some(url) => Some(url),
        None if settings.is_given("graph_url") || !is_public(api) => None,
        None => Url::parse(PUBLIC_GRAPH).ok(),
    };
    let scope = settings.text("graph_scope").unwrap_or_default().to_owned();
    Ok(url.map(|url| Endpoint { url, scope }))
}

fn is_public(api: &Url) -> bool {
    const HOSTS: [&str; 3] = [
        "api.security.microsoft.com",
        "api.securitycenter.microsoft.com",
        "api-gcc.securitycenter.microsoft.us",
    ];
    api.host_str().is_some_and(|host| HOSTS.contains(&host) || host.ends_with(".api.security.microsoft.com"))
}

/// What the operator should know at the start, a line each.
fn warnings(
    settings: &ProviderSettings,
    choice: Choice,
    graph: Option<&Endpoint>,
    actions: &AllowList,
    dry_run: DryRun,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if graph.is_none() && matches!(choice, Choice::Auto | Choice::Defender) {
        warnings.push(
            "Defender's own hunting API ends on 1 February 2027; set RELAY_PROVIDER__GRAPH_URL and \
             RELAY_PROVIDER__GRAPH_SCOPE (public and GCC https://graph.microsoft.com/v1.0, GCC High \
             https://graph.microsoft.us/v1.0, DoD https://dod-graph.microsoft.us/v1.0; the scope is the host \
             followed by /.default)"
                .to_owned(),
        );
    }
    let elsewhere = graph.is_some_and(|graph| graph.url.host_str() != Some("graph.microsoft.com"));
    if elsewhere && !settings.is_given("graph_scope") {
        warnings.push(
            "RELAY_PROVIDER__GRAPH_URL is not on graph.microsoft.com and RELAY_PROVIDER__GRAPH_SCOPE is not set: tokens \
             are asked for https://graph.microsoft.com/.default"
                .to_owned(),
        );
    }
    if dry_run.0 {
        warnings.push("RELAY_PROVIDER__DRY_RUN is on: response actions are not sent to Defender".to_owned());
    }
    let off = actions.off();
    if !off.is_empty() {
        warnings.push(format!("RELAY_PROVIDER__ACTIONS switches response actions off: {}", off.join(", ")));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use relay_core::settings::{Environment, Settings as All};

    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let environment = Environment::of(given.iter().copied());
        Settings::read(&All::load(crate::relay().module(), environment)?.settings.provider)
    }

    #[test]
    fn a_relay_before_another_api_never_asks_the_public_graph() {
        let graph = |url: &str| {
            let scope = "https://graph.microsoft.com/.default".to_owned();
            Hunting::Either(Endpoint { url: Url::parse(url).unwrap(), scope })
        };
        let (api, own) = ("RELAY_PROVIDER__API_URL", "RELAY_PROVIDER__GRAPH_URL");
        let table: [(&[(&str, &str)], Hunting); 7] = [
            (&[], graph("https://graph.microsoft.com/v1.0")),
            (&[(api, "http://127.0.0.1:7000/defender")], Hunting::Defender),
            (
                &[(api, "http://127.0.0.1:7000/defender"), (own, "http://127.0.0.1:7000/graph")],
                graph("http://127.0.0.1:7000/graph"),
            ),
            (&[(own, "off")], Hunting::Defender),
            (
                &[(api, "https://eu.api.security.microsoft.com/api/v1.0")],
                graph("https://graph.microsoft.com/v1.0"),
            ),
            (
                &[(api, "https://api-gcc.securitycenter.microsoft.us/api/v1.0")],
                graph("https://graph.microsoft.com/v1.0"),
            ),
            (&[(api, "https://api-gov.securitycenter.microsoft.us/api/v1.0")], Hunting::Defender),
        ];
        for (given, expected) in table {
            assert_eq!(read(given).unwrap().hunting, expected, "{given:?}");
        }
    }

    #[test]
    fn hunting_by_graph_without_its_address_stops_the_start() {
        let given = [
            ("RELAY_PROVIDER__HUNTING_API", "graph"),
            ("RELAY_PROVIDER__API_URL", "http://127.0.0.1:7000/x"),
        ];
        let error = read(&given).unwrap_err().to_string();
        assert!(error.contains("RELAY_PROVIDER__HUNTING_API") && error.contains("GRAPH_URL"), "{error}");
    }

    #[test]
    fn the_operator_is_warned_of_what_will_not_work() {
        let warned = |given: &[(&str, &str)]| read(given).unwrap().warnings;
        assert_eq!(warned(&[]), Vec::<String>::new());
        let gov = [("RELAY_PROVIDER__API_URL", "https://api-gov.securitycenter.microsoft.us/api/v1.0")];
        let [line] = warned(&gov).try_into().unwrap();
        assert!(
            line.contains("1 February 2027") && line.contains("https://dod-graph.microsoft.us/v1.0"),
            "{line}"
        );
        let graph = [gov[0], ("RELAY_PROVIDER__GRAPH_URL", "https://graph.microsoft.us/v1.0")];
        let [line] = warned(&graph).try_into().unwrap();
        assert!(line.contains("RELAY_PROVIDER__GRAPH_SCOPE is not set"), "{line}");
        let scoped =
            [graph[0], graph[1], ("RELAY_PROVIDER__GRAPH_SCOPE", "https://graph.microsoft.us/.default")];
        assert_eq!(warned(&scoped), Vec::<String>::new());
        let off = [("RELAY_PROVIDER__HUNTING_API", "off"), gov[0]];
        assert_eq!(warned(&off), Vec::<String>::new());
        let actions = [("RELAY_PROVIDER__ACTIONS", "indicators, scan"), ("RELAY_PROVIDER__DRY_RUN", "true")];
        let [dry, off] = warned(&actions).try_into().unwrap();
        assert!(dry.contains("response actions are not sent to Defender"), "{dry}");
        assert!(off.ends_with("isolate, restrict, collect, investigate, quarantine, cancel"), "{off}");
    }

    #[test]
    fn an_unknown_group_of_actions_stops_the_start() {
        let error = read(&[("RELAY_PROVIDER__ACTIONS", "indicators,explode")]).unwrap_err().to_string();
        assert!(error.contains("RELAY_PROVIDER__ACTIONS") && error.contains("`explode`"), "{error}");
    }
}
