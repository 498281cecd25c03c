//! The clock of requests.

/// Where the time of a request comes from.
#[derive(Clone, Copy, Debug, Default)]
pub enum Clock {
    /// The system's UTC clock.
    #[default]
    System,
    /// Always the same moment, for reproducible answers in tests.
    Fixed(jiff::Timestamp),
}

impl Clock {
    /// The current time.
    pub fn now(self) -> jiff::Timestamp {
        match self {
            Self::System => jiff::Timestamp::now(),
            Self::Fixed(moment) => moment,
        }
    }
}
