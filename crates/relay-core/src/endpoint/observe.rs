//! `POST /observe/observables`: what the provider knows of observables.

use super::{Endpoint, Handler, Request};
use crate::capability::Observe;
use crate::ctim::ObservableType;
use crate::envelope::Reply;
use crate::error::Error;

/// The endpoint.
pub const ENDPOINT: Endpoint = Endpoint {
    response: Some("ObserveResponse"),
    ..Endpoint::platform(
        "/observe/observables",
        "observe",
        "Returns what the provider knows of the observables as CTIM entities",
    )
};

pub(crate) struct Handle;

impl<P: Observe> Handler<P> for Handle {
    const ENDPOINT: Endpoint = ENDPOINT;

    fn observables(provider: &P) -> Vec<ObservableType> {
        provider.observables()
    }

    async fn answer(request: Request<'_, P>) -> Result<Reply, Error> {
        let call = request.call().await?;
        let about = request.observables().await?;
        call.confidential.ask_about(&about.observables);
        let found = request.provider.observe_all(&call, &about.observables).await;
        Ok(request.found(found, &about).await)
    }
}
