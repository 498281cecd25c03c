//! Settings for people: the list of `--help`, and the tables of the documentation.

use std::fmt::Write as _;

use super::Setting;

/// A setting in two lines each: its variable with the default, and below it what it does. The caller folds the
/// second one.
pub fn listing<'a>(rows: impl IntoIterator<Item = &'a Setting>) -> String {
    let mut text = String::new();
    for row in rows {
        let default = match (row.default_words, row.default) {
            (Some(words), _) => format!(" [default: {}]", words.replace('`', "")),
            (None, "") => String::new(),
            (None, value) => format!(" [default: {value}]"),
        };
        let _ = writeln!(text, "  {}{default}\n      {}", row.variable(), meaning(row));
    }
    text
}

/// The table of settings in Markdown, as READMEs have it.
pub fn markdown(rows: &[Setting]) -> String {
    let mut table = String::from("| variable | default | meaning |\n|---|---|---|\n");
    for row in rows {
        let default = match (row.default_words, row.default) {
            (Some(words), _) => words.to_owned(),
            (None, "") => "none".to_owned(),
            (None, value) => format!("`{value}`"),
        };
        let _ = writeln!(table, "| `{}` | {default} | {} |", row.variable(), meaning(row));
    }
    table
}

/// What it does, with the other variable that it is read from.
fn meaning(row: &Setting) -> String {
    match row.instead {
        Some(other) => format!("{} (also `{other}`)", row.help),
        None => row.help.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_is_a_value_words_or_nothing() {
        let rows = [
            Setting::new("deadline", "25s", "time limit").or_from("DEADLINE"),
            Setting::new("workers", "", "threads").default_in_words("one per `core`"),
            Setting::new("provider.ca_file", "", "authorities"),
        ];
        assert_eq!(
            markdown(&rows),
            "| variable | default | meaning |\n|---|---|---|\n\
             | `RELAY_DEADLINE` | `25s` | time limit (also `DEADLINE`) |\n\
             | `RELAY_WORKERS` | one per `core` | threads |\n\
             | `RELAY_PROVIDER__CA_FILE` | none | authorities |\n"
        );
        assert_eq!(
            listing(&rows),
            "  RELAY_DEADLINE [default: 25s]\n      time limit (also `DEADLINE`)\n\
             \x20 RELAY_WORKERS [default: one per core]\n      threads\n\
             \x20 RELAY_PROVIDER__CA_FILE\n      authorities\n"
        );
    }
}
