//! `POST /refer/observables`: links into the provider's console. No token, no call: a link holds nothing that the
//! caller does not know.

use super::{Endpoint, Handler, Request};
use crate::capability::{Link, Refer};
use crate::ctim::ObservableType;
use crate::envelope::{self, Reply};
use crate::error::{Error, Errors};
use crate::heavy;

/// The endpoint.
pub const ENDPOINT: Endpoint = Endpoint {
    token: false,
    response: Some("ReferResponse"),
    ..Endpoint::platform(
        "/refer/observables",
        "refer",
        "Returns links into the provider's console for the observables",
    )
};

/// About the size of an observable's links in JSON.
const LINKS_BYTES: usize = 1024;

pub(crate) struct Handle;

impl<P: Refer> Handler<P> for Handle {
    const ENDPOINT: Endpoint = ENDPOINT;

    fn observables(provider: &P) -> Vec<ObservableType> {
        provider.observables()
    }

    async fn answer(request: Request<'_, P>) -> Result<Reply, Error> {
        let about = request.observables().await?;
        let answer = || {
            let links: Vec<Link> =
                about.observables.iter().flat_map(|one| request.provider.refer(one)).collect();
            let mut errors = Errors::default();
            errors.extend(about.warning());
            envelope::listed(links, errors, &about)
        };
        Ok(heavy::run(about.observables.len() * LINKS_BYTES, answer).await)
    }
}
