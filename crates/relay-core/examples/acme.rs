//! A complete relay for a provider that does not exist, to start a real one from.
//!
//! Acme knows of domains and addresses: `GET /v1/reports/{value}` with the header `X-Acme-Key` answers
//! `{"score": 0..100, "reports": [{"id": "…", "at": "…"}]}`, and 404 where it knows nothing.
//!
//! A real relay has a file for each part below: `module.rs`, `credentials.rs`, `api.rs`, `model.rs`, `mapping.rs`,
//! `links.rs`, and `lib.rs` for the traits. This program runs too: `cargo run -p relay-core --example acme`.

use std::process::ExitCode;

use relay_core::api::{Api, Caller};
use relay_core::auth::{ClaimError, Claims};
use relay_core::call::Call;
use relay_core::ctim::{
    Bundle, Disposition, HttpUrl, ObservedTime, Origin, Sighting, Timestamp, ValidTime, Verdict,
};
use relay_core::error::{Code, Error};
use relay_core::escape::UrlBuilder;
use relay_core::lenient;
use relay_core::lookup::Lookup;
use relay_core::module::{Claim, ENTITIES_LIMIT, Module};
use relay_core::observable::{Observable, ObservableType, TypeCase};
use relay_core::provider::{Auth, Client};
use relay_core::relay::{Credentials, Link, Observe, Provider, Refer, Relay};
use relay_core::settings::{ProviderSettings, Setting, SettingsError};
use reqwest::header::HeaderName;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

// --- module.rs: names, what is looked up, what users configure ---

const TITLE: &str = "Acme Intelligence";

const MODULE: Module = Module {
    name: "acme",
    package: "relay-acme",
    version: env!("CARGO_PKG_VERSION"),
    title: TITLE,
    summary: "Scores and reports of Acme",
    user_agent: None,
    observables: &[ObservableType::Domain, ObservableType::Ip],
    type_case: TypeCase::Exact,
    claims: &[
        Claim {
            name: "key",
            label: "Acme API Key",
            required: true,
            secret: true,
            help: "key of the API",
            only_with: None,
        },
        ENTITIES_LIMIT,
    ],
    settings: &[Setting::new("provider.api_url", "https://api.acme.example", "base URL of the API")],
};

// --- credentials.rs: what a token carries ---

struct ApiKey(SecretString);

impl Credentials for ApiKey {
    fn from_claims(claims: &Claims) -> Result<Self, ClaimError> {
        claims.header_secret("key").map(Self)
    }

    fn identity(&self) -> Vec<&str> {
        vec![self.0.expose_secret()]
    }
}

// --- api.rs: the calls, and what the provider's refusals mean ---

static API: Api = Api {
    words: &["/message"],
    meaning: &[(402, Code::TOO_MANY_REQUESTS, "The monthly quota of Acme is used up")],
    stops: &[401, 402, 429],
    ..Api::new(TITLE)
};

impl Acme {
    fn api<'r>(&'r self, call: &'r Call<ApiKey>) -> Caller<'r> {
        let key = call.credentials.0.clone();
        let header = HeaderName::from_static("x-acme-key");
        self.client.api(&API, call, Auth::Header { name: header, prefix: "", value: key })
    }

    async fn report(&self, call: &Call<ApiKey>, about: &Observable) -> Result<Option<Report>, Error> {
        let url = UrlBuilder::new(&self.api_url).path("v1/reports").segment(about.value()).build();
        self.api(call).get("report", url).cached().fetch().await
    }
}

// --- model.rs: the provider's answers; every field may be missing or of another type ---

#[derive(Deserialize)]
struct Report {
    #[serde(default, deserialize_with = "lenient::field")]
    score: Option<f64>,
    #[serde(default, deserialize_with = "lenient::list")]
    reports: Vec<Entry>,
}
lenient::object!(Report);

#[derive(Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "lenient::field")]
    id: Option<String>,
    #[serde(default, deserialize_with = "lenient::field")]
    at: Option<String>,
}
lenient::object!(Entry);

// --- mapping.rs: answers to CTIM; neither awaits, fails nor reads the clock ---

const ORIGIN: Origin = Origin::new("acme", TITLE);

fn mapped(report: &Report, about: &Observable, now: Timestamp, limit: usize) -> Bundle {
    let mut bundle = Bundle::new();
    let disposition = match report.score {
        Some(score) if score > 70.0 => Disposition::Malicious,
        Some(score) if score > 30.0 => Disposition::Suspicious,
        _ => Disposition::Unknown,
    };
    bundle.push(Verdict::new(about, disposition, ValidTime::days(now, 30)));
    for entry in report.reports.iter().take(limit) {
        // Without an id two entries could not be distinguished, nor found again.
        let Some(id) = entry.id.as_deref() else { continue };
        let at = entry.at.as_deref().and_then(Timestamp::parse).unwrap_or(now);
        bundle.push(Sighting::new(ORIGIN, id, about, ObservedTime::at(at)).external_id(id));
    }
    bundle
}

// --- links.rs: pages for people ---

fn page(about: &Observable) -> Option<HttpUrl> {
    let portal = Url::parse("https://acme.example").ok()?;
    UrlBuilder::new(&portal).path("search").param("q", about.value()).link()
}

// --- lib.rs: the traits, which say what the relay serves ---

struct Acme {
    client: Client,
    api_url: Url,
}

impl Provider for Acme {
    const MODULE: Module = MODULE;
    type Credentials = ApiKey;

    fn start(settings: &ProviderSettings, client: Client) -> Result<Self, SettingsError> {
        Ok(Self { client, api_url: settings.url("api_url")? })
    }

    async fn health(&self, call: &Call<ApiKey>) -> Result<(), Error> {
        let url = UrlBuilder::new(&self.api_url).path("v1/account").build();
        self.api(call).get("account", url).send().await.map(drop).map_err(|failure| API.error(&failure))
    }
}

impl Observe for Acme {
    async fn observe(&self, call: &Call<ApiKey>, about: &Observable) -> Lookup {
        let report = self.report(call, about).await;
        let now = Timestamp::from_clock(call.now());
        report.map(|report| report.map(|report| mapped(&report, about, now, call.limit()))).into()
    }
}

impl Refer for Acme {
    fn refer(&self, about: &Observable) -> Vec<Link> {
        let link = |url: HttpUrl| Link {
            id: format!("ref-acme-{}-{}", about.kind(), about.value()),
            title: format!("Search for this {}", about.kind()),
            description: format!("Look it up on {TITLE}"),
            url: url.to_string(),
            categories: vec!["Search".into(), TITLE.into()],
        };
        page(about).map(link).into_iter().collect()
    }
}

fn relay() -> Relay {
    Relay::of::<Acme>().observe().refer().build()
}

// --- main.rs ---

fn main() -> ExitCode {
    relay_core::run(&relay())
}

// --- tests/relay: a real relay is tested before its simulator, with fixtures ---

#[cfg(test)]
mod tests {
    use relay_testkit::Setup;
    use serde_json::json;
    use wiremock::matchers::{header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_report_becomes_a_verdict_and_sightings() {
        let provider = MockServer::start().await;
        let report =
            json!({"score": 85, "reports": [{"id": "r1", "at": "2026-03-01T09:00:00Z"}, {"id": 7}, null]});
        Mock::given(method("GET"))
            .and(path("/v1/reports/bad.example"))
            .and(header("X-Acme-Key", "a-key"))
            .respond_with(ResponseTemplate::new(200).set_body_json(report))
            .mount(&provider)
            .await;
        let setup = Setup::new(super::relay, json!({"key": "a-key"}), &[]);
        let stage = setup.setting("RELAY_PROVIDER__API_URL", &provider.uri()).start().await;
        let answer = stage.observe(&[("domain", "bad.example"), ("domain", "unknown.example")]).await;
        assert_eq!(answer["data"]["verdicts"]["docs"][0]["disposition_name"], "Malicious", "{answer}");
        assert_eq!(answer["data"]["sightings"]["count"], 1, "{answer}");
        assert_eq!(answer.get("errors"), None, "404 means that nothing is known: {answer}");
    }
}
