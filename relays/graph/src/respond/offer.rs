//! `/respond/observables`: what can be done now.

use std::collections::BTreeMap;

use relay_core::call::Call;
use relay_core::error::Error;
use relay_core::lookup;
use relay_core::observable::Observable;
use relay_core::relay::{Action, Offered};
use relay_core::text::sanitized;

use super::{ACTIONS, Effect, Entry, GROUPS, Subject, name_of};
use crate::Graph;
use crate::credentials::GraphCredentials;
use crate::module::{TITLE, UNPROCESSED};

/// Accounts that are read for a request, at most.
const MOST_ACCOUNTS: usize = 20;
/// How much of a name is repeated, in characters.
const NAME_LENGTH: usize = 200;

/// The actions that can be triggered for the observables of a request.
pub(crate) async fn actions(relay: &Graph, call: &Call<GraphCredentials>, about: &[Observable]) -> Offered {
    let mut all = Offered::default();
    if !GROUPS.iter().any(|group| relay.settings.actions.allows(group)) {
        return all;
    }
    let named: Vec<&Observable> = about.iter().filter(|one| name_of(one).is_some()).collect();
    let (asked, over) = named.split_at(named.len().min(MOST_ACCOUNTS));
    let outcomes = lookup::gather(call, asked, |one| for_one(relay, call, one)).await;
    for (observable, outcome) in asked.iter().zip(outcomes) {
        let offered = outcome.unwrap_or_else(|| Err(call.out_of_time()));
        let offered = offered.map_or_else(Offered::from, |actions| Offered { actions, ..Offered::default() });
        all.merge_about(offered, observable);
    }
    if !over.is_empty() {
        let message = format!(
            "{TITLE} was not asked about {} further accounts: it is asked about {MOST_ACCOUNTS} per request",
            over.len()
        );
        all.errors.add(Error::warning(UNPROCESSED, message));
    }
    all
}

async fn for_one(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    about: &Observable,
) -> Result<Vec<Action>, Error> {
    let settings = &relay.settings;
    let subject = Subject::of_observable(relay, call, about).await?;
    let Some(subject) = subject.filter(|subject| !subject.is_among(&settings.protected)) else {
        return Ok(Vec::new());
    };
    let fits = |entry: &&Entry| settings.actions.allows(entry.group) && subject.admits(entry.effect);
    let offer = |entry: &Entry| Action {
        id: entry.id.to_owned(),
        title: settings.dry_run.title(entry.title),
        description: description(entry.effect, &subject),
        categories: vec!["Microsoft Entra ID".into(), "Account Actions".into()],
        query_params: BTreeMap::from([
            ("observable_type".to_owned(), about.kind().as_str().to_owned()),
            ("observable_value".to_owned(), about.value().to_owned()),
            ("user_id".to_owned(), subject.id.clone()),
        ]),
    };
    Ok(ACTIONS.iter().filter(fits).map(offer).collect())
}

fn description(effect: Effect, subject: &Subject) -> String {
    let principal = sanitized(subject.principal(), NAME_LENGTH);
    let who = match subject.account.display_name.as_deref() {
        Some(name) => format!("{} ({principal})", sanitized(name, NAME_LENGTH)),
        None => principal,
    };
    match effect {
        Effect::Revoke => {
            format!("Ends all sign-in sessions of {who}: every application asks for a new login")
        }
        Effect::Disable => {
            format!(
                "Blocks new logins of {who}; sessions that are open last until they are revoked or expire"
            )
        }
        Effect::Enable => format!("Lets {who} log in again"),
    }
}
