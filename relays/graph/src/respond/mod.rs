//! Response actions on accounts: which can be taken now (`offer`), and taking them (`trigger`). Both read one table, so
//! that nothing is offered that cannot be triggered, and nothing else can be triggered.

pub(crate) mod offer;
pub(crate) mod trigger;

use relay_core::call::Call;
use relay_core::error::Error;
use relay_core::observable::{Observable, ObservableType};
use serde::Serialize;

use crate::Graph;
use crate::api::accounts::unreadable;
use crate::credentials::GraphCredentials;
use crate::mapping::matching::{User, is_email, is_guid};
use crate::model::account::Account;

pub use trigger::Taken;

/// Types of observables that name accounts.
pub(crate) const TYPES: [ObservableType; 2] = [ObservableType::Email, ObservableType::User];

/// The groups of actions that an operator allows.
pub static GROUPS: [&str; 3] = ["revoke", "disable", "enable"];

/// An action.
#[derive(Debug)]
struct Entry {
    /// What the platform sends back.
    id: &'static str,
    /// The group that it is in.
    group: &'static str,
    /// What it is called.
    title: &'static str,
    /// What it does.
    effect: Effect,
}

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Effect {
    /// Ends the sessions of an account.
    Revoke,
    /// Lets it log in no more.
    Disable,
    /// Lets it log in again.
    Enable,
}

/// All actions, in the order in which they are offered.
static ACTIONS: [Entry; 3] = [
    Entry {
        id: "microsoft-entra-revoke-sessions",
        group: "revoke",
        title: "Revoke sign-in sessions",
        effect: Effect::Revoke,
    },
    Entry {
        id: "microsoft-entra-disable-account",
        group: "disable",
        title: "Disable account",
        effect: Effect::Disable,
    },
    Entry {
        id: "microsoft-entra-enable-account",
        group: "enable",
        title: "Enable account",
        effect: Effect::Enable,
    },
];

/// What an observable names an account by; nothing for one that may be several people's, such as a bare name.
fn name_of(about: &Observable) -> Option<&str> {
    let value = about.value().trim();
    let is_one = match about.kind() {
        ObservableType::Email => is_email(value),
        ObservableType::User => matches!(User::parse(value), Some(User::Principal(_) | User::Id(_))),
        _ => false,
    };
    is_one.then_some(value)
}

/// An account on which actions can be taken.
#[derive(Debug)]
struct Subject {
    id: String,
    account: Account,
}

impl Subject {
    /// The account of an id or a name for logging in.
    async fn named(relay: &Graph, call: &Call<GraphCredentials>, name: &str) -> Result<Option<Self>, Error> {
        relay.account(call, name).await?.map(Self::of).transpose()
    }

    /// The account that an observable names; by its mail address where that is no name for logging in.
    async fn of_observable(
        relay: &Graph,
        call: &Call<GraphCredentials>,
        about: &Observable,
    ) -> Result<Option<Self>, Error> {
        let Some(name) = name_of(about) else { return Ok(None) };
        match Self::named(relay, call, name).await? {
            None if about.kind() == ObservableType::Email => {
                relay.account_of_mail(call, name).await?.map(Self::of).transpose()
            }
            known => Ok(known),
        }
    }

    fn of(account: Account) -> Result<Self, Error> {
        match account.id.as_deref().filter(|id| is_guid(id)) {
            Some(id) => Ok(Self { id: id.to_owned(), account }),
            None => Err(unreadable("its answer holds no account with an id")),
        }
    }

    /// Its name for logging in, else its id.
    fn principal(&self) -> &str {
        self.account.user_principal_name.as_deref().unwrap_or(&self.id)
    }

    /// Whether the operator forbids actions on it. `protected` are ids and names for logging in.
    fn is_among(&self, protected: &[String]) -> bool {
        protected.iter().any(|one| {
            let is = |text: &str| one.to_lowercase() == text.to_lowercase();
            is(&self.id) || self.account.user_principal_name.as_deref().is_some_and(is)
        })
    }

    /// Whether it is mastered in a directory on premises, which alone can change it.
    fn is_synchronized(&self) -> bool {
        self.account.on_premises_sync_enabled == Some(true)
    }

    /// Whether an action can be taken on it and would change something.
    fn admits(&self, effect: Effect) -> bool {
        let is_guest =
            self.account.user_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("guest"));
        match effect {
            Effect::Revoke => !is_guest,
            Effect::Disable => self.account.account_enabled == Some(true) && !self.is_synchronized(),
            Effect::Enable => self.account.account_enabled == Some(false) && !self.is_synchronized(),
        }
    }

    /// Whether it is as an action would make it.
    fn is_done(&self, effect: Effect) -> bool {
        match effect {
            Effect::Revoke => false,
            Effect::Disable => self.account.account_enabled == Some(false),
            Effect::Enable => self.account.account_enabled == Some(true),
        }
    }
}
