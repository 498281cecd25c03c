//! The calls that read, hunting aside (<https://learn.microsoft.com/defender-endpoint/api/exposed-apis-list>).

use std::sync::Arc;

use relay_core::error::{Code, Error};
use relay_core::lenient::LenientValue;
use relay_core::provider::Failure;
use url::Url;

use super::failures::Failures;
use super::{
    ADDRESS_ALERTS, ADDRESS_STATS, ALERT, ALERT_LIST, ApiKind, DOMAIN_ALERTS, DOMAIN_STATS, DefenderApi,
    FILE_ALERTS, FILE_MACHINES, FILE_STATS, FILES, MACHINE_ALERTS, MACHINE_LIST, MACHINES,
    MACHINES_BY_ADDRESS, SCORE, USER_ALERTS, failures, urls,
};
use crate::memory::{FILE, UNKNOWN_FILE};
use crate::model::{Alert, Collection, File, Machine, Prevalence};
use crate::module::TITLE;
use crate::subject::MachineId;
use relay_core::observable::Observable;

/// Most pages of alerts of one observable.
const PAGES: usize = 10;
/// Most ids in one list.
pub const IDS: usize = 30;
/// Refusals of a list that say that lists are not taken here.
const NO_LISTS: [u16; 4] = [400, 404, 405, 501];

/// What alerts are asked for by.
#[derive(Clone, Copy, Debug)]
pub enum AlertsOf<'a> {
    /// The SHA-1 of a file.
    File(&'a str),
    /// An address.
    Address(&'a str),
    /// A host name.
    Domain(&'a str),
    /// A device.
    Machine(&'a MachineId),
    /// An account's name.
    User(&'a str),
}

/// The alerts of an observable, and what went wrong with them.
#[derive(Debug, Default)]
pub struct Alerts {
    /// Those that were read.
    pub alerts: Vec<Alert>,
    /// Whether there were others that are no alerts.
    pub some_unreadable: bool,
    /// What failed.
    pub failures: Failures,
}

/// A failed call with the API that it was made to.
pub type Failed = (&'static ApiKind, Failure);

/// What a list of things came to.
#[derive(Debug)]
pub enum Listed<T> {
    /// Those that are known.
    Items(Vec<T>),
    /// The provider takes no lists here.
    Refused,
}

impl DefenderApi<'_> {
    /// Shows whether address, credentials and consent are right.
    ///
    /// # Errors
    /// They are not, or the provider is down.
    pub async fn health(&self) -> Result<(), Error> {
        let score = self.get(&SCORE, self.url().path("exposureScore")).rate(&SCORE.rate).send().await;
        match score {
            Ok(_) => Ok(()),
            // The score needs a permission and a licence that nothing else does.
            Err(failure) if matches!(failure.status(), Some(401 | 403 | 404)) => {
                let url = self.url().path("alerts").param("$top", 1);
                let alerts = self.get(&ALERT_LIST, url).rate(&ALERT_LIST.rate).send().await;
                alerts.map(drop).map_err(|failure| failures::error(&ALERT_LIST, &failure))
            }
            Err(failure) => Err(failures::error(&SCORE, &failure)),
        }
    }

    /// A file; nothing where it is unknown. Kept for a day.
    ///
    /// # Errors
    /// The call failed.
    pub async fn file(&self, hash: &str) -> Result<Option<Arc<File>>, Failed> {
        let (credential, now) = (self.call.credential(), self.call.now());
        let files = &self.relay.memory.files;
        if let Some(known) = files.recall(credential, hash.to_owned(), now) {
            return Ok(known);
        }
        let request = self.get(&FILES, urls::file(self.base(), hash)).cached().absent(&[400, 404]);
        let file: Option<File> = self.read(&FILES, request).await.map_err(|failure| (&FILES, failure))?;
        let file = file.map(Arc::new);
        let lasts = if file.is_some() { FILE } else { UNKNOWN_FILE };
        files.keep(credential, hash.to_owned(), file.clone(), lasts, now);
        Ok(file)
    }

    /// The alerts of an observable; further pages only while fewer than `limit` are held.
    pub async fn alerts(&self, of: AlertsOf<'_>, limit: usize, about: &Observable) -> Alerts {
        let mut found = Alerts::default();
        let (kind, path, value) = match of {
            AlertsOf::File(sha1) => (&FILE_ALERTS, "files", sha1),
            AlertsOf::Address(address) => (&ADDRESS_ALERTS, "ips", address),
            AlertsOf::Domain(name) => (&DOMAIN_ALERTS, "domains", name),
            AlertsOf::Machine(id) => (&MACHINE_ALERTS, "machines", id.as_str()),
            AlertsOf::User(name) => (&USER_ALERTS, "users", name),
        };
        let mut next = urls::alerts(self.base(), path, value).build();
        let mut read = Vec::new();
        while let Some(url) = next.take() {
            if read.len() == PAGES {
                let message = format!("Further alerts are missing: the list has more than {PAGES} pages");
                found.failures.error(
                    Error::warning(Code::new("unprocessed records"), message),
                    std::slice::from_ref(about),
                );
                break;
            }
            read.push(url.clone());
            let request = self.caller(&self.relay.settings.api).get(kind.name, url).cached().bulk();
            let page: Collection<Alert> = match self.read(kind, request.absent(&[400, 404])).await {
                Ok(Some(page)) => page,
                Ok(None) => break,
                Err(failure) => {
                    found.failures.call(kind, failure, std::slice::from_ref(about));
                    break;
                }
            };
            found.some_unreadable |= page.list.dropped() > 0;
            found.alerts.extend(page.list.items);
            if let Some(link) = page.next.filter(|_| found.alerts.len() < limit) {
                match self.next_page(&link, &read) {
                    Ok(url) => next = Some(url),
                    Err(error) => found.failures.error(error, std::slice::from_ref(about)),
                }
            }
        }
        found
    }

    /// The address of the next page, where it leads to the API's own host, for the token goes nowhere else, and is
    /// none that was read already.
    fn next_page(&self, link: &str, read: &[Url]) -> Result<Url, Error> {
        let elsewhere = |place: &str| {
            let message =
                format!("Further alerts are missing: the answer's next page is at another address ({place})");
            Error::warning(Code::BAD_RESPONSE, message)
        };
        let url = Url::parse(link).map_err(|_| elsewhere("no URL"))?;
        if url.origin() != self.relay.settings.api.url.origin() {
            return Err(elsewhere(url.host_str().unwrap_or("no host")));
        }
        if read.contains(&url) {
            let message = "Further alerts are missing: the answer's next page is one that was read already";
            return Err(Error::warning(Code::BAD_RESPONSE, message));
        }
        Ok(url)
    }

    /// One alert with its evidence.
    ///
    /// # Errors
    /// The call failed.
    pub async fn alert(&self, id: &str) -> Result<Option<Alert>, Failed> {
        self.known(&ALERT, urls::alert(self.base(), id)).await
    }

    /// Several alerts with their evidence, at most [`IDS`].
    ///
    /// # Errors
    /// The call failed.
    pub async fn alert_list(&self, ids: &[String]) -> Result<Listed<Alert>, Failed> {
        self.listed(&ALERT_LIST, urls::alert_list(self.base(), ids.iter().map(String::as_str))).await
    }

    /// A device.
    ///
    /// # Errors
    /// The call failed.
    pub async fn machine(&self, id: &MachineId) -> Result<Option<Machine>, Failed> {
        self.known(&MACHINES, urls::machine(self.base(), id)).await
    }

    /// Several devices, at most [`IDS`].
    ///
    /// # Errors
    /// The call failed.
    pub async fn machine_list(&self, ids: &[MachineId]) -> Result<Listed<Machine>, Failed> {
        self.listed(&MACHINE_LIST, urls::machine_list(self.base(), ids)).await
    }

    /// The devices of a name. For actions it is asked afresh: with `reuse`, the answer may come from the cache.
    ///
    /// # Errors
    /// The call failed.
    pub async fn machines_named(&self, name: &str, reuse: bool) -> Result<Vec<Machine>, Failed> {
        let request = self.get(&MACHINE_LIST, urls::machines_named(self.base(), name));
        let request = if reuse { request.cached() } else { request };
        let found: Vec<Machine> = self.items(&MACHINE_LIST, request).await?;
        let is_it = |machine: &Machine| {
            let full = machine.computer_dns_name.as_deref().unwrap_or_default().to_lowercase();
            full == name || (!name.contains('.') && full.starts_with(&format!("{name}.")))
        };
        Ok(found.into_iter().filter(is_it).collect())
    }

    /// The devices that have an internal address now; not from the cache, since addresses move.
    ///
    /// # Errors
    /// The call failed.
    pub async fn machines_by_address(&self, address: &str) -> Result<Vec<Machine>, Failed> {
        let time = self.call.now() - jiff::SignedDuration::from_mins(15);
        let time = format!("{time:.0}");
        let request = self.get(&MACHINES_BY_ADDRESS, urls::machines_by_address(self.base(), address, &time));
        self.items(&MACHINES_BY_ADDRESS, request).await
    }

    /// The devices that have a file.
    ///
    /// # Errors
    /// The call failed.
    pub async fn machines_with_file(&self, sha1: &str) -> Result<Vec<Machine>, Failed> {
        let url = urls::file(self.base(), sha1).path("machines");
        self.items(&FILE_MACHINES, self.get(&FILE_MACHINES, url)).await
    }

    /// How widely a file is seen.
    ///
    /// # Errors
    /// The call failed.
    pub async fn file_prevalence(&self, sha1: &str) -> Result<Option<Prevalence>, Failed> {
        self.known(&FILE_STATS, urls::stats(self.base(), "files", sha1)).await
    }

    /// How widely a domain is seen.
    ///
    /// # Errors
    /// The call failed.
    pub async fn domain_prevalence(&self, name: &str) -> Result<Option<Prevalence>, Failed> {
        self.known(&DOMAIN_STATS, urls::stats(self.base(), "domains", name)).await
    }

    /// How widely an address is seen.
    ///
    /// # Errors
    /// The call failed.
    pub async fn address_prevalence(&self, address: &str) -> Result<Option<Prevalence>, Failed> {
        self.known(&ADDRESS_STATS, urls::stats(self.base(), "ips", address)).await
    }

    /// What is known of a thing; the answer may be reused.
    async fn known<T: for<'a> LenientValue<'a>>(
        &self,
        kind: &'static ApiKind,
        url: relay_core::escape::UrlBuilder,
    ) -> Result<Option<T>, Failed> {
        self.read(kind, self.get(kind, url).cached()).await.map_err(|failure| (kind, failure))
    }

    /// The items of a list; none where what it is about is unknown.
    pub(super) async fn items<T: for<'a> LenientValue<'a>>(
        &self,
        kind: &'static ApiKind,
        request: relay_core::provider::Request<'_>,
    ) -> Result<Vec<T>, Failed> {
        let found: Option<Collection<T>> =
            self.read(kind, request).await.map_err(|failure| (kind, failure))?;
        Ok(found.map(|found| found.list.items).unwrap_or_default())
    }

    /// Several things in one answer, which may be reused.
    pub(super) async fn listed<T: for<'a> LenientValue<'a>>(
        &self,
        kind: &'static ApiKind,
        url: relay_core::escape::UrlBuilder,
    ) -> Result<Listed<T>, Failed> {
        let outcome: Result<Option<Collection<T>>, Failure> =
            self.read(kind, self.get(kind, url).cached().absent(&[])).await;
        match outcome {
            Ok(found) => Ok(Listed::Items(found.map(|found| found.list.items).unwrap_or_default())),
            Err(failure) if failure.status().is_some_and(|status| NO_LISTS.contains(&status)) => {
                log::debug!(call = kind.name; "{TITLE} takes no lists here");
                Ok(Listed::Refused)
            }
            Err(failure) => Err((kind, failure)),
        }
    }
}
