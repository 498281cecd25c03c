//! Finds observables in a text that is refanged already.

use std::net::IpAddr;

use relay_core::observable::{hash_type, ip_address};

use super::refang::DOT;
use super::{Observable, kinds, of_type, shape};

/// Something found in a text.
pub(super) enum Hit {
    /// An observable.
    Observable(Observable),
    /// Something that looks like one and is none, and why.
    Note(String),
}

/// How many bytes a piece of the text has, and what it is, if anything.
type Piece = (usize, Option<Hit>);

/// No observable that is found in a text is longer, in bytes. It bounds how far each step looks ahead, and so makes the
/// time grow with the length of the text, whatever stands there.
const LONGEST: usize = 4096;

/// Everything in a text, in order.
pub(super) fn scan(text: &str) -> Vec<Hit> {
    let (mut hits, mut at, mut previous) = (Vec::new(), 0, ' ');
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let ahead = beginning(rest, LONGEST);
        let piece = if is_word(previous) { None } else { piece(previous, ahead) };
        let (length, hit) = match piece {
            // It goes on: half of a value is another one.
            Some((length, _)) if length == ahead.len() && length < rest.len() => {
                (run(rest, |c| !c.is_whitespace()).max(length), None)
            }
            Some(piece) => piece,
            None if is_word(first) => (run(rest, is_word), None),
            None => (first.len_utf8(), None),
        };
        hits.extend(hit);
        previous = text[at..at + length].chars().next_back().unwrap_or(' ');
        at += length;
        if text[..at].ends_with("://") {
            // After another scheme than those of URLs a host begins.
            previous = ' ';
        }
    }
    hits
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == DOT
}

/// As much of a text, but no half of a character.
fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

fn run(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|c| !of(c)).unwrap_or(text.len())
}

fn found(kind: &str, value: &str) -> Hit {
    Hit::Observable(Observable { kind: kind.to_owned(), value: value.replace(DOT, ".") })
}

/// What begins here.
fn piece(previous: char, rest: &str) -> Option<Piece> {
    typed(rest)
        .or_else(|| url(rest))
        .or_else(|| windows_path(previous, rest))
        .or_else(|| unix_path(previous, rest))
        .or_else(|| email(rest))
        .or_else(|| ipv6(previous, rest))
        .or_else(|| ipv4(previous, rest))
        .or_else(|| hash(previous, rest))
        .or_else(|| name(previous, rest))
}

/// `TYPE=VALUE`. Where the value does not fit, it is read on as text.
fn typed(rest: &str) -> Option<Piece> {
    let length = run(rest, |c| c.is_ascii_alphanumeric() || c == '_');
    let kind = rest.get(..length).filter(|_| rest[length..].starts_with('='))?;
    if kinds::is_slip(kind) {
        return Some((length + 1, Some(Hit::Note(kinds::unknown(kind)))));
    }
    kinds::named(kind)?;
    let after = &rest[length + 1..];
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
    let (value, used) = if let Some(quote) = quote {
        let inside = &after[1..];
        let end = inside.find([quote, '\n'])?;
        (&inside[..end], end + 1)
    } else {
        let end = run(after, |c| !c.is_whitespace() && !"\"'<>`".contains(c));
        (after[..end].trim_end_matches([',', ';', ')', ']', '}', '.']), end)
    };
    let value = value.replace(DOT, ".");
    match of_type(kind, &value) {
        Ok(one) => Some((length + 1 + used, Some(Hit::Observable(one)))),
        Err(_) if value.is_empty() => None,
        Err(why) => Some((length + 1, Some(Hit::Note(why)))),
    }
}

fn url(rest: &str) -> Option<Piece> {
    let scheme = rest.get(..run(rest, |c| c.is_ascii_alphabetic()))?;
    let known = ["http", "https", "ftp", "ftps"].iter().any(|one| scheme.eq_ignore_ascii_case(one));
    if !known || !rest[scheme.len()..].starts_with("://") {
        return None;
    }
    let all = &rest[..run(rest, |c| !c.is_whitespace() && !c.is_control() && !"<>\"'`|".contains(c))];
    let url = without_trailing(all);
    if shape::is_url(&url.replace(DOT, ".")) { Some((url.len(), Some(found("url", url)))) } else { None }
}

/// Without the punctuation of the sentence around it; a bracket stays where it was opened inside.
fn without_trailing(mut text: &str) -> &str {
    let count = |bracket: char| text.matches(bracket).count();
    // Of each kind: how many are opened, and how many closed in what is left.
    let mut brackets =
        [('(', ')'), ('[', ']'), ('{', '}')].map(|(open, close)| (close, count(open), count(close)));
    while let Some(last) = text.chars().next_back() {
        let bracket = brackets.iter_mut().find(|(close, ..)| *close == last);
        let part_of_it = match bracket {
            Some((_, opened, closed)) if *closed > *opened => {
                *closed -= 1;
                false
            }
            Some(_) => true,
            None => !matches!(last, '.' | ',' | ';' | ':' | '!' | '?' | '*' | DOT),
        };
        if part_of_it {
            break;
        }
        text = &text[..text.len() - last.len_utf8()];
    }
    text
}

/// To the closing quote where there is one; else to the end of its last name, over spaces inside it.
fn windows_path(previous: char, rest: &str) -> Option<Piece> {
    if !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '\\')
        || !shape::is_windows_path(rest.lines().next()?)
    {
        return None;
    }
    let quoted = matches!(previous, '"' | '\'').then(|| rest.find([previous, '\n'])).flatten();
    let length = quoted.unwrap_or_else(|| {
        let part = |c: char| !c.is_whitespace() && !"<>\"|?*:".contains(c);
        let mut end = 2 + run(&rest[2..], part);
        while let Some(more) = further_words(&rest[end..]) {
            end += more + run(&rest[end + more..], part);
        }
        end
    });
    let path = rest[..length].trim_end_matches(['.', ',', ';', ')', ']', '\'', ' ']);
    Some((path.len(), Some(found("file_path", path))))
}

/// How far words go on that lead to a further `\`, as in `C:\Program Files\x`.
fn further_words(rest: &str) -> Option<usize> {
    let end = rest.find('\\')?;
    let words = &rest[..end];
    let inside = words.starts_with(' ')
        && words.split(' ').count() <= 4
        && !words.ends_with(' ')
        && words.chars().all(|c| c.is_alphanumeric() || " _-().&".contains(c));
    inside.then_some(end)
}

/// Folders at the root of Unix systems: other texts with slashes are as often addresses or choices.
const ROOTS: [&str; 24] = [
    "bin",
    "boot",
    "data",
    "dev",
    "etc",
    "home",
    "lib",
    "lib64",
    "media",
    "mnt",
    "opt",
    "private",
    "proc",
    "root",
    "run",
    "sbin",
    "srv",
    "sys",
    "tmp",
    "usr",
    "var",
    "Applications",
    "Library",
    "Users",
];

fn unix_path(previous: char, rest: &str) -> Option<Piece> {
    let inside =
        rest.strip_prefix('/').filter(|_| previous.is_whitespace() || "\"'`([{<=:,;>".contains(previous))?;
    let root = inside.get(..run(inside, |c| c.is_ascii_alphanumeric()))?;
    if !ROOTS.contains(&root) || !inside[root.len()..].starts_with('/') {
        return None;
    }
    let all = &rest[..run(rest, |c| !c.is_whitespace() && !"<>\"'`|,;()".contains(c))];
    let path = all.trim_end_matches(['.', ':', ']', '}', '!', '?']);
    (path.len() > root.len() + 2).then(|| (path.len(), Some(found("file_path", path))))
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | DOT)
}

fn email(rest: &str) -> Option<Piece> {
    /// Longer than the name of any mailbox may be (RFC 5321, section 4.5.3.1).
    const USER: usize = 256;
    let user = run(beginning(rest, USER), |c| c.is_ascii_alphanumeric() || "._%+-".contains(c) || c == DOT);
    let host = rest.get(user..)?.strip_prefix('@')?;
    let host = host[..run(host, is_name)].trim_end_matches(['.', '-', DOT]);
    let all = &rest[..user + 1 + host.len()];
    shape::is_email(&all.replace(DOT, ".")).then(|| (all.len(), Some(found("email", all))))
}

/// Not the times, hardware addresses and names of programs that have colons too.
fn ipv6(previous: char, rest: &str) -> Option<Piece> {
    let all = run(rest, |c| c.is_ascii_hexdigit() || c == ':' || c == '.');
    let mut text = rest[..all].trim_end_matches('.');
    if !text.ends_with("::") {
        text = text.trim_end_matches(':');
    }
    if text.matches(':').count() < 2 || rest[all..].starts_with(is_word) || previous == ':' {
        return None;
    }
    let groups: Vec<&str> = text.split(':').collect();
    let short = !text.contains("::") && groups.iter().all(|group| group.len() <= 2);
    let is_address = ip_address(text).is_some_and(|address| address.is_ipv6())
        && !short
        && text.contains(|c: char| c.is_ascii_digit());
    let rest = &rest[text.len()..];
    let zone = rest.strip_prefix('%').map_or(0, |zone| 1 + run(zone, char::is_alphanumeric));
    match prefix(&rest[zone..]) {
        _ if !is_address => Some((all.max(1), None)),
        Some(length) => Some((text.len() + zone + length, Some(network(text, &rest[zone..zone + length])))),
        None => Some((text.len() + zone, Some(found("ipv6", text)))),
    }
}

fn ipv4(previous: char, rest: &str) -> Option<Piece> {
    let all = run(rest, |c| c.is_ascii_digit() || c == '.' || c == DOT);
    let text = rest[..all].trim_end_matches(['.', DOT]);
    let after = &rest[text.len()..];
    if text.is_empty()
        || rest[all..].starts_with(|c: char| is_word(c) || c == '-')
        || matches!(previous, '.' | '-')
    {
        return None;
    }
    let address = text.replace(DOT, ".");
    match (ip_address(&address), prefix(after)) {
        (Some(IpAddr::V4(_)), Some(length)) => {
            Some((text.len() + length, Some(network(&address, &after[..length]))))
        }
        (Some(IpAddr::V4(_)), None) => Some((text.len(), Some(found("ip", &address)))),
        _ if text.contains(['.', DOT]) => Some((all, None)),
        _ => None,
    }
}

/// The length of `/24`.
fn prefix(text: &str) -> Option<usize> {
    let digits = run(text.strip_prefix('/')?, |c| c.is_ascii_digit());
    let ends = !text[1 + digits..].starts_with(|c: char| is_word(c) || c == '/');
    ((1..=3).contains(&digits) && ends).then_some(1 + digits)
}

fn network(address: &str, prefix: &str) -> Hit {
    Hit::Note(format!("{address}{prefix} is a network, which no relay looks up; name addresses of it"))
}

fn hash(previous: char, rest: &str) -> Option<Piece> {
    let text = &rest[..run(rest, is_word)];
    let kind = hash_type(text).filter(|_| previous != '-' && !rest[text.len()..].starts_with('-'))?;
    Some((text.len(), Some(found(kind.as_str(), text))))
}

/// A domain. A name that is none is passed over as a whole, or its last part would be taken for one.
fn name(previous: char, rest: &str) -> Option<Piece> {
    let all = run(rest, is_name);
    let text = rest[..all].trim_end_matches(['.', '-', '_', DOT]);
    if text.is_empty() && all > 0 {
        return Some((all, None));
    }
    if !text.contains(['.', DOT]) {
        return None;
    }
    let name = text.replace(DOT, ".");
    let after = rest[all..].chars().next().unwrap_or(' ');
    let alone = !"/\\@.-".contains(previous) && !"@\\(".contains(after);
    let is_domain =
        alone && shape::is_public_name(&name) && (text.contains(DOT) || !shape::is_file_name(&name));
    Some((if is_domain { text.len() } else { all }, is_domain.then(|| found("domain", &name))))
}
