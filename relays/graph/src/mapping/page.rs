//! Pages of alerts and incidents in the portal, where the API does not name them.

use relay_core::ctim::HttpUrl;
use relay_core::escape::UrlBuilder;
use url::Url;

/// The page of an alert.
pub fn alert(ui: &Url, id: &str, tenant: Option<&str>) -> Option<HttpUrl> {
    page(ui, "alerts", id, tenant)
}

/// The page of an incident.
pub fn incident(ui: &Url, id: &str, tenant: Option<&str>) -> Option<HttpUrl> {
    page(ui, "incidents", id, tenant)
}

fn page(ui: &Url, place: &'static str, id: &str, tenant: Option<&str>) -> Option<HttpUrl> {
    let url = UrlBuilder::new(ui).path(place).segment(id);
    match tenant {
        Some(tenant) => url.param("tid", tenant).link(),
        None => url.link(),
    }
}
