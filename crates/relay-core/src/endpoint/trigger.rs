//! `POST /respond/trigger`: carries an action out.

use super::{Endpoint, Handler, Request};
use crate::call::Priority;
use crate::capability::Respond;
use crate::envelope::{self, Reply};
use crate::error::Error;
use crate::observable::Trigger;
use crate::selection::check_lengths;

/// The endpoint.
pub const ENDPOINT: Endpoint = Endpoint {
    request: Some("TriggerRequest"),
    response: Some("RespondTriggerResponse"),
    capability: Some("respond"),
    priority: Priority::Action,
    ..Endpoint::platform("/respond/trigger", "trigger", "Carries one of the offered actions out")
};

pub(crate) struct Handle;

impl<P: Respond> Handler<P> for Handle {
    const ENDPOINT: Endpoint = ENDPOINT;

    async fn answer(request: Request<'_, P>) -> Result<Reply, Error> {
        let call = request.call().await?;
        let trigger = Trigger::parse(&request.asked.body)?;
        check_lengths(&trigger)?;
        P::validate(&trigger)?;
        call.confidential.trigger(&trigger);
        let outcome = request.provider.trigger(&call, &trigger).await;
        Ok(envelope::triggered(&trigger, outcome))
    }
}
