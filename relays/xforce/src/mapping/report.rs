//! Reports: a judgement, and a sighting with its indicator for every category.

use std::collections::BTreeSet;

use relay_core::ctim::{
    BasedOn, Bundle, Confidence, Indicator, Judgement, ObservedTime, Sighting, SightingOf, Table,
};

use super::scale::Rating;
use super::{JUDGEMENT_DAYS, Mapping, ORIGIN, PRIORITY, given, tagged, user_tags};
use crate::model::{IpReport, Report, UrlReport};

/// Says how an address is assigned; its percentage says nothing of danger.
const DYNAMIC_ADDRESSES: &str = "Dynamic IPs";

impl Mapping<'_> {
    pub(super) fn report(&self, report: &Report, bundle: &mut Bundle) {
        match report {
            Report::Ip(report) => self.address(report, bundle),
            Report::Url(report) => self.name(report, bundle),
            Report::Hash(report) => {
                let malware = report.malware.as_ref();
                let risk = malware.and_then(|malware| malware.risk.as_deref());
                let judgement = self.judgement("report", Rating::of_risk(risk));
                if self.options.malware_details
                    && let Some(malware) = malware
                {
                    self.malware(malware, &user_tags(&report.tags), &judgement, bundle);
                }
                bundle.push(judgement);
            }
        }
    }

    /// A judgement for every category: the percentages differ.
    fn address(&self, report: &IpReport, bundle: &mut Bundle) {
        let (table, tags) = (network_table(report), user_tags(&report.tags));
        for (category, percent) in report.cats.iter().take(self.limit) {
            let key = format!("cat:{category}");
            let rating = match category.as_str() {
                DYNAMIC_ADDRESSES => Rating::NEUTRAL,
                _ => Rating::of_score(percent.0.map(|percent| percent / 10.0)),
            };
            let judgement = self.judgement(&key, rating).reason(report.reason.as_deref());
            let (sighting, indicator) =
                self.category(&key, category, report.descriptions.get(category).map(String::as_str), &tags);
            let sighting = sighting.data(table.clone());
            bundle.relate(&sighting, BasedOn, &judgement);
            bundle.relate(&judgement, BasedOn, &indicator);
            bundle.push(judgement);
            bundle.push(sighting);
            bundle.push(indicator);
        }
    }

    /// One judgement for the score, and the categories that hold.
    fn name(&self, report: &UrlReport, bundle: &mut Bundle) {
        let result = report.result.as_ref();
        bundle.push(self.judgement("report", Rating::of_score(result.and_then(|result| result.score))));
        let Some(result) = result else { return };
        let tags = user_tags(&report.tags);
        for (category, _) in result.cats.iter().filter(|(_, holds)| **holds).take(self.limit) {
            let description = result.descriptions.get(category).map(String::as_str);
            let (sighting, indicator) =
                self.category(&format!("cat:{category}"), category, description, &tags);
            bundle.relate(&sighting, SightingOf, &indicator);
            bundle.push(sighting);
            bundle.push(indicator);
        }
    }

    fn judgement(&self, key: &str, rating: Rating) -> Judgement {
        Judgement::new(ORIGIN, key, self.about, rating.disposition, self.valid(JUDGEMENT_DAYS))
            .confidence(Confidence::High)
            .severity(rating.severity)
            .priority(PRIORITY)
            .source_uri(self.page.clone())
    }

    fn category(
        &self,
        key: &str,
        name: &str,
        description: Option<&str>,
        tags: &[&str],
    ) -> (Sighting, Indicator) {
        let sighting =
            self.sighting(key, ObservedTime::at(self.now)).title(name).source_uri(self.page.clone());
        let indicator =
            self.indicator(key).title(name).description(description).source_uri(self.page.clone());
        (sighting, tagged(indicator, tags.iter().copied()))
    }
}

/// Where an address is, in a table of one row: CTIM has no other place for geography.
fn network_table(report: &IpReport) -> Option<Table> {
    let country = report.geo.as_ref().and_then(|geo| given(geo.country.as_deref()));
    let networks: BTreeSet<(u64, &str)> = report
        .subnets
        .iter()
        .flat_map(|subnet| &subnet.asns)
        .filter(|(_, system)| system.removed != Some(true))
        .filter_map(|(number, system)| {
            Some((number.trim().parse().ok()?, given(system.company.as_deref()).unwrap_or_default()))
        })
        .collect();
    let network = |(number, company)| format!("AS{number} {company}").trim_end().to_owned();
    let networks: Vec<String> = networks.into_iter().map(network).collect();
    let reason = match (given(report.reason.as_deref()), given(report.reason_description.as_deref())) {
        (Some(reason), Some(description)) => Some(format!("{reason}: {description}")),
        (reason, description) => reason.or(description).map(str::to_owned),
    };
    Table::record()
        .cell("Country", country.map(str::to_owned))
        .cell("Network", (!networks.is_empty()).then(|| networks.join("; ")))
        .cell("Reason", reason)
        .build()
}
