//! `POST /respond/observables`: the actions that can be triggered.

use super::{Endpoint, Handler, Request};
use crate::capability::{Offered, Respond};
use crate::ctim::ObservableType;
use crate::envelope::{self, Reply};
use crate::error::Error;
use crate::lookup;

/// The endpoint.
pub const ENDPOINT: Endpoint = Endpoint {
    response: Some("RespondObservablesResponse"),
    ..Endpoint::platform(
        "/respond/observables",
        "respond",
        "Returns the actions that can be triggered for the observables",
    )
};

pub(crate) struct Handle;

impl<P: Respond> Handler<P> for Handle {
    const ENDPOINT: Endpoint = ENDPOINT;

    fn observables(provider: &P) -> Vec<ObservableType> {
        provider.observables()
    }

    async fn answer(request: Request<'_, P>) -> Result<Reply, Error> {
        let call = request.call().await?;
        let about = request.observables()?;
        let lookup = |one| request.provider.actions(&call, one);
        let outcomes = lookup::gather(call.context(), &about.observables, lookup).await;
        let mut all = Offered::default();
        for (observable, outcome) in about.observables.iter().zip(outcomes) {
            let late = || Offered { errors: call.out_of_time().into(), ..Offered::default() };
            let offered = outcome.unwrap_or_else(late);
            all.actions.extend(offered.actions);
            all.errors.add_lookup(offered.errors, observable);
        }
        Ok(envelope::offered(all, &about))
    }
}
