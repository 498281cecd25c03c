//! `relayctl module-type --push`, `--delete`: registers a relay's module type on the platform, and removes it.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{bail, ensure};
use serde_json::Value;

use crate::platform::{Platform, Records, diff};
use crate::ui::{BOLD, DIM, GOOD, LITERAL, harmless, styled};

/// What is done with a module type, and whether for real.
pub(super) struct Push<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) yes: bool,
    /// Only says by its exit code whether the platform's record is another.
    pub(super) check_only: bool,
}

/// The exit code for a record that differs.
const DIFFERS: u8 = 3;

impl Push<'_> {
    /// Makes or changes the platform's record so that it is as `ours`.
    pub(super) async fn push(
        &self,
        platform: &mut Platform,
        ours: &Value,
        out: &mut impl Write,
    ) -> anyhow::Result<ExitCode> {
        let Some(theirs) = self.record(platform, ours).await? else {
            writeln!(out, "new module type {}", titled(ours))?;
            if self.check_only {
                return Ok(ExitCode::from(DIFFERS));
            }
            if !self.yes {
                return dry_run(out);
            }
            let id = platform.create(Records::Types, ours).await?;
            writeln!(out, "{} module type {}", styled(GOOD, "created"), styled(LITERAL, id))?;
            return Ok(ExitCode::SUCCESS);
        };
        let id = text(&theirs, "id");
        let changes = diff::changes(&theirs, ours);
        if changes.is_empty() {
            writeln!(out, "module type {} {}: up to date", titled(&theirs), styled(DIM, harmless(id)))?;
            return Ok(ExitCode::SUCCESS);
        }
        writeln!(out, "module type {} {} changes:", titled(&theirs), styled(DIM, harmless(id)))?;
        for line in diff::lines(&theirs, &changes) {
            writeln!(out, "  {line}")?;
        }
        if self.check_only {
            return Ok(ExitCode::from(DIFFERS));
        }
        if !self.yes {
            return dry_run(out);
        }
        platform.change(Records::Types, id, &Value::Object(changes)).await?;
        writeln!(out, "{} module type {}", styled(GOOD, "changed"), styled(LITERAL, harmless(id)))?;
        Ok(ExitCode::SUCCESS)
    }

    /// The record that is meant: by id, else that of the organization at this URL, else of this title.
    async fn record(&self, platform: &mut Platform, ours: &Value) -> anyhow::Result<Option<Value>> {
        if let Some(id) = self.id {
            let record = platform.get(Records::Types, id).await?;
            ensure!(
                text(&record, "visibility") != "global",
                "{} is one of the platform's own module types",
                harmless(id)
            );
            return Ok(Some(record));
        }
        let mut own = platform.list(Records::Types, &[]).await?;
        own.retain(|record| text(record, "visibility") == "org");
        let url = |record: &Value| text(&record["properties"], "url").trim_end_matches('/').to_owned();
        let at_url = |record: &&Value| url(record) == url(ours);
        let of_title = |record: &&Value| text(record, "title") == text(ours, "title");
        let mut found: Vec<&Value> = own.iter().filter(at_url).collect();
        if found.is_empty() {
            found = own.iter().filter(of_title).collect();
        }
        match found.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some((*one).clone())),
            several => {
                let ids: Vec<String> = several.iter().map(|record| harmless(text(record, "id"))).collect();
                bail!(
                    "several module types of this URL or title are there; say which by --id: {}",
                    ids.join(", ")
                )
            }
        }
    }

    /// Removes the record, unless it has instances.
    pub(super) async fn delete(
        &self,
        platform: &mut Platform,
        out: &mut impl Write,
    ) -> anyhow::Result<ExitCode> {
        let Some(id) = self.id else { bail!("--delete needs --id") };
        let instances = platform.list(Records::Instances, &[("module_type_id", id)]).await?;
        if !instances.is_empty() {
            let names: Vec<String> = instances
                .iter()
                .map(|one| format!("{} ({})", harmless(text(one, "name")), harmless(text(one, "id"))))
                .collect();
            bail!("the module type has instances, which have to go first: {}", names.join(", "));
        }
        let record = platform.get(Records::Types, id).await?;
        ensure!(
            text(&record, "visibility") != "global",
            "{} is one of the platform's own module types",
            harmless(id)
        );
        writeln!(out, "module type {} {} is removed", titled(&record), styled(DIM, harmless(id)))?;
        if !self.yes {
            return dry_run(out);
        }
        platform.delete(Records::Types, id).await?;
        writeln!(out, "{}", styled(GOOD, "removed"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Says that nothing was done.
///
/// # Errors
/// It cannot be written.
pub(crate) fn dry_run(out: &mut impl Write) -> anyhow::Result<ExitCode> {
    writeln!(out, "nothing was sent; add {} to do it", styled(LITERAL, "--yes"))?;
    Ok(ExitCode::SUCCESS)
}

fn titled(record: &Value) -> String {
    styled(BOLD, harmless(text(record, "title")))
}

fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    record[name].as_str().unwrap_or_default()
}
