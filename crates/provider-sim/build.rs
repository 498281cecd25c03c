//! Rebuilds the crate when a fixture is added or removed: the macro that embeds them only notices edits.

fn main() {
    println!("cargo::rerun-if-changed=../../fixtures");
    println!("cargo::rerun-if-changed=build.rs");
}
