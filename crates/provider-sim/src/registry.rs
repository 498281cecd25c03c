//! The list of services that are simulated.

use crate::defender::Defender;
use crate::gigamon::Gigamon;
use crate::graph::Graph;
use crate::jwks::Jwks;
use crate::keys::Keys;
use crate::login::Login;
use crate::securitytrails::SecurityTrails;
use crate::service::Service;
use crate::xforce::XForce;

/// Everything that is simulated.
pub(crate) fn all(keys: &Keys) -> Vec<Box<dyn Service>> {
    vec![
        // One line each.
        Box::new(Jwks::new(keys.clone())),
        Box::new(Login),
        Box::new(Defender::default()),
        Box::new(Graph::default()),
        Box::new(Gigamon::default()),
        Box::new(SecurityTrails::default()),
        Box::new(XForce::default()),
    ]
}
