//! Names that no setting has, most often typing mistakes: each is a warning, with the name that was probably meant.

use std::collections::BTreeSet;

use super::environment::Environment;
use super::load::{Values, rows};
use crate::module::Setting;

impl Values {
    /// One line for each name, in the file or the environment, that no row has, as it is written there.
    pub(super) fn unknown(&self, environment: &Environment) -> Vec<String> {
        let settings: Vec<&Setting> = rows(self.module).collect();
        let variables: Vec<String> =
            settings.iter().map(|row| row.variable()).chain(["RELAY_CONFIG".to_owned()]).collect();
        let keys: Vec<&str> = settings.iter().map(|row| row.key).collect();
        let package = self.module.package;
        let (path, written) =
            self.file.as_ref().map(|(path, keys)| (path.as_str(), keys.as_slice())).unwrap_or_default();
        let in_file = written.iter().filter(|key| !keys.contains(&key.as_str())).map(|key| {
            let meant = meant(key, &keys, ".");
            format!("`{key}` in {path} is not a setting of {package} and is ignored{meant}")
        });
        let known: Vec<&str> = variables.iter().map(String::as_str).collect();
        let names: BTreeSet<&str> = environment.names().filter(|name| name.starts_with("RELAY_")).collect();
        let in_environment = names.into_iter().filter(|name| !known.contains(name)).map(|name| {
            let meant = meant(name, &known, "__");
            format!("{name} is not a setting of {package} and is ignored{meant}")
        });
        in_file.chain(in_environment).collect()
    }
}

/// How many letters a typing mistake changes at most.
const MISTAKE: usize = 2;

/// The known name that a name is most like: by its letters, or as one that lacks its section.
fn meant(name: &str, known: &[&str], separator: &str) -> String {
    let name = name.to_ascii_lowercase();
    let own = name.strip_prefix("relay_").unwrap_or(&name);
    let distance = |other: &str| strsim::damerau_levenshtein(&name, &other.to_ascii_lowercase());
    let nearest = known
        .iter()
        .map(|other| (distance(other), *other))
        .min()
        .filter(|(distance, _)| *distance <= MISTAKE);
    let end = format!("{separator}{own}");
    let in_section =
        || known.iter().find(|other| !own.is_empty() && other.to_ascii_lowercase().ends_with(&end));
    match nearest.map(|(_, other)| other).or_else(|| in_section().copied()) {
        Some(other) => format!("; did you mean {other}?"),
        None => String::new(),
    }
}
