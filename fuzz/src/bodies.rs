//! Bodies of platform requests: refused with an error that says where, or read as they were written.

use std::sync::LazyLock;

use relay_core::observable::{self, Invalid, Received, Trigger, TypeCase};
use relay_core::relay::Relay;
use serde_json::{Map, Value, json};

static RELAYS: LazyLock<Vec<Relay>> = LazyLock::new(|| {
    vec![
        relay_defender::relay(),
        relay_gigamon::relay(),
        relay_graph::relay(),
        relay_securitytrails::relay(),
        relay_xforce::relay(),
    ]
});

/// The target of lists of observables.
pub fn observables(data: &[u8]) {
    let list = match observable::parse(data) {
        Ok(list) => list,
        Err(error) => return is_short(&error),
    };
    let size: usize = list.iter().map(|one| one.kind.len() + one.value.len()).sum();
    assert!(size <= data.len() && list.len() * r#"{"type":"x","value":"x"},"#.len() <= data.len() + 1);
    list.iter().for_each(is_given);
    let written: Vec<Value> = list.iter().map(|one| json!({"type": one.kind, "value": one.value})).collect();
    let again = observable::parse(Value::from(written).to_string().as_bytes());
    assert_eq!(again.as_deref(), Ok(list.as_slice()), "it goes round");
    for (received, relay) in list.iter().flat_map(|one| RELAYS.iter().map(move |relay| (one, relay))) {
        let module = relay.module();
        for case in [TypeCase::Exact, TypeCase::Folded] {
            if let Some(taken) = received.supported(module.observables, case) {
                assert!(module.observables.contains(&taken.kind()) && taken.value() == received.value);
                assert!(taken.kind().as_str().eq_ignore_ascii_case(&received.kind));
            }
        }
    }
}

/// The target of triggers.
pub fn trigger(data: &[u8]) {
    let trigger = match Trigger::parse(data) {
        Ok(trigger) => trigger,
        Err(error) => return is_short(&error),
    };
    assert!(!trigger.action_id.trim().is_empty());
    is_given(&trigger.observable);
    let mut fields: Map<String, Value> =
        trigger.params.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let own = [
        ("action-id", &trigger.action_id),
        ("observable_type", &trigger.observable.kind),
        ("observable_value", &trigger.observable.value),
    ];
    for (name, value) in own {
        assert!(fields.insert(name.to_owned(), json!(value)).is_none(), "{name} is no further parameter");
    }
    let again = Trigger::parse(Value::Object(fields).to_string().as_bytes());
    assert_eq!(again.as_ref(), Ok(&trigger), "it goes round");
}

fn is_given(received: &Received) {
    assert!(!received.kind.trim().is_empty() && !received.value.trim().is_empty());
}

/// An error names a place and never repeats what stands there.
fn is_short(error: &Invalid) {
    let text = error.to_string();
    assert!(text.len() < 200 && text.is_ascii() && !text.contains(char::is_control), "{text:?}");
}
