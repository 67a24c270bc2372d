//! Who speaks, as far as the house tells people apart. What each may do is not decided here.

/// What somebody is in this household.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Role {
    /// Runs the house.
    Admin,
    /// Lives here.
    #[default]
    Adult,
    /// Lives here, and is not to open doors.
    Child,
    /// Is here for a while.
    Guest,
}

impl Role {
    /// The word in commands and settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Adult => "adult",
            Self::Child => "child",
            Self::Guest => "guest",
        }
    }
}

/// By what the house heard it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Means {
    /// Written by somebody who has shown who they are.
    #[default]
    Written,
    /// Heard by a microphone: anybody within earshot may have said it, and some of it may have been
    /// misheard.
    Spoken,
}
