//! Who may call: the holder of the address with the token, from a page of this server, by a name that no other site can
//! claim. Every answer forbids scripts and requests elsewhere.

use std::net::IpAddr;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use url::{Host, Url};

use super::Bench;

/// What a caller must show.
pub(super) struct Guard {
    /// The first part of every path.
    pub(super) token: String,
    /// What the browser asks its user for, if anything.
    pub(super) password: Option<String>,
    /// Names of the server besides localhost and addresses.
    pub(super) names: Vec<String>,
    /// Where it listens.
    pub(super) listens_to: IpAddr,
}

/// What matters of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Caller<'a> {
    pub(super) path: &'a str,
    pub(super) host: Option<&'a str>,
    pub(super) origin: Option<&'a str>,
    pub(super) fetch_site: Option<&'a str>,
    pub(super) authorization: Option<&'a str>,
}

impl Guard {
    /// Why a request is refused.
    pub(super) fn refuses(&self, caller: Caller<'_>) -> Option<(StatusCode, &'static str)> {
        let host = caller.host.unwrap_or_default();
        if !self.is_own(host) {
            // Another site's name that leads here (DNS rebinding).
            return Some((
                StatusCode::MISDIRECTED_REQUEST,
                "This is not the name of the workbench; see --host",
            ));
        }
        let own = |origin: &str| {
            let name = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            name == Some(host)
        };
        // A link from elsewhere opens the page: such a request has no origin.
        let is_own_page = caller.fetch_site.is_none_or(|site| matches!(site, "same-origin" | "none"));
        if caller.origin.is_some_and(|origin| !own(origin) || !is_own_page) {
            return Some((StatusCode::FORBIDDEN, "Another site sent this request"));
        }
        if !self.has_password(caller.authorization) {
            return Some((StatusCode::UNAUTHORIZED, "The password is missing or wrong"));
        }
        let token = caller.path.split('/').nth(1).unwrap_or_default();
        if verify_slices_are_equal(token.as_bytes(), self.token.as_bytes()).is_err() {
            return Some((StatusCode::NOT_FOUND, "Nothing here. Use the address that the program printed"));
        }
        None
    }

    fn is_own(&self, host: &str) -> bool {
        let Ok(url) = Url::parse(&format!("http://{host}/")) else { return false };
        let address = |address: IpAddr| !self.listens_to.is_loopback() || address.is_loopback();
        match url.host() {
            Some(Host::Domain(name)) => {
                name == "localhost" || self.names.iter().any(|own| own.eq_ignore_ascii_case(name))
            }
            Some(Host::Ipv4(of)) => address(of.into()),
            Some(Host::Ipv6(of)) => address(of.into()),
            None => false,
        }
    }

    fn has_password(&self, authorization: Option<&str>) -> bool {
        let Some(password) = &self.password else { return true };
        let given = authorization.and_then(|given| given.strip_prefix("Basic "));
        let given = given.and_then(|given| BASE64_STANDARD.decode(given).ok()).unwrap_or_default();
        let at = given.iter().position(|byte| *byte == b':').map_or(given.len(), |at| at + 1);
        verify_slices_are_equal(&given[at..], password.as_bytes()).is_ok()
    }
}

/// Headers of every answer: nothing from elsewhere, no inline script, no frame, no trace.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// Refuses what [`Guard`] refuses, and protects the rest.
///
/// # Errors
/// As of the handler.
pub(super) async fn guard<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let refusal = request.app_data::<web::Data<Bench>>().and_then(|bench| {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        bench.guard.refuses(Caller {
            path: request.path(),
            host: header("host"),
            origin: header("origin"),
            fetch_site: header("sec-fetch-site"),
            authorization: header("authorization"),
        })
    });
    let mut response = match refusal {
        None => next.call(request).await?.map_into_left_body(),
        Some((status, why)) => {
            let mut refused = HttpResponse::build(status);
            if status == StatusCode::UNAUTHORIZED {
                refused.insert_header(("www-authenticate", "Basic realm=\"workbench\""));
            }
            request.into_response(refused.content_type("text/plain").body(why)).map_into_right_body()
        }
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    Ok(response)
}

/// A refusal of what was asked, in words.
pub(super) fn refused(why: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(serde_json::json!({"error": why}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let listens_to = "127.0.0.1".parse().unwrap();
        Guard { token: "t0ken".to_owned(), password: None, names: Vec::new(), listens_to }
    }

    const OWN: Caller<'_> = Caller {
        path: "/t0ken/relays",
        host: Some("127.0.0.1:9150"),
        origin: Some("http://127.0.0.1:9150"),
        fetch_site: Some("same-origin"),
        authorization: None,
    };

    fn status(guard: &Guard, caller: Caller<'_>) -> u16 {
        guard.refuses(caller).map_or(200, |(status, _)| status.as_u16())
    }

    #[test]
    fn only_the_page_itself_may_call() {
        let guard = guard();
        assert_eq!(status(&guard, OWN), 200);
        assert_eq!(status(&guard, Caller { origin: None, fetch_site: Some("none"), ..OWN }), 200);
        // A link in a mail or in a chat opens the page.
        assert_eq!(status(&guard, Caller { origin: None, fetch_site: Some("cross-site"), ..OWN }), 200);
        assert_eq!(status(&guard, Caller { host: Some("localhost:9150"), origin: None, ..OWN }), 200);
        for host in
            ["evil.example", "evil.example:9150", "192.0.2.1:9150", "127.0.0.1.evil.example", "", "a b"]
        {
            assert_eq!(status(&guard, Caller { host: Some(host), origin: None, ..OWN }), 421, "{host}");
        }
        for origin in ["https://evil.example", "null", "http://127.0.0.1:9151", "http://localhost:9150"] {
            assert_eq!(status(&guard, Caller { origin: Some(origin), ..OWN }), 403, "{origin}");
        }
        assert_eq!(status(&guard, Caller { fetch_site: Some("cross-site"), ..OWN }), 403);
        for path in ["/", "/t0ke/", "/t0kenn/", "//t0ken/", "/T0ken/", ""] {
            assert_eq!(status(&guard, Caller { path, ..OWN }), 404, "{path}");
        }
    }

    #[test]
    fn a_password_is_asked_for_before_anything_else_is_said() {
        let guard = Guard {
            password: Some("p:ss".to_owned()),
            listens_to: "0.0.0.0".parse().unwrap(),
            names: vec!["bench.example".to_owned()],
            ..guard()
        };
        let with = |password: &str| format!("Basic {}", BASE64_STANDARD.encode(format!("me:{password}")));
        let (right, wrong) = (with("p:ss"), with("other"));
        let caller = Caller { host: Some("bench.example"), origin: None, ..OWN };
        assert_eq!(status(&guard, Caller { authorization: Some(&right), ..caller }), 200);
        for authorization in [None, Some(wrong.as_str()), Some("Basic ?"), Some("Bearer x")] {
            assert_eq!(status(&guard, Caller { authorization, path: "/wrong", ..caller }), 401);
        }
    }
}
