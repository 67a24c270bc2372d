//! What one rendering carries: its variables, the clock, and the budget that keeps foreign templates small.
//! The engine sees it as the root of its variables; functions find it again with [`of`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use minijinja::value::{Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use super::States;
use super::given::Everything;
use super::pattern::Patterns;
use crate::clock::Clock;

/// The longest text, in bytes, that a template may build or output.
pub(super) const MAX_TEXT: usize = 1 << 20;
/// What one rendering may work through: each byte of text and each list item (at [`ITEM_COST`]) counts once.
/// It bounds both memory and time; the largest templates of real producers need less than a thousandth.
pub(super) const WORK: usize = 16 << 20;
/// The price of one list item: about what it occupies in memory.
pub(super) const ITEM_COST: usize = 32;
/// The price of comparing two items.
pub(super) const COMPARE_COST: usize = 8;

/// The name under which functions find the frame. No template can write it.
const NAME: &str = "\u{0}frame";

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) value: Option<Value>,
    pub(super) value_json: Option<Value>,
    pub(super) others: Vec<(Box<str>, Value)>,
    pub(super) clock: Clock,
    pub(super) states: Option<Arc<dyn States>>,
    pub(super) patterns: Arc<Patterns>,
    pub(super) work_left: AtomicUsize,
    pub(super) saw_undefined: AtomicBool,
    pub(super) emitted: AtomicUsize,
}

impl Frame {
    /// Pays for `amount` bytes of work.
    pub(super) fn charge(&self, amount: usize) -> Result<(), Error> {
        let left = self.work_left.load(Ordering::Relaxed);
        match left.checked_sub(amount) {
            Some(left) => {
                self.work_left.store(left, Ordering::Relaxed);
                Ok(())
            }
            None => {
                self.work_left.store(0, Ordering::Relaxed);
                Err(Error::new(ErrorKind::OutOfFuel, "the template does too much work"))
            }
        }
    }

    /// Counts `bytes` of output, inside macros and blocks too.
    pub(super) fn emit(&self, bytes: usize) -> Result<(), Error> {
        let emitted = self.emitted.load(Ordering::Relaxed) + bytes;
        self.emitted.store(emitted, Ordering::Relaxed);
        if emitted > MAX_TEXT { Err(super::python::too_long()) } else { Ok(()) }
    }
}

impl Object for Frame {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "value" if self.value.is_some() => self.value.clone(),
            "value_json" if self.value_json.is_some() => self.value_json.clone(),
            NAME => Some(Value::from_dyn_object(self.clone())),
            _ => {
                let other = self.others.iter().find(|(name, _)| **name == *key);
                let other = other.map(|(_, value)| value.clone());
                // A variable of that name hides the house.
                match &self.states {
                    Some(states) if key == "states" && other.is_none() => {
                        Some(Value::from_object(Everything(Arc::clone(states))))
                    }
                    _ => other,
                }
            }
        }
    }
}

/// The frame of the rendering that `state` belongs to.
pub(super) fn of(state: &State) -> Result<Arc<Frame>, Error> {
    state
        .lookup(NAME)
        .and_then(|value| value.downcast_object::<Frame>())
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "rendered outside of a frame"))
}
