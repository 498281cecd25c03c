//! Rows of the hunting table in the place of alerts that were not read: the same fields, as far as the table has
//! them, so that the alert replaces the row when it is read the next time.

use compact_str::CompactString;
use relay_core::ctim::Timestamp;
use serde_json::Value;

use super::value::is_technique;
use crate::model::evidence::{Account, Evidence, File, Kind, Sender};
use crate::model::hunting::Row;
use crate::model::v2::Alert;

/// What the table shows in the place of a status.
const NOT_READ: &str = "not read";

/// The alert that a row describes, as far as it does. Nothing for a row without an id.
pub fn alert(row: &Row) -> Option<Alert> {
    let owned = |column| row.text(column).map(CompactString::from);
    let id = owned("AlertId")?;
    let is_time = |text: &CompactString| Timestamp::parse_assuming_utc(text).is_some();
    let [first, last, seen] = ["First", "Last", "Seen"].map(|column| owned(column).filter(is_time));
    let has_times = first.is_some() || last.is_some();
    let only_seen = seen.filter(|_| !has_times);
    let source = owned("ServiceSource");
    let pieces: Vec<Row> = row.list("Evidence").iter().map(Row::of).collect();
    let categories: Vec<String> = texts(row, "Categories");
    Some(Alert {
        id: Some(id),
        title: owned("Title"),
        severity: row.text("Severity").map(|text| text.to_ascii_lowercase().into()),
        status: Some(CompactString::const_new(NOT_READ)),
        category: (!categories.is_empty()).then(|| categories.join(", ").into()),
        detection_source: owned("DetectionSource"),
        threat_family_name: pieces
            .iter()
            .find_map(|piece| piece.text("ThreatFamily"))
            .map(CompactString::from),
        service_source: source.as_deref().and_then(service).map(CompactString::const_new),
        product_name: source,
        mitre_techniques: techniques(row),
        first_activity_date_time: first.or_else(|| only_seen.clone()),
        last_update_date_time: last.clone().or_else(|| only_seen.clone()),
        last_activity_date_time: last.or(only_seen),
        evidence: pieces.iter().map(|piece| Box::new(evidence(piece))).collect(),
        from_row: true,
        ..Alert::default()
    })
}

/// A list of texts; a text that is no list is its only entry.
fn texts(row: &Row, column: &str) -> Vec<String> {
    let list = row.list(column);
    let texts = list.iter().filter_map(Value::as_str).filter(|text| !text.trim().is_empty());
    let texts: Vec<String> = texts.map(str::to_owned).collect();
    match row.text(column) {
        Some(text) if texts.is_empty() && !text.trim_start().starts_with('[') => vec![text.to_owned()],
        _ => texts,
    }
}

/// The services that are not sensors of endpoints, by the names that people know.
fn service(name: &str) -> Option<&'static str> {
    Some(match name {
        "Microsoft Defender for Office 365" => "microsoftDefenderForOffice365",
        "Microsoft Defender for Identity" => "microsoftDefenderForIdentity",
        "Microsoft Entra ID Protection" | "AAD Identity Protection" => "azureAdIdentityProtection",
        _ => return None,
    })
}

/// The techniques in `["Application Layer Protocol (T1071)"]`, each once.
fn techniques(row: &Row) -> Vec<CompactString> {
    let text = texts(row, "AttackTechniques").join(" ");
    let mut all: Vec<CompactString> = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.') {
        let word = word.trim_matches('.');
        if is_technique(word) && !all.iter().any(|known| known == word) {
            all.push(word.into());
        }
    }
    all
}

fn evidence(piece: &Row) -> Evidence {
    let owned = |column| piece.text(column).map(CompactString::from);
    let file = || {
        Some(Box::new(File {
            sha1: owned("SHA1"),
            sha256: owned("SHA256"),
            md5: None,
            file_name: owned("FileName"),
            file_path: owned("FolderPath"),
        }))
    };
    let account = || {
        Some(Box::new(Account {
            account_name: owned("AccountName"),
            user_sid: owned("AccountSid"),
            user_principal_name: owned("AccountUpn"),
            ..Account::default()
        }))
    };
    let roles = || match piece.text("EvidenceDirection") {
        Some(direction) if direction.eq_ignore_ascii_case("destination") => {
            vec![CompactString::const_new("destination")]
        }
        _ => Vec::new(),
    };
    let address = || owned("RemoteIP").or_else(|| owned("LocalIP"));
    let of = |kind| Evidence { kind: Some(kind), ..Evidence::default() };
    match piece.text("EntityType").unwrap_or_default() {
        "File" => Evidence { file_details: file(), ..of(Kind::File) },
        "Process" => Evidence {
            image_file: file(),
            process_command_line: owned("ProcessCommandLine"),
            user_account: account(),
            ..of(Kind::Process)
        },
        "Ip" => Evidence { ip_address: address(), roles: roles(), ..of(Kind::Ip) },
        "Url" => Evidence { url: owned("RemoteUrl"), roles: roles(), ..of(Kind::Url) },
        "Machine" => Evidence {
            device_dns_name: owned("DeviceName"),
            mde_device_id: owned("DeviceId"),
            last_ip_address: owned("LocalIP"),
            ..of(Kind::Device)
        },
        "User" | "Mailbox" => Evidence { user_account: account(), ..of(Kind::User) },
        "MailMessage" => message(piece, of(Kind::Message)),
        _ => Evidence {
            file_details: file(),
            user_account: account(),
            ip_address: owned("RemoteIP"),
            last_ip_address: owned("LocalIP"),
            url: owned("RemoteUrl"),
            device_dns_name: owned("DeviceName"),
            mde_device_id: owned("DeviceId"),
            ..message(piece, of(Kind::Columns))
        },
    }
}

fn message(piece: &Row, evidence: Evidence) -> Evidence {
    let mail = piece.object("Mail");
    let owned = |column: &str| mail.text(column).map(CompactString::from);
    let sender = |column: &str| {
        let email_address =
            owned(column).or_else(|| mail.object(column).text("EmailAddress").map(CompactString::from));
        email_address.map(|address| Sender { email_address: Some(address), domain_name: None })
    };
    Evidence {
        network_message_id: piece.text("NetworkMessageId").map(CompactString::from),
        subject: piece.text("EmailSubject").map(CompactString::from),
        internet_message_id: owned("InternetMessageId"),
        recipient_email_address: owned("Recipient"),
        sender_ip: owned("SenderIP"),
        p2_sender: sender("P2Sender").or_else(|| sender("Sender")),
        p1_sender: sender("P1Sender"),
        urls: texts(&mail, "Urls"),
        ..evidence
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_is_read_as_an_alert() {
        let row = Row::of(&json!({
            "AlertId": "a", "Seen": "2026-10-02T08:00:00Z", "First": "", "Severity": "Medium",
            "ServiceSource": "AAD Identity Protection", "Categories": "[\"Execution\",\"Impact\"]",
            "AttackTechniques": "[\"Application Layer Protocol (T1071)\",\"Web (T1071.001)\",\"x (T1071)\"]",
            "Evidence": [
                {"EntityType": "Ip", "RemoteIP": "", "LocalIP": "10.0.0.1", "EvidenceDirection": "Destination"},
                {"EntityType": "MailMessage", "Mail": "{\"sender\": \"a@b.example\", \"URLS\": \"[\\\"c.example\\\"]\"}"},
                {"EntityType": "OAuth", "RemoteUrl": "d.example", "ThreatFamily": "Bad"},
            ],
        }));
        let alert = alert(&row).expect("an alert");
        assert_eq!(alert.severity.as_deref(), Some("medium"));
        assert_eq!(alert.category.as_deref(), Some("Execution, Impact"));
        assert_eq!(alert.mitre_techniques, ["T1071", "T1071.001"]);
        assert_eq!(alert.service_source.as_deref(), Some("azureAdIdentityProtection"));
        assert_eq!(alert.first_activity_date_time.as_deref(), Some("2026-10-02T08:00:00Z"));
        assert_eq!(alert.threat_family_name.as_deref(), Some("Bad"));
        let [address, mail, other] = alert.evidence.as_slice() else { panic!("three") };
        assert!(address.has_role(&["destination"]) && address.addresses().eq(["10.0.0.1"]));
        assert_eq!(mail.senders().next().and_then(Sender::domain), Some("b.example"));
        assert!(mail.urls().eq(["c.example"]) && other.urls().eq(["d.example"]));
        assert!(super::alert(&Row::of(&json!({"AlertId": " "}))).is_none());
    }
}
