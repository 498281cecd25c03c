//! `POST /health`: whether address and credentials are right.

use super::{Endpoint, Handler, Request};
use crate::auth::Claims;
use crate::call::Priority;
use crate::capability::Provider;
use crate::envelope::{self, Reply};
use crate::error::{Code, Error};

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
        let (call, claims) = request.call_and_claims().await?;
        let outcome = if request.host.health_quotas {
            request.provider.health_with_quotas(&call).await
        } else {
            request.provider.health(&call).await.map(|()| Vec::new())
        };
        if let Ok(quotas) = &outcome {
            request.host.show_quotas(quotas);
        }
        let warning = expires_soon(&claims, call.now());
        if let Some(warning) = &warning {
            request.host.log_once_a_day(warning.message(), call.now());
        }
        Ok(envelope::health(outcome, warning))
    }
}

const DAY: i64 = 24 * 3600;
/// Tokens that live shorter are made anew by themselves; those of the platform live for minutes.
const MADE_BY_HAND: i64 = 60 * DAY;
/// From when on the user is warned.
const SOON: i64 = 30 * DAY;

/// That the token of the request ends within days, where it was made by hand for a long time.
fn expires_soon(claims: &Claims, now: jiff::Timestamp) -> Option<Error> {
    let (issued, ends) = claims.lifetime()?;
    let left = ends.saturating_sub(now.as_second());
    if ends.saturating_sub(issued) < MADE_BY_HAND || left > SOON {
        return None;
    }
    let days = left.max(0) / DAY;
    let unit = if days == 1 { "day" } else { "days" };
    let date = jiff::Timestamp::from_second(ends).ok()?.strftime("%Y-%m-%d");
    let words = format!("The token of this module ends in {days} {unit}, on {date}; make a new one before");
    Some(Error::warning(Code::EXPIRES_SOON, words))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn warning(iat: Option<i64>, exp: Option<i64>) -> Option<String> {
        let serde_json::Value::Object(mut claims) = json!({"iat": iat, "exp": exp}) else { return None };
        claims.retain(|_, value| !value.is_null());
        let now = "2026-11-26T15:07:30Z".parse().expect("a time");
        expires_soon(&Claims::from(claims), now).map(|error| error.message().to_owned())
    }

    #[test]
    fn a_token_made_for_months_warns_for_its_last_thirty_days() {
        let now = 1_795_705_650;
        let ends_in = |seconds: i64| warning(Some(now - 90 * DAY), Some(now + seconds));
        let words = "The token of this module ends in 24 days, on 2026-12-20; make a new one before";
        assert_eq!(ends_in(24 * DAY).as_deref(), Some(words));
        assert!(ends_in(25 * DAY - 1).is_some_and(|words| words.contains("in 24 days")), "rounded down");
        assert!(ends_in(DAY + 5).is_some_and(|words| words.contains("in 1 day,")));
        assert!(ends_in(30 * DAY).is_some());
        assert_eq!(ends_in(30 * DAY + 1), None);
        assert_eq!(warning(Some(now - 50 * DAY), Some(now + 9 * DAY)), None, "made for less than 60 days");
        assert_eq!(warning(None, Some(now + 9 * DAY)), None);
        assert_eq!(warning(Some(now - 90 * DAY), None), None);
    }
}
