//! Calls to the provider. Relays describe a call ([`Request`]) and read its [`Answer`] or [`Failure`]; pool,
//! time-outs, retries, limits, cache, tokens and metrics are done here, once.
//!
//! Order of one call: cache (shared by equal calls) → token → the quotas of the provider and a place among the
//! credential's calls in flight → send → retry or fail. Nothing here knows a particular provider; [`entra`] is a
//! login service that several of them share.

mod admission;
mod answer;
mod body;
mod breaker;
mod budget;
mod cache;
mod client;
mod client_assertion;
mod connect;
mod credential;
pub mod entra;
mod exchange;
mod failure;
mod flight;
mod limit;
mod oauth;
mod places;
mod replicas;
mod report;
mod request;
mod resolver;
mod retry;
mod roles;
mod room;
mod tenant;
mod transport;

pub use answer::Answer;
pub use client::Client;
pub use credential::CredentialKey;
pub use failure::{Failure, Rejection};
pub use limit::{Quota, QuotaUsedUp, Rate, RateHint, ReadRate};
pub use oauth::{LoginRejection, TokenSource};
pub use request::{Auth, Request, RetryRule};
/// For the calls that [`crate::api`] makes.
pub(crate) use reqwest::Method;
/// For the headers that a relay names or reads.
pub use reqwest::header::{HeaderMap, HeaderName};
pub use retry::{Retry, retry_after};

pub(crate) use body::read_capped;
pub(crate) use connect::HttpClients;
pub(crate) use credential::CredentialHasher;
pub(crate) use failure::while_down;
pub(crate) use replicas::ReceivedAnswers;
pub(crate) use room::{Account, Room, Rooms};
pub(crate) use tenant::{Tenant, Tenants};
pub(crate) use transport::{describe_via, untrusted};
