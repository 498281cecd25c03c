//! Files of settings: they are read, or refused in one line that names the setting and repeats no secret.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use relay_core::module::Module;
use relay_core::settings::{Environment, ProviderSettings, Settings, SettingsError};

const CANARY: &str = "s3cr3t-of-at-least-32-bytes-s3cr3t";
const PART: &str = "s3cr3t";

/// The file that is written anew for each input; in memory where there is such a place.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("relay-fuzz-{}.toml", std::process::id()))
});

type Own = fn(&ProviderSettings) -> Result<(), SettingsError>;

/// The relays, and what reads their own settings.
static RELAYS: LazyLock<Vec<(&'static Module, Own)>> = LazyLock::new(|| {
    vec![
        (relay_defender::relay().module(), |own| relay_defender::settings::Settings::read(own).map(drop)),
        (relay_graph::relay().module(), |own| relay_graph::settings::Settings::new(own).map(drop)),
        (relay_gigamon::relay().module(), |own| relay_gigamon::settings::Options::of(own).map(drop)),
        (relay_securitytrails::relay().module(), |own| {
            relay_securitytrails::settings::Options::load(own).map(drop)
        }),
        (relay_xforce::relay().module(), |own| relay_xforce::settings::Options::load(own).map(drop)),
    ]
});

/// The target. An input is the text of a file; its first byte chooses the relay. `@` stands for a secret: where the
/// file cannot be read at all, not even its place is known, so it must not be repeated.
pub fn settings(data: &[u8]) {
    let Some((first, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    // Devices have no end, and the settings name files that are read.
    if text.contains("_file") && text.contains('/') {
        return;
    }
    // The fuzzer learns the secret from the comparisons below. One that it writes into another setting is none.
    if text.contains(PART) {
        return;
    }
    let (module, own) = RELAYS[usize::from(*first) % RELAYS.len()];
    let secrets = format!("auth.secret_key = \"{CANARY}\"\nshared.key = \"{CANARY}\"\n");
    let is_marked = text.contains('@');
    let text = if is_marked { text.replace('@', CANARY) } else { format!("{secrets}{text}") };
    fs::write(&*FILE, &text).expect("a file");
    let path = FILE.display().to_string();
    let url = format!("redis://user:{CANARY}@store.example:{first}x");
    let environments = [
        vec![("RELAY_CONFIG", path.as_str())],
        vec![("RELAY_CONFIG", path.as_str()), ("RELAY_SHARED__URL", url.as_str())],
    ];
    for environment in environments {
        let outcome = Settings::load(module, Environment::of(environment)).and_then(|loaded| {
            assert!(is_marked || !format!("{:?}", loaded.settings).contains(PART), "a secret is shown");
            assert!(is_marked || !loaded.warnings.concat().contains(PART), "a secret is shown");
            own(&loaded.settings.provider)
        });
        if let Err(error) = outcome {
            let shown = format!("{error} {error:?}");
            let may_repeat = is_marked && matches!(error, SettingsError::Value { .. });
            assert!(may_repeat || !shown.contains(PART), "{shown}");
        }
    }
}
