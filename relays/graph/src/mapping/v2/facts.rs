//! The table of a sighting: what XDR has no field for.

use std::borrow::Cow;

use relay_core::ctim::Table;

use crate::model::evidence::Kind;
use crate::model::v2::Alert;

/// Most command lines that are shown.
const MOST_COMMANDS: usize = 5;
/// A command line is cut to as many UTF-16 units.
const LONGEST_COMMAND: usize = 256;

/// The facts in their order, without those that say nothing. `severity_changed`: the sighting's severity is not the
/// alert's.
pub(super) fn table(alert: &Alert, severity_changed: bool) -> Option<Table> {
    let severity = alert.severity.as_deref().filter(|_| severity_changed);
    let plain = [
        ("Status", alert.status.as_deref()),
        ("Classification", alert.classification.as_deref()),
        ("Determination", alert.determination.as_deref()),
        ("Severity", severity),
        ("Category", alert.category.as_deref()),
        ("Detection source", alert.detection_source.as_deref()),
        ("Actor", alert.actor_display_name.as_deref()),
        ("Threat", alert.threat_display_name.as_deref()),
        ("Threat family", alert.threat_family_name.as_deref()),
    ];
    let plain =
        plain.into_iter().filter_map(|(name, value)| Some((name, Cow::Borrowed(value.filter(says)?))));
    let mut facts: Vec<(&str, Cow<'_, str>)> = plain.collect();
    facts.extend(deliveries(alert).into_iter().map(|text| ("Delivery", text)));
    facts.extend(commands(alert).into_iter().map(|text| ("Command line", text)));
    let rows = Table::of(&facts).column("Fact", |fact| fact.0).column("Value", |fact| &*fact.1);
    rows.build().map(Table::counted)
}

/// Whether a word says anything.
fn says(text: &&str) -> bool {
    !matches!(*text, "unknown" | "unknownFutureValue")
}

/// What was done with each mail.
fn deliveries(alert: &Alert) -> Vec<Cow<'_, str>> {
    let mut all = Vec::new();
    for message in alert.evidence.iter().filter(|evidence| evidence.kind() == Kind::Message) {
        let Some(action) = message.delivery_action.as_deref().filter(says) else { continue };
        let text = match message.delivery_location.as_deref().filter(says) {
            Some(place) => Cow::Owned(format!("{action} to {place}")),
            None => Cow::Borrowed(action),
        };
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
}

fn commands(alert: &Alert) -> Vec<Cow<'_, str>> {
    let processes = alert.evidence.iter().filter(|evidence| evidence.kind() == Kind::Process);
    let mut all = Vec::new();
    for command in processes.filter_map(|process| process.process_command_line.as_deref()) {
        let command = cut(command);
        if all.len() < MOST_COMMANDS && !all.contains(&command) {
            all.push(command);
        }
    }
    all
}

/// The text, or its beginning with `…` as its last character.
fn cut(text: &str) -> Cow<'_, str> {
    // No text has more units than bytes.
    if text.len() <= LONGEST_COMMAND || text.encode_utf16().nth(LONGEST_COMMAND).is_none() {
        return text.into();
    }
    let mut units = 0;
    let fits = |character: &char| {
        units += character.len_utf16();
        units < LONGEST_COMMAND
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::evidence::Evidence;

    #[test]
    fn a_long_command_line_is_cut_on_a_character() {
        for (length, kept) in [(255, 255), (256, 256), (257, 255)] {
            let line = "a".repeat(length);
            let text = cut(&line);
            assert_eq!(text.chars().filter(|c| *c == 'a').count(), kept, "{length}");
            assert!(text.encode_utf16().count() <= LONGEST_COMMAND);
        }
        // An emoji is two units, of which one would fit.
        let line = format!("{}\u{1f600}bc", "a".repeat(254));
        assert_eq!(cut(&line), format!("{}…", "a".repeat(254)));
    }

    #[test]
    fn five_command_lines_are_shown_each_once() {
        let process = |line: &str| Evidence {
            kind: Some(Kind::Process),
            process_command_line: Some(line.into()),
            ..Evidence::default()
        };
        let lines = ["a", "b", "a", "c", "d", "e", "f", "g"];
        let alert = Alert { evidence: lines.map(|line| Box::new(process(line))).into(), ..Alert::default() };
        assert_eq!(commands(&alert), ["a", "b", "c", "d", "e"]);
    }
}
