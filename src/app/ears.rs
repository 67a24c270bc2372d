//! What understands sentences: the languages that come with Homard.

use crate::config;
use crate::hub::{Deaf, Ear};

/// An ear for the home's languages.
pub(super) fn ear(_home: &config::Home, _notes: &mut Vec<String>) -> Box<dyn Ear> {
    Box::new(Deaf)
}
