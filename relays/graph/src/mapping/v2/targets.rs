//! Machines and accounts that an alert concerns.

use compact_str::CompactString;
use relay_core::ctim::{Observable, ObservableType, ObservedTime, Sensor, Target};

use crate::mapping::value::{address_observable, identifies, name_observable};
use crate::model::evidence::{Evidence, Kind};
use crate::model::v2::Alert;

/// A target in the making; its observables may come twice.
struct Found<'a> {
    kind: Sensor,
    observables: Vec<Observable>,
    os: Option<&'a str>,
}

/// The targets in the order of the evidence, without those that say no more than another.
pub(super) fn of(alert: &Alert, observed: ObservedTime) -> Vec<Target> {
    let all: Vec<Found<'_>> = alert.evidence.iter().filter_map(|evidence| found(evidence)).collect();
    let within = |one: &Found<'_>, other: &Found<'_>| {
        one.kind == other.kind && one.observables.iter().all(|known| other.observables.contains(known))
    };
    let says_more = |(position, one): &(usize, &Found<'_>)| {
        let mut others = all.iter().enumerate();
        !others.any(|(place, other)| {
            place != *position && within(one, other) && (place < *position || !within(other, one))
        })
    };
    let kept: Vec<bool> = all.iter().enumerate().map(|one| says_more(&one)).collect();
    let kept = all.into_iter().zip(kept).filter_map(|(one, is_kept)| is_kept.then_some(one));
    kept.filter_map(|one| Some(Target::new(one.kind, one.observables, observed)?.os(one.os))).collect()
}

fn found(evidence: &Evidence) -> Option<Found<'_>> {
    let (kind, observables, os) = match evidence.kind() {
        Kind::Device => (Sensor::ENDPOINT, device(evidence), evidence.os_platform.as_deref()),
        Kind::User | Kind::Mailbox if !evidence.has_role(&["attacker"]) => {
            (Sensor::USER, account(evidence), None)
        }
        Kind::Message if evidence.anti_spam_direction.as_deref() != Some("outbound") => {
            let recipient =
                Observable::new(ObservableType::Email, evidence.recipient_email_address.as_deref());
            (Sensor::USER, recipient.into_iter().collect(), None)
        }
        _ => return None,
    };
    (!observables.is_empty()).then_some(Found { kind, observables, os })
}

fn device(device: &Evidence) -> Vec<Observable> {
    let last = [device.last_ip_address.as_deref(), device.last_external_ip_address.as_deref()];
    let addresses = device.ip_interfaces.iter().map(CompactString::as_str).chain(last.into_iter().flatten());
    let full_name = device.device_dns_name.as_deref().filter(|name| name.contains('.'));
    let names = [
        name_observable(ObservableType::Hostname, device.device_name()),
        name_observable(ObservableType::Domain, full_name),
        Observable::new(ObservableType::MsMachineId, device.mde_device_id.as_deref()),
    ];
    let addresses = addresses.filter(|text| identifies(text)).filter_map(address_observable);
    addresses.chain(names.into_iter().flatten()).collect()
}

fn account(evidence: &Evidence) -> Vec<Observable> {
    if evidence.user_account.is_some() && evidence.account().is_none() {
        return Vec::new();
    }
    let account = evidence.account();
    let name = account.and_then(|account| account.account_name.as_deref());
    let principal = account.and_then(|account| account.user_principal_name.as_deref());
    let mailbox = |text: &'_ Option<CompactString>| evidence.kind() == Kind::Mailbox && text.is_some();
    let addresses = [&evidence.primary_address, &evidence.upn].into_iter().filter(|text| mailbox(text));
    let addresses = addresses.flatten().map(CompactString::as_str).chain(principal);
    let addresses = addresses.filter(|text| text.contains('@'));
    let emails = addresses.filter_map(|text| Observable::new(ObservableType::Email, text));
    Observable::new(ObservableType::User, name).into_iter().chain(emails).collect()
}
