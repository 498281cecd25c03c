//! The platform's key set: `GET /.well-known/jwks`.

use crate::keys::Keys;
use crate::reply::Reply;
use crate::request::Request;
use crate::service::Service;

/// Publishes the key that tokens are signed with.
#[derive(Debug)]
pub(crate) struct Jwks {
    keys: Keys,
}

impl Jwks {
    pub(crate) fn new(keys: Keys) -> Self {
        Self { keys }
    }
}

impl Service for Jwks {
    fn name(&self) -> &'static str {
        "jwks"
    }

    fn prefix(&self) -> &'static str {
        "/.well-known"
    }

    fn answer(&self, request: &Request) -> Reply {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET" | "HEAD", "/jwks") => Reply::json(200, &self.keys.jwks()),
            (_, "/jwks") => Reply::text(405, "Method Not Allowed").header("Allow", "GET, HEAD"),
            _ => Reply::text(404, "Not Found"),
        }
    }
}
