//! Turns `relays/relays.toml` into the list `RELAYS` of `src/relays.rs`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, error, fs};

use serde::Deserialize;

#[derive(Deserialize)]
struct List {
    relay: Vec<Relay>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Relay {
    name: String,
    port: u16,
    addresses: BTreeMap<String, String>,
    claims: BTreeMap<String, String>,
    // For deploy/relays.py.
    #[serde(rename = "title")]
    _title: String,
    #[serde(default, rename = "shared_secret")]
    _shared_secret: bool,
}

fn main() -> Result<(), Box<dyn error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../relays");
    let file = folder.join("relays.toml");
    println!("cargo::rerun-if-changed={}", file.display());
    let List { relay: relays } = toml::from_str(&fs::read_to_string(&file)?)?;

    let mut code = String::from("&[\n");
    for Relay { name, port, addresses, claims, .. } in &relays {
        let addresses: Vec<_> =
            addresses.iter().map(|(setting, path)| (format!("RELAY_PROVIDER__{setting}"), path)).collect();
        let claims: Vec<_> = claims.iter().collect();
        let module_type = folder.join(name).join("module_type.json").display().to_string();
        writeln!(
            code,
            "Known {{ relay: relay_{name}::relay, name: {name:?}, port: {port}, \
             addresses: &{addresses:?}, claims: &{claims:?}, module_type: include_str!({module_type:?}) }},"
        )?;
    }
    code.push(']');
    let out = env::var_os("OUT_DIR").ok_or("Cargo sets no OUT_DIR")?;
    fs::write(Path::new(&out).join("relays.rs"), code)?;
    Ok(())
}
