//! `POST /respond/observables`: the actions that can be triggered.

use super::{Endpoint, Handler, Request};
use crate::capability::Respond;
use crate::ctim::ObservableType;
use crate::envelope::{self, Reply};
use crate::error::Error;

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
        let about = request.observables().await?;
        call.confidential.ask_about(&about.observables);
        let all = request.provider.actions_all(&call, &about.observables).await;
        Ok(envelope::offered(all, &about))
    }
}
