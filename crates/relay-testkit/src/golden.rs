//! Golden tests: every case under `fixtures/<provider>` through the relay, compared with its snapshot.

use std::path::Path;

use provider_sim::{Options, Sim, fixtures};
use relay_core::settings::Clock;
use serde_json::{Value, json};

use crate::Setup;

/// Asks the relay for each case of a provider, at the case's time and with its claims and settings, and
/// compares `/observe/observables` with `answer.snap` in the case's folder. A new case is a new folder.
///
/// `manifest` is the `CARGO_MANIFEST_DIR` of the relay's package.
pub async fn golden(setup: &Setup, provider: &'static str, manifest: &str) {
    let cases = fixtures::cases(provider).expect("fixtures that can be read");
    assert!(!cases.is_empty(), "there are fixtures of {provider}");
    for case in cases {
        let mut setup = setup.clone();
        setup.clock = Clock::Fixed(case.now);
        setup.claims.extend(case.claims.clone());
        for (name, value) in &case.settings {
            setup = setup.setting(&format!("RELAY_PROVIDER__{name}"), value);
        }
        let stage = setup.before(Sim::start(Options::default()).await.expect("a simulator that starts"));
        let body: Value = case
            .observables
            .iter()
            .map(|observable| json!({"type": observable.kind, "value": observable.value}))
            .collect();
        let answer = stage.ask("/observe/observables", Some(&stage.token()), &body).await;
        let folder = Path::new(manifest).join("../../fixtures").join(provider).join(&case.name);
        settings(&folder, &case.about).bind(|| insta::assert_json_snapshot!("answer", answer));
    }
}

/// Where a snapshot is, and what it shows.
pub(crate) fn settings(folder: &Path, about: &str) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(about);
    settings
}
