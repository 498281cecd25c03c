//! `relayctl replay`: answers a relay from what another one has recorded, and shows what it makes of that.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use provider_sim::fixtures::{self, Case};
use provider_sim::{Keys, Options, Sim};
use relay_core::endpoint::observe;
use relay_core::server::Running;
use relay_core::settings::Environment;
use serde_json::{Map, Value, json};
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use crate::answer::{Answer, Problem};
use crate::connections::credential::Credential;
use crate::demo::start_here;
use crate::relay_client::RelayClient;
use crate::relays::{self, Known};
use crate::ui::{BAD, BOLD, DIM, GOOD, LITERAL, count, harmless, styled};

/// Answers a relay from the provider calls that were recorded in a folder
///
/// Starts what answers the recorded calls (as `provider-sim --fixtures FOLDER` does) and a relay in this process, asks
/// it again about what was recorded, and prints what it answers and which calls the recording lacks. A relay records
/// with `RELAY_RECORD`, or `relayctl record` does.
///
/// Exit code 0: all calls were recorded; 1: some were not, or an answer reports an error.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The folder
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,

    /// Which relay, where the folder has recordings of several
    #[arg(long, value_name = "NAME")]
    relay: Option<String>,

    /// Keep running until Ctrl-C, and print the settings and a token for a relay of your own
    #[arg(long)]
    serve: bool,

    /// Where to answer calls; by default on a free port of this machine
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", hide_default_value = true)]
    listen: SocketAddr,

    /// Print one JSON document instead
    #[arg(long, conflicts_with = "serve")]
    json: bool,
}

impl Replay {
    /// Runs the command.
    ///
    /// # Errors
    /// There is no recording, or something does not start.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let recording = Recording::read(&self.folder, self.relay.as_deref())?;
        let playing = Playing::start(recording, &self.folder, self.listen).await?;
        let mut answers = Vec::new();
        for observables in &playing.recording.requests {
            answers.push((observables, playing.ask(observables).await?));
        }
        let missing = playing.sim.missing_calls();
        let failed = answers.iter().any(|(_, answer)| answer.errors.iter().any(Problem::is_failure));
        if self.json {
            let row = |(observables, answer): &(&Value, Answer)| json!({"observables": observables, "data": answer.data, "errors": answer.errors});
            let answers: Vec<Value> = answers.iter().map(row).collect();
            writeln!(out, "{:#}", json!({"answers": answers, "missing_calls": missing}))?;
        } else {
            playing.print(&answers, out)?;
            print_missing(&missing, out)?;
        }
        if self.serve {
            let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
            let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
            playing.print_instructions(out)?;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            let later: Vec<String> =
                playing.sim.missing_calls().into_iter().filter(|call| !missing.contains(call)).collect();
            if !later.is_empty() {
                print_missing(&later, err)?;
            }
        }
        Ok(ExitCode::from(u8::from(failed || !missing.is_empty())))
    }
}

/// What a folder holds of one relay.
pub(crate) struct Recording {
    known: &'static Known,
    calls: usize,
    /// The bodies of the platform requests, each once.
    requests: Vec<Value>,
    claims: Map<String, Value>,
    settings: BTreeMap<String, String>,
    /// Whether calls went to hosts that no setting named.
    has_hosts: bool,
}

impl Recording {
    /// Reads a folder.
    ///
    /// # Errors
    /// It holds no recording, or those of several relays and none of this name.
    pub(crate) fn read(folder: &Path, name: Option<&str>) -> anyhow::Result<Self> {
        let mut cases = fixtures::folder(folder)?;
        let mut names: Vec<String> = cases.iter().map(|case| case.provider.clone()).collect();
        names.dedup();
        let name = match (name, names.as_slice()) {
            (Some(name), _) => name.to_owned(),
            (None, [name]) => name.clone(),
            (None, _) => bail!(
                "the folder has recordings of several relays; set --relay to one of: {}",
                names.join(", ")
            ),
        };
        let known = relays::named(&name)?;
        cases.retain(|case| case.provider == name);
        let latest =
            cases.last().with_context(|| format!("{} has no recording of {name}", folder.display()))?;
        let is_host = |base: &str| {
            !known.module().settings.iter().any(|row| row.key.strip_prefix("provider.") == Some(base))
        };
        let bases = cases.iter().flat_map(|case| &case.answers).filter_map(|answer| answer.base.as_deref());
        let mut requests: Vec<Value> = Vec::new();
        for body in cases.iter().filter(|case| !case.observables.is_empty()).map(body) {
            if !requests.contains(&body) {
                requests.push(body);
            }
        }
        Ok(Self {
            known,
            calls: cases.len(),
            requests,
            claims: latest.claims.clone(),
            settings: latest.settings.clone(),
            has_hosts: bases.into_iter().any(is_host),
        })
    }

    /// The settings of a relay that is answered at this URL.
    fn settings(&self, sim: &str) -> BTreeMap<String, String> {
        let name = |setting: &str| format!("RELAY_PROVIDER__{setting}");
        let mut settings: BTreeMap<String, String> = BTreeMap::new();
        settings.insert("RELAY_AUTH__JWKS_HOSTS".to_owned(), sim.to_owned());
        for (setting, value) in &self.settings {
            let base = value.strip_prefix("{{").and_then(|value| value.strip_suffix("}}"));
            settings
                .insert(name(setting), base.map_or_else(|| value.clone(), |base| format!("{sim}/{base}")));
        }
        // Hosts that the relay chooses itself unless a setting does.
        let keys = self.known.module().settings.iter().filter_map(|row| row.key.strip_prefix("provider."));
        for key in keys.filter(|key| self.has_hosts && key.ends_with("_url") && *key != "ui_url") {
            settings.entry(name(&key.to_ascii_uppercase())).or_insert_with(|| format!("{sim}/{key}"));
        }
        settings
    }
}

/// The observables of a case, as the platform sends them.
fn body(case: &Case) -> Value {
    case.observables.iter().map(|one| json!({"type": one.kind, "value": one.value})).collect()
}

/// A relay that is answered from a recording.
pub(crate) struct Playing {
    recording: Recording,
    sim: Sim,
    relay: RelayClient,
    _running: Running,
}

impl Playing {
    /// Starts both.
    ///
    /// # Errors
    /// One of them does not start.
    pub(crate) async fn start(
        recording: Recording,
        folder: &Path,
        listen: SocketAddr,
    ) -> anyhow::Result<Self> {
        let options = Options {
            listen,
            keys: Some(Keys::generate().context("cannot create a signing key")?),
            recording: Some(folder.to_owned()),
            ..Options::default()
        };
        let sim = Sim::start(options).await.with_context(|| format!("cannot answer calls on {listen}"))?;
        let running = start_here(recording.known, 0, Environment::of(recording.settings(&sim.url())))?;
        let url: Url = format!("http://{}", running.address).parse()?;
        let token = sim.token(url.as_str().trim_end_matches('/'), &Value::Object(recording.claims.clone()));
        let known = recording.known;
        let relay = RelayClient::at(known.name, Some(known.module()), url, Some(Credential::token(&token)));
        Ok(Self { recording, sim, relay, _running: running })
    }

    async fn ask(&self, observables: &Value) -> anyhow::Result<Answer> {
        self.relay.ask(observe::ENDPOINT, observables.to_string()).await
    }

    fn print(&self, answers: &[(&Value, Answer)], out: &mut impl Write) -> anyhow::Result<()> {
        let Recording { known, calls, .. } = &self.recording;
        let calls = count(*calls, "recorded call");
        writeln!(out, "{}\n", styled(DIM, format_args!("relay-{} answered from {calls}", known.name)))?;
        for (observables, answer) in answers {
            let values = observables.as_array().into_iter().flatten().filter_map(|one| one["value"].as_str());
            let values: Vec<String> = values.map(harmless).collect();
            writeln!(out, "{}", styled(BOLD, values.join(", ")))?;
            let kinds = answer.data.as_ref().and_then(Value::as_object).into_iter().flatten();
            let found: Vec<String> = kinds.map(|(kind, of)| format!("{kind}: {}", of["count"])).collect();
            writeln!(
                out,
                "  {}",
                if found.is_empty() { "nothing known".to_owned() } else { found.join(", ") }
            )?;
            for problem in &answer.errors {
                let words = format!("{} {}: {}", problem.severity, problem.code, problem.message);
                writeln!(out, "  {}", styled(BAD, harmless(&words)))?;
            }
        }
        ensure!(
            !answers.is_empty(),
            "the recording holds no request about observables; --serve answers other calls"
        );
        Ok(())
    }

    fn print_instructions(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let claims = Value::Object(self.recording.claims.clone());
        writeln!(
            out,
            "\n{}",
            styled(BOLD, "Recorded calls are answered until Ctrl-C. Settings for a relay of your own:")
        )?;
        for (name, value) in self.recording.settings(&self.sim.url()) {
            writeln!(out, "{name}={value}")?;
        }
        writeln!(
            out,
            "\nA token for a relay at http://127.0.0.1:9090:\nTOKEN={}\n\nThe relay in this process, with a token of its own:\n{}\nTOKEN={}",
            self.sim.token("http://127.0.0.1:9090", &claims),
            styled(LITERAL, &self.relay.url),
            self.relay.token()?.unwrap_or_default()
        )?;
        out.flush()?;
        Ok(())
    }
}

fn print_missing(missing: &[String], out: &mut impl Write) -> anyhow::Result<()> {
    if missing.is_empty() {
        writeln!(out, "\n{}", styled(GOOD, "No call was missing."))?;
        return Ok(());
    }
    writeln!(out, "\n{}", styled(BAD, format_args!("{} not recorded:", count(missing.len(), "call"))))?;
    for call in missing {
        writeln!(out, "  {}", harmless(call))?;
    }
    Ok(())
}
