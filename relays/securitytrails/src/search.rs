//! Which queries are made about an observable, and what is kept of their answers.

use futures::future::join_all;
use futures::join;
use relay_core::call::Call;
use relay_core::error::{Code, Error};
use relay_core::lookup::{Group, Lookup, gather, group_by};
use relay_core::observable::Observable;

use crate::SecurityTrails;
use crate::credentials::ApiKey;
use crate::mapping::{Mapped, Mapping};
use crate::model::{Hosted, Period, Subdomains};
use crate::pages::{self, Pages};
use crate::query::{Query, RecordType, Subject};

/// Code of the warning that a sighting has more relations than the settings allow.
const UNPROCESSED_RELATIONS: Code = Code::new("unprocessed relations");

/// What the queries about one value came to, for each of the observables that are this value.
type Found = Vec<Lookup>;

impl SecurityTrails {
    /// Looks observables up, each value once.
    pub(crate) async fn look_up(&self, call: &Call<ApiKey>, about: &[Observable]) -> Lookup {
        let groups = group_by(about, Subject::of);
        let outcomes = gather(call.context(), &groups, |group| self.group(call, group)).await;
        let mut lookups: Vec<Option<Lookup>> = about.iter().map(|_| None).collect();
        for (group, outcome) in groups.iter().zip(outcomes) {
            let late = || group.members.iter().map(|_| call.out_of_time().into()).collect();
            for ((position, _), lookup) in group.members.iter().zip(outcome.unwrap_or_else(late)) {
                lookups[*position] = Some(lookup);
            }
        }
        let mut all = Lookup::nothing();
        for (observable, lookup) in about.iter().zip(lookups) {
            if let Some(lookup) = lookup {
                all.merge_about(lookup, observable);
            }
        }
        all
    }

    async fn group(&self, call: &Call<ApiKey>, group: &Group<'_, Subject>) -> Found {
        match &group.key {
            Subject::Domain(name) => self.domain(call, name, group).await,
            Subject::Address(address, family) => {
                let pages = pages::read::<Hosted>(self, call, Query::Domains(address, *family)).await;
                self.each(call, group, |mapping, lookup| {
                    lookup.errors.extend(pages.failure.clone());
                    lookup.errors.extend(pages.warnings.iter().cloned());
                    add(lookup, mapping.domains(&pages.records, pages.record_count), mapping.about());
                })
            }
        }
    }

    async fn domain(&self, call: &Call<ApiKey>, name: &str, group: &Group<'_, Subject>) -> Found {
        let extra = call.credentials.extra_record_types().unwrap_or(&self.options.extra_record_types);
        let records: Vec<RecordType> = self.options.history_types.iter().chain(extra).copied().collect();
        let history = async |record| pages::read::<Period>(self, call, Query::History(name, record)).await;
        // Polled in this order, so started in this order.
        let (histories, subdomains) =
            join!(join_all(records.iter().copied().map(history)), self.subdomains(call, name));
        let histories: Vec<(RecordType, Pages<Period>)> = records.into_iter().zip(histories).collect();
        let all_failed = histories.iter().all(|(_, pages)| pages.failure.is_some());
        self.each(call, group, |mapping, lookup| {
            for (record, pages) in &histories {
                if let Some(failure) = pages.failure.clone() {
                    let stopped = call.stopped("history").is_some();
                    // What ends all lookups, or all of these, is reported once for all.
                    let once = all_failed || stopped;
                    let failure = if once {
                        failure
                    } else {
                        failure.with_note(format_args!("the {} history is missing", record.label()))
                    };
                    lookup.errors.add(failure);
                }
                lookup.errors.extend(pages.warnings.iter().cloned());
                if lookup.bundle.sightings().len() < call.limit() {
                    add(lookup, mapping.history(*record, &pages.records), mapping.about());
                }
            }
            match &subdomains {
                Ok(Some(subdomains)) => {
                    if subdomains.meta.as_ref().and_then(|meta| meta.limit_reached) == Some(true) {
                        lookup.errors.add(cut(name, subdomains));
                    }
                    if lookup.bundle.sightings().len() < call.limit() {
                        add(lookup, mapping.subdomains(name, subdomains), mapping.about());
                    }
                }
                Ok(None) => {}
                Err(error) => lookup.errors.add(error.clone()),
            }
        })
    }

    async fn subdomains(&self, call: &Call<ApiKey>, name: &str) -> Result<Option<Subdomains>, Error> {
        if !call.credentials.subdomains().unwrap_or(self.options.subdomains) {
            return Ok(None);
        }
        self.page(call, Query::Subdomains(name), 1).await
    }

    /// Maps for each observable of a group.
    fn each(
        &self,
        call: &Call<ApiKey>,
        group: &Group<'_, Subject>,
        map: impl Fn(&Mapping<'_>, &mut Lookup),
    ) -> Found {
        let one = |(_, about): &(usize, &Observable)| {
            let mapping = Mapping::new(about, &self.links, call.now(), call.limit(), &self.options);
            let mut lookup = Lookup::nothing();
            map(&mapping, &mut lookup);
            lookup
        };
        group.members.iter().map(one).collect()
    }
}

fn add(lookup: &mut Lookup, mapped: Option<Mapped>, about: &Observable) {
    let Some(Mapped { sighting, left_out }) = mapped else { return };
    lookup.bundle.push(sighting);
    if left_out > 0 {
        let value = relay_core::text::sanitized(about.value(), 100);
        lookup.errors.add(Error::warning(
            UNPROCESSED_RELATIONS,
            format!(
                "{left_out} relations of {value} are left out: RELAY_PROVIDER__MAX_RELATIONS allows no more"
            ),
        ));
    }
}

/// The warning that the provider returned some of the subdomains only.
fn cut(name: &str, subdomains: &Subdomains) -> Error {
    let returned = subdomains.subdomains.len();
    let of_all = match &subdomains.subdomain_count {
        Some(count) => format!("{returned} of {} subdomains of {name}", count.0),
        None => format!("only {returned} subdomains of {name}"),
    };
    let message = format!("SecurityTrails returned {of_all}; the plan of the account allows no more");
    Error::warning(UNPROCESSED_RELATIONS, message)
}
