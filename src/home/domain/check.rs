//! What several domains check before they accept an action.

use std::sync::Arc;

use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid};

/// The value as it is among the options; an entity has only what it offers.
pub(super) fn option(
    what: &'static str,
    value: &str,
    options: &[Arc<str>],
) -> Result<Arc<str>, Refusal> {
    match options.iter().find(|option| &***option == value) {
        Some(option) => Ok(Arc::clone(option)),
        None => {
            Err(Refusal::NotAnOption { what, value: value.to_owned(), options: options.to_vec() })
        }
    }
}

/// A number within what the entity accepts.
pub(super) fn range(what: &'static str, value: f64, min: f64, max: f64) -> Result<f64, Refusal> {
    if value >= min && value <= max {
        return Ok(value);
    }
    Err(Refusal::OutOfRange { what, value, min, max })
}

/// An ability that the entity must have, in Home Assistant's word.
pub(super) fn ability(has_it: bool, what: &'static str) -> Result<(), Refusal> {
    if has_it { Ok(()) } else { Err(Refusal::CannotDo(what)) }
}

/// Takes a required whole percentage; a fraction is cut off, as in Home Assistant.
pub(super) fn percent(fields: &mut Fields, name: &'static str) -> Result<u8, Invalid> {
    let number = fields.number(name, 0.0..=100.0, "a number from 0 to 100")?;
    number.map(|number| number as u8).ok_or(Invalid::Missing(name))
}

/// Takes a required text.
pub(super) fn text(fields: &mut Fields, name: &'static str) -> Result<Arc<str>, Invalid> {
    fields.text(name)?.ok_or(Invalid::Missing(name))
}
