//! Which detections each value has, with their rules.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures::{StreamExt, stream};
use relay_core::provider::Failure;

use super::problems::Problems;
use super::{PAGES, Search, goes_on};
use crate::api::{self, Page, Role};
use crate::mapping::DetectionWithRule;
use crate::model::{Detection, Rule, filled, time};
use crate::settings::DeviceDetections;

/// The part that is missing if a rule cannot be read.
const RULES: &str = "the rules of some detections";

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
    /// The detections of each value, newest first: those that have it among their indicators and, if it is an address,
    /// those on the device.
    pub(super) async fn detections(&self, problems: &mut Problems<'_>) -> Vec<Vec<Arc<DetectionWithRule>>> {
        let lists = (0..self.subjects.len()).flat_map(|place| {
            let device = self.asks_for_device(place).then_some((place, Role::Device));
            std::iter::once((place, Role::Indicator)).chain(device)
        });
        // In this order, so started in this order.
        let mut lists = stream::iter(lists)
            .map(|(place, role)| async move { (place, role, self.list(place, role).await) })
            .buffered(self.call.concurrency());
        let mut all: Vec<(Listed, Listed)> =
            (0..self.subjects.len()).map(|_| <(Listed, Listed)>::default()).collect();
        while let Some((place, role, listed)) = lists.next().await {
            match role {
                Role::Indicator => all[place].0 = listed,
                Role::Device => all[place].1 = listed,
            }
        }
        drop(lists);
        let mut rules: HashMap<String, Arc<Rule>> = HashMap::new();
        let mut merged = Vec::new();
        for (place, (about, on)) in all.into_iter().enumerate() {
            report(&about, &on, place, problems);
            for rule in about.rules.into_iter().chain(on.rules) {
                if let Some(id) = rule.id() {
                    rules.entry(id.to_owned()).or_insert_with(|| Arc::new(rule));
                }
            }
            merged.push(merge(about.detections, on.detections));
        }
        self.missing_rules(&merged, &mut rules, problems).await;
        merged.into_iter().map(|(detections, on_device)| joined(detections, &on_device, &rules)).collect()
    }

    fn asks_for_device(&self, place: usize) -> bool {
        let subject = self.subjects.subject(place);
        subject.is_address()
            && match self.options.device_detections {
                DeviceDetections::Always => true,
                DeviceDetections::Local => subject.is_local(),
                DeviceDetections::Never => false,
            }
    }

    /// Pages of a list, until there are enough detections that may be shown.
    async fn list(&self, place: usize, role: Role) -> Listed {
        let mut listed = Listed::default();
        let limit = self.page_size;
        for number in 0..PAGES {
            let offset = number * limit;
            let page = Page { limit, offset };
            let page = match self.calls.detections(role, self.subjects.subject(place), page).await {
                Ok(Some(page)) => page,
                Ok(None) => break,
                Err(failure) => {
                    listed.failure = Some(failure);
                    break;
                }
            };
            listed.pages += 1;
            let shown = page.detections.items.into_iter().filter(|detection| self.shows(detection));
            listed.detections.extend(shown);
            listed.rules.extend(page.rules);
            let more = goes_on(offset, page.detections.received, limit, page.total_count);
            if listed.detections.len() >= limit || !more {
                break;
            }
        }
        listed.detections.truncate(limit);
        listed
    }

    fn shows(&self, detection: &Detection) -> bool {
        filled(detection.uuid.as_deref()).is_some()
            && self.call.credentials.allows(detection.account_uuid.as_deref())
            && (self.calls.shows_muted() || detection.muted().is_none())
    }

    /// Rules that came with no page of detections are asked for, each once.
    async fn missing_rules(
        &self,
        merged: &[Merged],
        rules: &mut HashMap<String, Arc<Rule>>,
        problems: &mut Problems<'_>,
    ) {
        let mut missing: Vec<(String, Vec<usize>)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (place, (detections, _)) in merged.iter().enumerate() {
            let ids = detections.iter().filter_map(|detection| filled(detection.rule_uuid.as_deref()));
            for id in ids.filter(|id| !rules.contains_key(*id)) {
                let at = *places.entry(id).or_insert_with(|| {
                    missing.push((id.to_owned(), Vec::new()));
                    missing.len() - 1
                });
                missing[at].1.push(place);
            }
        }
        let mut answers = stream::iter(missing)
            .map(|(id, about)| async move {
                let answer = self.calls.rule(&id).await;
                (id, about, answer)
            })
            .buffered(self.call.concurrency());
        while let Some((id, about, answer)) = answers.next().await {
            match answer {
                Ok(Some(mut rule)) => {
                    rule.uuid = Some(id.clone());
                    rules.insert(id, Arc::new(rule));
                }
                Ok(None) => problems.unknown("The rule of a detection is not known", RULES, &about),
                Err(failure) => problems.incomplete(&failure, RULES, &about),
            }
        }
    }
}

/// A list that merely lacks a page, or that is only the device's, leaves the answer incomplete. A token that is not
/// accepted is never that.
fn report(about: &Listed, on: &Listed, place: usize, problems: &mut Problems<'_>) {
    let mut report = |listed: &Listed, incomplete: bool| match &listed.failure {
        Some(failure) if incomplete && !api::is_refusal(failure) => {
            problems.incomplete(failure, "some detections", &[place]);
        }
        Some(failure) => problems.failed(failure, &[place]),
        None => {}
    };
    report(about, about.pages > 0);
    report(on, on.pages > 0 || about.failure.is_none());
}

/// The detections of a value, and which of them are on the device that was asked about.
type Merged = (Vec<Detection>, HashSet<String>);

/// Both lists as one, newest first.
fn merge(about: Vec<Detection>, on: Vec<Detection>) -> Merged {
    let on_device: HashSet<String> = on.iter().filter_map(|detection| detection.uuid.clone()).collect();
    let mut known = HashSet::new();
    let mut all: Vec<Detection> = about.into_iter().chain(on).collect();
    all.retain(|detection| known.insert(detection.uuid.clone()));
    all.sort_by_cached_key(|detection| Reverse(time(detection.last_seen.as_deref())));
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
    rules: &HashMap<String, Arc<Rule>>,
) -> Vec<Arc<DetectionWithRule>> {
    let group = |detection: &Detection| (detection.rule_uuid.clone(), detection.account_uuid.clone());
    let mut tallies: HashMap<_, Tally<'_>> = HashMap::new();
    for detection in &detections {
        let tally = tallies.entry(group(detection)).or_default();
        tally.devices.extend(filled(detection.device_ip.as_deref()));
        let indicators = detection.indicators.iter().filter(|indicator| indicator.names_values());
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
    fn a_detection_of_both_lists_is_one_with_its_rule() {
        const COUNT: usize = 1000;
        let detection = |number: usize| Detection {
            uuid: Some(format!("detection-{number:07}")),
            rule_uuid: Some(format!("rule-{number:07}")),
            ..Detection::default()
        };
        let rule = |number: usize| {
            let id = format!("rule-{number:07}");
            (id.clone(), Arc::new(Rule { uuid: Some(id), ..Rule::default() }))
        };
        let (about, on) = ((0..COUNT).map(detection).collect(), (0..COUNT / 2).map(detection).collect());
        let rules: HashMap<String, Arc<Rule>> = (0..COUNT).map(rule).collect();
        let (detections, on_device) = merge(about, on);
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
