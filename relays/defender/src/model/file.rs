//! Files: their hashes, Defender's determination of them, and how widely they are seen.

use relay_core::lenient;
use relay_core::observable::{ObservableType, hash_type};
use serde::Deserialize;

use super::Number;

/// The hashes of a file, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashes {
    /// 40 digits.
    pub sha1: Option<String>,
    /// 64 digits.
    pub sha256: Option<String>,
    /// 32 digits.
    pub md5: Option<String>,
}

impl Hashes {
    /// Those of the three that are of the right form.
    pub fn new(sha1: Option<&str>, sha256: Option<&str>, md5: Option<&str>) -> Self {
        let checked = |text: Option<&str>, kind| {
            text.map(str::trim).filter(|text| hash_type(text) == Some(kind)).map(str::to_ascii_lowercase)
        };
        Self {
            sha1: checked(sha1, ObservableType::Sha1),
            sha256: checked(sha256, ObservableType::Sha256),
            md5: checked(md5, ObservableType::Md5),
        }
    }

    /// Those that are there: SHA-1, SHA-256, MD5.
    pub fn each(&self) -> impl Iterator<Item = &String> {
        [&self.sha1, &self.sha256, &self.md5].into_iter().flatten()
    }

    /// What the rest can be asked for by: SHA-1, else SHA-256. Nothing where all three are there, or neither of the
    /// two.
    pub fn key_to_rest(&self) -> Option<&String> {
        let complete = self.sha1.is_some() && self.sha256.is_some() && self.md5.is_some();
        self.sha1.as_ref().or(self.sha256.as_ref()).filter(|_| !complete)
    }

    /// Whether both can be of one file: no hash of the same kind differs.
    pub fn agree(&self, other: &Self) -> bool {
        let same = |one: &Option<String>, other: &Option<String>| match (one, other) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        same(&self.sha1, &other.sha1) && same(&self.sha256, &other.sha256) && same(&self.md5, &other.md5)
    }

    /// Takes what is missing from what else is known of the file.
    pub fn complete(&mut self, known: &Self) {
        let fill = |own: &mut Option<String>, known: &Option<String>| {
            if own.is_none() {
                own.clone_from(known);
            }
        };
        fill(&mut self.sha1, &known.sha1);
        fill(&mut self.sha256, &known.sha256);
        fill(&mut self.md5, &known.md5);
    }
}

/// A file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct File {
    #[serde(deserialize_with = "lenient::field")]
    sha1: Option<String>,
    #[serde(deserialize_with = "lenient::field")]
    sha256: Option<String>,
    #[serde(deserialize_with = "lenient::field")]
    md5: Option<String>,
    /// Defender's determination, such as `Pua`.
    #[serde(deserialize_with = "lenient::field")]
    pub determination_type: Option<String>,
    /// Its details, such as `PUA:Win32/FusionCore`.
    #[serde(deserialize_with = "lenient::field")]
    pub determination_value: Option<String>,
}

impl File {
    /// Its hashes.
    pub fn hashes(&self) -> Hashes {
        Hashes::new(self.sha1.as_deref(), self.sha256.as_deref(), self.md5.as_deref())
    }
}

/// How widely a file, a domain or an address is seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Prevalence {
    #[serde(rename = "organizationPrevalence", deserialize_with = "lenient::field")]
    organization: Option<Number>,
    #[serde(rename = "orgPrevalence", deserialize_with = "lenient::field")]
    org: Option<Number>,
    #[serde(rename = "globallyPrevalence", deserialize_with = "lenient::field")]
    globally: Option<Number>,
    #[serde(rename = "globalPrevalence", deserialize_with = "lenient::field")]
    global: Option<Number>,
    /// First in the organization.
    #[serde(deserialize_with = "lenient::field")]
    pub org_first_seen: Option<String>,
    /// Last in the organization.
    #[serde(deserialize_with = "lenient::field")]
    pub org_last_seen: Option<String>,
    /// First anywhere.
    #[serde(deserialize_with = "lenient::field")]
    pub global_first_observed: Option<String>,
    /// Last anywhere.
    #[serde(deserialize_with = "lenient::field")]
    pub global_last_observed: Option<String>,
    /// The names that it mostly has.
    #[serde(deserialize_with = "lenient::list")]
    pub top_file_names: Vec<String>,
}
lenient::object!(File, Prevalence);

impl Prevalence {
    /// Devices of the organization that it was seen on.
    pub fn devices_in_organization(&self) -> Option<u64> {
        count(self.organization.or(self.org))
    }

    /// Devices that it was seen on anywhere.
    pub fn devices_worldwide(&self) -> Option<u64> {
        count(self.globally.or(self.global))
    }
}

fn count(number: Option<Number>) -> Option<u64> {
    u64::try_from(number?.0).ok()
}
