//! Generated subdomains of a name.

use serde_json::{Value, json};

use super::refusal::unknown;
use crate::reply::Reply;
use crate::seeded::Rng;

/// The subdomains: labels without the domain.
pub(super) fn of(name: &str) -> Reply {
    let mut rng = Rng::new(&["securitytrails", "subdomains", name]);
    let labels = ["www", "mail", "shop", "api.eu", "vpn", "_dmarc", "*.cdn"];
    let answer = |labels: &[&str]| -> Value {
        json!({
            "subdomains": labels,
            "subdomain_count": labels.len(),
            "meta": {"limit_reached": false},
            "endpoint": format!("/v1/domain/{name}/subdomains"),
        })
    };
    if rng.percent(30) {
        return unknown(rng.percent(50), &answer(&[]));
    }
    Reply::json(200, &answer(&rng.some(&labels, 1..=5)))
}
