//! Numbers with a label.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::SerializeStruct;

use super::data::label;
use crate::ctim::HttpUrl;

/// The icons that the platform draws before a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the platform's own words")]
pub enum Icon {
    DeviceType,
    BulletedList,
    LabelGroup,
    StaticNat,
    Information,
    Warning,
    CriticalStop,
    Object,
    Vpn,
    User,
    ViewMetadata,
    Umbrella,
    Block,
}

/// A number with a label.
#[derive(Clone, Debug)]
pub struct Metric {
    icon: Icon,
    label: Cow<'static, str>,
    value: i64,
    link: Option<HttpUrl>,
}

impl Metric {
    /// A number; `link` leads to what was counted.
    pub fn new(icon: Icon, text: impl Into<Cow<'static, str>>, value: i64, link: Option<HttpUrl>) -> Self {
        Self { icon, label: label(text.into()), value, link }
    }

    /// How much is left of an allowance: the icon warns at a tenth, and at nothing.
    pub fn left(text: impl Into<Cow<'static, str>>, left: i64, allowed: i64, link: Option<HttpUrl>) -> Self {
        let icon = match left {
            ..=0 => Icon::CriticalStop,
            left if left <= allowed / 10 => Icon::Warning,
            _ => Icon::Information,
        };
        Self::new(icon, text, left, link)
    }
}

impl Serialize for Metric {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Metric", 6)?;
        out.serialize_field("icon", &self.icon)?;
        out.serialize_field("label", &self.label)?;
        out.serialize_field("value", &self.value)?;
        // Working relays spell it both ways; which one the platform reads is not published.
        out.serialize_field("value-unit", "integer")?;
        out.serialize_field("value_unit", "integer")?;
        if let Some(link) = &self.link {
            out.serialize_field("link_uri", link)?;
        }
        out.end()
    }
}
