//! Writes what follows from the fixtures below a folder: `seeds/<target>/` and `dictionaries/<target>.dict`.

use std::path::PathBuf;
use std::{env, fs, io};

// What is built for fuzzing calls into libFuzzer, whether it fuzzes or not.
#[cfg(fuzzing)]
use libfuzzer_sys as _;
use relay_fuzz::{TARGETS, seeds};

fn main() -> io::Result<()> {
    let folder = PathBuf::from(env::args_os().nth(1).unwrap_or_else(|| "target/fuzz".into()));
    fs::create_dir_all(folder.join("dictionaries"))?;
    for (target, _) in TARGETS {
        let into = folder.join("seeds").join(target);
        fs::create_dir_all(&into)?;
        for (name, input) in seeds::of(target) {
            fs::write(into.join(name), input)?;
        }
        if let Some(dictionary) = seeds::dictionary(target) {
            fs::write(folder.join(format!("dictionaries/{target}.dict")), dictionary)?;
        }
    }
    Ok(())
}
