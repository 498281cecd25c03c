//! Addresses of the calls that carry a value. Whatever the value, it stays one segment of the path or one literal of
//! the filter.

use relay_core::escape::{UrlBuilder, odata};
use url::Url;

use crate::subject::MachineId;

/// The alerts of a file, an address, a domain, a device or an account: `collection` says which of them `value` is.
pub fn alerts(api: &Url, collection: &'static str, value: &str) -> UrlBuilder {
    UrlBuilder::new(api).path(collection).segment(value).path("alerts")
}

/// One alert.
pub fn alert(api: &Url, id: &str) -> UrlBuilder {
    UrlBuilder::new(api).path("alerts").segment(id)
}

/// Several alerts with their evidence.
pub fn alert_list<'a>(api: &Url, ids: impl IntoIterator<Item = &'a str>) -> UrlBuilder {
    let filter = format!("id in ({})", list(ids));
    UrlBuilder::new(api)
        .path("alerts")
        .param("$filter", filter)
        .param("$expand", "evidence")
        .param("$top", 10_000)
}

/// A file.
pub fn file(api: &Url, hash: &str) -> UrlBuilder {
    UrlBuilder::new(api).path("files").segment(hash)
}

/// How widely a file, an address or a domain is seen: `collection` says which of them `value` is.
pub fn stats(api: &Url, collection: &'static str, value: &str) -> UrlBuilder {
    UrlBuilder::new(api).path(collection).segment(value).path("stats").param("lookBackHours", 720)
}

/// A device.
pub fn machine(api: &Url, id: &MachineId) -> UrlBuilder {
    UrlBuilder::new(api).path("machines").segment(id.as_str())
}

/// Several devices.
pub fn machine_list(api: &Url, ids: &[MachineId]) -> UrlBuilder {
    let filter = format!("id in ({})", list(ids.iter().map(MachineId::as_str)));
    UrlBuilder::new(api).path("machines").param("$filter", filter).param("$top", ids.len())
}

/// The devices of a name; one without a dot may be the first part of a longer one.
pub fn machines_named(api: &Url, name: &str) -> UrlBuilder {
    let mut filter = format!("computerDnsName eq {}", odata(name));
    if !name.contains('.') {
        filter = format!("{filter} or startswith(computerDnsName,{})", odata(&format!("{name}.")));
    }
    UrlBuilder::new(api).path("machines").param("$filter", filter).param("$top", 10)
}

/// The devices that had an internal address around a time.
pub fn machines_by_address(api: &Url, address: &str, time: &str) -> UrlBuilder {
    let parameters = [("ip", odata(address)), ("timestamp", time.to_owned())];
    let parameters = parameters.each_ref().map(|(name, value)| (*name, value.as_str()));
    UrlBuilder::new(api).path("machines").function("findbyip", &parameters)
}

/// The last successful action on a device that is one of two.
pub fn last_action(api: &Url, id: &MachineId, kinds: [&str; 2]) -> UrlBuilder {
    let [one, other] = kinds.map(odata);
    let filter = format!("type in ({one}, {other}) and status eq 'Succeeded'");
    machine(api, id).path("machineactions").param("$filter", filter).param("$top", 1)
}

/// The actions on a device that have not ended.
pub fn pending_actions(api: &Url, id: &MachineId) -> UrlBuilder {
    let id = odata(id.as_str());
    let filter = format!("machineId eq {id} and (status eq 'Pending' or status eq 'InProgress')");
    UrlBuilder::new(api).path("machineactions").param("$filter", filter).param("$top", 10)
}

/// The indicators of a value.
pub fn indicators(api: &Url, value: &str) -> UrlBuilder {
    let filter = format!("indicatorValue eq {}", odata(value));
    UrlBuilder::new(api).path("indicators").param("$filter", filter).param("$top", 10)
}

/// The indicators of several values.
pub fn indicator_list(api: &Url, values: &[&str]) -> UrlBuilder {
    let filter = format!("indicatorValue in ({})", list(values.iter().copied()));
    UrlBuilder::new(api).path("indicators").param("$filter", filter).param("$top", 10_000)
}

/// One indicator.
pub fn indicator(api: &Url, id: &str) -> UrlBuilder {
    UrlBuilder::new(api).path("indicators").segment(id)
}

/// Literals, with commas between.
fn list<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    values.into_iter().map(odata).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;
    use provider_sim::odata::Filter;

    use super::*;

    fn api() -> Url {
        Url::parse("https://api.example:8443/api/v1.0/").unwrap()
    }

    /// Segments below the base, each decoded once, and the parameters, of an address that leads to the API.
    fn parts(url: &Url) -> (Vec<String>, Vec<(String, String)>) {
        assert_eq!((url.origin(), url.fragment()), (api().origin(), None), "{url}");
        assert!(url.username().is_empty() && url.password().is_none(), "{url}");
        let path = url.path().strip_prefix("/api/v1.0/").unwrap_or_else(|| panic!("{url} left the base"));
        let decoded = |segment: &str| percent_decode_str(segment).decode_utf8().unwrap().into_owned();
        (path.split('/').map(decoded).collect(), url.query_pairs().into_owned().collect())
    }

    /// Values that the checks before would let through, and those that they would not.
    fn any_value() -> impl Strategy<Value = String> {
        prop_oneof![r#"[a-z0-9./:?#&=%'"\\;@ -]{0,40}"#, any::<String>(), "(%2e|%2E|\\.){1,4}"]
    }

    proptest! {
        #[test]
        fn no_value_changes_the_shape_of_an_address(value in any_value()) {
            let whole = [
                (alerts(&api(), "files", &value), vec!["files", value.as_str(), "alerts"]),
                (alert(&api(), &value), vec!["alerts", value.as_str()]),
                (file(&api(), &value), vec!["files", value.as_str()]),
                (indicator(&api(), &value), vec!["indicators", value.as_str()]),
            ];
            for (url, expected) in whole {
                match url.build() {
                    Some(url) => {
                        let (segments, query) = parts(&url);
                        prop_assert_eq!(segments, expected);
                        prop_assert!(query.is_empty() && url.query().is_none());
                    }
                    None => prop_assert!(["", ".", ".."].contains(&value.as_str()), "{:?} was refused", value),
                }
            }
        }

        #[test]
        fn no_value_changes_the_shape_of_a_filter(value in any_value()) {
            let (segments, query) = parts(&indicators(&api(), &value).build().unwrap());
            prop_assert_eq!(segments, ["indicators"]);
            prop_assert_eq!(query.len(), 2);
            prop_assert_eq!((query[0].0.as_str(), query[1].0.as_str(), query[1].1.as_str()), ("$filter", "$top", "10"));
            let filter = Filter::parse(&query[0].1).expect("a filter that the strict parser takes");
            prop_assert_eq!((filter.texts(), filter.paths()), (vec![value.as_str()], vec!["indicatorValue".to_owned()]));
        }

        #[test]
        fn no_machine_id_changes_the_shape_of_an_address(text in prop_oneof!["[a-zA-Z0-9-]{1,70}", any_value()]) {
            let Some(id) = MachineId::parse(&text) else { return Ok(()) };
            let (segments, query) = parts(&machine(&api(), &id).path("isolate").build().unwrap());
            prop_assert_eq!(segments, ["machines", text.as_str(), "isolate"]);
            prop_assert!(query.is_empty());
            let (segments, query) = parts(&last_action(&api(), &id, ["Unisolate", "Isolate"]).build().unwrap());
            prop_assert_eq!(segments, ["machines", text.as_str(), "machineactions"]);
            let filter = Filter::parse(&query[0].1).expect("a filter that the strict parser takes");
            prop_assert_eq!(filter.texts(), ["Unisolate", "Isolate", "Succeeded"]);
        }
    }
}
