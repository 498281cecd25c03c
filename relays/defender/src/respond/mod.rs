//! Response actions: which can be taken now (`offer`), and taking them (`trigger`). Both read one `table`, so
//! that nothing is offered that cannot be triggered, and nothing else can be triggered. `device` finds the device of a
//! name or an address.

mod device;
pub(crate) mod offer;
mod table;
pub(crate) mod trigger;

pub use table::{GROUPS, Words};
pub use trigger::Action;
