//! Opinions about an observable: the customer's own indicators, and Defender's determination of a file.

use jiff::Timestamp as Instant;
use relay_core::ctim::{
    Confidence, Disposition, Judgement, ObservableType, Severity, Timestamp, ValidTime, Verdict,
};
use relay_core::observable::Observable;

use super::ORIGIN;
use crate::model::{File, Indicator, text};

/// How long the determination of a file holds, in days.
const FILE_DAYS: u32 = 7;

/// The judgements on an observable, and the verdict that follows from them.
#[derive(Debug, Default)]
pub struct Opinions {
    /// One for each opinion.
    pub judgements: Vec<Judgement>,
    /// At most one; without an opinion there is none.
    pub verdict: Option<Verdict>,
}

/// One opinion.
#[derive(Debug)]
pub struct Opinion {
    disposition: Disposition,
    valid: ValidTime,
    /// Holds for some devices only.
    limited: bool,
    judgement: Judgement,
}

/// The opinions about an observable. With `judged`, the verdict names its judgement, which the same answer then has to
/// hold.
pub fn opinions(
    about: &Observable,
    indicators: &[Indicator],
    file: Option<&File>,
    now: Instant,
    judged: bool,
) -> Opinions {
    let own: Vec<Opinion> = indicators.iter().filter_map(|one| of_indicator(about, one, now)).collect();
    let of_file = file.and_then(|file| of_file(about, file, now));
    let chosen = chosen(about.kind(), &own).or(of_file.as_ref());
    let verdict = chosen.map(|opinion| {
        let verdict = Verdict::new(about, opinion.disposition, opinion.valid);
        if judged { verdict.based_on(&opinion.judgement) } else { verdict }
    });
    let judgements = own.into_iter().chain(of_file).map(|opinion| opinion.judgement).collect();
    Opinions { judgements, verdict }
}

/// The indicator that Defender itself goes by: for files it blocks before it allows, on the network it allows before
/// it blocks. One for all devices comes before one for some.
fn chosen(kind: ObservableType, own: &[Opinion]) -> Option<&Opinion> {
    let is_file = matches!(kind, ObservableType::Sha1 | ObservableType::Sha256 | ObservableType::Md5);
    let rank = |opinion: &&Opinion| {
        let leniency = match opinion.disposition {
            Disposition::Malicious => 0,
            Disposition::Suspicious => 1,
            _ => 2,
        };
        (opinion.limited, if is_file { leniency } else { 2 - leniency })
    };
    own.iter().min_by_key(rank)
}

fn of_indicator(about: &Observable, indicator: &Indicator, now: Instant) -> Option<Opinion> {
    let action = text(&indicator.action)?;
    let disposition = match action {
        "Block" | "BlockAndRemediate" | "AlertAndBlock" => Disposition::Malicious,
        "Warn" | "Audit" | "Alert" => Disposition::Suspicious,
        "Allowed" | "Allow" => Disposition::Clean,
        _ => return None,
    };
    let id = indicator.id()?;
    let read = |field: &Option<String>| text(field).and_then(Timestamp::parse);
    let current = Timestamp::from_clock(now);
    let start = read(&indicator.creation_time_date_time_utc)
        .or_else(|| read(&indicator.last_update_time))
        .unwrap_or(current);
    let valid = match text(&indicator.expiration_time) {
        // An end that CTIM cannot write is as good as none.
        Some(end) => match Timestamp::parse(end) {
            Some(end) if end.instant() <= now => return None,
            Some(end) => ValidTime::between(start, end),
            None => ValidTime::forever(start),
        },
        None => ValidTime::forever(start),
    };
    let groups: Vec<&str> = indicator
        .rbac_group_names
        .iter()
        .map(|group| group.trim())
        .filter(|group| !group.is_empty())
        .collect();
    let limited = !groups.is_empty();
    let mut reason = format!("Custom indicator: {action}");
    if let Some(title) = text(&indicator.title) {
        reason = format!("{reason} - {title}");
    }
    if limited {
        reason = format!("{reason} (device groups: {})", groups.join(", "));
    }
    let severity = if disposition == Disposition::Clean {
        Severity::None
    } else {
        match text(&indicator.severity) {
            Some("Informational") => Severity::Info,
            Some("Low") => Severity::Low,
            Some("Medium") => Severity::Medium,
            Some("High") => Severity::High,
            _ => Severity::Unknown,
        }
    };
    let judgement = Judgement::new(ORIGIN, &format!("indicator:{id}"), about, disposition, valid)
        .priority(if limited { 88 } else { 90 })
        .confidence(if limited { Confidence::Medium } else { Confidence::High })
        .severity(severity)
        .reason(reason)
        .external_id(id);
    Some(Opinion { disposition, valid, limited, judgement })
}

fn of_file(about: &Observable, file: &File, now: Instant) -> Option<Opinion> {
    let determination = text(&file.determination_type)?;
    let (disposition, severity, confidence) = match determination.trim().to_ascii_lowercase().as_str() {
        "malware" | "malicious" => (Disposition::Malicious, Severity::High, Confidence::High),
        "pua" | "unwantedsoftware" | "suspicious" => {
            (Disposition::Suspicious, Severity::Medium, Confidence::Medium)
        }
        "clean" | "knownclean" | "safe" => (Disposition::Clean, Severity::None, Confidence::Medium),
        _ => return None,
    };
    let valid = ValidTime::days(Timestamp::from_clock(now), FILE_DAYS);
    let reason = match text(&file.determination_value) {
        Some(value) => format!("Defender determination: {determination} ({value})"),
        None => format!("Defender determination: {determination}"),
    };
    let sha1 = file.hashes().sha1;
    let key = match &sha1 {
        Some(sha1) => format!("file:{sha1}"),
        None => format!("file:{}", about.value().to_ascii_lowercase()),
    };
    let judgement = Judgement::new(ORIGIN, &key, about, disposition, valid)
        .priority(85)
        .confidence(confidence)
        .severity(severity)
        .reason(reason)
        .external_id(sha1);
    Some(Opinion { disposition, valid, limited: false, judgement })
}
