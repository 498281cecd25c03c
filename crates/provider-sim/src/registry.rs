//! The list of services that are simulated. A further one is a module, declared in `lib.rs`, and a line here.

use std::sync::Arc;

use crate::keys::Keys;
use crate::login::{Login, Registrations};
use crate::replay::Replay;
use crate::service::Service;

/// What answers from a recording, and the keys.
pub(crate) fn replay(keys: &Keys, replay: &Arc<Replay>) -> Vec<Box<dyn Service>> {
    vec![Box::new(crate::jwks::Jwks::new(keys.clone())), Box::new(Arc::clone(replay))]
}

/// Everything that is simulated.
pub(crate) fn all(keys: &Keys, registrations: &Arc<Registrations>) -> Vec<Box<dyn Service>> {
    vec![
        Box::new(crate::jwks::Jwks::new(keys.clone())),
        Box::new(Login::new(Arc::clone(registrations))),
        Box::new(crate::platform::Platform::new(keys.clone())),
        Box::new(crate::defender::Defender::default()),
        Box::new(crate::graph::Graph::default()),
        Box::new(crate::gigamon::Gigamon::default()),
        Box::new(crate::securitytrails::SecurityTrails::default()),
        Box::new(crate::xforce::XForce::default()),
    ]
}
