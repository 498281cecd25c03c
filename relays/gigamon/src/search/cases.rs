//! Which detections an observable has, with their rules.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::future::join_all;
use relay_core::error::{Code, Error, Errors};
use relay_core::provider::Failure;

use super::{PAGES, Search, goes_on};
use crate::api::{self, Page, Role};
use crate::mapping::DetectionWithRule;
use crate::model::{Detection, Rule, filled, time};

/// What becomes of detections whose rule cannot be had.
const WITHOUT_RULE: &str = "events of some detections are shown without their rule";

/// What listing detections gave.
#[derive(Default)]
struct Listed {
    detections: Vec<Detection>,
    rules: Vec<Rule>,
    /// Pages that were read.
    pages: usize,
    failure: Option<Failure>,
}

impl Search<'_> {
    /// The detections that the observable is an indicator of or, if it is an address, the device of: newest first.
    pub(super) async fn cases(self, errors: &mut Errors) -> Vec<Arc<DetectionWithRule>> {
        let (about, on) = futures::join!(self.list(Role::Indicator), async {
            if self.relay.device_detections && self.subject.is_address() {
                self.list(Role::Device).await
            } else {
                Listed::default()
            }
        });
        errors.extend(about.failure.as_ref().map(|failure| reported(failure, about.pages > 0)));
        let incomplete = on.pages > 0 || about.failure.is_none();
        errors.extend(on.failure.as_ref().map(|failure| reported(failure, incomplete)));

        let (detections, on_device) = merged(about.detections, on.detections, self.page_size());
        let mut rules: HashMap<String, Rule> = HashMap::new();
        for rule in about.rules.into_iter().chain(on.rules) {
            if let Some(id) = rule.id() {
                rules.entry(id.to_owned()).or_insert(rule);
            }
        }
        self.missing_rules(&detections, &mut rules, errors).await;
        joined(detections, &on_device, &rules)
    }

    /// Pages of the list, until there are enough detections that may be shown.
    async fn list(self, role: Role) -> Listed {
        let mut listed = Listed::default();
        let limit = self.page_size();
        for number in 0..PAGES {
            let offset = number * limit;
            let page = Page { limit, offset };
            let page = match self.relay.detections(self.call, role, self.subject, page).await {
                Ok(Some(page)) => page,
                Ok(None) => break,
                Err(failure) => {
                    listed.failure = Some(failure);
                    break;
                }
            };
            listed.pages += 1;
            let shown = |detection: &Detection| {
                filled(detection.uuid.as_deref()).is_some()
                    && self.call.credentials.allows(detection.account_uuid.as_deref())
            };
            listed.detections.extend(page.detections.items.into_iter().filter(shown));
            listed.rules.extend(page.rules);
            let more = goes_on(offset, page.detections.received, limit, page.total_count);
            if listed.detections.len() >= limit || !more {
                break;
            }
        }
        listed.detections.truncate(limit);
        listed
    }

    /// Rules that came with no page of detections are asked for, each once.
    async fn missing_rules(
        self,
        detections: &[Detection],
        rules: &mut HashMap<String, Rule>,
        errors: &mut Errors,
    ) {
        let mut asked = HashSet::new();
        let missing = detections.iter().filter_map(|detection| filled(detection.rule_uuid.as_deref()));
        let missing: Vec<&str> = missing.filter(|id| !rules.contains_key(*id) && asked.insert(*id)).collect();
        let answers = join_all(missing.iter().map(|id| self.relay.rule(self.call, id))).await;
        for (id, answer) in missing.into_iter().zip(answers) {
            match answer {
                Ok(Some(mut rule)) => {
                    rule.uuid = Some(id.to_owned());
                    rules.insert(id.to_owned(), rule);
                }
                Ok(None) => errors.add(Error::warning(
                    Code::NOT_FOUND,
                    format!("The rule of a detection is not known; {WITHOUT_RULE}"),
                )),
                Err(failure) => errors.add(api::warning(&failure, WITHOUT_RULE)),
            }
        }
    }
}

/// How the failure of a list is reported: as a warning where the list is merely incomplete. A token that is not
/// accepted is never that.
fn reported(failure: &Failure, incomplete: bool) -> Error {
    if incomplete && !api::is_refusal(failure) {
        api::warning(failure, "some detections are missing")
    } else {
        api::error(failure)
    }
}

/// Both lists as one, newest first, at most `most`; and which of them are on the device that was asked about.
fn merged(about: Vec<Detection>, on: Vec<Detection>, most: usize) -> (Vec<Detection>, HashSet<String>) {
    let on_device: HashSet<String> = on.iter().filter_map(|detection| detection.uuid.clone()).collect();
    let mut known = HashSet::new();
    let mut all: Vec<Detection> = about.into_iter().chain(on).collect();
    all.retain(|detection| known.insert(detection.uuid.clone()));
    all.sort_by_cached_key(|detection| Reverse(time(detection.last_seen.as_deref())));
    all.truncate(most);
    (all, on_device)
}

/// What a rule found in an account, over all of its detections.
#[derive(Default)]
struct Tally<'d> {
    devices: HashSet<&'d str>,
    values: HashSet<&'d str>,
}

fn joined(
    detections: Vec<Detection>,
    on_device: &HashSet<String>,
    rules: &HashMap<String, Rule>,
) -> Vec<Arc<DetectionWithRule>> {
    let group = |detection: &Detection| (detection.rule_uuid.clone(), detection.account_uuid.clone());
    let mut tallies: HashMap<_, Tally<'_>> = HashMap::new();
    for detection in &detections {
        let tally = tallies.entry(group(detection)).or_default();
        tally.devices.extend(filled(detection.device_ip.as_deref()));
        let indicators = detection.indicators.iter().filter(|indicator| indicator.path().is_some());
        tally.values.extend(indicators.flat_map(|indicator| &indicator.values).map(String::as_str));
    }
    let counts: HashMap<_, (usize, usize)> = tallies
        .into_iter()
        .map(|(group, tally)| (group, (tally.devices.len(), tally.values.len())))
        .collect();
    let case = |detection: Detection| {
        let (impacted_devices, indicator_values) =
            counts.get(&group(&detection)).copied().unwrap_or_default();
        let rule = detection.rule_uuid.as_ref().and_then(|id| rules.get(id)).cloned();
        let on_device = detection.uuid.as_ref().is_some_and(|uuid| on_device.contains(uuid));
        Arc::new(DetectionWithRule { detection, rule, impacted_devices, indicator_values, on_device })
    };
    detections.into_iter().map(case).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detection_of_both_lists_is_one_case_with_its_rule() {
        const COUNT: usize = 1000;
        let detection = |number: usize| Detection {
            uuid: Some(format!("detection-{number:07}")),
            rule_uuid: Some(format!("rule-{number:07}")),
            ..Detection::default()
        };
        let rule = |number: usize| {
            let id = format!("rule-{number:07}");
            (id.clone(), Rule { uuid: Some(id), ..Rule::default() })
        };
        let (about, on) = ((0..COUNT).map(detection).collect(), (0..COUNT / 2).map(detection).collect());
        let rules: HashMap<String, Rule> = (0..COUNT).map(rule).collect();
        let (detections, on_device) = merged(about, on, COUNT);
        let cases = joined(detections, &on_device, &rules);
        assert_eq!(cases.len(), COUNT);
        for case in &cases {
            let number =
                |id: Option<&str>| id.and_then(|id| id.rsplit_once('-')).map(|(_, number)| number.to_owned());
            let of_rule = number(case.ruled().map(|ruled| ruled.id));
            assert_eq!(number(case.detection.uuid.as_deref()), of_rule);
        }
        assert_eq!(cases.iter().filter(|case| case.on_device).count(), COUNT / 2);
    }
}
