//! Accounts of a tenant ([documentation](https://learn.microsoft.com/en-us/graph/api/resources/user)), with state
//! that calls change.

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use crate::lock::locked;
use crate::odata::{Filter, Literal, Operator};
use crate::reply::Reply;
use crate::request::Request;

/// An account as every tenant has it at first.
#[derive(Debug)]
pub struct Account {
    /// Its id.
    pub id: &'static str,
    /// Its name for logging in.
    pub principal: &'static str,
    /// Its mail address.
    pub mail: &'static str,
    /// Whether it may log in; nothing where the directory does not say.
    pub enabled: Option<bool>,
    /// Whether it belongs to another organisation.
    pub guest: bool,
    /// Whether it is mastered on premises.
    pub synchronized: bool,
    /// Whether it is an administrator's.
    pub administrator: bool,
}

const fn member(id: &'static str, principal: &'static str, mail: &'static str) -> Account {
    let (guest, synchronized, administrator) = (false, false, false);
    Account { id, principal, mail, enabled: Some(true), guest, synchronized, administrator }
}

/// All accounts.
pub const ACCOUNTS: &[Account] = &[
    member("0a0b0c0d-1111-4222-8333-444444444444", "jdoe@corp.example", "john.doe@corp.example"),
    Account {
        enabled: Some(false),
        ..member("0a0b0c0d-1111-4222-8333-000000000001", "gone@corp.example", "gone@corp.example")
    },
    Account {
        guest: true,
        ..member("0a0b0c0d-1111-4222-8333-000000000002", "guest@partner.example", "guest@partner.example")
    },
    Account {
        synchronized: true,
        ..member("0a0b0c0d-1111-4222-8333-000000000003", "synced@corp.example", "synced@corp.example")
    },
    Account {
        administrator: true,
        ..member("0a0b0c0d-1111-4222-8333-000000000004", "admin@corp.example", "admin@corp.example")
    },
    member("0a0b0c0d-1111-4222-8333-000000000006", "one@corp.example", "team@corp.example"),
    member("0a0b0c0d-1111-4222-8333-000000000007", "two@corp.example", "team@corp.example"),
    Account {
        enabled: None,
        ..member("0a0b0c0d-1111-4222-8333-000000000005", "unknown@corp.example", "unknown@corp.example")
    },
];

/// When no sessions had been revoked yet.
const FOUNDED: Timestamp = Timestamp::UNIX_EPOCH;

/// The accounts of all tenants.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// Whether an account may log in, by tenant and id, where that was changed.
    changed: Mutex<HashMap<(String, &'static str), bool>>,
    /// How often sessions were revoked, by tenant and id.
    revoked: Mutex<HashMap<(String, &'static str), u32>>,
}

impl Directory {
    pub(super) fn reset(&self) {
        locked(&self.changed).clear();
        locked(&self.revoked).clear();
    }

    fn account(id: &str) -> Result<&'static Account, Refusal> {
        let is = |one: &&Account| one.id.eq_ignore_ascii_case(id) || one.principal.eq_ignore_ascii_case(id);
        ACCOUNTS.iter().find(is).ok_or(Refusal::UnknownUser)
    }

    /// The properties that are selected of an account; some where nothing is.
    fn object(&self, request: &Request, tenant: &str, account: &Account) -> Result<Value, Refusal> {
        let key = (tenant.to_owned(), account.id);
        let changed = locked(&self.changed).get(&key).copied();
        let revocations = locked(&self.revoked).get(&key).copied().unwrap_or_default();
        let all = json!({
            "id": account.id, "displayName": account.principal.split('@').next(),
            "userPrincipalName": account.principal, "mail": account.mail,
            "accountEnabled": changed.or(account.enabled), "userType": if account.guest { "Guest" } else { "Member" },
            "onPremisesSyncEnabled": account.synchronized.then_some(true),
            // Each revocation moves it on.
            "signInSessionsValidFromDateTime": (FOUNDED + SignedDuration::from_secs(revocations.into())).to_string(),
        });
        let selected = request.param("$select").unwrap_or("id,displayName,userPrincipalName,mail");
        let property = |name: &str| match all.get(name) {
            Some(value) => Ok((name.to_owned(), value.clone())),
            None => Err(Refusal::Bad(format!("Could not find a property named '{name}' on type 'user'."))),
        };
        selected.split(',').map(property).collect::<Result<Map<_, _>, _>>().map(Value::from)
    }

    pub(super) fn read(&self, request: &Request, tenant: &str, id: &str) -> Result<Reply, Refusal> {
        Ok(Reply::json(200, &self.object(request, tenant, Self::account(id)?)?))
    }

    /// By mail address alone.
    pub(super) fn find(&self, request: &Request, tenant: &str) -> Result<Reply, Refusal> {
        let bad = || Refusal::Bad("Invalid filter clause.".to_owned());
        let filter = Filter::parse(request.param("$filter").ok_or_else(bad)?).map_err(|_| bad())?;
        let mail = match &filter {
            Filter::Compare(path, Operator::Equal, Literal::Text(mail)) if path.0 == ["mail"] => mail,
            _ => return Err(bad()),
        };
        let top = match request.param("$top") {
            None => 100,
            Some(top) => top.parse().ok().filter(|top| (1..=999).contains(top)).ok_or_else(bad)?,
        };
        let found = ACCOUNTS.iter().filter(|one| one.mail.eq_ignore_ascii_case(mail)).take(top);
        let found = found.map(|one| self.object(request, tenant, one)).collect::<Result<Vec<_>, _>>()?;
        Ok(Reply::json(200, &json!({"value": found})))
    }

    pub(super) fn change(&self, request: &Request, tenant: &str, id: &str) -> Result<Reply, Refusal> {
        let account = Self::account(id)?;
        let body = request.json().unwrap_or_default();
        let enabled = body["accountEnabled"].as_bool();
        let enabled = enabled.filter(|_| body.as_object().is_some_and(|fields| fields.len() == 1));
        let enabled = enabled.ok_or(Refusal::BadChange("Only accountEnabled can be changed."))?;
        if account.synchronized {
            return Err(Refusal::BadChange(
                "Unable to update the specified properties for on-premises mastered Directory Sync objects.",
            ));
        }
        if account.administrator {
            return Err(Refusal::NoDirectoryRole);
        }
        locked(&self.changed).insert((tenant.to_owned(), account.id), enabled);
        Ok(Reply::empty(204))
    }

    pub(super) fn revoke(&self, tenant: &str, id: &str) -> Result<Reply, Refusal> {
        let account = Self::account(id)?;
        *locked(&self.revoked).entry((tenant.to_owned(), account.id)).or_default() += 1;
        Ok(Reply::json(200, &json!({"value": !account.guest})))
    }
}
