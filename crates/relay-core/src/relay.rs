//! What a relay is to this crate: a [`Module`] that describes it ([`crate::module`]), a [`Provider`], and one trait per capability.
//!
//! [`Relay::of`] puts them together. An endpoint is served, documented and counted because its capability is
//! there, and a capability that is not implemented does not compile: `Relay::of::<P>().observe()` needs
//! `P: Observe`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Serialize;

use crate::auth::{ClaimError, Claims};
use crate::call::Call;
use crate::endpoint::Endpoint;
use crate::error::{Error, Errors};
use crate::lookup;
use crate::lookup::Lookup;
use crate::module::Module;
use crate::observable::{Invalid, Observable, Trigger};
use crate::provider::Client;
use crate::service::{Served, Service};
use crate::settings::{ProviderSettings, SettingsError};

/// What a token must carry to call a provider.
pub trait Credentials: Sized + Send + Sync + 'static {
    /// Reads them from the claims of a verified token.
    ///
    /// # Errors
    /// A claim is missing or unusable; the message names it and never repeats its value.
    fn from_claims(claims: &Claims) -> Result<Self, ClaimError>;

    /// What tells one tenant from another. It is only hashed: caches and limits are kept by that hash.
    fn identity(&self) -> Vec<&str>;
}

/// A provider that a relay asks.
pub trait Provider: Sized + Send + Sync + 'static {
    /// Names, kinds, claims, settings.
    const MODULE: Module;

    /// The most calls that one credential may have in flight at this provider; the setting
    /// `provider.max_concurrency` can only lower it.
    const MAX_CONCURRENCY: usize = usize::MAX;

    /// What the token carries.
    type Credentials: Credentials;

    /// Reads the settings once. No I/O.
    ///
    /// # Errors
    /// A setting is not usable.
    fn start(settings: &ProviderSettings, client: Client) -> Result<Self, SettingsError>;

    /// A real authenticated call that shows whether address and credentials are right.
    fn health(&self, call: &Call<Self::Credentials>) -> impl Future<Output = Result<(), Error>> + Send;
}

/// `/observe/observables`: what the provider knows of observables.
pub trait Observe: Provider {
    /// Looks one observable up.
    fn observe(
        &self,
        call: &Call<Self::Credentials>,
        about: &Observable,
    ) -> impl Future<Output = Lookup> + Send;

    /// Looks all observables of a request up. By default each by itself and all at once; a relay whose lookups
    /// share work does that here.
    fn observe_all(
        &self,
        call: &Call<Self::Credentials>,
        about: &[Observable],
    ) -> impl Future<Output = Lookup> + Send {
        async move { lookup::each(call.context(), about, |one| self.observe(call, one)).await }
    }
}

/// `/deliberate/observables`: the provider's verdicts.
pub trait Deliberate: Provider {
    /// The verdict on one observable.
    fn deliberate(
        &self,
        call: &Call<Self::Credentials>,
        about: &Observable,
    ) -> impl Future<Output = Lookup> + Send;

    /// The verdicts on all observables of a request. By default each by itself and all at once; a relay whose
    /// lookups share work does that here.
    fn deliberate_all(
        &self,
        call: &Call<Self::Credentials>,
        about: &[Observable],
    ) -> impl Future<Output = Lookup> + Send {
        async move { lookup::each(call.context(), about, |one| self.deliberate(call, one)).await }
    }
}

/// `/refer/observables`: links into the provider's console. No token, no call.
pub trait Refer: Provider {
    /// The links for one observable.
    fn refer(&self, about: &Observable) -> Vec<Link>;
}

/// `/respond/observables` and `/respond/trigger`: actions at the provider.
pub trait Respond: Provider {
    /// The actions that can be triggered now for one observable.
    fn actions(
        &self,
        call: &Call<Self::Credentials>,
        about: &Observable,
    ) -> impl Future<Output = Offered> + Send;

    /// Checks the parameters of a trigger that only this relay knows, as part of reading the body.
    ///
    /// # Errors
    /// A parameter is not what it must be; nothing is triggered.
    fn validate(_trigger: &Trigger) -> Result<(), Invalid> {
        Ok(())
    }

    /// Carries an action out. Never repeated after it may have arrived.
    fn trigger(
        &self,
        call: &Call<Self::Credentials>,
        trigger: &Trigger,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// A link into the provider's console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Link {
    /// The same for the same link, always.
    pub id: String,
    /// What the link is called.
    pub title: String,
    /// What it leads to.
    pub description: String,
    /// Where it leads.
    pub url: String,
    /// What it is grouped under.
    pub categories: Vec<Cow<'static, str>>,
}

/// An action that the user may trigger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Action {
    /// What the platform sends back as `action-id`.
    pub id: String,
    /// What the action is called.
    pub title: String,
    /// What it does.
    pub description: String,
    /// What it is grouped under.
    pub categories: Vec<Cow<'static, str>>,
    /// What the platform sends back with the action.
    pub query_params: BTreeMap<String, String>,
}

/// The actions found for observables, and the failures met.
#[derive(Debug, Default)]
pub struct Offered {
    /// The actions.
    pub actions: Vec<Action>,
    /// What failed.
    pub errors: Errors,
}

/// A relay ready to be run: its description and how to start it, whatever its provider's type.
pub struct Relay {
    module: &'static Module,
    endpoints: Vec<Endpoint>,
    max_concurrency: usize,
    check_claims: fn(&Claims) -> Result<(), ClaimError>,
    start: StartFn,
}

type StartFn =
    Box<dyn Fn(&ProviderSettings, Client) -> Result<Arc<dyn Service>, SettingsError> + Send + Sync>;

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
        RelayBuilder { capabilities: Capabilities::none() }
    }

    /// The constants of the relay.
    pub fn module(&self) -> &'static Module {
        self.module
    }

    /// The platform endpoints that it serves.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// See [`Provider::MAX_CONCURRENCY`].
    pub(crate) fn max_concurrency(&self) -> usize {
        self.max_concurrency
    }

    /// Checks whether credentials can be made of these claims. No I/O; the provider is not asked.
    ///
    /// # Errors
    /// As [`Credentials::from_claims`].
    pub fn check_claims(&self, claims: &Claims) -> Result<(), ClaimError> {
        (self.check_claims)(claims)
    }

    pub(crate) fn start(
        &self,
        settings: &ProviderSettings,
        client: Client,
    ) -> Result<Arc<dyn Service>, SettingsError> {
        (self.start)(settings, client)
    }
}

/// Puts a [`Relay`] together; each method needs its capability.
pub struct RelayBuilder<P: Provider> {
    capabilities: Capabilities<P>,
}

pub(crate) type LookupFn<P> =
    for<'a> fn(&'a P, &'a Call<<P as Provider>::Credentials>, &'a [Observable]) -> BoxFuture<'a, Lookup>;
pub(crate) type ReferFn<P> = fn(&P, &Observable) -> Vec<Link>;
pub(crate) type ActionsFn<P> =
    for<'a> fn(&'a P, &'a Call<<P as Provider>::Credentials>, &'a [Observable]) -> BoxFuture<'a, Offered>;
pub(crate) type TriggerFn<P> = for<'a> fn(
    &'a P,
    &'a Call<<P as Provider>::Credentials>,
    &'a Trigger,
) -> BoxFuture<'a, Result<(), Error>>;
pub(crate) type CheckFn = fn(&Trigger) -> Result<(), Invalid>;

/// What a provider can do, as functions; what is not there cannot be called.
pub(crate) struct Capabilities<P: Provider> {
    pub(crate) observe: Option<LookupFn<P>>,
    pub(crate) deliberate: Option<LookupFn<P>>,
    /// Serves `/deliberate/observables` although there is nothing to say.
    deliberate_nothing: bool,
    pub(crate) refer: Option<ReferFn<P>>,
    pub(crate) respond: Option<Responding<P>>,
}

/// The parts of [`Respond`].
pub(crate) struct Responding<P: Provider> {
    pub(crate) actions: ActionsFn<P>,
    pub(crate) check: CheckFn,
    pub(crate) trigger: TriggerFn<P>,
}

impl<P: Provider> Clone for Responding<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Provider> Copy for Responding<P> {}

impl<P: Provider> Capabilities<P> {
    fn none() -> Self {
        Self { observe: None, deliberate: None, deliberate_nothing: false, refer: None, respond: None }
    }
}

impl<P: Provider> Clone for Capabilities<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Provider> Copy for Capabilities<P> {}

impl<P: Provider> RelayBuilder<P> {
    /// Serves `/observe/observables`.
    #[must_use]
    pub fn observe(mut self) -> Self
    where
        P: Observe,
    {
        self.capabilities.observe = Some(|provider, call, about| Box::pin(provider.observe_all(call, about)));
        self
    }

    /// Serves `/deliberate/observables`.
    #[must_use]
    pub fn deliberate(mut self) -> Self
    where
        P: Deliberate,
    {
        self.capabilities.deliberate =
            Some(|provider, call, about| Box::pin(provider.deliberate_all(call, about)));
        self
    }

    /// Serves `/deliberate/observables` with an empty answer, for a provider that judges nothing while its
    /// users' modules call the endpoint. The token is checked, the body is not read.
    #[must_use]
    pub fn deliberate_nothing(mut self) -> Self {
        self.capabilities.deliberate_nothing = true;
        self
    }

    /// Serves `/refer/observables`.
    #[must_use]
    pub fn refer(mut self) -> Self
    where
        P: Refer,
    {
        self.capabilities.refer = Some(P::refer);
        self
    }

    /// Serves `/respond/observables` and `/respond/trigger`.
    #[must_use]
    pub fn respond(mut self) -> Self
    where
        P: Respond,
    {
        self.capabilities.respond = Some(Responding {
            actions: |provider, call, about| {
                Box::pin(async move {
                    let each = lookup::gather(call.context(), about, |one| provider.actions(call, one)).await;
                    let mut all = Offered::default();
                    for (observable, offered) in about.iter().zip(each) {
                        let offered = offered.unwrap_or_else(|| Offered {
                            errors: call.out_of_time().into(),
                            ..Offered::default()
                        });
                        all.actions.extend(offered.actions);
                        all.errors.add_lookup(offered.errors, observable);
                    }
                    all
                })
            },
            check: P::validate,
            trigger: |provider, call, trigger| Box::pin(provider.trigger(call, trigger)),
        });
        self
    }

    /// The relay.
    pub fn build(self) -> Relay {
        let Self { capabilities } = self;
        let served = [
            (true, Endpoint::Health),
            (capabilities.observe.is_some(), Endpoint::Observe),
            (capabilities.deliberate.is_some() || capabilities.deliberate_nothing, Endpoint::Deliberate),
            (capabilities.refer.is_some(), Endpoint::Refer),
            (capabilities.respond.is_some(), Endpoint::Respond),
            (capabilities.respond.is_some(), Endpoint::Trigger),
        ];
        Relay {
            module: const { &P::MODULE },
            max_concurrency: P::MAX_CONCURRENCY,
            endpoints: served.into_iter().filter_map(|(there, endpoint)| there.then_some(endpoint)).collect(),
            check_claims: |claims| P::Credentials::from_claims(claims).map(drop),
            start: Box::new(move |settings, client| {
                let provider = Arc::new(P::start(settings, client)?);
                Ok(Arc::new(Served { provider, capabilities }) as Arc<dyn Service>)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::{Value, json};

    use super::*;
    use crate::module::CheckOrder;
    use crate::observable::TypeCase;

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
            order: CheckOrder::TokenFirst,
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
            Relay::of::<Acme>().build().check_claims(&Claims::from(claims))
        };
        assert_eq!(check(json!({"key": "k"})), Ok(()));
        let error = check(json!({"key": " "})).unwrap_err();
        assert_eq!(error.to_string(), "the claim `key` of the token is empty");
    }
}
