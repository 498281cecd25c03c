//! What the fuzz targets check, one function for each: any bytes go in, and what must hold of what comes out is
//! asserted. `fuzz_targets/` hands these functions to libFuzzer; the tests here run them over what is committed.
//!
//! | module | targets |
//! |---|---|
//! | [`token`] | tokens and claims |
//! | [`bodies`] | bodies of platform requests |
//! | [`answers`] | providers' answers to CTIM, one target for each relay |
//! | [`headers`] | headers of providers' answers |
//! | [`settings`] | files of settings |
//! | [`queries`] | query languages, read back by the simulator's parsers |
//! | [`urls`] | addresses of calls and links |
//! | [`refang`] | observables in texts |
//! | [`input`] | how observables and answers are written as an input |
//! | [`seeds`] | inputs and dictionaries from the fixtures |

pub mod answers;
pub mod bodies;
pub mod headers;
pub mod input;
pub mod queries;
pub mod refang;
pub mod seeds;
pub mod settings;
pub mod token;
pub mod urls;

/// What a target does with an input.
pub type Check = fn(&[u8]);

/// All targets: their names, and what they check.
pub const TARGETS: &[(&str, Check)] = &[
    ("token", token::token),
    ("observables", bodies::observables),
    ("trigger", bodies::trigger),
    ("defender", answers::defender::check),
    ("gigamon", answers::gigamon::check),
    ("graph", answers::graph::check),
    ("securitytrails", answers::securitytrails::check),
    ("xforce", answers::xforce::check),
    ("headers", headers::headers),
    ("settings", settings::settings),
    ("iql", queries::iql),
    ("kql", queries::kql),
    ("odata", queries::odata),
    ("urls", urls::urls),
    ("refang", refang::refang),
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The files of a folder; none where there is no such folder.
    fn files(folder: &str, target: &str) -> Vec<(String, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(target);
        let Ok(entries) = fs::read_dir(&folder) else { return Vec::new() };
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            paths.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect();
        files.sort();
        files
    }

    #[test]
    fn what_is_committed_passes() {
        for (target, check) in TARGETS {
            let mut inputs = seeds::of(target);
            let committed = inputs.len() + files("corpus", target).len();
            assert!(committed > 0, "{target} has no corpus");
            inputs.extend(files("corpus", target));
            inputs.extend(files("regressions", target));
            for (name, input) in inputs {
                // Names the input where it panics.
                println!("{target}: {name}");
                check(&input);
            }
        }
    }

    #[test]
    fn each_target_has_a_program_and_a_dictionary() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
        for (target, _) in TARGETS {
            assert!(root.join(format!("fuzz_targets/{target}.rs")).is_file(), "{target}");
            assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target}");
            assert!(
                root.join(format!("dictionaries/{target}.dict")).is_file() || !seeds::of(target).is_empty()
            );
        }
        assert_eq!(fs::read_dir(root.join("fuzz_targets")).unwrap().count(), TARGETS.len());
    }
}
