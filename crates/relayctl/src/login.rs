//! How a relay logs in to its provider, as far as it decides what its tokens hold.

use anyhow::ensure;
use clap::ValueEnum;
use relay_core::module::Module;
use relay_core::provider::entra::CREDENTIAL;
use relay_core::settings::{Environment, Settings};
use serde::Deserialize;

/// How the relay logs in to the provider (`RELAY_PROVIDER__CREDENTIAL`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Login {
    /// With the secret that the user enters
    #[default]
    Secret,
    /// With a certificate of the operator's
    Certificate,
    /// With a federated token of the operator's
    Federated,
}

impl Login {
    /// The settings of a relay that logs in this way.
    ///
    /// # Errors
    /// The relay takes nothing in place of a secret.
    pub(crate) fn settings(self, module: &'static Module) -> anyhow::Result<Settings> {
        self.settings_with(module, Vec::new())
    }

    /// The same, with further variables.
    ///
    /// # Errors
    /// As [`Login::settings`]; or a variable cannot be used.
    pub(crate) fn settings_with(
        self,
        module: &'static Module,
        mut variables: Vec<(String, String)>,
    ) -> anyhow::Result<Settings> {
        if self != Self::Secret {
            self.check(module)?;
            let word = if self == Self::Certificate { "certificate" } else { "federated" };
            variables.push((CREDENTIAL.variable(), word.to_owned()));
        }
        Ok(Settings::load(module, Environment::of(variables).with_proxies_of_process())?.settings)
    }

    /// Whether the relay can log in this way.
    ///
    /// # Errors
    /// It takes nothing in place of a secret.
    pub(crate) fn check(self, module: &Module) -> anyhow::Result<()> {
        let has = module.settings.iter().any(|setting| setting.key == CREDENTIAL.key);
        ensure!(
            has || self == Self::Secret,
            "{} logs in with what its users enter; --credential is for relays of Microsoft's APIs",
            module.package
        );
        Ok(())
    }
}
