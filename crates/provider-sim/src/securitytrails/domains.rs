//! Generated domains that point to an address.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::call::LAST_PAGE;
use super::paging::{filling, on_page, pages};
use super::refusal::unknown;
use crate::reply::Reply;
use crate::seeded::Rng;

/// A page of the domains.
pub(super) fn page(address: IpAddr, page: u64) -> Reply {
    let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
    let address_text = address.to_string();
    let mut rng = Rng::new(&["securitytrails", "domains", &address_text]);
    let domains = domains(&mut rng, address);
    let answer = |records: Vec<Value>| {
        json!({
            "records": records,
            "record_count": domains,
            "meta": {
                "page": page,
                "max_page": pages(domains).min(LAST_PAGE),
                "total_pages": pages(domains),
                "query": format!("{family} = '{address}'"),
            },
            "endpoint": "/v1/domains/list",
        })
    };
    if domains == 0 {
        return unknown(rng.percent(50), &answer(Vec::new()));
    }
    let records = on_page(page, domains).map(|number| domain(&address_text, number)).collect();
    Reply::json(200, &answer(records))
}

/// How many there are.
fn domains(rng: &mut Rng, address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(v4) if v4.octets().starts_with(&[198, 18]) => filling(v4.octets()[2].into()),
        _ if rng.percent(25) => 0,
        _ => 1 + rng.below(12),
    }
}

/// A domain, by its number. As in the provider's own data, some records have no name.
fn domain(address: &str, number: u64) -> Value {
    let mut rng = Rng::new(&["securitytrails", "domain", address, &number.to_string()]);
    let hostname = format!("{}{}", rng.pick(&["", "www.", "mail.", "shop."]), rng.domain());
    let registered = (rng.time().as_millisecond(), 365 * 24 * 3600 * 1000);
    let nameless = number > 0 && rng.percent(2);
    json!({
        "hostname": (!nameless).then_some(hostname),
        "alexa_rank": null,
        "host_provider": rng.some(&["Example CDN, Inc.", "Example Hosting LLC"], 0..=1),
        "mail_provider": rng.some(&["Example Mail Ltd."], 0..=1),
        "computed": {"company_name": rng.percent(40).then_some("Example Org")},
        "whois": {
            "registrar": rng.percent(70).then_some("Example Registrar"),
            "createdDate": registered.0,
            "expiresDate": registered.0 + registered.1,
        },
    })
}
