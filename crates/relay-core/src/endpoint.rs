//! The endpoints that the platform calls, in one table.

/// An endpoint that a relay may have, depending on its capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Shows whether address and credentials are right.
    Health,
    /// What the provider knows of observables.
    Observe,
    /// The provider's verdicts.
    Deliberate,
    /// Links into the provider's console.
    Refer,
    /// Actions that can be triggered.
    Respond,
    /// Carries an action out.
    Trigger,
}

impl Endpoint {
    /// The path, which is also its name in `supported-apis` of a module type, with a slash before it.
    pub fn path(self) -> &'static str {
        match self {
            Self::Health => "/health",
            Self::Observe => "/observe/observables",
            Self::Deliberate => "/deliberate/observables",
            Self::Refer => "/refer/observables",
            Self::Respond => "/respond/observables",
            Self::Trigger => "/respond/trigger",
        }
    }

    /// Its name in logs and metrics, and as a word on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Observe => "observe",
            Self::Deliberate => "deliberate",
            Self::Refer => "refer",
            Self::Respond => "respond",
            Self::Trigger => "trigger",
        }
    }

    /// What it does, in one sentence.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Health => "Makes one real call to the provider with the token's credentials",
            Self::Observe => "Returns what the provider knows of the observables as CTIM entities",
            Self::Deliberate => "Returns the provider's verdicts on the observables",
            Self::Refer => "Returns links into the provider's console for the observables",
            Self::Respond => "Returns the actions that can be triggered for the observables",
            Self::Trigger => "Carries one of the offered actions out",
        }
    }

    /// Whether it needs a token. Links need none: they hold nothing that the caller does not know.
    pub fn needs_token(self) -> bool {
        self != Self::Refer
    }
}
