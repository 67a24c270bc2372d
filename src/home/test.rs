//! What can be tested of a thing's state. Of which thing, and what depends on it, is said elsewhere.

use std::sync::Arc;

/// What is tested.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The state, in Home Assistant's word.
    Is(Arc<str>),
    /// Anything but this state.
    IsNot(Arc<str>),
    /// The number of the state (of a thermostat, what it measures) is above.
    Above(f64),
    /// … is below.
    Below(f64),
}

/// The state of two that is the other.
pub fn opposite(state: &str) -> Option<&'static str> {
    Some(match state {
        "on" => "off",
        "off" => "on",
        "open" => "closed",
        "closed" => "open",
        "locked" => "unlocked",
        "unlocked" => "locked",
        "home" => "not_home",
        "not_home" => "home",
        "armed" => "disarmed",
        "disarmed" => "armed",
        _ => return None,
    })
}
