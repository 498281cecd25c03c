//! The named calls (<https://learn.microsoft.com/defender-endpoint/api/exposed-apis-list>), hunting aside.

use relay_core::error::{Error, Errors};
use relay_core::escape::UrlBuilder;
use relay_core::lenient::LenientValue;
use relay_core::provider::Failure;
use serde::de::DeserializeOwned;
use url::Url;

use super::{
    ADDRESS_ALERTS, ALERT, ALERT_LIST, Ask, DOMAIN_ALERTS, FILE_ALERTS, FILES, INDICATORS, Kind,
    MACHINE_ACTIONS, MACHINES, SCORE, address, addresses, error, is_nothing,
};
use crate::model::{Alert, Availability, Collection, Evidence, Hashes, Indicator, Machine, MachineAction};
use crate::subject::{MachineId, Subject};

/// Most pages of alerts of one observable.
const PAGES: usize = 10;

/// The alerts of an observable, and what went wrong with them.
#[derive(Debug, Default)]
pub struct Alerts {
    /// Those that were read.
    pub alerts: Vec<Alert>,
    /// Whether there were others that are no alerts.
    pub some_unreadable: bool,
    /// What failed.
    pub errors: Errors,
}

/// Details that a sighting can do without.
#[derive(Debug)]
pub enum Detail<T> {
    /// The details.
    Known(T),
    /// The provider does not know the thing.
    Unknown,
    /// The provider does not say; not worth telling the user.
    Refused,
}

/// The calls that read.
impl Ask<'_> {
    /// Shows whether address, credentials and consent are right.
    ///
    /// # Errors
    /// They are not, or the provider is down.
    pub async fn health(&self) -> Result<(), Error> {
        match self.probe(&SCORE, self.api().path("exposureScore")).await {
            // The score needs a permission that nothing else does.
            Err(failure) if matches!(failure.status(), Some(403 | 404)) => {
                let alerts = self.probe(&ALERT_LIST, self.api().path("alerts").param("$top", 1)).await;
                alerts.map_err(|failure| error(&ALERT_LIST, &failure))
            }
            outcome => outcome.map_err(|failure| error(&SCORE, &failure)),
        }
    }

    async fn probe(&self, kind: &'static Kind, url: UrlBuilder) -> Result<(), Failure> {
        self.send(kind, self.get(kind, address(url)?)).await.map(drop)
    }

    /// The SHA-1 and the other hashes of a file; nothing where the file is unknown.
    ///
    /// # Errors
    /// The call failed.
    pub async fn file(&self, hash: &str) -> Result<Option<Hashes>, Error> {
        match self.known(&FILES, addresses::file(self.base(), hash)).await {
            Ok(file) => Ok(Some(checked(&file))),
            Err(failure) if is_nothing(&failure) => Ok(None),
            Err(failure) => Err(error(&FILES, &failure)),
        }
    }

    /// What is known of a thing; the answer may be reused.
    async fn known<T: DeserializeOwned>(&self, kind: &'static Kind, url: UrlBuilder) -> Result<T, Failure> {
        self.read(kind, self.get(kind, address(url)?).cached()).await
    }

    /// The alerts about a file (`sha1`), an address or a domain; further pages only while fewer than `limit`
    /// are held.
    pub async fn alerts(&self, subject: &Subject, sha1: Option<&str>, limit: usize) -> Alerts {
        let mut found = Alerts::default();
        let (kind, path, value) = match (subject, sha1) {
            (Subject::Sha1(hash), _) => (&FILE_ALERTS, "files", hash.clone()),
            (Subject::Sha256(_) | Subject::Md5(_), Some(sha1)) => (&FILE_ALERTS, "files", sha1.to_owned()),
            (Subject::Address(address), _) => (&ADDRESS_ALERTS, "ips", address.to_string()),
            (Subject::Domain(name), _) => (&DOMAIN_ALERTS, "domains", name.clone()),
            _ => return found,
        };
        let mut next = addresses::alerts(self.base(), path, &value).build();
        for _ in 0..PAGES {
            let Some(url) = next.take() else { break };
            let mut page =
                match self.read::<Collection<Alert>>(kind, self.get(kind, url).cached().bulk()).await {
                    Ok(page) => page,
                    Err(failure) if is_nothing(&failure) => break,
                    Err(failure) => {
                        found.errors.add(error(kind, &failure));
                        break;
                    }
                };
            let link = page.next.take();
            for alert in page.items() {
                match alert {
                    Some(alert) => found.alerts.push(alert),
                    None => found.some_unreadable = true,
                }
            }
            next = link.filter(|_| found.alerts.len() < limit).and_then(|link| self.same_origin(&link));
        }
        found
    }

    /// A link of the provider, where it leads to the API's own host: the token goes nowhere else.
    fn same_origin(&self, link: &str) -> Option<Url> {
        Url::parse(link).ok().filter(|url| url.origin() == self.relay.settings.api.url.origin())
    }

    /// The evidence of one alert.
    ///
    /// # Errors
    /// The call failed in a way that the user should know of.
    pub async fn evidence(&self, alert: &str) -> Result<Detail<Vec<Evidence>>, Error> {
        let alert: Detail<Alert> = self.detail(&ALERT, addresses::alert(self.base(), alert)).await?;
        Ok(match alert {
            Detail::Known(alert) => Detail::Known(alert.evidence),
            Detail::Unknown => Detail::Unknown,
            Detail::Refused => Detail::Refused,
        })
    }

    /// A device.
    ///
    /// # Errors
    /// The call failed in a way that the user should know of.
    pub async fn machine(&self, id: &MachineId) -> Result<Detail<Machine>, Error> {
        self.detail(&MACHINES, addresses::machine(self.base(), id)).await
    }

    /// The hashes of a file that is part of a sighting.
    ///
    /// # Errors
    /// The call failed in a way that the user should know of.
    pub async fn hashes(&self, hash: &str) -> Result<Detail<Hashes>, Error> {
        let file: Detail<Hashes> = self.detail(&FILES, addresses::file(self.base(), hash)).await?;
        Ok(match file {
            Detail::Known(file) => Detail::Known(checked(&file)),
            other => other,
        })
    }

    async fn detail<T: DeserializeOwned>(
        &self,
        kind: &'static Kind,
        url: UrlBuilder,
    ) -> Result<Detail<T>, Error> {
        match self.known(kind, url).await {
            Ok(detail) => Ok(Detail::Known(detail)),
            Err(failure) => match failure.status() {
                Some(404) => Ok(Detail::Unknown),
                Some(status @ (400 | 403)) => {
                    log::debug!(call = kind.name, status; "details are missing");
                    Ok(Detail::Refused)
                }
                _ => Err(error(kind, &failure)),
            },
        }
    }
}

/// The calls for response actions. None is answered from the cache: an action changes the answers.
impl Ask<'_> {
    /// The indicator of this type for a value.
    ///
    /// # Errors
    /// The call failed.
    pub async fn indicator(&self, kind: &str, value: &str) -> Result<Option<Indicator>, Error> {
        let url = addresses::indicators(self.base(), value);
        let found = self.listed::<Indicator>(&INDICATORS, url).await?;
        Ok(found.into_iter().flatten().find(|indicator| indicator.indicator_type.as_deref() == Some(kind)))
    }

    /// Which actions can be taken on a device; nothing for an unknown one.
    ///
    /// # Errors
    /// The call failed.
    pub async fn availability(&self, machine: &MachineId) -> Result<Option<Vec<Availability>>, Error> {
        let url = addresses::machine(self.base(), machine).path("availableMachineActions");
        self.listed(&MACHINE_ACTIONS, url).await
    }

    /// The last successful action on a device that is one of two.
    ///
    /// # Errors
    /// The call failed.
    pub async fn last_action(
        &self,
        machine: &MachineId,
        kinds: [&str; 2],
    ) -> Result<Option<MachineAction>, Error> {
        let url = addresses::last_action(self.base(), machine, kinds);
        Ok(self.listed(&MACHINE_ACTIONS, url).await?.into_iter().flatten().next())
    }

    /// A list; nothing where what it is about is unknown.
    async fn listed<T: for<'a> LenientValue<'a>>(
        &self,
        kind: &'static Kind,
        url: UrlBuilder,
    ) -> Result<Option<Vec<T>>, Error> {
        match self.fresh::<Collection<T>>(kind, url).await {
            Ok(list) => Ok(Some(list.items().flatten().collect())),
            Err(failure) if failure.status() == Some(404) => Ok(None),
            Err(failure) => Err(error(kind, &failure)),
        }
    }

    async fn fresh<T: DeserializeOwned>(&self, kind: &'static Kind, url: UrlBuilder) -> Result<T, Failure> {
        self.read(kind, self.get(kind, address(url)?)).await
    }
}

fn checked(file: &Hashes) -> Hashes {
    Hashes::new(file.sha1.as_deref(), file.sha256.as_deref(), file.md5.as_deref())
}
