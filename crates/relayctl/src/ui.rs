//! Output: styles, tables, and sanitizing of text from other systems.
//!
//! Commands always write styles: the output handles of [`crate::main`] remove them unless the output is a terminal, and
//! if `NO_COLOR` is set.

use std::fmt::{self, Write as _};

use clap::builder::styling::AnsiColor;
pub(crate) use clap::builder::styling::Style;
use relay_core::text::is_control_or_bidi;

use crate::answer::Disposition;

/// Columns of the output: the default width of terminals.
pub(crate) const WIDTH: usize = 80;

/// As it is.
pub(crate) const PLAIN: Style = Style::new();
/// Headings and names.
pub(crate) const BOLD: Style = Style::new().bold();
/// Less important text.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Success.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// Warnings.
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
/// Errors.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Text to copy: commands, addresses.
pub(crate) const LITERAL: Style = AnsiColor::Cyan.on_default();

/// The style of a disposition.
pub(crate) fn disposition_style(disposition: Option<Disposition>) -> Style {
    match disposition {
        Some(Disposition::Malicious) => BAD,
        Some(Disposition::Suspicious) => DOUBTFUL,
        Some(Disposition::Clean | Disposition::Common) => GOOD,
        Some(Disposition::Unknown) => PLAIN,
        None => DIM,
    }
}

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Text from elsewhere as one line, without control characters that a terminal would execute.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if is_control_or_bidi(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// JSON from elsewhere with the same meaning: control characters in its strings are escaped.
pub(crate) fn harmless_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(c),
            // All of them are in the first plane, so four digits name them.
            c if is_control_or_bidi(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// At most `most` characters of a text, the rest shown as `…`.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A number with its noun: `1 relay`, `2 relays`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// A list of texts, broken into lines of at most [`WIDTH`] columns. The first line begins with `head`, the
/// others are indented as far. Styles in `head` take no room.
pub(crate) fn wrapped(head: &str, items: &[impl AsRef<str>], separator: &str) -> String {
    let indent = anstream::adapter::strip_str(head).to_string().chars().count();
    let mut lines = head.to_owned();
    let mut column = indent;
    for (position, item) in items.iter().enumerate() {
        let last = position + 1 == items.len();
        let item = format!("{}{}", item.as_ref(), if last { "" } else { separator });
        for word in item.split_inclusive(' ') {
            let length = word.trim_end().chars().count();
            if column + length > WIDTH && column > indent {
                lines.truncate(lines.trim_end().len());
                let _ = write!(lines, "\n{:indent$}", "");
                column = indent;
            }
            lines.push_str(word);
            column += word.chars().count();
        }
    }
    lines.truncate(lines.trim_end().len());
    lines
}

/// One cell of a [`Table`].
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A text in a style.
    pub(crate) fn new(style: Style, text: impl Into<String>) -> Self {
        Self { text: text.into(), style }
    }

    /// A number; zero is shown as a faint dot, so that the others stand out.
    pub(crate) fn number(number: usize) -> Self {
        match number {
            0 => Self::new(DIM, "·"),
            _ => Self::new(PLAIN, number.to_string()),
        }
    }
}

/// The alignment of a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// Rows with aligned columns, and lines of text between them. Empty columns are left out.
pub(crate) struct Table<const N: usize> {
    columns: [(&'static str, Align); N],
    rows: Vec<Row<N>>,
    indent: usize,
    gap: usize,
}

enum Row<const N: usize> {
    Cells([Cell; N]),
    Line(String),
}

impl<const N: usize> Table<N> {
    /// A table with these headings, `indent` columns from the left and `gap` between its columns.
    pub(crate) fn new(columns: [(&'static str, Align); N], indent: usize, gap: usize) -> Self {
        Self { columns, rows: Vec::new(), indent, gap }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: [Cell; N]) {
        self.rows.push(Row::Cells(cells));
    }

    /// Adds a line outside the columns.
    pub(crate) fn line(&mut self, text: impl Into<String>) {
        self.rows.push(Row::Line(text.into()));
    }

    fn widths(&self) -> [usize; N] {
        let mut widths = self.columns.map(|(head, _)| head.chars().count());
        for row in &self.rows {
            if let Row::Cells(cells) = row {
                for (width, cell) in widths.iter_mut().zip(cells) {
                    *width = (*width).max(cell.text.chars().count());
                }
            }
        }
        widths
    }

    fn write(&self, out: &mut String, widths: &[usize; N], cells: &[Cell; N]) {
        let _ = write!(out, "{:indent$}", "", indent = self.indent);
        let mut space = 0;
        for ((cell, width), (_, align)) in cells.iter().zip(widths).zip(&self.columns) {
            if *width == 0 {
                continue;
            }
            let fill = width - cell.text.chars().count();
            let before = space + if *align == Align::Right { fill } else { 0 };
            if cell.text.is_empty() {
                // Not written yet: a line does not end with spaces.
                space += self.gap + width;
                continue;
            }
            let _ = write!(out, "{:before$}{}", "", styled(cell.style, &cell.text));
            space = self.gap + if *align == Align::Left { fill } else { 0 };
        }
        out.push('\n');
    }
}

/// Headings only when one of them has a text.
impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let mut out = String::new();
        if self.columns.iter().any(|(head, _)| !head.is_empty()) {
            self.write(&mut out, &widths, &self.columns.map(|(head, _)| Cell::new(DIM, head)));
        }
        for row in &self.rows {
            match row {
                Row::Cells(cells) => self.write(&mut out, &widths, cells),
                Row::Line(text) => {
                    out.push_str(text);
                    out.push('\n');
                }
            }
        }
        f.write_str(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_without_spaces() {
        let mut table = Table::new([("NAME", Align::Left), ("N", Align::Right), ("", Align::Left)], 1, 2);
        table.row([Cell::new(PLAIN, "längst"), Cell::number(10), Cell::new(PLAIN, "x")]);
        table.line("between");
        table.row([Cell::new(PLAIN, "a"), Cell::number(0), Cell::new(PLAIN, "")]);
        table.row([Cell::new(PLAIN, ""), Cell::number(1), Cell::new(PLAIN, "y")]);
        let plain = anstream::adapter::strip_str(&table.to_string()).to_string();
        let mut empty = Table::new([("", Align::Left); 3], 0, 2);
        empty.row(["a", "", "c"].map(|text| Cell::new(PLAIN, text)));
        assert_eq!(empty.to_string(), "a  c\n");
        assert_eq!(plain, " NAME     N\n längst  10  x\nbetween\n a        ·\n          1  y\n");
    }

    #[test]
    fn lists_are_broken_between_words() {
        let items = ["a".repeat(30), "b".repeat(30), format!("{} {}", "c".repeat(20), "d".repeat(90))];
        let head = styled(BOLD, "  head: ");
        let text = wrapped(&head, &items, "; ");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("{head}{}; {};", items[0], items[1]));
        assert_eq!(lines[1], format!("        {}", "c".repeat(20)));
        assert_eq!(lines[2], format!("        {}", "d".repeat(90)));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(harmless("a\x1b[31m\u{202e}b\r\nc\u{7}"), "a\u{fffd}[31m\u{fffd}b  c\u{fffd}");
        assert_eq!(harmless("Bedrohung – ünïcödé 🦀"), "Bedrohung – ünïcödé 🦀");
    }

    #[test]
    fn json_keeps_its_meaning_without_control_characters() {
        let json = "{\"a\": \"\u{9b}2J\u{7f}\u{202e}ü🦀\",\n\t\"b\": \"\\u001b[2J\"}\r\n";
        let shown = harmless_json(json);
        assert_eq!(shown, "{\"a\": \"\\u009b2J\\u007f\\u202eü🦀\",\n\t\"b\": \"\\u001b[2J\"}\r\n");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&shown), read(json));
    }

    #[test]
    fn a_text_is_cut_at_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
    }
}
