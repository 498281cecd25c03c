//! Time zones: a relay speaks UTC wherever it runs.

use std::process::Command;

/// Runs a test of the calling program again, by its full name, in a process whose local time is nine hours ahead
/// of UTC; the zone of a process cannot be changed while it runs.
pub fn passes_far_from_utc(test: &str) {
    let program = std::env::current_exe().expect("this test's program");
    let run = Command::new(program).args(["--exact", test]).env("TZ", "JST-9").output();
    let run = run.expect("a program that starts");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{test}: {said}");
}
