//! `relayctl respond`: the response actions for an observable, and one of them carried out.

use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use relay_core::endpoint::{respond, trigger};
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Observable, Offer, Problem, words};
use crate::ask::print_problem;
use crate::connections::Config;
use crate::input::Input;
use crate::relay_client::RelayClient;
use crate::token::read;
use crate::ui::{BOLD, DIM, DOUBTFUL, GOOD, LITERAL, harmless, styled};

/// Lists the response actions for an observable, or carries one out
///
/// Before an action is carried out, it shows what will happen and asks. An answer that says `dry run` means that the
/// relay checked everything and sent nothing.
///
/// Exit code 0: listed, or done; 3: no action is offered (0 with --json); 1: the answer reports an error; 2: nothing
/// was asked, no answer, or not confirmed.
#[derive(Args)]
pub(crate) struct Respond {
    /// The relay: a connection of relays.toml, its URL, or the name of one on this machine's usual port
    #[arg(value_name = "NAME|URL")]
    relay: String,

    /// The observable, such as `ms_machine_id=73e7e2de`
    observable: String,

    /// The action to carry out: its id or its number in the list
    action: Option<String>,

    /// Carry it out without asking
    #[arg(long, requires = "action")]
    yes: bool,

    #[command(flatten)]
    config: Config,

    /// The token, with or without `Bearer` before it. Other users can see arguments: prefer the variable or a file
    #[arg(long, env = "RELAY_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// File with the token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Print one JSON document: the actions, or the outcome
    #[arg(long)]
    json: bool,
}

impl Respond {
    /// Runs the command.
    ///
    /// # Errors
    /// The arguments are wrong, there is no readable answer, or the user does not confirm.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let input = Input::read(std::slice::from_ref(&self.observable))?;
        let token = match &self.token_file {
            Some(file) => Some(read(file)?),
            None => self.token.clone(),
        };
        let mut relay = self.config.relay(&self.relay, token.as_deref(), err)?;
        ensure!(
            relay.credential.is_some(),
            "respond needs a token: set --token-file, --token or RELAY_TOKEN"
        );
        relay.learn().await;
        let (about, _) = input.checked(std::slice::from_ref(&relay), respond::ENDPOINT, err)?;
        let [about] = &about[..] else { bail!("name one observable") };
        let Offers { actions, errors } = offers(&relay, about).await?;
        match &self.action {
            None => self.list(&actions, &errors, out, err),
            Some(action) => {
                let action = chosen(&actions, &errors, action)?;
                self.carry_out(&relay, about, action, out, err).await
            }
        }
    }

    fn list(
        &self,
        actions: &[Value],
        errors: &[Problem],
        out: &mut impl Write,
        err: &mut impl Write,
    ) -> anyhow::Result<ExitCode> {
        let failed = errors.iter().any(Problem::is_failure);
        if self.json {
            writeln!(out, "{:#}", json!({"actions": actions, "errors": errors}))?;
            return Ok(ExitCode::from(u8::from(failed)));
        }
        for (number, action) in actions.iter().enumerate() {
            let Offer { id, title, description, .. } = read_offer(action);
            writeln!(out, "{:>3}  {}", number + 1, styled(BOLD, harmless(&title)))?;
            writeln!(out, "     {}\n     {}", harmless(&description), styled(LITERAL, harmless(&id)))?;
        }
        if actions.is_empty() && !failed {
            writeln!(out, "{}", styled(DIM, format_args!("{}: no action is offered", words::NOTHING_KNOWN)))?;
        }
        for problem in errors {
            print_problem(problem, err)?;
        }
        Ok(ExitCode::from(match (failed, actions.is_empty()) {
            (true, _) => 1,
            (false, true) => 3,
            (false, false) => 0,
        }))
    }

    async fn carry_out(
        &self,
        relay: &RelayClient,
        about: &Observable,
        action: &Value,
        out: &mut impl Write,
        err: &mut impl Write,
    ) -> anyhow::Result<ExitCode> {
        writeln!(err, "{}", harmless_lines(&effect(relay, about, action)))?;
        if !self.yes && !confirmed(err)? {
            bail!("nothing was done");
        }
        let Answer { data, errors } = carry_out(relay, about, action).await?;
        let failed = errors.iter().any(Problem::is_failure);
        let status = data.as_ref().and_then(|data| data["status"].as_str()).unwrap_or("failure");
        if self.json {
            let outcome = json!({"status": status, "dry_run": is_dry_run(&errors), "errors": errors});
            writeln!(out, "{outcome:#}")?;
        } else {
            match (status, is_dry_run(&errors)) {
                (_, true) => writeln!(out, "{}", styled(DOUBTFUL, "dry run: nothing was done"))?,
                ("success", _) => writeln!(out, "{}", styled(GOOD, "done"))?,
                _ => writeln!(out, "{}", styled(crate::ui::BAD, "not done"))?,
            }
            for problem in &errors {
                print_problem(problem, err)?;
            }
        }
        let fine = status == "success" || (is_dry_run(&errors) && !failed);
        Ok(ExitCode::from(u8::from(!fine)))
    }
}

/// What a relay offers.
pub(crate) struct Offers {
    /// The actions, as they came.
    pub(crate) actions: Vec<Value>,
    /// What went wrong.
    pub(crate) errors: Vec<Problem>,
}

/// The actions that a relay offers for an observable.
///
/// # Errors
/// There is no readable answer.
pub(crate) async fn offers(relay: &RelayClient, about: &Observable) -> anyhow::Result<Offers> {
    let answer = relay.ask(respond::ENDPOINT, serde_json::to_string(&[about])?).await?;
    let actions = match answer.data {
        Some(Value::Array(actions)) => actions,
        _ => Vec::new(),
    };
    Ok(Offers { actions, errors: answer.errors })
}

/// The outcome of an action.
///
/// # Errors
/// There is no readable answer; nobody knows whether the action was carried out.
pub(crate) async fn carry_out(
    relay: &RelayClient,
    about: &Observable,
    action: &Value,
) -> anyhow::Result<Answer> {
    let mut body = Map::new();
    if let Some(params) = action["query-params"].as_object() {
        body.extend(params.clone());
    }
    body.insert("action-id".to_owned(), action["id"].clone());
    for (name, value) in [("observable_type", &about.kind), ("observable_value", &about.value)] {
        body.entry(name).or_insert_with(|| json!(value));
    }
    let body = serde_json::to_string(&body)?;
    relay.ask(trigger::ENDPOINT, body).await.context(
        "there is no outcome; the action may have been carried out all the same: look before you repeat it",
    )
}

/// What will happen, in words.
pub(crate) fn effect(relay: &RelayClient, about: &Observable, action: &Value) -> String {
    let Offer { title, description, .. } = read_offer(action);
    let provider = harmless(relay.title());
    let dry = if title.starts_with("Dry run") {
        format!("Dry run: the relay only checks, and sends nothing to {provider}.")
    } else {
        format!("This changes things at {provider}.")
    };
    format!(
        "{title}\n  for {} {}\n  by {} ({})\n  {description}\n  {dry}",
        about.kind, about.value, relay.name, relay.url
    )
}

/// Whether the relay only checked.
pub(crate) fn is_dry_run(errors: &[Problem]) -> bool {
    errors.iter().any(|problem| problem.code == "dry run")
}

fn harmless_lines(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join("\n")
}

fn read_offer(action: &Value) -> Offer {
    serde_json::from_value(action.clone()).unwrap_or_default()
}

/// The action of this id or number.
fn chosen<'a>(actions: &'a [Value], errors: &[Problem], wanted: &str) -> anyhow::Result<&'a Value> {
    let by_id: Vec<&Value> = actions.iter().filter(|action| action["id"] == wanted).collect();
    let by_number = || wanted.parse::<usize>().ok().and_then(|number| actions.get(number.checked_sub(1)?));
    match (&by_id[..], by_number()) {
        ([one], _) => Ok(one),
        ([], Some(one)) => Ok(one),
        ([], None) => {
            if let Some(problem) = errors.first() {
                bail!(
                    "the action is not offered: {}: {}",
                    harmless(&problem.code),
                    harmless(&problem.message)
                );
            }
            let known: Vec<String> =
                actions.iter().filter_map(|one| one["id"].as_str()).map(harmless).collect();
            bail!("no action `{}` is offered; there are: {}", harmless(wanted), known.join(", "))
        }
        _ => bail!("several actions are called `{}`; name one by its number in the list", harmless(wanted)),
    }
}

fn confirmed(err: &mut impl Write) -> anyhow::Result<bool> {
    ensure!(io::stdin().is_terminal(), "to carry it out without a terminal, add --yes");
    write!(err, "Carry it out? [y/N] ")?;
    err.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
