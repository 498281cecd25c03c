//! Query languages: whatever the values, a query is one that the simulator's strict parser takes, and its literals are
//! exactly the values. The parsers share no code with the relays, so a value that leaves its literal cannot go unseen.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use provider_sim::gigamon::iql::Expression;
use provider_sim::kql::{AlertQuery, Script};
use provider_sim::odata::Filter;
use relay_core::escape;
use relay_core::observable::Observable;
use relay_core::relay::Relay;
use relay_defender::api::urls;
use relay_defender::network;
use relay_defender::query::{Depth, Target, adapters, batches};
use relay_defender::subject::{MachineId, Subject};
use relay_graph::mapping::matching::{User, message_id};
use relay_graph::mapping::value::{address, compared_name};
use relay_graph::search::query::{hunting, legacy, v2};
use url::Url;

use crate::input::observables;

static DEFENDER: LazyLock<Relay> = LazyLock::new(relay_defender::relay);
static GIGAMON: LazyLock<Relay> = LazyLock::new(relay_gigamon::relay);
static GRAPH: LazyLock<Relay> = LazyLock::new(relay_graph::relay);
static BASE: LazyLock<Url> = LazyLock::new(|| Url::parse("https://api.example/v1/").expect("a URL"));

/// The words of Defender's queries that are no values.
const WORDS: [&str; 6] =
    ["Inspected", "DnsQueryResponse", "ProcessCreated", "Interactive", "RemoteInteractive", "Network"];

/// The target of the event search. Lines of the input are observables.
pub fn iql(data: &[u8]) {
    let about = observables(data, &GIGAMON);
    let expected: BTreeSet<String> =
        about.iter().filter_map(relay_gigamon::model::Subject::of).map(|subject| subject.value()).collect();
    for most in [1, 50] {
        let mut asked = BTreeSet::new();
        for query in relay_gigamon::search::queries(&about, most, 100) {
            let read = Expression::parse(&query).unwrap_or_else(|problem| panic!("{query}: {problem}"));
            asked.extend(read.values().into_iter().map(str::to_owned));
        }
        assert_eq!(asked, expected);
    }
}

/// The target of advanced hunting, by both relays that ask it.
pub fn kql(data: &[u8]) {
    for line in String::from_utf8_lossy(data).split('\n') {
        kql_literal(line);
    }
    hunted_by_graph(&observables(data, &GRAPH));
    hunted_by_defender(&observables(data, &DEFENDER));
}

/// Any text at all as a literal.
fn kql_literal(value: &str) {
    for literal in [escape::kql(value), escape::kql_double_quoted(value)].into_iter().flatten() {
        let query = format!("DeviceFileEvents | where SHA1 =~ {literal} | top 2 by Timestamp desc");
        let query =
            provider_sim::kql::Query::parse(&query).unwrap_or_else(|problem| panic!("{query}: {problem}"));
        assert_eq!(query.literals(), [value]);
    }
}

fn hunted_by_graph(about: &[Observable]) {
    let mut chunks = hunting::Chunk::all(about);
    let halves: Vec<hunting::Chunk> = chunks.iter().filter_map(hunting::Chunk::halves).flatten().collect();
    chunks.extend(halves);
    for chunk in chunks {
        let text = chunk.query(100, 30);
        let query = AlertQuery::parse(&text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        assert_eq!(query.legs.len(), chunk.positions.len(), "{text}");
        for (leg, position) in query.legs.iter().zip(&chunk.positions) {
            let (literals, forms) = (leg.predicate.literals(), graph_forms(&about[*position]));
            assert!(literals.iter().any(|literal| forms.contains(*literal)), "{text}");
            for literal in literals {
                assert!(
                    forms.contains(literal) || matches!(literal, "MailMessage" | "Mailbox"),
                    "{literal}: {text}"
                );
            }
        }
    }
}

/// Everything that a value may be asked as.
fn graph_forms(about: &Observable) -> BTreeSet<String> {
    let value = about.value();
    let name = compared_name(value);
    let mut forms: BTreeSet<String> = [value, message_id(value), value.strip_suffix('/').unwrap_or(value)]
        .into_iter()
        .map(str::to_owned)
        .chain([value.to_lowercase(), value.to_ascii_lowercase(), format!("{value}/"), format!("{value}.")])
        .chain([format!("{name}."), name])
        .collect();
    if let Some(address) = address(value) {
        forms.extend([address.to_string(), format!("::ffff:{address}"), format!("[{address}]")]);
    }
    if let Some(at) = value.rfind(['\\', '/']) {
        forms.extend([value[..at].to_owned(), value[at + 1..].to_owned()]);
    }
    match User::parse(value) {
        Some(User::OfDomain { domain, name }) => forms.extend([domain, name]),
        Some(User::Principal(name) | User::Id(name) | User::Name(name)) => drop(forms.insert(name)),
        None => {}
    }
    forms
}

fn hunted_by_defender(about: &[Observable]) {
    let subjects: Vec<Subject> = about.iter().filter_map(Subject::of).filter(Subject::is_hunted).collect();
    let expected: BTreeSet<String> = subjects.iter().flat_map(defender_values).collect();
    let target = |(position, subject)| Target { position, subject, sha1: None, room: 10 };
    let targets: Vec<Target<'_>> = subjects.iter().enumerate().map(target).collect();
    for depth in [Depth::Standard, Depth::Deep] {
        let mut asked = BTreeSet::new();
        for batch in batches(&targets, depth) {
            let legs = batch.legs();
            let whole = [batch.union(&legs)];
            let each = legs.iter().flat_map(|leg| [batch.alone(leg), batch.plain(leg)]);
            for text in whole.into_iter().chain(each) {
                let script = Script::parse(&text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
                let values = script.literals().into_iter().filter(|literal| !WORDS.contains(literal));
                asked.extend(values.map(str::to_owned));
            }
        }
        assert_eq!(asked, expected);
    }
    let ids: Vec<MachineId> = about.iter().filter_map(|one| MachineId::parse(one.value())).collect();
    if let Some(query) = adapters(&ids) {
        let ids: Vec<&str> = ids.iter().take(100).map(MachineId::as_str).collect();
        let script = Script::parse(&query).unwrap_or_else(|problem| panic!("{query}: {problem}"));
        assert_eq!(script.literals(), ids);
    }
}

fn defender_values(subject: &Subject) -> Vec<String> {
    let values = match subject {
        Subject::Sha1(hash) | Subject::Sha256(hash) | Subject::Md5(hash) => vec![hash.clone()],
        Subject::Address(address) if address.is_ipv4() => {
            vec![address.to_string(), format!("::ffff:{address}")]
        }
        Subject::Address(address) => vec![address.to_string()],
        Subject::Domain(value) | Subject::FileName(value) | Subject::FilePath(value) => vec![value.clone()],
        Subject::Url(url) => network::host(url).into_iter().chain(network::url_forms(url)).collect(),
        Subject::User(account) => vec![account.name.clone()],
        Subject::Machine(_) | Subject::Hostname(_) => Vec::new(),
    };
    values.iter().map(|value| value.to_lowercase()).collect()
}

/// The target of `OData` filters, by both relays that have them.
pub fn odata(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines: Vec<&str> = text.split('\n').collect();
    for value in &lines {
        let filter = format!("a/any(x: x/b eq {})", escape::odata(value));
        assert_eq!(filter_of(&filter).texts(), [*value]);
    }
    let filters = [urls::alert_list(&BASE, lines.iter().copied()), urls::indicator_list(&BASE, &lines)];
    for url in filters {
        let url = url.build().expect("a URL");
        let (_, filter) = url.query_pairs().find(|(name, _)| name == "$filter").expect("a filter");
        assert_eq!(filter_of(&filter).texts(), lines);
    }
    for about in observables(data, &GRAPH) {
        let forms = graph_forms(&about);
        for filter in [v2::filter(&about), legacy::filter(&about)].into_iter().flatten() {
            let read = filter_of(&filter);
            assert!(!read.texts().is_empty());
            for literal in read.texts() {
                assert!(forms.contains(literal), "{literal}: {filter}");
            }
        }
    }
}

fn filter_of(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}
