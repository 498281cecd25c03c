//! `relayctl module-instance`: instances of a registered relay, and their health.

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use relay_core::auth::Claims;
use serde_json::{Map, Value, json};

use crate::login::Login;
use crate::module_type::dry_run;
use crate::platform::{Access, Platform, Records};
use crate::relays;
use crate::token::claims::{self, Prompt, Terminal};
use crate::token::read;
use crate::ui::{BAD, BOLD, DIM, DOUBTFUL, GOOD, LITERAL, harmless, styled};

/// Makes, lists, checks and removes instances of a registered relay
///
/// Asks for the provider's credentials that the relay needs, hidden, and stores them on the platform. Without --yes
/// nothing is sent. No setting's value is ever printed.
#[derive(Debug, Args)]
pub(crate) struct ModuleInstance {
    /// The relay
    #[arg(required_unless_present_any = ["list", "health", "delete"])]
    name: Option<String>,

    /// Id of the module type
    #[arg(long, value_name = "ID")]
    module_type: Option<String>,

    /// Name of the instance; by default the one of the module type
    #[arg(long = "name", value_name = "NAME")]
    instance_name: Option<String>,

    /// Credentials and options as a JSON object of claims; - reads standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// An option (repeatable). Not for secrets: other users can see arguments, and the shell stores them
    #[arg(long, value_name = "KEY=VALUE", value_parser = claims::assignment)]
    set: Vec<(String, String)>,

    /// How the relay logs in (`RELAY_PROVIDER__CREDENTIAL`): only with a secret is one asked for
    #[arg(long, value_enum, default_value_t)]
    credential: Login,

    /// List the instances
    #[arg(long, conflicts_with_all = ["name", "health", "delete"])]
    list: bool,

    /// Ask the platform for the health of an instance
    #[arg(long, value_name = "ID", conflicts_with_all = ["name", "delete"])]
    health: Option<String>,

    /// Remove an instance
    #[arg(long, value_name = "ID", conflicts_with = "name")]
    delete: Option<String>,

    /// Do it
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    access: Access,
}

impl ModuleInstance {
    /// Runs the command.
    ///
    /// # Errors
    /// Arguments or credentials are invalid, or the platform refuses.
    pub(crate) async fn run(self, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<ExitCode> {
        let mut platform = Platform::new(&self.access)?;
        if self.list {
            return self.list(&mut platform, out).await;
        }
        if let Some(id) = &self.health {
            return show_health(&mut platform, id, out).await;
        }
        if let Some(id) = &self.delete {
            return self.delete(&mut platform, id, out).await;
        }
        self.create(&mut platform, out, err).await
    }

    async fn list(&self, platform: &mut Platform, out: &mut impl Write) -> anyhow::Result<ExitCode> {
        let query: Vec<(&str, &str)> =
            self.module_type.iter().map(|id| ("module_type_id", id.as_str())).collect();
        let instances = platform.list(Records::Instances, &query).await?;
        if instances.is_empty() {
            writeln!(out, "no instances")?;
        }
        for one in &instances {
            let state = if one["enabled"] == false { "disabled" } else { "enabled" };
            writeln!(
                out,
                "{}  {}  of {}, {state}",
                styled(LITERAL, harmless(text(one, "id"))),
                styled(BOLD, harmless(text(one, "name"))),
                harmless(text(one, "module_type_id"))
            )?;
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn delete(
        &self,
        platform: &mut Platform,
        id: &str,
        out: &mut impl Write,
    ) -> anyhow::Result<ExitCode> {
        let instance = platform.get(Records::Instances, id).await?;
        writeln!(out, "module instance {} is removed", styled(BOLD, harmless(text(&instance, "name"))))?;
        if !self.yes {
            return dry_run(out);
        }
        platform.delete(Records::Instances, id).await?;
        writeln!(out, "{}", styled(GOOD, "removed"))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn create(
        &self,
        platform: &mut Platform,
        out: &mut impl Write,
        err: &mut impl Write,
    ) -> anyhow::Result<ExitCode> {
        let known = relays::named(self.name.as_deref().unwrap_or_default())?;
        let module_type = self.module_type.as_deref().context("--module-type ID is missing")?;
        let settings = self.settings(known, err)?;
        for value in settings.values().filter_map(Value::as_str) {
            platform.hide(value);
        }
        let record = platform.get(Records::Types, module_type).await?;
        let name = self.instance_name.as_deref().unwrap_or_else(|| text(&record, "default_name"));
        ensure!(!name.trim().is_empty(), "--name is missing");
        let names: Vec<&str> = settings.keys().map(String::as_str).collect();
        writeln!(
            out,
            "new module instance {} of {} {}",
            styled(BOLD, harmless(name)),
            harmless(text(&record, "title")),
            styled(DIM, format_args!("with {}", names.join(", ")))
        )?;
        if !self.yes {
            return dry_run(out);
        }
        let instance = json!({
            "name": name, "module_type_id": module_type, "visibility": "org", "enabled": true, "settings": settings,
        });
        let id = platform.create(Records::Instances, &instance).await?;
        writeln!(out, "{} module instance {}", styled(GOOD, "created"), styled(LITERAL, &id))?;
        show_health(platform, &id, out).await
    }

    /// The fields of the module type's form, checked as the relay will check them.
    fn settings(&self, known: &relays::Known, err: &mut impl Write) -> anyhow::Result<Map<String, Value>> {
        let module = known.module();
        let mut given: Map<String, Value> = match &self.file {
            None => Map::new(),
            Some(file) => serde_json::from_str(&read(file)?)
                .ok()
                .with_context(|| format!("{} is not a JSON object of claims", file.display()))?,
        };
        let secret = |name: &str| module.claims.iter().any(|claim| claim.secret && claim.name == name);
        if let Some((name, _)) = self.set.iter().find(|(name, _)| secret(name)) {
            let note = styled(DOUBTFUL, "note:");
            writeln!(
                err,
                "{note} {name} is on the command line, where other users can see it; prefer --file"
            )?;
        }
        given.extend(self.set.iter().map(|(name, value)| (name.clone(), json!(value))));
        if let Some(unread) =
            given.keys().find(|name| module.claims.iter().all(|claim| claim.name != name.as_str()))
        {
            bail!("{} does not read {}", module.package, harmless(unread));
        }
        let from_stdin = self.file.as_deref() == Some(Path::new("-"));
        let mut terminal = (!from_stdin && io::stdin().is_terminal()).then_some(Terminal { err });
        let prompt = terminal.as_mut().map(|terminal| terminal as &mut dyn Prompt);
        let login = self.credential.settings(module)?;
        let claims = claims::complete(module, &login, given, prompt)?;
        (known.relay)().check_claims(&login, &Claims::from(claims.clone()))?;
        Ok(claims.into_iter().map(|(name, value)| (format!("custom_{name}"), value)).collect())
    }
}

/// What the platform says of an instance's health, with the likely reason of a failure.
async fn show_health(platform: &mut Platform, id: &str, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let answer = platform.health(id).await?;
    let status = answer["data"]["data"]["status"].as_str().unwrap_or("unknown");
    let style = if status == "ok" { GOOD } else { BAD };
    writeln!(out, "health: {}", styled(style, harmless(status)))?;
    for error in answer["errors"].as_array().into_iter().flatten() {
        let message = platform.shown(text(error, "message"));
        writeln!(out, "  {} {}: {message}", harmless(text(error, "type")), harmless(text(error, "code")))?;
        if let Some(hint) = hint(text(error, "code"), &message) {
            writeln!(out, "  {}", styled(DIM, hint))?;
        }
    }
    Ok(ExitCode::from(u8::from(status != "ok")))
}

/// What is most often the reason.
fn hint(code: &str, message: &str) -> Option<&'static str> {
    if message.contains("audience") {
        return Some("RELAY_AUTH__AUDIENCE is not the URL of the module type, or a proxy changes the Host");
    }
    if message.contains("jwks_host") {
        return Some("the region of the module type and RELAY_AUTH__JWKS_HOSTS differ");
    }
    if code == "connection error" && message.starts_with("The module does not answer") {
        return Some("the platform does not reach the relay: DNS, firewall or certificate");
    }
    None
}

fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    record[name].as_str().unwrap_or_default()
}
