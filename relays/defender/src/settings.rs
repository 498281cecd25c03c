//! What the relay's own settings come to.

use std::time::Duration;

use relay_core::settings::{ProviderSettings, SettingsError};
use url::Url;

use crate::respond::Words;

/// Microsoft Graph, where nothing else is set.
const PUBLIC_GRAPH: &str = "https://graph.microsoft.com/v1.0";

/// An API with the scope of its access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
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
    Graph(Api),
    /// Whichever works, the one of Graph being this.
    Either(Api),
}

/// The relay's own settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API of Defender for Endpoint.
    pub api: Api,
    /// The login service.
    pub login: Url,
    /// The portal.
    pub portal: Url,
    /// Where hunting is asked.
    pub hunting: Hunting,
    /// Most enrichment calls of a kind per request.
    pub max_enrichment: usize,
    /// How indicators' actions are called.
    pub words: Words,
    /// Whether triggers only pretend.
    pub dry_run: bool,
    /// How long a trigger's result answers identical ones.
    pub repeat_window: Duration,
}

#[derive(Clone, Copy)]
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
        let max_enrichment = settings.integer("max_enrichment", 0, 1000)?;
        Ok(Self {
            api: Api { url: settings.url("api_url")?, scope: text("scope") },
            login: settings.url("login_url")?,
            portal: settings.url("ui_url")?,
            hunting: hunting(settings)?,
            max_enrichment: usize::try_from(max_enrichment).unwrap_or(usize::MAX),
            words: settings
                .choice("indicator_actions", &[("current", Words::Current), ("legacy", Words::Legacy)])?,
            dry_run: settings.flag("dry_run")?,
            repeat_window: settings.duration("repeat_window")?,
        })
    }
}

fn hunting(settings: &ProviderSettings) -> Result<Hunting, SettingsError> {
    let choices =
        [("auto", Choice::Auto), ("mde", Choice::Defender), ("graph", Choice::Graph), ("off", Choice::Off)];
    let choice = settings.choice("hunting_api", &choices)?;
    let graph = graph(settings)?;
    match (choice, graph) {
        (Choice::Off, _) => Ok(Hunting::Off),
        (Choice::Defender, _) | (Choice::Auto, None) => Ok(Hunting::Defender),
        (Choice::Auto, Some(graph)) => Ok(Hunting::Either(graph)),
        (Choice::Graph, Some(graph)) => Ok(Hunting::Graph(graph)),
        (Choice::Graph, None) => Err(SettingsError::Value {
            name: "RELAY_PROVIDER__HUNTING_API".to_owned(),
            problem: "`graph` needs RELAY_PROVIDER__GRAPH_URL where RELAY_PROVIDER__API_URL is set"
                .to_owned(),
        }),
    }
}

/// Graph as it is set; the public one only before the public API, since a relay that was pointed elsewhere, at a
/// simulator for instance, must not call the public host.
fn graph(settings: &ProviderSettings) -> Result<Option<Api>, SettingsError> {
    let url = match settings.optional_url("graph_url")? {
        Some(url) => Some(url),
        None if settings.is_given("graph_url") || settings.is_given("api_url") => None,
        None => Url::parse(PUBLIC_GRAPH).ok(),
    };
    let scope = settings.text("graph_scope").unwrap_or_default().to_owned();
    Ok(url.map(|url| Api { url, scope }))
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
            Hunting::Either(Api { url: Url::parse(url).unwrap(), scope })
        };
        let (api, own) = ("RELAY_PROVIDER__API_URL", "RELAY_PROVIDER__GRAPH_URL");
        let table: [(&[(&str, &str)], Hunting); 4] = [
            (&[], graph("https://graph.microsoft.com/v1.0")),
            (&[(api, "http://127.0.0.1:7000/defender")], Hunting::Defender),
            (
                &[(api, "http://127.0.0.1:7000/defender"), (own, "http://127.0.0.1:7000/graph")],
                graph("http://127.0.0.1:7000/graph"),
            ),
            (&[(own, "off")], Hunting::Defender),
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
        let told = read(&given).unwrap_err().to_string();
        assert!(told.contains("RELAY_PROVIDER__HUNTING_API") && told.contains("GRAPH_URL"), "{told}");
    }
}
