//! The parts of the command line that know neither relays nor the terminal.

pub mod observables;
