//! `relayctl module-type`.

use serde_json::Value;

use crate::relayctl;

#[test]
fn module_types_are_right() {
    let checked = relayctl(&["module-type", "--check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.out);
    assert!(checked.out.contains("xforce: ok\n"), "{}", checked.out);
}

#[test]
fn a_module_type_is_printed_for_a_url() {
    let printed = relayctl(&["module-type", "xforce", "--url", "https://xdr.example/"]);
    assert_eq!((printed.code, printed.err.as_str()), (Some(0), ""));
    let module_type: Value = serde_json::from_str(&printed.out).unwrap();
    assert_eq!(module_type["properties"]["url"], "https://xdr.example");
    assert_eq!(module_type["title"], "IBM X-Force Exchange");

    let printed = relayctl(&["module-type", "xforce"]);
    assert_eq!(printed.code, Some(0));
    assert!(printed.err.contains("--url"), "{}", printed.err);
    assert_eq!(relayctl(&["module-type", "xforce", "--url", "https://xdr.example/relay"]).code, Some(2));
    assert_eq!(relayctl(&["module-type"]).code, Some(2));
}

#[test]
fn a_module_whose_relay_has_its_own_credential_asks_for_no_secret() {
    for (relay, kind) in [("graph", "certificate"), ("defender", "federated")] {
        let printed = relayctl(&["module-type", relay, "--url", "https://xdr.example", "--credential", kind]);
        assert_eq!((printed.code, printed.err.as_str()), (Some(0), ""));
        let module_type: Value = serde_json::from_str(&printed.out).unwrap();
        let fields = module_type["configuration_spec"].as_array().unwrap();
        assert!(fields.iter().all(|field| field["type"] != "password"), "{fields:?}");
        assert!(fields.iter().any(|field| field["key"] == "custom_tenant_id"), "{fields:?}");
    }
    let refused = relayctl(&["module-type", "xforce", "--credential", "certificate"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("relay-xforce logs in with what its users enter"), "{}", refused.err);
}
