//! `POST /health`: whether address and credentials are right.

use super::{Endpoint, Handler, Request};
use crate::call::Priority;
use crate::capability::Provider;
use crate::envelope::{self, Reply};
use crate::error::Error;

/// The endpoint.
pub const ENDPOINT: Endpoint = Endpoint {
    request: None,
    priority: Priority::Health,
    always: true,
    response: Some("HealthResponse"),
    ..Endpoint::platform(
        "/health",
        "health",
        "Makes one real call to the provider with the token's credentials",
    )
};

pub(crate) struct Handle;

impl<P: Provider> Handler<P> for Handle {
    const ENDPOINT: Endpoint = ENDPOINT;

    async fn answer(request: Request<'_, P>) -> Result<Reply, Error> {
        let call = request.call().await?;
        Ok(envelope::health(request.provider.health(&call).await))
    }
}
