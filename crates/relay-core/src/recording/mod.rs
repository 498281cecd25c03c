//! Records provider calls and their answers as fixtures, for support and for tests: `provider-sim --fixtures` answers
//! from them.
//!
//! | module | what it is |
//! |---|---|
//! | `case` | the file of one exchange |
//! | `redact` | replaces what is confidential |
//! | `stand_in` | what it is replaced by |
//!
//! What is confidential of a platform request is in its [`Confidential`]; the recorder knows nothing else of it. Every
//! text is redacted in memory, and only then written. Of headers, only those on a list are written, so no credential
//! among them. Login calls are written without what proves the application's identity, and without the token.

mod case;
mod redact;
mod stand_in;

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use crate::auth::Claims;
use crate::module::{Claim, Module};
use crate::observable::{Observable, Trigger};
use crate::settings::{RecordSettings, SettingsError};
use redact::{Piece, Redactor, Rule};
use stand_in::{CLAIM, StandIns};

/// Claims of the platform's own that name somebody.
const PERSONAL: [&str; 6] = ["sub", "email", "user_email", "user_name", "user_id", "org_id"];

/// Headers of answers that are recorded.
const HEADERS: [&str; 3] = ["content-type", "retry-after", "link"];
/// Parts of the names of others: quotas.
const QUOTAS: [&str; 2] = ["ratelimit", "quota"];

/// Fields of a login service's answer that say nothing about anybody.
const LOGIN_FIELDS: [&str; 5] = ["token_type", "expires_in", "error", "error_description", "error_codes"];

/// What a replayed login gives out.
const TOKEN: &str = "recorded-access-token";

/// How much is recorded.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    exchanges: usize,
    bytes: usize,
    /// Largest body of an answer.
    body: usize,
}

const BOUNDS: Bounds = Bounds { exchanges: 10_000, bytes: 256 << 20, body: 4 << 20 };

/// What a platform request holds that must not be written.
#[derive(Default)]
pub(crate) struct Confidential {
    /// Claims that identify or authorize, by name.
    claims: Vec<(&'static str, SecretString)>,
    /// Other claims that the relay reads.
    options: Vec<(&'static str, Value)>,
    /// Whom the token names.
    personal: Vec<SecretString>,
    /// What is asked about: type and value.
    about: OnceLock<Vec<(String, String)>>,
}

impl Confidential {
    /// That of a token.
    pub(crate) fn of(module: &Module, claims: &Claims) -> Self {
        let is_confidential = |claim: &&Claim| claim.required || claim.secret || claim.name.ends_with("uuid");
        let text = |name: &str| Some(SecretString::from(claims.text(name)?.trim()));
        let (own, options): (Vec<&Claim>, Vec<&Claim>) = module.claims.iter().partition(is_confidential);
        let own = own.into_iter().filter_map(|claim| Some((claim.name, text(claim.name)?))).collect();
        let options = options
            .into_iter()
            .filter_map(|claim| Some((claim.name, claims.raw(claim.name)?.clone())))
            .collect();
        let personal = PERSONAL.iter().filter_map(|name| text(name)).collect();
        Self { claims: own, options, personal, about: OnceLock::new() }
    }

    /// What the request asks about.
    pub(crate) fn ask_about(&self, observables: &[Observable]) {
        let about = observables.iter().map(|one| (one.kind().as_str().to_owned(), one.value().to_owned()));
        let _ = self.about.set(about.collect());
    }

    /// The action that it triggers, and on what.
    pub(crate) fn trigger(&self, trigger: &Trigger) {
        let about = &trigger.observable;
        let _ = self.about.set(vec![(about.kind.clone(), about.value.clone())]);
    }
}

/// One call with its answer, as it went over the wire.
pub(crate) struct Recorded<'r> {
    /// The name of the call.
    pub(crate) name: &'r str,
    pub(crate) method: &'r str,
    pub(crate) url: &'r Url,
    /// The body of the call, unless it is a login's.
    pub(crate) sent: &'r [u8],
    /// Of a login, what the token is for.
    pub(crate) scope: Option<&'r str>,
    /// What the call proves its identity with, in every form.
    pub(crate) secrets: &'r [SecretString],
    pub(crate) status: u16,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) body: &'r [u8],
    /// The time of the platform request.
    pub(crate) now: Timestamp,
}

/// Records exchanges.
pub(crate) struct Recorder {
    module: &'static Module,
    settings: RecordSettings,
    bounds: Bounds,
    /// Begins the names of this process's cases.
    run: String,
    state: Mutex<State>,
}

struct State {
    stand_ins: StandIns,
    exchanges: usize,
    bytes: usize,
    /// What was said already.
    said: Vec<Warning>,
}

/// What an operator is warned of, each once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Warning {
    /// Nothing more is recorded.
    Full,
    /// A file could not be written.
    NotWritten,
    /// An exchange could not be recorded as it is.
    LeftOut,
}

impl Recorder {
    /// # Errors
    /// The system gives no random numbers.
    pub(crate) fn new(module: &'static Module, settings: &RecordSettings) -> Result<Self, SettingsError> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| SettingsError::value("record", "the system gives no random numbers"))?;
        let started = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        let state = State { stand_ins: StandIns::new(key), exchanges: 0, bytes: 0, said: Vec::new() };
        Ok(Self {
            module,
            settings: settings.clone(),
            bounds: BOUNDS,
            // Replicas that share a folder start at the same time.
            run: format!("{started}-{:04x}", fastrand::u16(..)),
            state: Mutex::new(state),
        })
    }

    /// Writes an exchange. What keeps it from that is returned once, as a warning.
    pub(crate) fn record(&self, confidential: &Confidential, exchange: &Recorded<'_>) -> Option<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let full = state.exchanges >= self.bounds.exchanges
            || state.bytes >= self.bounds.bytes
            || state.stand_ins.len() >= stand_in::MOST;
        if full {
            return self.warn(&mut state, Warning::Full, "");
        }
        let Some(case) = self.case(confidential, exchange, &mut state.stand_ins) else {
            return self.warn(&mut state, Warning::LeftOut, exchange.name);
        };
        if state.bytes + case.len() > self.bounds.bytes {
            state.bytes = self.bounds.bytes;
            return self.warn(&mut state, Warning::Full, "");
        }
        // Under the lock: the numbers of cases are the order in which their answers came.
        state.exchanges += 1;
        state.bytes += case.len();
        let name = format!("{}-{:05}", self.run, state.exchanges);
        let folder = self.settings.folder.join(self.module.name).join(name);
        match case::write(&folder, &case) {
            Ok(()) => None,
            Err(error) => self.warn(&mut state, Warning::NotWritten, &error.to_string()),
        }
    }

    fn warn(&self, state: &mut State, warning: Warning, detail: &str) -> Option<String> {
        if state.said.contains(&warning) {
            return None;
        }
        state.said.push(warning);
        let folder = self.settings.folder.display();
        Some(match warning {
            Warning::Full => format!(
                "RELAY_RECORD: {} provider calls and {} bytes are recorded in {folder}, and no more will be; start the relay \
                 again to go on",
                state.exchanges, state.bytes
            ),
            Warning::NotWritten => format!(
                "RELAY_RECORD: a provider call cannot be written to {folder} ({detail}), and the recording lacks it; \
                 requests are answered all the same. Further failures are not logged"
            ),
            Warning::LeftOut => format!(
                "RELAY_RECORD: an answer to the call {detail} is not recorded, since it is larger than {} bytes, no text, or \
                 cannot be redacted. Further ones are not logged",
                self.bounds.body
            ),
        })
    }

    /// The text of the file, with everything in it redacted; nothing where that is not possible.
    fn case(
        &self,
        confidential: &Confidential,
        exchange: &Recorded<'_>,
        stand_ins: &mut StandIns,
    ) -> Option<Vec<u8>> {
        if exchange.body.len() > self.bounds.body {
            return None;
        }
        let mut pieces = Vec::new();
        let mut claims: BTreeMap<String, Value> = BTreeMap::new();
        for (name, value) in &confidential.claims {
            claims.insert((*name).to_owned(), stand_ins.of(CLAIM, value.expose_secret(), &mut pieces).into());
        }
        pieces.extend(exchange.secrets.iter().flat_map(|secret| encodings(secret.expose_secret())));
        // Nothing of a credential stays, whatever it is a part of. A shorter one could be a part of any word.
        pieces
            .iter_mut()
            .filter(|piece| piece.original.len() >= 4)
            .for_each(|piece| piece.rule = Rule::Anywhere);
        let guard =
            Redactor::new(pieces.iter().filter(|piece| piece.rule == Rule::Anywhere).cloned().collect());
        for value in &confidential.personal {
            stand_ins.of(CLAIM, value.expose_secret(), &mut pieces);
        }
        let about = confidential.about.get().map(Vec::as_slice).unwrap_or_default();
        let about = self.observables(about, stand_ins, &mut pieces);
        let (base, base_url, path) = self.base_of(exchange.url);
        pieces.extend(self.settings.bases.iter().map(|(name, url)| link(name, url)));
        pieces.push(link(&base, base_url));
        let redactor = Redactor::new(pieces);
        let redact = |text: &str| redactor.apply(text);

        let sent = std::str::from_utf8(exchange.sent).ok()?;
        let received = match exchange.scope {
            Some(_) => login_answer(exchange.body),
            None => std::str::from_utf8(exchange.body).ok()?.to_owned(),
        };
        let is_json = is_json(&received);
        let (base, path, received) = (redact(&base), redact(path), redact(&received));
        let about_call = format!("{} {base}{path} ({}): {}", exchange.method, exchange.name, exchange.status);
        let answer = case::Exchange {
            base,
            method: exchange.method.to_owned(),
            path,
            raw_query: redact(exchange.url.query().unwrap_or_default()),
            body: if sent.is_empty() { None } else { Some(serde_json::from_str(&redact(sent)).ok()?) },
            body_contains: exchange
                .scope
                .map(|scope| redact(&form_field("scope", scope)))
                .into_iter()
                .collect(),
            status: exchange.status,
            headers: headers(exchange.headers, is_json, redact),
            json: None,
            text: None,
        };
        let answer = answer.answered(received);
        let is_sound = is_json == answer.json.is_some();
        for (name, value) in &confidential.options {
            claims.insert(
                (*name).to_owned(),
                value.as_str().map_or_else(|| value.clone(), |text| redact(text).into()),
            );
        }
        let options = self.settings.options.iter().map(|(name, value)| (name, redact(value)));
        let bases = self.settings.bases.iter().map(|(name, _)| (name, format!("{{{{{name}}}}}")));
        let case = case::Case {
            about: about_call,
            observables: about
                .into_iter()
                .map(|(kind, value)| case::Asked {
                    kind,
                    value: if self.settings.redact_values { value } else { redact(&value) },
                })
                .collect(),
            claims,
            settings: options.chain(bases).map(|(name, value)| (name.to_ascii_uppercase(), value)).collect(),
            now: exchange.now,
            answers: [answer],
        };
        let text = serde_json::to_string_pretty(&case).ok()?;
        (is_sound && !guard.occurs_in(&text)).then(|| text.into_bytes())
    }

    /// What is asked about, as it is written. Stand-ins are given in the order of the values, which relays sort in calls.
    fn observables(
        &self,
        about: &[(String, String)],
        stand_ins: &mut StandIns,
        pieces: &mut Vec<Piece>,
    ) -> Vec<(String, String)> {
        let mut written = about.to_vec();
        if self.settings.redact_values {
            let mut sorted: Vec<usize> = (0..about.len()).collect();
            sorted.sort_by_key(|place| about[*place].1.to_lowercase());
            for place in sorted {
                let (kind, value) = &about[place];
                written[place].1 = stand_ins.of(kind, value, pieces);
            }
        }
        written
    }

    /// The setting with the longest base URL that a URL is below, this URL, and the path below it. Without such a
    /// setting, the host.
    fn base_of<'u>(&'u self, url: &'u Url) -> (String, &'u str, &'u str) {
        let (whole, path) = (url.as_str(), url.path());
        let origin = whole.find(path).map_or(whole, |end| &whole[..end]);
        let below = |base: &str| {
            let rest = whole.strip_prefix(base)?;
            let rest = rest.split('?').next().unwrap_or_default();
            (rest.is_empty() || rest.starts_with('/')).then_some(rest)
        };
        let known = self.settings.bases.iter().filter_map(|(name, base)| Some((name, base, below(base)?)));
        match known.max_by_key(|(_, base, _)| base.len()) {
            Some((name, base, rest)) => (name.clone(), base, rest),
            None => (url.authority().to_owned(), origin, path),
        }
    }
}

/// A base URL in an answer, such as that of a next page. The simulator puts its own in place of it.
fn link(base: &str, url: &str) -> Piece {
    Piece { original: format!("{url}/"), stand_in: format!("{{{{{base}}}}}/"), rule: Rule::Anywhere }
}

/// A secret as it is, and as a provider might encode it.
fn encodings(secret: &str) -> Vec<Piece> {
    let forms = [secret.to_owned(), BASE64_STANDARD.encode(secret), BASE64_URL_SAFE_NO_PAD.encode(secret)];
    let piece = |original| Piece { original, stand_in: "redacted".to_owned(), rule: Rule::Word };
    forms.into_iter().filter(|form| !form.is_empty()).map(piece).collect()
}

fn form_field(name: &str, value: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// The answer of a login service without its tokens.
fn login_answer(body: &[u8]) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else { return String::new() };
    let has_token = fields.contains_key("access_token");
    fields.retain(|name, _| LOGIN_FIELDS.contains(&name.as_str()));
    if has_token {
        fields.insert("access_token".to_owned(), json!(TOKEN));
    }
    Value::Object(fields).to_string()
}

/// The headers of an answer that may be recorded. The type of JSON is known.
fn headers(all: &HeaderMap, is_json: bool, redact: impl Fn(&str) -> String) -> BTreeMap<String, String> {
    let mut kept: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in all {
        let is_kept =
            HEADERS.contains(&name.as_str()) || QUOTAS.iter().any(|part| name.as_str().contains(part));
        let Ok(value) = value.to_str() else { continue };
        if is_kept && !(is_json && name == CONTENT_TYPE) {
            let value = redact(value);
            kept.entry(name.to_string())
                .and_modify(|values| {
                    values.push_str(", ");
                    values.push_str(&value);
                })
                .or_insert(value);
        }
    }
    kept
}

#[cfg(test)]
mod tests;
