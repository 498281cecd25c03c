//! What a provider can do for a relay: [`Provider`], which every relay has, and one trait per capability.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;

use serde::Serialize;

use crate::auth::{ClaimError, Claims};
use crate::call::Call;
use crate::ctim::ObservableType;
use crate::doctor::checkup::{Checkup, Grant};
use crate::error::{Error, Errors};
use crate::lookup::{self, Lookup};
use crate::module::Module;
use crate::observable::{Invalid, Observable, Trigger};
use crate::provider::Client;
use crate::quota::AccountQuota;
use crate::settings::{ProviderSettings, SettingsError};
use crate::tiles::{Shown, Tile, Window};

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

    /// Reads the settings once, and the files that they name. No calls.
    ///
    /// # Errors
    /// A setting is not usable.
    fn start(settings: &ProviderSettings, client: Client) -> Result<Self, SettingsError>;

    /// Reads what a token carries, where the settings of this relay decide what that must be.
    ///
    /// # Errors
    /// As [`Credentials::from_claims`].
    fn credentials(&self, claims: &Claims) -> Result<Self::Credentials, ClaimError> {
        Self::Credentials::from_claims(claims)
    }

    /// Checks claims as [`Provider::credentials`] would, by the settings alone: for programs that do not have the files
    /// that these name.
    ///
    /// # Errors
    /// As [`Credentials::from_claims`].
    fn check_claims(_settings: &ProviderSettings, claims: &Claims) -> Result<(), ClaimError> {
        Self::Credentials::from_claims(claims).map(drop)
    }

    /// What `doctor` is to check of it with its settings.
    fn checkup(&self) -> Checkup {
        Checkup::default()
    }

    /// What logins with these credentials give, and what the features that are switched on need: where permissions are
    /// given one by one, for `doctor`.
    fn grants(&self, _call: &Call<Self::Credentials>) -> impl Future<Output = Vec<Grant>> + Send {
        async { Vec::new() }
    }

    /// A real authenticated call that shows whether address and credentials are right.
    fn health(&self, call: &Call<Self::Credentials>) -> impl Future<Output = Result<(), Error>> + Send;

    /// The same, and what the account has used of its quotas, where the provider says it: asked where the operator
    /// wants to see it (`RELAY_HEALTH_QUOTAS`). A quota that cannot be read is left out, and is no failure.
    fn health_with_quotas(
        &self,
        call: &Call<Self::Credentials>,
    ) -> impl Future<Output = Result<Vec<AccountQuota>, Error>> + Send {
        async { self.health(call).await.map(|()| Vec::new()) }
    }
}

/// `/observe/observables`: what the provider knows of observables.
pub trait Observe: Provider {
    /// The types of observables that it looks up with the settings of this relay; others are skipped.
    fn observables(&self) -> Vec<ObservableType> {
        Self::MODULE.observables.to_vec()
    }

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
    /// The types of observables that it judges with the settings of this relay; others are skipped. Without any
    /// the endpoint is not served.
    fn observables(&self) -> Vec<ObservableType> {
        Self::MODULE.observables.to_vec()
    }

    /// The types of observables that are read of a request beside those: a relay whose lookups share work may need all
    /// of them, to ask the provider what observe asks.
    fn read_along(&self) -> Vec<ObservableType> {
        Vec::new()
    }

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
    /// The types of observables that it links with the settings of this relay; others are skipped.
    fn observables(&self) -> Vec<ObservableType> {
        Self::MODULE.observables.to_vec()
    }

    /// The links for one observable.
    fn refer(&self, about: &Observable) -> Vec<Link>;
}

/// `/respond/observables` and `/respond/trigger`: actions at the provider.
pub trait Respond: Provider {
    /// The types of observables that it offers actions for with the settings of this relay; others are skipped.
    fn observables(&self) -> Vec<ObservableType> {
        Self::MODULE.observables.to_vec()
    }

    /// The actions that can be triggered now for one observable.
    fn actions(
        &self,
        call: &Call<Self::Credentials>,
        about: &Observable,
    ) -> impl Future<Output = Offered> + Send;

    /// The same for all observables of a request. By default each by itself and all at once; a relay that bounds what
    /// it asks per request does that here.
    fn actions_all(
        &self,
        call: &Call<Self::Credentials>,
        about: &[Observable],
    ) -> impl Future<Output = Offered> + Send {
        async move {
            let outcomes = lookup::gather(call.context(), about, |one| self.actions(call, one)).await;
            let mut all = Offered::default();
            for (observable, outcome) in about.iter().zip(outcomes) {
                let offered = outcome.unwrap_or_else(|| call.out_of_time().into());
                all.merge_about(offered, observable);
            }
            all
        }
    }

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

/// `/tiles`, `/tiles/tile`, `/tiles/tile-data`: what a dashboard shows of the provider.
pub trait Tiles: Provider {
    /// The tiles, in the order in which they are listed.
    const TILES: &'static [Tile];

    /// An answer of `/tiles/tile-data` as JSON, for the documentation. A test holds it to what the relay answers.
    const EXAMPLE: &'static str;

    /// Those of them that there are with the settings of this relay.
    fn tiles(&self) -> Vec<&'static Tile> {
        Self::TILES.iter().collect()
    }

    /// What else the token says that decides what its tiles show, such as the account that is asked about. Data are
    /// shared by requests of the same credentials and scope.
    fn tile_scope(&self, _: &Self::Credentials) -> String {
        String::new()
    }

    /// What one tile shows of a window.
    fn tile(
        &self,
        call: &Call<Self::Credentials>,
        tile: &'static Tile,
        window: &Window,
    ) -> impl Future<Output = Shown> + Send;
}

/// A link into the provider's console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

impl Offered {
    /// Adds what is offered for one observable. Its errors concern that observable, unless they say otherwise.
    pub fn merge_about(&mut self, other: Self, observable: &Observable) {
        self.actions.extend(other.actions);
        self.errors.add_lookup(other.errors, observable);
    }
}

impl From<Error> for Offered {
    fn from(error: Error) -> Self {
        Self { actions: Vec::new(), errors: error.into() }
    }
}
