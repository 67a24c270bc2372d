//! The keys of a map, each taken once: what nobody took is not known.

use std::sync::Arc;

use crate::home::value::Value;

/// A map that is being read.
pub(super) struct Keys<'v> {
    map: &'v [(Arc<str>, Value)],
    taken: Vec<bool>,
}

impl<'v> Keys<'v> {
    /// `None` if it is no map.
    pub(super) fn of(value: &'v Value) -> Option<Self> {
        match value {
            Value::Map(map) => Some(Self { map, taken: vec![false; map.len()] }),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_) => None,
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.map.iter().any(|(known, _)| &**known == name)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<&'v Value> {
        let at = self.map.iter().position(|(known, _)| &**known == name)?;
        *self.taken.get_mut(at)? = true;
        self.map.get(at).map(|(_, value)| value)
    }

    /// The newer spelling or the older.
    pub(super) fn either<'n>(
        &mut self,
        newer: &'n str,
        older: &'n str,
    ) -> Option<(&'n str, &'v Value)> {
        match self.take(newer) {
            Some(value) => Some((newer, value)),
            None => self.take(older).map(|value| (older, value)),
        }
    }

    pub(super) fn left(&self) -> Vec<&'v str> {
        let left = self.map.iter().zip(&self.taken).filter(|(_, taken)| !**taken);
        left.map(|((name, _), _)| &**name).collect()
    }
}
