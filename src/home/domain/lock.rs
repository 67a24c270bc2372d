//! Locks: locked or not, on the way there, jammed, open; perhaps with a code.

use std::borrow::Cow;
use std::sync::Arc;

use regex::RegexBuilder;

use super::{Context, check};
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// The largest compiled form, in bytes, of a producer's pattern for codes.
const MAX_PATTERN: usize = 100_000;

/// What a lock can do, beside locking and unlocking.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// It can open the latch.
    pub can_open: bool,
    /// The pattern that a code must match from its start; `None` when it takes no code.
    pub code_format: Option<Arc<str>>,
}

/// How a lock is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bolt {
    /// Stuck.
    Jammed,
    /// Bolt out.
    Locked,
    /// Moving out.
    Locking,
    /// The latch is open.
    Open,
    /// The latch is opening.
    Opening,
    /// Bolt in.
    Unlocked,
    /// Moving in.
    Unlocking,
}

impl Bolt {
    /// Home Assistant's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Jammed => "jammed",
            Self::Locked => "locked",
            Self::Locking => "locking",
            Self::Open => "open",
            Self::Opening => "opening",
            Self::Unlocked => "unlocked",
            Self::Unlocking => "unlocking",
        }
    }
}

/// What a lock is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// How it is, if known.
    pub bolt: Option<Bolt>,
}

/// What one can wish of a lock; a code is sent along if one is given.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Lock it.
    Lock(Option<Arc<str>>),
    /// Unlock it.
    Unlock(Option<Arc<str>>),
    /// Open the latch.
    Open(Option<Arc<str>>),
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[
    Service { name: "lock", fields: &["code"] },
    Service { name: "unlock", fields: &["code"] },
    Service { name: "open", fields: &["code"] },
];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    let make = match service {
        "lock" => Action::Lock,
        "unlock" => Action::Unlock,
        "open" => Action::Open,
        _ => return Err(Invalid::NoSuchService),
    };
    let code = fields.text("code")?.filter(|code| !code.is_empty());
    fields.finish()?;
    Ok(make(code))
}

impl Caps {
    /// Home Assistant's `supported_features`.
    pub fn features(&self) -> Option<u32> {
        Some(u32::from(self.can_open))
    }

    /// What is shown even while the entity is unavailable.
    pub fn attributes(&self, _: &mut Attributes) {}

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot.
    pub fn accept(&self, action: Action, _: &State, _: &Context) -> Result<Action, Refusal> {
        let (Action::Lock(code) | Action::Unlock(code) | Action::Open(code)) = &action;
        if matches!(action, Action::Open(_)) {
            check::ability(self.can_open, "open")?;
        }
        if let Some(pattern) = &self.code_format {
            let has_code = code.is_some();
            if !matches_from_start(pattern, code.as_deref().unwrap_or_default()) {
                return Err(if has_code { Refusal::WrongCode } else { Refusal::NeedsCode });
            }
        }
        Ok(action)
    }
}

/// Whether a text begins with what the pattern says, as Python's `re.match`. A pattern that cannot
/// be understood lets everything pass: the lock itself decides.
fn matches_from_start(pattern: &str, text: &str) -> bool {
    RegexBuilder::new(&format!("^(?:{pattern})"))
        .size_limit(MAX_PATTERN)
        .build()
        .map_or(true, |regex| regex.is_match(text))
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.bolt.map(|bolt| Cow::Borrowed(bolt.word()))
    }

    /// What else is shown while the entity is available.
    pub fn attributes(&self, caps: &Caps, out: &mut Attributes) {
        out.put_some("code_format", caps.code_format.as_ref());
    }

    /// Whether this state, reported by the device, fulfils the wish.
    pub fn confirms(&self, action: &Action) -> bool {
        match action {
            Action::Lock(_) => self.bolt == Some(Bolt::Locked),
            Action::Unlock(_) => matches!(self.bolt, Some(Bolt::Unlocked | Bolt::Open)),
            Action::Open(_) => self.bolt == Some(Bolt::Open),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_must_have_the_form_that_the_lock_demands() {
        let caps =
            |format: Option<&str>| Caps { can_open: false, code_format: format.map(Into::into) };
        for (format, code, refusal) in [
            (None, None, None),
            (None, Some("12"), None),
            (Some(r"^\d{4}$"), Some("1234"), None),
            (Some(r"^\d{4}$"), Some("123"), Some(Refusal::WrongCode)),
            (Some(r"^\d{4}$"), None, Some(Refusal::NeedsCode)),
            (Some(r"\d{4}"), Some("12345"), None),
            (Some(r"\d{4}"), Some("x1234"), Some(Refusal::WrongCode)),
            (Some(r"a|b"), Some("xb"), Some(Refusal::WrongCode)),
            (Some("(?<=a)("), Some("x"), None),
        ] {
            let action = Action::Unlock(code.map(Into::into));
            let result = caps(format).accept(action, &State::default(), &Context::default());
            assert_eq!(result.err(), refusal, "{format:?} {code:?}");
        }
    }

    #[test]
    fn only_a_lock_with_a_latch_opens() {
        let refused =
            Caps::default().accept(Action::Open(None), &State::default(), &Context::default());
        assert_eq!(refused, Err(Refusal::CannotDo("open")));
    }
}
