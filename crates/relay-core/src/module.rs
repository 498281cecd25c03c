//! The description of a relay: its names, what it looks up, what its users configure.

use crate::ctim::ObservableType;
use crate::observable::TypeCase;

/// The constants of a relay: names, what it understands, what users configure.
#[derive(Debug)]
pub struct Module {
    /// Short name: part of entity ids, label of metrics, folder of fixtures.
    pub name: &'static str,
    /// Name of the package and the program.
    pub package: &'static str,
    /// Version of the package.
    pub version: &'static str,
    /// The provider as users know it; the `source` of its entities.
    pub title: &'static str,
    /// One sentence that says what the relay is for.
    pub summary: &'static str,
    /// Product token and version for the `User-Agent` header, where the provider prescribes a form.
    pub user_agent: Option<&'static str>,
    /// Types of observables that it looks up or links; others are skipped silently.
    pub observables: &'static [ObservableType],
    /// Whether the case of an observable's type matters.
    pub type_case: TypeCase,
    /// What the token carries for the relay.
    pub claims: &'static [Claim],
    /// The settings that only this relay has, all under `provider.`.
    pub settings: &'static [Setting],
}

/// A claim that the relay reads from the token. The platform's form calls it `custom_<name>`.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Name in the token.
    pub name: &'static str,
    /// What it is called in forms and prompts.
    pub label: &'static str,
    /// Whether the relay cannot do without.
    pub required: bool,
    /// Whether it must not be shown while it is typed.
    pub secret: bool,
    /// What it means.
    pub help: &'static str,
    /// The provider's setting, and the value of it, with which it is read; always where none.
    pub only_with: Option<(&'static str, &'static str)>,
}

/// The claim that every relay reads: how many entities per observable.
pub const ENTITIES_LIMIT: Claim = Claim {
    name: "CTR_ENTITIES_LIMIT",
    label: "Entities Limit",
    required: false,
    secret: false,
    help: "most entities of a kind per observable, 1 to 1000; default 100",
    only_with: None,
};

/// One setting: its key in a file, and by [`Setting::variable`] its name in the environment.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Dotted path, e.g. `provider.read_timeout`.
    pub key: &'static str,
    /// The value where nothing is set; empty for "none".
    pub default: &'static str,
    /// What it does, with its unit: in `--help` and in the tables of the documentation.
    pub help: &'static str,
    /// The default in words, where the value itself says too little.
    pub default_words: Option<&'static str>,
    /// Another variable that counts where the setting is not given.
    pub instead: Option<&'static str>,
}

impl Setting {
    /// A row of a settings table.
    pub const fn new(key: &'static str, default: &'static str, help: &'static str) -> Self {
        Self { key, default, help, default_words: None, instead: None }
    }

    /// The same, with words for its default.
    #[must_use]
    pub const fn default_in_words(mut self, words: &'static str) -> Self {
        self.default_words = Some(words);
        self
    }

    /// The same, read from a variable of another name where it is not given.
    #[must_use]
    pub const fn or_from(mut self, variable: &'static str) -> Self {
        self.instead = Some(variable);
        self
    }

    /// The environment variable, e.g. `RELAY_PROVIDER__READ_TIMEOUT`.
    pub fn variable(&self) -> String {
        variable(self.key)
    }
}

/// The environment variable of a dotted key.
pub(crate) fn variable(key: &str) -> String {
    format!("RELAY_{}", key.to_ascii_uppercase().replace('.', "__"))
}

impl Module {
    /// Value of the `User-Agent` header.
    pub fn user_agent(&self) -> String {
        match self.user_agent {
            Some(text) => text.to_owned(),
            None => format!("{}/{}", self.package, self.version),
        }
    }
}
