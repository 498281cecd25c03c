//! The relays of `relays/relays.toml`.

use anyhow::Context as _;
use relay_core::Relay;
use relay_core::module::Module;

/// An entry of the list, with its relay.
pub(crate) struct Known {
    /// Creates it.
    pub(crate) relay: fn() -> Relay,
    /// Its name.
    pub(crate) name: &'static str,
    /// Its port on one machine.
    pub(crate) port: u16,
    /// The settings that hold its provider's addresses, each with the simulator's path that stands in for it.
    pub(crate) addresses: &'static [(&'static str, &'static str)],
    /// Claims that the simulated provider accepts.
    pub(crate) claims: &'static [(&'static str, &'static str)],
    /// How it is registered on the platform.
    pub(crate) module_type: &'static str,
}

/// All relays, in the order of their ports.
pub(crate) const RELAYS: &[Known] = include!(concat!(env!("OUT_DIR"), "/relays.rs"));

/// The port of the first relay, unless `--port-base` says otherwise.
pub(crate) const PORT_BASE: u16 = RELAYS[0].port;

impl Known {
    /// Names, claims and settings of the relay.
    pub(crate) fn module(&self) -> &'static Module {
        (self.relay)().module()
    }

    /// Its port where the first relay has port `base`.
    ///
    /// # Errors
    /// There is no such port.
    pub(crate) fn port(&self, base: u16) -> anyhow::Result<u16> {
        base.checked_add(self.port - PORT_BASE)
            .with_context(|| format!("--port-base {base} leaves no port for {}", self.name))
    }
}

/// The relay of this name.
///
/// # Errors
/// There is none; the message lists the names.
pub(crate) fn named(name: &str) -> anyhow::Result<&'static Known> {
    RELAYS.iter().find(|known| known.name == name).with_context(|| {
        let names: Vec<&str> = RELAYS.iter().map(|known| known.name).collect();
        format!("no relay is named `{name}`; there are: {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use relay_core::settings::{SETTINGS, Setting, markdown};

    use super::*;

    /// A README with the table of these settings in place of the one that it has.
    fn with_table(readme: &str, rows: &[Setting]) -> String {
        const HEAD: &str = "| variable | default | meaning |\n";
        let (before, rest) = readme.split_once(HEAD).expect("a table of settings");
        let (_, after) = rest.split_once("\n\n").expect("text after the table");
        format!("{before}{}\n{after}", markdown(rows))
    }

    /// What `settings --markdown` prints is what the READMEs say.
    #[test]
    fn the_tables_of_the_readmes_are_those_of_the_relays() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let own =
            |known: &Known| (format!("{root}/relays/{}/README.md", known.name), known.module().settings);
        let tables = RELAYS.iter().map(own).chain([(format!("{root}/README.md"), SETTINGS)]);
        for (file, rows) in tables {
            let readme = std::fs::read_to_string(&file).unwrap();
            let expected = with_table(&readme, rows);
            if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
                std::fs::write(&file, expected).unwrap();
            } else {
                assert!(readme == expected, "{file}: INSTA_UPDATE=always writes its table of settings anew");
            }
        }
    }

    #[test]
    fn the_list_agrees_with_the_relays() {
        let list: toml::Table = toml::from_str(include_str!("../../../relays/relays.toml")).unwrap();
        let entries = list["relay"].as_array().unwrap();
        assert_eq!(entries.len(), RELAYS.len());
        for (entry, known) in entries.iter().zip(RELAYS) {
            let module = known.module();
            let text = |key: &str| entry[key].as_str().unwrap();
            assert_eq!((text("name"), text("title")), (module.name, module.title));
        }
        assert!(RELAYS.is_sorted_by_key(|known| known.port));
    }
}
