//! Stands in for the outside world of the relays: the providers' APIs, the login service of one of them, and the
//! platform's key set and registration, on one port, so that everything runs, is shown and is tested without network or accounts.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use provider_sim::{Answer, Fault, Options, Sim};
//!
//! let sim = Sim::start(Options::default()).await?;
//! sim.answer("xforce", Answer::get("/ipr/192.0.2.1").json(serde_json::json!({"score": 1})));
//! sim.faults().add(Fault::status(503).on("xforce").path("/api/resolve/").next(2));
//! let api_url = format!("{}/xforce", sim.url());
//! // … let a relay ask it …
//! assert_eq!(sim.calls_to("xforce").first().map(|call| call.line()), Some("GET /xforce/ipr/192.0.2.1".into()));
//! # Ok(())
//! # }
//! ```
//!
//! It shares no code with the relays: a field that both misread would go unnoticed. Credentials, headers, paths,
//! limits and query languages are checked as strictly as the provider would.
//!
//! Answers come from the [fixtures], else they are generated: the same value gets the same answer each
//! time, and some values get none. [Faults](fault) and [pinned answers](Answer) change that on request, through
//! [`Sim`] or, for a process of its own, through the [control API](control).
//!
//! | module | |
//! |---|---|
//! | [`service`] | what a simulated service is; one module each, listed in `registry` |
//! | [`request`], [`reply`] | the call that a service sees and what it answers |
//! | [`fixtures`], [`seeded`] | answers from files, and generated ones |
//! | `replay` | answers from what a relay has recorded |
//! | [`fault`] | latency, errors, resets, broken bodies |
//! | [`keys`] | signing keys and tokens, good and bad |
//! | [`kql`] | queries of advanced hunting, read strictly |
//! | [`control`] | the same over HTTP |

pub mod answer;
pub mod control;
pub mod defender;
pub mod fault;
pub mod fixtures;
pub mod gigamon;
pub mod graph;
pub mod hunting;
mod inventory;
mod jwks;
pub mod keys;
pub mod kql;
mod lock;
pub mod login;
pub mod odata;
mod outgoing;
pub mod platform;
mod quota;
pub mod record;
mod registry;
mod replay;
pub mod reply;
pub mod request;
pub mod securitytrails;
pub mod seeded;
mod server;
pub mod service;
mod sim;
mod simulator;
mod socket;
mod syntax;
pub mod xforce;

pub use answer::Answer;
pub use fault::{Fault, What, When};
pub use keys::Keys;
pub use record::SeenCall;
pub use sim::{Options, Sim};
