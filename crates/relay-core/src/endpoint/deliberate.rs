//! `POST /deliberate/observables`: the provider's verdicts.

use super::{Endpoint, Handler, Request};
use crate::capability::{Deliberate, Provider};
use crate::ctim::ObservableType;
use crate::envelope::Reply;
use crate::error::Error;
use crate::lookup::Lookup;
use crate::selection::Selection;

/// The endpoint.
pub const ENDPOINT: Endpoint = Endpoint {
    response: Some("DeliberateResponse"),
    ..Endpoint::platform(
        "/deliberate/observables",
        "deliberate",
        "Returns the provider's verdicts on the observables",
    )
};

pub(crate) struct Handle;

impl<P: Deliberate> Handler<P> for Handle {
    const ENDPOINT: Endpoint = ENDPOINT;

    fn observables(provider: &P) -> Vec<ObservableType> {
        provider.observables()
    }

    fn is_served(provider: &P) -> bool {
        !provider.observables().is_empty()
    }

    async fn answer(request: Request<'_, P>) -> Result<Reply, Error> {
        let call = request.call().await?;
        let about = request.observables_and(&request.provider.read_along()).await?;
        call.confidential.ask_about(&about.observables);
        let found = request.provider.deliberate_all(&call, &about.observables).await;
        Ok(request.found(found, &about).await)
    }
}

/// Answers for a provider that judges nothing. The token is checked, the body is not read.
pub(crate) struct HandleNothing;

impl<P: Provider> Handler<P> for HandleNothing {
    const ENDPOINT: Endpoint = Endpoint { capability: None, ..ENDPOINT };

    async fn answer(request: Request<'_, P>) -> Result<Reply, Error> {
        request.call().await?;
        Ok(request.found(Lookup::nothing(), &Selection::default()).await)
    }
}
