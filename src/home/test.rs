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
