//! The endpoints that every relay has besides those of its provider. `app` answers them.

use crate::call::Priority;
use crate::endpoint::Endpoint;

const DOCUMENT: Endpoint = Endpoint {
    served: |_| true,
    path: "",
    methods: &["GET"],
    name: "",
    summary: "",
    token: false,
    priority: Priority::Lookup,
    header: None,
    request: None,
    response: None,
    always: true,
    page: false,
    capability: None,
};

pub(super) const VERSION: Endpoint = Endpoint {
    path: "/version",
    methods: &["GET", "POST"],
    name: "version",
    summary: "The relay's version",
    response: Some("VersionResponse"),
    ..DOCUMENT
};

pub(super) const WATCHDOG: Endpoint = Endpoint {
    path: "/watchdog",
    name: "watchdog",
    summary: "Echoes the header Health-Check",
    header: Some("Health-Check"),
    response: Some("WatchdogResponse"),
    ..DOCUMENT
};

pub(super) const OPENAPI: Endpoint =
    Endpoint { path: "/openapi.json", name: "openapi", summary: "This interface as OpenAPI 3.1", ..DOCUMENT };

pub(super) const ROOT: Endpoint = Endpoint {
    path: "/",
    name: "root",
    summary: "What the relay is and serves; a page for browsers",
    page: true,
    ..DOCUMENT
};

/// All of them.
pub(super) const ALL: [Endpoint; 4] = [VERSION, WATCHDOG, OPENAPI, ROOT];
