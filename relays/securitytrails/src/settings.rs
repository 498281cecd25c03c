//! The settings of the relay beyond its addresses.

use relay_core::settings::{ProviderSettings, SettingsError};

use crate::query::RecordType;

/// Switches and bounds.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
#[derive(Clone, Debug)]
pub struct Options {
    /// Most pages read per lookup.
    pub max_pages: u64,
    /// Most relations of a sighting.
    pub max_relations: usize,
    /// Whether sightings of domains have the history as a table.
    pub history_table: bool,
    /// Whether sightings of addresses have their domains as a table.
    pub domains_table: bool,
    /// Which address records of a domain are asked for.
    pub history_types: Vec<RecordType>,
    /// Which further records are asked for, unless the token says otherwise.
    pub extra_record_types: Vec<RecordType>,
    /// Whether subdomains are asked for, unless the token says otherwise.
    pub subdomains: bool,
    /// Whether the account's usage is asked for.
    pub usage: bool,
}

impl Options {
    /// Reads them.
    ///
    /// # Errors
    /// A setting is not usable.
    pub fn load(settings: &ProviderSettings) -> Result<Self, SettingsError> {
        let max_relations = settings.integer("max_relations", 1, 1_000_000)?;
        let history_types = words(settings, "history_types", RecordType::ADDRESSES)?;
        if history_types.is_empty() {
            return Err(SettingsError::value(
                "provider.history_types",
                "must name a or aaaa, or both".to_owned(),
            ));
        }
        Ok(Self {
            max_pages: settings.integer("max_pages", 1, 10_000)?,
            max_relations: usize::try_from(max_relations).unwrap_or(usize::MAX),
            history_table: settings.flag("history_table")?,
            domains_table: settings.flag("domains_table")?,
            history_types,
            extra_record_types: words(settings, "extra_record_types", RecordType::EXTRA)?,
            subdomains: settings.flag("get_subdomains")?,
            usage: settings.flag("usage")?,
        })
    }
}

/// A comma-separated list of record types.
fn words(
    settings: &ProviderSettings,
    name: &str,
    known: [(&'static str, RecordType); 2],
) -> Result<Vec<RecordType>, SettingsError> {
    let text = settings.text(name).unwrap_or_default();
    let words: Vec<&str> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    if let Some(other) =
        words.iter().find(|word| known.iter().all(|(name, _)| !word.eq_ignore_ascii_case(name)))
    {
        let names = known.map(|(name, _)| name).join(" and ");
        return Err(SettingsError::value(
            &format!("provider.{name}"),
            format!("knows {names}, not `{}`", relay_core::text::sanitized(other, 40)),
        ));
    }
    Ok(RecordType::listed(&words, known))
}

#[cfg(test)]
mod tests {
    use relay_core::settings::{Environment, Settings};

    use super::*;
    use crate::module::MODULE;

    fn load(name: &str, value: &str) -> Result<Options, String> {
        let variable = format!("RELAY_PROVIDER__{name}");
        let environment = Environment::of([(variable.as_str(), value)]);
        let settings = Settings::load(&MODULE, environment).map_err(|error| error.to_string())?.settings;
        let options = Options::load(&settings.provider);
        options
            .map_err(|error| error.to_string())
            .inspect_err(|error| assert!(error.contains(&variable), "{error}"))
    }

    #[test]
    fn record_types_are_words_of_any_case() {
        let options = load("HISTORY_TYPES", "AAAA , a").unwrap();
        assert_eq!(options.history_types, [RecordType::A, RecordType::Aaaa]);
        assert_eq!(options.extra_record_types, []);
        assert_eq!(load("HISTORY_TYPES", "aaaa").unwrap().history_types, [RecordType::Aaaa]);
        assert_eq!(load("EXTRA_RECORD_TYPES", "ns").unwrap().extra_record_types, [RecordType::Ns]);
    }

    #[test]
    fn an_unknown_record_type_stops_the_start() {
        for (name, value) in
            [("HISTORY_TYPES", "a,mx"), ("HISTORY_TYPES", ","), ("EXTRA_RECORD_TYPES", "txt")]
        {
            assert!(load(name, value).is_err(), "{name}={value}");
        }
    }
}
