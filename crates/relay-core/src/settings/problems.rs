//! All that is wrong with the settings of a relay, so that it is put right in one go; and all that is odd.

use super::environment::Environment;
use super::load::Values;
use super::{LogFormat, RecordSettings, Settings, SettingsError};
use crate::module::Module;

impl Settings {
    /// Everything that keeps a relay with this environment from its start. What cannot be used is left out, and the rest
    /// is read again, until nothing is wrong. `starts` tries what else a start does with the settings.
    pub(crate) fn problems(
        module: &'static Module,
        environment: &Environment,
        starts: impl Fn(&Settings) -> Result<(), SettingsError>,
    ) -> Vec<SettingsError> {
        let mut values = match Values::load(module, environment) {
            Ok(values) => values,
            Err(problem) => return vec![problem],
        };
        let mut problems = Vec::new();
        while let Err(problem) = Settings::of(&values).and_then(|settings| starts(&settings)) {
            let goes_on = values.leave_out(&problem);
            problems.push(problem);
            if !goes_on {
                break;
            }
        }
        problems
    }

    /// How lines are to be written where the settings as a whole cannot be read.
    pub(crate) fn log_format(module: &'static Module, environment: &Environment) -> LogFormat {
        let values =
            Values::load(module, environment).or_else(|_| Values::load(module, &environment.without_file()));
        match values {
            Ok(values) if values.text("log_format") == Some("json") => LogFormat::Json,
            _ => LogFormat::Text,
        }
    }

    /// What an operator should know of settings that can be used.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let values = &self.provider.values;
        let mut warnings = Vec::new();
        for (value, file) in
            [("RELAY_AUTH__SECRET_KEY", "auth.secret_key_file"), ("RELAY_SHARED__KEY", "shared.key_file")]
        {
            let key = file.trim_end_matches("_file");
            if values.is_given(key) && values.is_given(file) {
                warnings.push(format!("{value} and {value}_FILE are both set: the file counts"));
            }
        }
        warnings.extend(self.record.as_ref().map(RecordSettings::warning));
        let (call, request) = (self.provider.read_timeout, self.deadline);
        if call > request {
            warnings.push(format!(
                "RELAY_PROVIDER__READ_TIMEOUT ({call:?}) is longer than RELAY_DEADLINE ({request:?}): a slow provider is \
                 reported as a request that ran out of time"
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{MODULE, load};
    use super::*;

    fn problems(given: &[(&str, &str)]) -> Vec<String> {
        let environment = Environment::of(given.iter().copied());
        let starts = |settings: &Settings| settings.provider.url("api_url").map(drop);
        Settings::problems(&MODULE, &environment, starts).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let reported = problems(&[
            ("RELAY_DEADLINE", "soon"),
            ("RELAY_WORKERS", "0"),
            ("CTR_ENTITIES_LIMIT", "many"),
            ("RELAY_PROVIDER__RETRIES", "no"),
            ("RELAY_PROVIDER__API_URL", "nowhere"),
            ("RELAY_SHARED__URL", "redis://store.example"),
            ("RELAY_LOG", "loud"),
            ("HTTPS_PROXY", "ftp://proxy.example"),
            ("RELAY_AUTH__AUDIENCE", "relay.example"),
            ("RELAY_AUTH__SECRET_KEY_FILE", "/no/such/file"),
        ]);
        let names: Vec<&str> = reported.iter().filter_map(|line| line.split(": ").next()).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(
            sorted,
            [
                "HTTPS_PROXY",
                "RELAY_AUTH__AUDIENCE",
                "RELAY_AUTH__SECRET_KEY_FILE",
                "RELAY_DEADLINE",
                "RELAY_ENTITIES_LIMIT",
                "RELAY_LOG",
                "RELAY_PROVIDER__API_URL",
                "RELAY_PROVIDER__RETRIES",
                "RELAY_SHARED__KEY",
                "RELAY_WORKERS",
            ]
        );
        assert_eq!(problems(&[]), Vec::<String>::new());
        assert_eq!(problems(&[("RELAY_CONFIG", "/no/such/file")]).len(), 1);
    }

    #[test]
    fn what_can_never_be_right_ends_too() {
        let environment = Environment::of([("RELAY_WORKERS", "1")]);
        let never = |_: &Settings| Err(SettingsError::value("provider.api_url", "is missing"));
        assert_eq!(Settings::problems(&MODULE, &environment, never).len(), 1);
    }

    #[test]
    fn settings_that_contradict_each_other_are_a_warning() {
        let warnings = |given: &[(&str, &str)]| load(given).expect("settings").settings.warnings();
        assert_eq!(warnings(&[]), Vec::<String>::new());
        let timeout = warnings(&[("RELAY_PROVIDER__READ_TIMEOUT", "30s")]);
        assert!(
            timeout[0].starts_with("RELAY_PROVIDER__READ_TIMEOUT (30s) is longer than RELAY_DEADLINE (25s)")
        );
        let file = std::env::temp_dir().join(format!("relay-core-{}-both", std::process::id()));
        std::fs::write(&file, "s3cr3t of the file").expect("a file");
        let path = file.to_str().expect("a path that is text");
        let both = warnings(&[("RELAY_AUTH__SECRET_KEY_FILE", path), ("SECRET_KEY", "s3cr3t")]);
        std::fs::remove_file(&file).expect("its own file");
        assert_eq!(
            both,
            ["RELAY_AUTH__SECRET_KEY and RELAY_AUTH__SECRET_KEY_FILE are both set: the file counts"]
        );
    }

    #[test]
    fn the_format_of_lines_is_known_before_the_settings_are() {
        let format =
            |given: &[(&str, &str)]| Settings::log_format(&MODULE, &Environment::of(given.iter().copied()));
        assert_eq!(format(&[("RELAY_WORKERS", "0")]), LogFormat::Text);
        assert_eq!(format(&[("RELAY_WORKERS", "0"), ("RELAY_LOG_FORMAT", "json")]), LogFormat::Json);
        let without = [("RELAY_CONFIG", "/no/such/file"), ("RELAY_LOG_FORMAT", "json")];
        assert_eq!(format(&without), LogFormat::Json);
    }
}
