//! Calls about custom indicators (<https://learn.microsoft.com/defender-endpoint/api/get-ti-indicators-collection>).

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::join_all;
use relay_core::error::Error;

use super::read::{Failed, IDS, Listed};
use super::{DefenderApi, INDICATORS, failures, urls};
use crate::memory::{self, HOUR, ListCall};
use crate::model::Indicator;
use crate::network;
use crate::subject::Subject;

/// What the provider calls an indicator about a subject; nothing for what has none.
pub fn indicator_type(subject: &Subject) -> Option<&'static str> {
    match subject {
        Subject::Sha1(_) => Some("FileSha1"),
        Subject::Sha256(_) => Some("FileSha256"),
        Subject::Md5(_) => Some("FileMd5"),
        Subject::Address(_) => Some("IpAddress"),
        Subject::Domain(_) => Some("DomainName"),
        Subject::Url(_) => Some("Url"),
        _ => None,
    }
}

/// The value of an indicator about a subject; nothing for what has none.
pub fn indicator_value(subject: &Subject) -> Option<String> {
    match subject {
        Subject::Sha1(text)
        | Subject::Sha256(text)
        | Subject::Md5(text)
        | Subject::Domain(text)
        | Subject::Url(text) => Some(text.clone()),
        Subject::Address(address) => Some(address.to_string()),
        _ => None,
    }
}

/// The value by which indicators are compared: without case, addresses as addresses, domains and URLs without one
/// sign at their end.
fn key(indicator_type: &str, value: &str) -> String {
    let value = value.trim().to_lowercase();
    match indicator_type {
        "IpAddress" => network::address(&value).map_or(value, |address| address.to_string()),
        "DomainName" => value.strip_suffix('.').unwrap_or(&value).to_owned(),
        "Url" => value.strip_suffix('/').unwrap_or(&value).to_owned(),
        _ => value,
    }
}

/// What an indicator would have to be to be about a subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    kind: &'static str,
    value: String,
}

impl Wanted {
    /// The indicator of a subject; nothing for what has none.
    pub fn of(subject: &Subject) -> Option<Self> {
        Some(Self { kind: indicator_type(subject)?, value: indicator_value(subject)?.to_lowercase() })
    }

    /// Whether this indicator is it.
    pub fn is(&self, indicator: &Indicator) -> bool {
        let value = indicator.indicator_value.as_deref().unwrap_or_default();
        indicator.indicator_type.as_deref() == Some(self.kind)
            && key(self.kind, value) == key(self.kind, &self.value)
    }

    /// The forms in which it is asked for. It is not known whether the provider compares hashes without case.
    fn forms(&self) -> Vec<String> {
        let upper = self.value.to_uppercase();
        if self.kind.starts_with("File") && upper != self.value {
            vec![self.value.clone(), upper]
        } else {
            vec![self.value.clone()]
        }
    }
}

/// The indicators that were found, and the failure that kept others from being found.
#[derive(Debug, Default)]
pub struct Indicators {
    /// By what was wanted.
    pub found: HashMap<Wanted, Arc<[Indicator]>>,
    /// A call failed.
    pub failure: Option<Failed>,
}

impl DefenderApi<'_> {
    /// The indicators of subjects, in as few calls as possible. Kept for some minutes.
    pub async fn indicators(&self, wanted: &[Wanted]) -> Indicators {
        let (credential, now) = (self.call.credential(), self.call.now());
        let memory = &self.relay.memory;
        let mut all = Indicators::default();
        let mut unknown: Vec<&Wanted> = Vec::new();
        for one in wanted {
            match memory.indicators.recall(credential, one.value.clone(), now) {
                Some(known) => {
                    let own = known.iter().filter(|indicator| one.is(indicator)).cloned().collect();
                    all.found.insert(one.clone(), own);
                }
                None if !unknown.contains(&one) => unknown.push(one),
                None => {}
            }
        }
        let refused = memory.refused_lists.holds(&(credential, ListCall::Indicators), now);
        let calls = if unknown.len() < 2 || refused {
            unknown.iter().map(|one| vec![*one]).collect()
        } else {
            chunks(&unknown)
        };
        let outcomes = join_all(calls.iter().map(|call| self.indicators_in(call))).await;
        for (call, outcome) in calls.iter().zip(outcomes) {
            match outcome {
                Ok(found) => {
                    for one in call {
                        let own: Arc<[Indicator]> =
                            found.iter().filter(|indicator| one.is(indicator)).cloned().collect();
                        let (value, kept) = (one.value.clone(), Arc::clone(&own));
                        memory.indicators.keep(credential, value, kept, memory::INDICATORS, now);
                        all.found.insert((*one).clone(), own);
                    }
                }
                Err(failure) => all.failure = all.failure.or(Some(failure)),
            }
        }
        all
    }

    /// Those of one list, or of each by itself where lists are refused.
    async fn indicators_in(&self, wanted: &[&Wanted]) -> Result<Vec<Indicator>, Failed> {
        if let [one] = wanted {
            return self.indicators_equal(&one.value).await;
        }
        let forms: Vec<String> = wanted.iter().flat_map(|one| one.forms()).collect();
        let forms: Vec<&str> = forms.iter().map(String::as_str).collect();
        match self.listed(&INDICATORS, urls::indicator_list(self.base(), &forms)).await? {
            Listed::Items(found) => Ok(found),
            Listed::Refused => {
                let key = (self.call.credential(), ListCall::Indicators);
                self.relay.memory.refused_lists.remember(key, (), HOUR, self.call.now());
                let each = join_all(wanted.iter().map(|one| self.indicators_equal(&one.value))).await;
                let each: Result<Vec<Vec<Indicator>>, Failed> = each.into_iter().collect();
                Ok(each?.into_iter().flatten().collect())
            }
        }
    }

    async fn indicators_equal(&self, value: &str) -> Result<Vec<Indicator>, Failed> {
        self.items(&INDICATORS, self.get(&INDICATORS, urls::indicators(self.base(), value))).await
    }

    /// The indicator of a subject as it is now; not from the cache, since an action changes it.
    ///
    /// # Errors
    /// The call failed.
    pub async fn indicator(&self, subject: &Subject) -> Result<Option<Indicator>, Error> {
        let (Some(kind), Some(value)) = (indicator_type(subject), indicator_value(subject)) else {
            return Ok(None);
        };
        let found = self.indicators_equal(&value).await;
        let found = found.map_err(|(kind, failure)| failures::error(kind, &failure))?;
        Ok(found.into_iter().find(|indicator| indicator.indicator_type.as_deref() == Some(kind)))
    }
}

/// Packs what is wanted into lists of at most [`IDS`] values.
fn chunks<'w>(wanted: &[&'w Wanted]) -> Vec<Vec<&'w Wanted>> {
    let mut all: Vec<Vec<&Wanted>> = Vec::new();
    let mut room = 0;
    for one in wanted {
        let forms = one.forms().len();
        if room < forms {
            all.push(Vec::new());
            room = IDS;
        }
        room -= forms;
        all.last_mut().into_iter().for_each(|list| list.push(*one));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use relay_core::observable::{Observable, ObservableType};
    use serde_json::json;

    fn wanted(kind: ObservableType, value: &str) -> Wanted {
        Wanted::of(&Subject::of(&Observable::new(kind, value).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn indicators_are_compared_as_what_they_are() {
        let indicator = |kind: &str, value: &str| {
            let read = json!({"indicatorType": kind, "indicatorValue": value});
            serde_json::from_value::<Indicator>(read).unwrap()
        };
        let domain = wanted(ObservableType::Domain, "A.example");
        assert!(domain.is(&indicator("DomainName", "a.EXAMPLE.")));
        assert!(
            !domain.is(&indicator("Url", "a.example")) && !domain.is(&indicator("DomainName", "b.a.example"))
        );
        let url = wanted(ObservableType::Url, "https://a.example/X/");
        assert!(url.is(&indicator("Url", "https://A.example/x")));
        let address = wanted(ObservableType::Ipv6, "2001:db8:0::1");
        assert!(address.is(&indicator("IpAddress", "2001:0db8::0001")));
    }

    #[test]
    fn hashes_are_asked_for_in_both_cases_and_lists_are_bounded() {
        let hash = wanted(ObservableType::Md5, &"ab".repeat(16));
        assert_eq!(hash.forms(), ["ab".repeat(16), "AB".repeat(16)]);
        assert_eq!(wanted(ObservableType::Md5, &"1".repeat(32)).forms().len(), 1);
        let hashes: Vec<Wanted> =
            (0..16).map(|n| wanted(ObservableType::Md5, &format!("a{n:031}"))).collect();
        let hashes: Vec<&Wanted> = hashes.iter().collect();
        let sizes: Vec<usize> = chunks(&hashes).iter().map(Vec::len).collect();
        assert_eq!(sizes, [15, 1]);
    }
}
