//! Lists of alerts: their parameters, filters and pages.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::subject::Subject;
use super::tenant::{Filters, Legacy, Links, State};
use super::{alerts, generated};
use crate::odata::{Case, Filter};
use crate::reply::Reply;
use crate::request::Request;

/// Alerts on a page where the call does not say.
const USUAL_PAGE: usize = 100;
/// The largest page.
const LARGEST_PAGE: usize = 1000;
/// A next page on a host that no call may follow to.
const ELSEWHERE: &str = "https://elsewhere.example/v1.0/security/alerts_v2?$skip=1";
/// The retired API skips no further.
const FURTHEST: usize = 500;

/// What the retired API can filter by.
const LEGACY_PATHS: [&str; 17] = [
    "assignedTo",
    "category",
    "createdDateTime",
    "eventDateTime",
    "severity",
    "status",
    "title",
    "vendorInformation/provider",
    "fileStates/fileHash/hashValue",
    "fileStates/name",
    "fileStates/path",
    "hostStates/fqdn",
    "hostStates/netBiosName",
    "networkConnections/destinationAddress",
    "networkConnections/destinationDomain",
    "networkConnections/destinationUrl",
    "networkConnections/sourceAddress",
];
/// What its successor can filter by, by its documentation.
const V2_PATHS: [&str; 8] = [
    "assignedTo",
    "classification",
    "createdDateTime",
    "determination",
    "lastUpdateDateTime",
    "serviceSource",
    "severity",
    "status",
];
/// What its successor can filter by where it filters by evidence at all, below `evidence/microsoft.graph.security.`.
const EVIDENCE_PATHS: [&str; 17] = [
    "deviceEvidence/deviceDnsName",
    "deviceEvidence/hostName",
    "deviceEvidence/mdeDeviceId",
    "dnsEvidence/domainName",
    "fileEvidence/fileDetails/fileName",
    "fileEvidence/fileDetails/filePath",
    "fileEvidence/fileDetails/md5",
    "fileEvidence/fileDetails/sha1",
    "fileEvidence/fileDetails/sha256",
    "fileHashEvidence/value",
    "ipEvidence/ipAddress",
    "processEvidence/imageFile/fileName",
    "processEvidence/imageFile/md5",
    "processEvidence/imageFile/sha1",
    "processEvidence/imageFile/sha256",
    "urlEvidence/url",
    "userEvidence/userAccount/userPrincipalName",
];

/// The parameters of a call, read and found good.
#[derive(Debug)]
pub(super) struct ListQuery {
    filter: Option<Filter>,
    pub(super) top: usize,
    skip: usize,
}

impl ListQuery {
    /// A call of `/security/alerts`.
    pub(super) fn legacy(request: &Request) -> Result<Self, Refusal> {
        let query = Self::read(request, &["$count", "$filter", "$orderby", "$select", "$skip", "$top"])?;
        if query.top > LARGEST_PAGE || query.skip > FURTHEST {
            return Err(bad("$top must be at most 1000 and $skip at most 500."));
        }
        query.only(|path| LEGACY_PATHS.contains(&path))
    }

    /// A call of `/security/alerts_v2`.
    pub(super) fn v2(request: &Request, state: &State) -> Result<Self, Refusal> {
        let mut query = Self::read(request, &["$count", "$filter", "$skip", "$top"])?;
        if query.top == 0 {
            return Err(bad("$top must be at least 1."));
        }
        query.top = query.top.min(LARGEST_PAGE);
        let is_evidence = |path: &str| path.starts_with("evidence/");
        let asks_evidence = |filter: &Filter| filter.paths().iter().any(|path| is_evidence(path));
        if state.filters == Filters::Ignored && query.filter.as_ref().is_some_and(asks_evidence) {
            query.filter = None;
        }
        query.only(|path| match path.strip_prefix("evidence/microsoft.graph.security.") {
            Some(property) => {
                state.filters == Filters::Supported
                    && (EVIDENCE_PATHS.contains(&property)
                        || property == "userEvidence/userAccount/accountName")
            }
            None => V2_PATHS.contains(&path),
        })
    }

    /// Each parameter once, and no others: one that broke out of a value would be such.
    pub(super) fn read(request: &Request, known: &[&str]) -> Result<Self, Refusal> {
        for (name, _) in &request.query {
            if !known.contains(&name.as_str()) {
                return Err(bad(&format!("The query option '{name}' is not supported.")));
            }
            if request.params(name).len() > 1 {
                return Err(bad(&format!("The query option '{name}' was given more than once.")));
            }
        }
        let number = |name, usual| match request.param(name) {
            None => Ok(usual),
            Some(text) => text.parse().map_err(|_| bad(&format!("Invalid value '{text}' for {name}."))),
        };
        let filter = request.param("$filter").map(Filter::parse).transpose();
        let filter = filter.map_err(|fault| bad(&format!("Invalid filter clause: {fault}.")))?;
        Ok(Self { filter, top: number("$top", USUAL_PAGE)?, skip: number("$skip", 0)? })
    }

    pub(super) fn only(self, allowed: impl Fn(&str) -> bool) -> Result<Self, Refusal> {
        let paths = self.filter.iter().flat_map(Filter::paths);
        match paths.into_iter().find(|path| !allowed(path)) {
            Some(path) => {
                Err(bad(&format!("The property '{path}' cannot be used in the $filter query option.")))
            }
            None => Ok(self),
        }
    }

    /// The page that was asked for, of the retired API.
    pub(super) fn answer_legacy(&self, request: &Request, state: &State) -> Reply {
        let subjects = self.filter.iter().filter_map(Subject::of_filter);
        let mut all = alerts::legacy();
        all.extend(subjects.flat_map(|subject| generated::legacy(&subject)));
        if state.legacy == Legacy::Empty {
            all.clear();
        }
        Reply::json(200, &self.page(request, all, Case::Folded, Some(FURTHEST)))
    }

    /// The page that was asked for, of its successor.
    pub(super) fn answer_v2(&self, request: &Request, tenant: &str, state: &State) -> Reply {
        let subjects = self.filter.iter().filter_map(Subject::of_filter);
        let mut all = [alerts::v2(tenant), alerts::lately(tenant)].concat();
        all.extend(subjects.flat_map(|subject| generated::v2(&subject, tenant)));
        let mut page = self.page(request, all, Case::Folded, None);
        match state.links {
            Links::Next => {}
            Links::Itself => page["@odata.nextLink"] = json!(self.next_link(request, self.skip)),
            Links::Elsewhere => page["@odata.nextLink"] = json!(ELSEWHERE),
        }
        preferred(request, page)
    }

    pub(super) fn page(
        &self,
        request: &Request,
        mut all: Vec<Value>,
        case: Case,
        furthest: Option<usize>,
    ) -> Value {
        all.retain(|alert| self.filter.as_ref().is_none_or(|filter| filter.fits(alert, case)));
        all.sort_by(|a, b| b["createdDateTime"].as_str().cmp(&a["createdDateTime"].as_str()));
        let end = self.skip + self.top;
        let mut page = json!({
            "@odata.context": format!("https://graph.microsoft.com/v1.0/$metadata#{}", &request.path[1..]),
        });
        if request.param("$count") == Some("true") {
            page["@odata.count"] = json!(all.len());
        }
        if self.top > 0 && end < all.len() && furthest.is_none_or(|furthest| end <= furthest) {
            page["@odata.nextLink"] = json!(self.next_link(request, end));
        }
        page["value"] = all.into_iter().skip(self.skip).take(self.top).collect();
        page
    }

    fn next_link(&self, request: &Request, skip: usize) -> String {
        let filter = request
            .param("$filter")
            .map(|filter| format!("$filter={}&", utf8_percent_encode(filter, NON_ALPHANUMERIC)));
        let (base, path) = (request.base_url(), &request.path);
        format!("{base}{path}?{}$top={}&$skip={skip}", filter.unwrap_or_default(), self.top)
    }
}

/// `/security/alerts_v2/{id}`.
pub(super) fn alert(request: &Request, tenant: &str, id: &str) -> Result<Reply, Refusal> {
    let known = alerts::v2(tenant).into_iter().chain(alerts::lately(tenant)).find(|alert| alert["id"] == id);
    let alert = known.or_else(|| generated::by_id(id, tenant)).ok_or(Refusal::UnknownAlert)?;
    Ok(preferred(request, alert))
}

/// Words that are newer than the API's first version, by the field that they stand in.
const NEWER: [(&str, &[&str]); 2] = [
    (
        "serviceSource",
        &[
            "microsoftDefenderForCloud",
            "microsoftInsiderRiskManagement",
            "microsoftSecurityForAI",
            "microsoftSentinel",
            "microsoftThreatIntelligence",
        ],
    ),
    (
        "remediationStatus",
        &["active", "declined", "partiallyRemediated", "pendingApproval", "running", "unremediated"],
    ),
];

/// Newer words are given only to those who say that they can take them.
fn preferred(request: &Request, mut body: Value) -> Reply {
    const MEMBERS: &str = "include-unknown-enum-members";
    if request.header("prefer").is_some_and(|wishes| wishes.split(',').any(|wish| wish.trim() == MEMBERS)) {
        return Reply::json(200, &body).header("Preference-Applied", MEMBERS);
    }
    hide_newer(&mut body);
    Reply::json(200, &body)
}

fn hide_newer(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide_newer),
        Value::Object(fields) => {
            for (name, field) in fields {
                let newer = NEWER.iter().find(|(known, _)| known == name).map(|(_, words)| *words);
                match (newer, &field) {
                    (Some(words), Value::String(word)) if words.contains(&word.as_str()) => {
                        *field = json!("unknownFutureValue");
                    }
                    _ => hide_newer(field),
                }
            }
        }
        _ => {}
    }
}

fn bad(text: &str) -> Refusal {
    Refusal::Bad(text.to_owned())
}
