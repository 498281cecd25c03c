//! Whether provider calls are recorded, and where.

use std::path::PathBuf;

use super::SettingsError;
use super::load::Values;

/// How provider calls are recorded.
#[derive(Clone, Debug)]
pub struct RecordSettings {
    /// The folder.
    pub folder: PathBuf,
    /// Whether the observables of requests are replaced too.
    pub redact_values: bool,
    /// The provider's base URLs, by the names of their settings.
    pub(crate) bases: Vec<(String, String)>,
    /// The provider's settings that decide which calls are made, by their names.
    pub(crate) options: Vec<(String, String)>,
}

impl RecordSettings {
    pub(super) fn new(values: &Values) -> Result<Option<Self>, SettingsError> {
        let redact_values = values.flag("record_redact_values")?;
        let Some(folder) = values.text("record").map(PathBuf::from) else { return Ok(None) };
        let of_provider = values.module.settings.iter().filter_map(|row| {
            let name = row.key.strip_prefix("provider.")?;
            Some((row.key, name.to_owned(), values.text(row.key)?.to_owned()))
        });
        let (mut bases, mut options) = (Vec::new(), Vec::new());
        for (key, name, value) in of_provider {
            if name.ends_with("_url") && name != "ui_url" && value != "off" {
                bases.push((name, value.trim_end_matches('/').to_owned()));
            } else if values.is_given(key) && !name.ends_with("_file") {
                options.push((name, value));
            }
        }
        Ok(Some(Self { folder, redact_values, bases, options }))
    }

    /// What an operator should know while it is on.
    pub(super) fn warning(&self) -> String {
        let values = if self.redact_values {
            "credentials and observables are replaced"
        } else {
            "credentials are replaced, observables are not (RELAY_RECORD_REDACT_VALUES)"
        };
        format!(
            "RELAY_RECORD: provider calls and their answers are written to {}: {values}; whatever else the provider \
             answers stays as it is",
            self.folder.display()
        )
    }
}
