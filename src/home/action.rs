//! A wish to change something, and what became of it.

use std::fmt;
use std::sync::Arc;

use super::id::EntityId;

/// What became of one action on one entity.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The device itself reported the wished state.
    Confirmed,
    /// Sent, but the device has not (yet) said that it did it.
    Sent,
    /// Not sent, and why.
    Refused(Refusal),
}

/// Why something was not done. Told to the person who asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// No entity has that id or name; the nearest known ones.
    NoSuchName {
        /// What was asked for.
        said: String,
        /// Known names that are close to it.
        nearest: Vec<String>,
    },
    /// No area or floor has that name; the nearest known ones.
    NoSuchPlace {
        /// What was asked for.
        said: String,
        /// Known names that are close to it.
        nearest: Vec<String>,
    },
    /// The place or home has nothing of the wished kind.
    NothingThere,
    /// Several things fit and nothing says which.
    Ambiguous(Vec<EntityId>),
    /// The entity lacks the ability; the ability in Home Assistant's word (`brightness`, `open`).
    CannotDo(&'static str),
    /// A number outside what the entity accepts.
    OutOfRange {
        /// The field.
        what: &'static str,
        /// The number asked for.
        value: f64,
        /// Lowest accepted.
        min: f64,
        /// Highest accepted.
        max: f64,
    },
    /// A choice that the entity does not offer.
    NotAnOption {
        /// The field.
        what: &'static str,
        /// The choice asked for.
        value: String,
        /// What it offers.
        options: Vec<Arc<str>>,
    },
    /// The value does not have the form that the entity demands.
    BadValue {
        /// The field.
        what: &'static str,
        /// Why not, in plain words.
        why: String,
    },
    /// "A bit more" of what nobody knows: the value in Home Assistant's word.
    NotKnown(&'static str),
    /// "Less" of what is off already.
    IsOff,
    /// A code is needed and none was given.
    NeedsCode,
    /// The code given is wrong.
    WrongCode,
    /// The person or place may not do this.
    NotAllowed,
    /// The device is offline.
    Unreachable,
    /// Known from before the restart, but not announced since: nobody knows how to reach it.
    NotAnnounced,
    /// The house's broker is not connected.
    NoBroker,
    /// The producer's command template failed.
    TemplateFailed(String),
}

impl fmt::Display for Refusal {
    /// Plain English for logs and the API; what a person hears comes from the language pack.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchName { said, nearest } => {
                write!(f, "no entity `{said}`")?;
                write_nearest(f, nearest)
            }
            Self::NoSuchPlace { said, nearest } => {
                write!(f, "no area or floor `{said}`")?;
                write_nearest(f, nearest)
            }
            Self::NothingThere => f.write_str("nothing of that kind is there"),
            Self::Ambiguous(entities) => {
                let names: Vec<&str> = entities.iter().map(EntityId::as_str).collect();
                write!(f, "several fit: {}", names.join(", "))
            }
            Self::CannotDo(ability) => write!(f, "it cannot do `{ability}`"),
            Self::OutOfRange { what, value, min, max } => {
                write!(f, "`{what}` {value} is outside {min} to {max}")
            }
            Self::NotAnOption { what, value, options } => {
                write!(f, "`{what}` has no option `{value}`; it has: {}", options.join(", "))
            }
            Self::BadValue { what, why } => write!(f, "`{what}`: {why}"),
            Self::NotKnown(what) => write!(f, "its present `{what}` is not known"),
            Self::IsOff => f.write_str("it is off"),
            Self::NeedsCode => f.write_str("a code is needed"),
            Self::WrongCode => f.write_str("the code is wrong"),
            Self::NotAllowed => f.write_str("not allowed"),
            Self::Unreachable => f.write_str("it is offline"),
            Self::NotAnnounced => f.write_str("it has not announced itself since the restart"),
            Self::NoBroker => f.write_str("the MQTT broker is not connected"),
            Self::TemplateFailed(why) => write!(f, "its command template failed: {why}"),
        }
    }
}

fn write_nearest(f: &mut fmt::Formatter<'_>, nearest: &[String]) -> fmt::Result {
    if nearest.is_empty() { Ok(()) } else { write!(f, "; did you mean {}?", nearest.join(", ")) }
}
