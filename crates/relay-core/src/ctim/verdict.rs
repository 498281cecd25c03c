//! Which disposition holds for an observable.

use serde::Serialize;

use super::{Disposition, Entity, Judgement, Observable, Reference, ValidTime};

/// The one disposition that holds for an observable, for a time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    #[serde(rename = "type")]
    kind: VerdictKind,
    observable: Observable,
    #[serde(flatten)]
    disposition: Disposition,
    valid_time: ValidTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    judgement_id: Option<Reference>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum VerdictKind {
    Verdict,
}

impl Verdict {
    /// The disposition of the observable. Both ends of the time are written, a missing start as 1970, a
    /// missing end as 2525.
    pub fn new(observable: &Observable, disposition: Disposition, valid_time: ValidTime) -> Self {
        Self {
            kind: VerdictKind::Verdict,
            observable: observable.clone(),
            disposition,
            valid_time: valid_time.with_both_ends(),
            judgement_id: None,
        }
    }

    /// The judgement on which it rests, which the same answer has to hold.
    #[must_use]
    pub fn based_on(mut self, judgement: &Judgement) -> Self {
        self.judgement_id = Some(judgement.id().into());
        self
    }

    /// The observable that it is about.
    pub fn observable(&self) -> &Observable {
        &self.observable
    }

    /// The id of the judgement on which it rests.
    pub fn judgement_id(&self) -> Option<Reference> {
        self.judgement_id
    }

    /// The disposition that holds.
    pub fn disposition(&self) -> Disposition {
        self.disposition
    }
}
