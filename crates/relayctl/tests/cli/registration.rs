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
