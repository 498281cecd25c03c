//! [`Relay`] puts a provider and its capabilities together.
//!
//! An endpoint is served, documented and counted because its capability is there, and a capability that is not
//! implemented does not compile: `Relay::of::<P>().observe()` needs `P: Observe`.

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::auth::{self, Check, ClaimError, Claims, KeySet};
pub use crate::capability::{
    Action, Credentials, Deliberate, Link, Observe, Offered, Provider, Refer, Respond, Tiles,
};
use crate::doctor::checkup::Retiring;
use crate::doctor::line::Line;
use crate::doctor::own::{self, Given};
use crate::endpoint::{
    Endpoint, Handler, OfTiles, Served, deliberate, health, observe, refer, respond, tile, tile_data, tiles,
    trigger,
};
use crate::module::Module;
use crate::provider::Client;
use crate::settings::{ProviderSettings, Settings, SettingsError};

/// A relay ready to be run: its description and how to start it, whatever its provider's type.
pub struct Relay {
    module: &'static Module,
    endpoints: Vec<Endpoint>,
    max_concurrency: usize,
    check_claims: fn(&ProviderSettings, &Claims) -> Result<(), ClaimError>,
    examine: ExamineFn,
    log_in: LogInFn,
    start: Box<StartFn>,
}

/// A started provider.
pub(crate) struct Started {
    /// What it serves with its settings.
    pub(crate) endpoints: Vec<Served>,
    /// What it uses whose end is announced.
    pub(crate) retiring: Vec<Retiring>,
}

type ExamineFn = for<'a> fn(&'a Settings, &'a [String], Given<'a>) -> BoxFuture<'a, Vec<Line>>;
type LogInFn = for<'a> fn(&'a Settings, &'a Claims) -> BoxFuture<'a, Vec<Line>>;

type StartFn = dyn Fn(&ProviderSettings, Client) -> Result<Started, SettingsError> + Send + Sync;

impl Relay {
    /// Begins a relay of a provider; it serves `/health` and what the builder's other methods add.
    ///
    /// An endpoint that the provider cannot serve does not compile:
    ///
    /// ```
    /// # use relay_core::relay::{Observe, Relay, Respond};
    /// fn observing<P: Observe>() -> Relay {
    ///     Relay::of::<P>().observe().build()
    /// }
    /// ```
    /// ```compile_fail,E0277
    /// # use relay_core::relay::{Observe, Relay, Respond};
    /// fn responding<P: Observe>() -> Relay {
    ///     Relay::of::<P>().observe().respond().build()
    /// }
    /// ```
    pub fn of<P: Provider>() -> RelayBuilder<P> {
        RelayBuilder { routes: Vec::new() }.serve::<health::Handle>()
    }

    /// The constants of the relay.
    pub fn module(&self) -> &'static Module {
        self.module
    }

    /// The platform endpoints that it can serve; settings may take one away.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// See [`Provider::MAX_CONCURRENCY`].
    pub(crate) fn max_concurrency(&self) -> usize {
        self.max_concurrency
    }

    /// Checks whether credentials can be made of these claims with these settings. No I/O; the provider is not asked.
    ///
    /// # Errors
    /// As [`Credentials::from_claims`].
    pub fn check_claims(&self, settings: &Settings, claims: &Claims) -> Result<(), ClaimError> {
        (self.check_claims)(&settings.provider, claims)
    }

    /// Checks everything that the relay would use with these settings (`doctor`). `unknown` are the warnings of their
    /// reading.
    pub(crate) async fn examine(
        &self,
        settings: &Settings,
        unknown: &[String],
        given: Given<'_>,
    ) -> Vec<Line> {
        (self.examine)(settings, unknown, given).await
    }

    /// Logs in with claims as the relay does with these settings, and checks the permissions that it is given. Nothing
    /// where the provider has no login.
    pub async fn log_in(&self, settings: &Settings, claims: &Claims) -> Vec<Line> {
        (self.log_in)(settings, claims).await
    }

    /// Makes every check that the relay makes of a token, those of its claims included.
    ///
    /// `keys` stand in for those of the key host, which are fetched otherwise, as the relay does: from allowed hosts
    /// only. `origin` is scheme and host under which the platform calls the relay.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub async fn explain(
        &self,
        settings: &Settings,
        keys: Option<KeySet>,
        token: &str,
        origin: &str,
    ) -> Result<Vec<Check>, SettingsError> {
        let readable = |claims: &Claims| (self.check_claims)(&settings.provider, claims);
        auth::explain(self.module, &readable, settings, keys, token, origin).await
    }

    /// Starts the provider with these settings.
    pub(crate) fn start(
        &self,
        settings: &ProviderSettings,
        client: Client,
    ) -> Result<Started, SettingsError> {
        (self.start)(settings, client)
    }
}

/// Puts a [`Relay`] together; each method needs its capability.
pub struct RelayBuilder<P: Provider> {
    routes: Vec<Route<P>>,
}

/// An endpoint, and how it is bound to the started provider.
struct Route<P> {
    endpoint: Endpoint,
    bind: fn(&Arc<P>) -> Option<Served>,
}

impl<P: Provider> RelayBuilder<P> {
    fn serve<H: Handler<P>>(mut self) -> Self {
        self.routes.push(Route { endpoint: H::ENDPOINT, bind: Served::bind::<P, H> });
        self
    }

    /// Serves `/observe/observables`.
    #[must_use]
    pub fn observe(self) -> Self
    where
        P: Observe,
    {
        self.serve::<observe::Handle>()
    }

    /// Serves `/deliberate/observables`.
    #[must_use]
    pub fn deliberate(self) -> Self
    where
        P: Deliberate,
    {
        self.serve::<deliberate::Handle>()
    }

    /// Serves `/deliberate/observables` with an empty answer, for a provider that judges nothing while its
    /// users' modules call the endpoint. The token is checked, the body is not read.
    #[must_use]
    pub fn deliberate_nothing(self) -> Self {
        self.serve::<deliberate::HandleNothing>()
    }

    /// Serves `/refer/observables`.
    #[must_use]
    pub fn refer(self) -> Self
    where
        P: Refer,
    {
        self.serve::<refer::Handle>()
    }

    /// Serves `/respond/observables` and `/respond/trigger`.
    #[must_use]
    pub fn respond(self) -> Self
    where
        P: Respond,
    {
        self.serve::<respond::Handle>().serve::<trigger::Handle>()
    }

    /// Serves `/tiles`, `/tiles/tile` and `/tiles/tile-data`.
    #[must_use]
    pub fn tiles(self) -> Self
    where
        P: Tiles,
    {
        self.serve::<OfTiles<tiles::Handle>>()
            .serve::<OfTiles<tile::Handle>>()
            .serve::<OfTiles<tile_data::Handle>>()
    }

    /// The relay.
    pub fn build(self) -> Relay {
        let Self { routes } = self;
        Relay {
            module: const { &P::MODULE },
            max_concurrency: P::MAX_CONCURRENCY,
            endpoints: routes.iter().map(|route| route.endpoint).collect(),
            check_claims: P::check_claims,
            examine: |settings, unknown, given| own::own::<P>(settings, unknown, given).boxed(),
            log_in: |settings, claims| own::login::<P>(settings, claims).boxed(),
            start: Box::new(move |settings, client| {
                let provider = Arc::new(P::start(settings, client)?);
                Ok(Started {
                    endpoints: routes.iter().filter_map(|route| (route.bind)(&provider)).collect(),
                    retiring: provider.checkup().retiring,
                })
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::{Value, json};

    use super::*;
    use crate::call::Call;
    use crate::error::Error;
    use crate::observable::TypeCase;
    use crate::settings::Environment;

    struct Acme;

    struct Key(SecretString);

    impl Credentials for Key {
        fn from_claims(claims: &Claims) -> Result<Self, ClaimError> {
            claims.secret("key").map(Self)
        }

        fn identity(&self) -> Vec<&str> {
            vec![secrecy::ExposeSecret::expose_secret(&self.0)]
        }
    }

    impl Provider for Acme {
        const MODULE: Module = Module {
            name: "acme",
            package: "relay-acme",
            version: "0.0.0",
            title: "Acme",
            summary: "",
            user_agent: None,
            observables: &[],
            type_case: TypeCase::Exact,
            claims: &[],
            settings: &[],
        };
        type Credentials = Key;

        fn start(_: &ProviderSettings, _: Client) -> Result<Self, SettingsError> {
            Ok(Self)
        }

        async fn health(&self, _: &Call<Self::Credentials>) -> Result<(), Error> {
            Ok(())
        }
    }

    #[test]
    fn claims_are_checked_without_a_call() {
        let check = |claims: Value| {
            let Value::Object(claims) = claims else { panic!("an object") };
            let settings = Settings::load(&Acme::MODULE, Environment::default()).expect("settings").settings;
            Relay::of::<Acme>().build().check_claims(&settings, &Claims::from(claims))
        };
        assert_eq!(check(json!({"key": "k"})), Ok(()));
        let error = check(json!({"key": " "})).unwrap_err();
        assert_eq!(error.to_string(), "the claim `key` of the token is empty");
    }
}
