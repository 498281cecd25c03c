//! An event of advanced hunting as a sighting.

use std::borrow::Cow;

use relay_core::ctim::{ObservedTime, RelationType, Relations, Sighting, Table as Data};

use super::{
    Event, Mapping, RELATIONS_BY, account, command_line, connections, observables, programs, target,
};
use crate::query::Table;

/// The sighting of an event.
pub fn event(mapping: &Mapping<'_>, event: &Event) -> Sighting {
    let seen = ObservedTime::at(event.time);
    let device = event.device().and_then(|id| mapping.details.devices.get(id));
    let files = &mapping.details.files;
    let process = observables(&files.completed(event.process()));
    let file = observables(&files.completed(event.file()));
    let mut relations = Relations::new(&RELATIONS_BY);
    match event.table {
        Table::Network => connections::network(&mut relations, event, &process),
        Table::Device => connections::dns(&mut relations, event, &process),
        Table::Logons => connections::logon(&mut relations, event),
        Table::Files => programs::file(&mut relations, event, &file, &process),
        Table::Processes => {
            programs::program(&mut relations, event, &file, &process, &RelationType::PARENT_OF);
        }
        Table::Images => programs::program(&mut relations, event, &file, &process, &RelationType::USED),
    }
    let named = target::Named {
        hostname: event.text("devicename"),
        machine: event.device(),
        users: event.account().map(|(_, name)| name).into_iter().collect(),
    };
    mapping
        .sighting(&event.key(), seen)
        .data(data(mapping, event))
        .relations(relations)
        .target(target::target(&named, device, seen))
}

fn data(mapping: &Mapping<'_>, event: &Event) -> Option<Data> {
    let command_line = event.command_line().filter(|_| mapping.command_lines).and_then(command_line);
    let account = event.account().map(|(domain, name)| Cow::Owned(account(domain, name)));
    let table = Data::record()
        .cell("ActionType", event.text("actiontype"))
        .cell("Protocol", event.text("protocol"))
        .cell("LocalPort", event.port("localport"))
        .cell("RemotePort", event.port("remoteport"))
        .cell("LogonType", event.text("logontype"))
        .cell("FailureReason", event.text("failurereason"))
        .cell::<Option<Cow<'static, str>>>("Account", account)
        .cell("CommandLine", command_line);
    table.build().map(Data::counted)
}
