//! Words that an announcement leaves out: default names and device classes.

use std::sync::Arc;

use super::keys::Keys;

/// The device class, if the kind knows it.
pub(super) fn device_class(_kind: &str, keys: &mut Keys<'_>) -> Option<Arc<str>> {
    keys.nullable_string("device_class").flatten()
}

/// Whether a missing device class is shown as null.
pub(super) fn shows_null_class(_kind: &str) -> bool {
    false
}

/// What an entity without a name is called: its device class in words, else its kind.
pub(super) fn default_name(kind: &str, device_class: Option<&str>) -> String {
    let word = device_class.unwrap_or(kind).replace('_', " ");
    let mut letters = word.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => word,
    }
}
