//! Output: styles, tables, and sanitizing of text from other systems.
//!
//! Commands always write styles: the output handles of [`crate::main`] remove them unless the output is a terminal, and
//! if `NO_COLOR` is set.

use std::fmt::{self, Write as _};
use std::io;
use std::sync::OnceLock;

use clap::builder::styling::AnsiColor;
pub(crate) use clap::builder::styling::Style;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width, presets};
use relay_core::text::is_control_or_bidi;

use crate::answer::Disposition;

/// Columns where the output is no terminal.
const WIDTH: usize = 80;

/// Columns of the output: those of the terminal, from 40 to 200; `COLUMNS` says otherwise.
pub(crate) fn width() -> usize {
    static COLUMNS: OnceLock<usize> = OnceLock::new();
    *COLUMNS.get_or_init(|| {
        if cfg!(test) {
            return WIDTH;
        }
        let set = std::env::var_os("COLUMNS").and_then(|set| set.to_str()?.parse().ok());
        let terminal =
            || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        set.or_else(terminal).unwrap_or(WIDTH).clamp(40, 200)
    })
}

/// How many columns a text takes; styles take none.
pub(crate) fn columns(text: &str) -> usize {
    console::measure_text_width(text)
}

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

/// At most `most` columns of a text, the rest shown as `…`.
pub(crate) fn cut(text: &str, most: usize) -> String {
    console::truncate_str(text, most, "…").into_owned()
}

/// A number with its noun: `1 relay`, `2 relays`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// A list of texts, broken into lines that fit the output. The first line begins with `head`, the others are indented
/// as far. Styles in `head` take no room.
pub(crate) fn wrapped(head: &str, items: &[impl AsRef<str>], separator: &str) -> String {
    let indent = columns(head);
    let mut lines = head.to_owned();
    let mut column = indent;
    for (position, item) in items.iter().enumerate() {
        let last = position + 1 == items.len();
        let item = format!("{}{}", item.as_ref(), if last { "" } else { separator });
        for word in item.split_inclusive(' ') {
            let length = columns(word.trim_end());
            if column + length > width() && column > indent {
                lines.truncate(lines.trim_end().len());
                let _ = write!(lines, "\n{:indent$}", "");
                column = indent;
            }
            lines.push_str(word);
            column += columns(word);
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

    fn styled(&self) -> String {
        if self.text.is_empty() { String::new() } else { styled(self.style, &self.text) }
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

    /// The table in at most this many columns: texts that do not fit are broken.
    pub(crate) fn fitted(&self, room: usize) -> String {
        let head = self.columns.map(|(head, _)| Cell::new(DIM, head));
        let has_head = self.columns.iter().any(|(head, _)| !head.is_empty());
        let mut widths = self.columns.map(|(head, _)| columns(head));
        for row in &self.rows {
            let Row::Cells(cells) = row else { continue };
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(columns(&cell.text));
            }
        }
        let widths = self.shrunk(widths, room);
        let mut out = String::new();
        if has_head {
            self.write(&mut out, &widths, &head);
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
        out
    }

    /// The widths of the columns, those of texts narrowed until all fit, and those of numbers only if that is too little.
    fn shrunk(&self, mut widths: [usize; N], room: usize) -> [usize; N] {
        let shown = widths.iter().filter(|width| **width > 0).count();
        let room = room.saturating_sub(self.indent + self.gap * shown.saturating_sub(1));
        for align in [Align::Left, Align::Right] {
            while widths.iter().sum::<usize>() > room {
                let of = widths.iter_mut().zip(&self.columns).filter(|(_, (_, of))| *of == align);
                match of.map(|(width, _)| width).max() {
                    Some(width) if *width > NARROWEST => *width -= 1,
                    _ => break,
                }
            }
        }
        widths
    }

    fn write(&self, out: &mut String, widths: &[usize; N], cells: &[Cell; N]) {
        let mut line = laid_out();
        let shown = || widths.iter().enumerate().filter(|(_, width)| **width > 0);
        line.add_row(shown().map(|(at, _)| cells[at].styled()));
        let mut total = 0;
        for (position, (at, width)) in shown().enumerate() {
            let before = if position == 0 { self.indent } else { self.gap };
            let Some(column) = line.column_mut(position) else { continue };
            column.set_padding((u16::try_from(before).unwrap_or_default(), 0));
            let fixed = u16::try_from(before + width).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(fixed)));
            if self.columns[at].1 == Align::Right {
                column.set_cell_alignment(CellAlignment::Right);
            }
            total += before + width;
        }
        line.set_width(u16::try_from(total).unwrap_or(u16::MAX));
        out.push_str(&line.trim_fmt());
        out.push('\n');
    }
}

/// Columns are not made narrower than this.
const NARROWEST: usize = 4;

/// A table without lines, in which only its columns' widths matter.
fn laid_out() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).force_no_tty();
    table
}

/// Headings only when one of them has a text.
impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fitted(width()))
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
    fn tables_fit_terminals_of_all_widths() {
        let mut table = Table::new([("NAME", Align::Left), ("N", Align::Right), ("WHY", Align::Left)], 2, 2);
        table.row([
            Cell::new(BAD, "ein langer Name"),
            Cell::number(1234),
            Cell::new(PLAIN, "漢字と words ".repeat(20)),
        ]);
        for room in 40..=200 {
            let text = table.fitted(room);
            let widest = text.lines().map(columns).max().unwrap();
            assert!(widest <= room, "{widest} of {room}: {text}");
            assert!(text.contains("1234"), "numbers stay whole: {text}");
        }
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
