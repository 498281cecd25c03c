//! The calls for response actions on accounts. None is answered from the cache, since an action changes the answers;
//! none that changes something is made again after it may have arrived.

use relay_core::api::Api;
use relay_core::call::Call;
use relay_core::error::{Code, Error};
use relay_core::escape::{UrlBuilder, odata};
use relay_core::provider::{Failure, Request};
use relay_core::text::seconds;

use super::policy::{ACCOUNTS_API, CHANGE_API, REVOCATION_API};
use crate::Graph;
use crate::credentials::GraphCredentials;
use crate::model::account::{Account, Accounts, Change, PROPERTIES, Revocation};
use crate::module::TITLE;

const UNCERTAIN: &str =
    "it is not known whether the action took effect: look at the account before you ask for it again";

impl Graph {
    /// The account of an id or a name for logging in; nothing where there is none.
    ///
    /// # Errors
    /// The call failed.
    pub(crate) async fn account(
        &self,
        call: &Call<GraphCredentials>,
        name: &str,
    ) -> Result<Option<Account>, Error> {
        let url = self.users().segment(name).param("$select", PROPERTIES).build();
        self.caller(&ACCOUNTS_API, call).get("account", url).absent(&[404]).fetch().await
    }

    /// The account of a mail address; nothing where none or several have it.
    ///
    /// # Errors
    /// The call failed.
    pub(crate) async fn account_of_mail(
        &self,
        call: &Call<GraphCredentials>,
        mail: &str,
    ) -> Result<Option<Account>, Error> {
        let filter = format!("mail eq {}", odata(mail));
        let url = self.users().param("$filter", filter).param("$top", 2).param("$select", PROPERTIES).build();
        let found = self.caller(&ACCOUNTS_API, call).get("account_search", url).fetch::<Accounts>().await?;
        let list = found.and_then(|found| found.value);
        let list = list.ok_or_else(|| unreadable("its answer holds no list of accounts"))?;
        let is_only = list.dropped() == 0 && list.items.len() == 1;
        Ok(list.items.into_iter().next().filter(|_| is_only))
    }

    /// Ends the sessions of an account.
    ///
    /// # Errors
    /// It was not done, or it is not known whether it was.
    pub(crate) async fn revoke_sessions(&self, call: &Call<GraphCredentials>, id: &str) -> Result<(), Error> {
        let url = self.users().segment(id).path("revokeSignInSessions").build();
        let request = self.caller(&REVOCATION_API, call).post("revoke_sessions", url);
        let request = request.header("content-type", "application/json");
        let answer = change(request).await.map_err(|failure| failed(&REVOCATION_API, &failure))?;
        // Other bodies come too, and say nothing.
        match answer.object::<Revocation>() {
            Ok(Revocation { value: Some(false) }) => {
                Err(Error::fatal(Code::UNKNOWN, format!("{TITLE} did not revoke the sessions")))
            }
            _ => Ok(()),
        }
    }

    /// Lets an account log in, or not.
    ///
    /// # Errors
    /// As [`Graph::revoke_sessions`].
    pub(crate) async fn enable(
        &self,
        call: &Call<GraphCredentials>,
        id: &str,
        account_enabled: bool,
    ) -> Result<(), Error> {
        let request =
            self.caller(&CHANGE_API, call).patch("change_account", self.users().segment(id).build());
        let outcome = change(request.json(&Change { account_enabled })).await;
        outcome.map(drop).map_err(|failure| failed(&CHANGE_API, &failure))
    }

    fn users(&self) -> UrlBuilder {
        self.url("users")
    }
}

async fn change(request: Request<'_>) -> Result<relay_core::provider::Answer, Failure> {
    Box::pin(request.again_after_429().send()).await
}

/// The error of an answer that is not of the documented form.
pub(crate) fn unreadable(problem: &str) -> Error {
    ACCOUNTS_API.error(&Failure::Unreadable(problem.to_owned()))
}

/// The error of a failed change. It says so where the change may have been made all the same.
fn failed(api: &Api, failure: &Failure) -> Error {
    let error = api.error(failure);
    match failure {
        Failure::Rejected(rejection) if rejection.status == 404 => no_such_account(),
        Failure::Rejected(rejection) if rejection.status == 429 => match rejection.retry_after {
            Some(pause) => error.with_note(format_args!("nothing was done; try again in {}", seconds(pause))),
            None => error.with_note("nothing was done; try again later"),
        },
        Failure::Rejected(rejection) if rejection.status >= 500 => error.with_note(UNCERTAIN),
        Failure::TooLarge(_) | Failure::Connection(_) | Failure::Timeout(_) | Failure::Deadline(_) => {
            error.with_note(UNCERTAIN)
        }
        _ => error,
    }
}

/// The error of an account that is not there.
pub(crate) fn no_such_account() -> Error {
    Error::fatal(Code::NOT_FOUND, "There is no such account in this tenant")
}
