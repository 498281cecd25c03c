//! What every relay shares. A relay is a small HTTP service between Cisco XDR (the *platform*) and one
//! *provider* of threat intelligence: the platform asks about *observables* with a token that carries the
//! user's credentials at the provider; the relay asks the provider and answers with CTIM entities.
//!
//! A relay's package implements [`relay::Provider`] and the traits of its capabilities, and hands a
//! [`Relay`] to [`run`]. Everything else is here:
//!
//! | module | what it is |
//! |---|---|
//! | [`relay`] | the traits, and [`Relay`] which puts a provider and its capabilities together |
//! | [`endpoint`] | the endpoints of the platform, one file each |
//! | [`module`] | the description of a relay: names, types, claims, settings |
//! | [`call`] | one platform request: credentials, limit, deadline |
//! | [`lookup`] | what lookups yield, and how many run at once without losing each other's data |
//! | [`api`] | what a provider's failures mean; a call yields a value, nothing or an error |
//! | [`provider`] | calls to the provider: pool, retries, rate limits, cache, access tokens |
//! | [`memory`] | what is remembered for a while across requests, such as what a tenant lacks |
//! | [`respond`] | response actions: which are allowed, dry runs, repetitions, audit |
//! | [`quota`] | what an account has used of the provider's quota |
//! | [`tiles`] | dashboard tiles: what is shown of a stretch of time, and what is kept of it |
//! | [`lenient`] | reading provider answers that do not keep to their documentation |
//! | [`escape`] | values of observables in URLs and query languages |
//! | [`observable`] | reading request bodies |
//! | [`ctim`] | the entities of the answer |
//! | [`error`], [`text`] | what the user sees when something fails; texts from outside made safe to show |
//! | [`auth`] | tokens and claims |
//! | [`settings`] | settings from file and environment |
//! | `shared` | the store that several replicas share, where there is one |
//! | `recording` | provider calls and their answers, written without what is confidential |
//! | [`server`] | listeners and endpoints, the only code that knows actix |
//! | [`doctor`] | what is wrong between a relay and what it calls, and what to do |
//! | [`telemetry`] | logs and metrics |
//! | `testing` | for tests: a relay on a free port, and the check of answers against CTIM |
//!
//! It knows no provider: nothing here names one.

mod admission;
pub mod api;
pub mod auth;
pub mod call;
mod capability;
pub mod ctim;
pub mod doctor;
pub mod endpoint;
mod envelope;
pub mod error;
pub mod escape;
mod heavy;
mod host;
pub mod lenient;
pub mod lookup;
pub mod memory;
pub mod module;
pub mod observable;
pub mod provider;
pub mod quota;
mod recording;
pub mod relay;
pub mod respond;
mod run;
mod selection;
pub mod server;
pub mod settings;
mod shared;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod tiles;

pub use relay::Relay;
pub use run::run;
