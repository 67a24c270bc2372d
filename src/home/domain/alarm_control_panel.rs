//! Alarm systems: armed in some way, disarmed, triggered; a code may be needed.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Context, check};
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::Attributes;

/// A way of being armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arming {
    /// People are at home.
    Home,
    /// Nobody is there.
    Away,
    /// People sleep.
    Night,
    /// Nobody is there for long.
    Vacation,
    /// Some sensors do not count.
    CustomBypass,
}

impl Arming {
    /// All.
    pub const ALL: [Self; 5] =
        [Self::Home, Self::Away, Self::Night, Self::Vacation, Self::CustomBypass];

    /// Home Assistant's word for the ability.
    pub fn word(self) -> &'static str {
        match self {
            Self::Home => "arm_home",
            Self::Away => "arm_away",
            Self::Night => "arm_night",
            Self::Vacation => "arm_vacation",
            Self::CustomBypass => "arm_custom_bypass",
        }
    }

    /// Home Assistant's bit in `supported_features`.
    fn bit(self) -> u32 {
        match self {
            Self::Home => 1,
            Self::Away => 2,
            Self::Night => 4,
            Self::CustomBypass => 16,
            Self::Vacation => 32,
        }
    }
}

/// How an alarm system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// It watches nothing.
    Disarmed,
    /// It watches.
    Armed(Arming),
    /// About to ring, unless it is disarmed.
    Pending,
    /// Being armed.
    Arming,
    /// Being disarmed.
    Disarming,
    /// It rings.
    Triggered,
}

impl Alarm {
    /// All.
    pub const ALL: [Self; 10] = [
        Self::Disarmed,
        Self::Armed(Arming::Home),
        Self::Armed(Arming::Away),
        Self::Armed(Arming::Night),
        Self::Armed(Arming::Vacation),
        Self::Armed(Arming::CustomBypass),
        Self::Pending,
        Self::Arming,
        Self::Disarming,
        Self::Triggered,
    ];

    /// Home Assistant's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Disarmed => "disarmed",
            Self::Armed(Arming::Home) => "armed_home",
            Self::Armed(Arming::Away) => "armed_away",
            Self::Armed(Arming::Night) => "armed_night",
            Self::Armed(Arming::Vacation) => "armed_vacation",
            Self::Armed(Arming::CustomBypass) => "armed_custom_bypass",
            Self::Pending => "pending",
            Self::Arming => "arming",
            Self::Disarming => "disarming",
            Self::Triggered => "triggered",
        }
    }

    /// Of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alarm| alarm.word() == word)
    }
}

/// Who checks a code, and how.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Code {
    /// No code was announced.
    #[default]
    None,
    /// The code itself; it is compared here.
    Known(Arc<str>),
    /// The device checks it; only digits.
    RemoteNumber,
    /// The device checks it; any text.
    RemoteText,
}

impl Code {
    /// What a panel lets people type: `number`, `text`, or nothing.
    pub fn format(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::RemoteNumber => Some("number"),
            Self::RemoteText => Some("text"),
            Self::Known(code) => {
                let is_number = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
                Some(if is_number { "number" } else { "text" })
            }
        }
    }
}

/// What an alarm system can do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// Its ways of being armed.
    pub armings: Vec<Arming>,
    /// It can be set off.
    pub can_trigger: bool,
    /// Its code.
    pub code: Code,
    /// A code is needed to arm.
    pub needs_code_to_arm: bool,
    /// A code is needed to disarm.
    pub needs_code_to_disarm: bool,
    /// A code is needed to set it off.
    pub needs_code_to_trigger: bool,
}

/// What an alarm system is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// How it is, if known.
    pub alarm: Option<Alarm>,
}

/// What one can wish of an alarm system, with the code if one was given.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Arm it.
    Arm(Arming, Option<Arc<str>>),
    /// Disarm it.
    Disarm(Option<Arc<str>>),
    /// Set it off.
    Trigger(Option<Arc<str>>),
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[
    Service { name: "alarm_arm_home", fields: &["code"] },
    Service { name: "alarm_arm_away", fields: &["code"] },
    Service { name: "alarm_arm_night", fields: &["code"] },
    Service { name: "alarm_arm_vacation", fields: &["code"] },
    Service { name: "alarm_arm_custom_bypass", fields: &["code"] },
    Service { name: "alarm_disarm", fields: &["code"] },
    Service { name: "alarm_trigger", fields: &["code"] },
];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    let code = fields.text("code")?.filter(|code| !code.is_empty());
    let action = match service.strip_prefix("alarm_") {
        Some("disarm") => Action::Disarm(code),
        Some("trigger") => Action::Trigger(code),
        Some(word) => {
            let arming = Arming::ALL.into_iter().find(|arming| arming.word() == word);
            Action::Arm(arming.ok_or(Invalid::NoSuchService)?, code)
        }
        None => return Err(Invalid::NoSuchService),
    };
    fields.finish()?;
    Ok(action)
}

impl Caps {
    /// Home Assistant's `supported_features`.
    pub fn features(&self) -> Option<u32> {
        let armings = self.armings.iter().fold(0, |bits, arming| bits | arming.bit());
        Some(armings | if self.can_trigger { 8 } else { 0 })
    }

    /// What is shown even while the entity is unavailable.
    pub fn attributes(&self, _: &mut Attributes) {}

    /// The action as this entity does it in this state.
    ///
    /// # Errors
    /// A [`Refusal`] when it cannot, or when the code is missing or wrong.
    pub fn accept(&self, action: Action, _: &State, _: &Context) -> Result<Action, Refusal> {
        match &action {
            Action::Arm(arming, code) => {
                check::ability(self.armings.contains(arming), arming.word())?;
                // Asked for even where any code will do, as in Home Assistant.
                if self.needs_code_to_arm && code.is_none() {
                    return Err(Refusal::NeedsCode);
                }
                self.check_code(self.needs_code_to_arm, code.as_ref())?;
            }
            Action::Disarm(code) => self.check_code(self.needs_code_to_disarm, code.as_ref())?,
            Action::Trigger(code) => {
                check::ability(self.can_trigger, "trigger")?;
                self.check_code(self.needs_code_to_trigger, code.as_ref())?;
            }
        }
        Ok(action)
    }

    fn check_code(&self, is_needed: bool, code: Option<&Arc<str>>) -> Result<(), Refusal> {
        if !is_needed || self.code == Code::None {
            return Ok(());
        }
        let code = code.ok_or(Refusal::NeedsCode)?;
        match &self.code {
            Code::Known(known) if known != code => Err(Refusal::WrongCode),
            Code::None | Code::Known(_) | Code::RemoteNumber | Code::RemoteText => Ok(()),
        }
    }
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.alarm.map(|alarm| Cow::Borrowed(alarm.word()))
    }

    /// What else is shown while the entity is available.
    pub fn attributes(&self, caps: &Caps, out: &mut Attributes) {
        out.put("code_format", caps.code.format());
        out.put("changed_by", None::<&str>);
        out.put("code_arm_required", caps.needs_code_to_arm);
    }

    /// Whether this state, reported by the device, fulfils the wish: an alarm system takes its
    /// time to arm.
    pub fn confirms(&self, action: &Action) -> bool {
        match action {
            Action::Arm(arming, _) => {
                matches!(self.alarm, Some(Alarm::Arming))
                    || self.alarm == Some(Alarm::Armed(*arming))
            }
            Action::Disarm(_) => {
                matches!(self.alarm, Some(Alarm::Disarmed | Alarm::Disarming))
            }
            Action::Trigger(_) => matches!(self.alarm, Some(Alarm::Triggered | Alarm::Pending)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_asked_for_where_it_is_needed() {
        let code = |code: &str| Some(Arc::<str>::from(code));
        let arm = |code| Action::Arm(Arming::Home, code);
        let with = |code: Code, arm, disarm| Caps {
            armings: vec![Arming::Home],
            code,
            needs_code_to_arm: arm,
            needs_code_to_disarm: disarm,
            ..Caps::default()
        };
        for (caps, action, refusal) in [
            (with(Code::None, true, true), arm(None), Some(Refusal::NeedsCode)),
            (with(Code::None, true, true), arm(code("9")), None),
            (with(Code::None, true, true), Action::Disarm(None), None),
            (with(Code::None, false, true), arm(None), None),
            (with(Code::Known("12".into()), true, true), arm(code("12")), None),
            (with(Code::Known("12".into()), true, true), arm(code("13")), Some(Refusal::WrongCode)),
            (
                with(Code::Known("12".into()), false, true),
                Action::Disarm(None),
                Some(Refusal::NeedsCode),
            ),
            (with(Code::Known("12".into()), false, false), Action::Disarm(None), None),
            (with(Code::RemoteNumber, true, true), Action::Disarm(code("1")), None),
            (with(Code::RemoteText, true, true), Action::Disarm(None), Some(Refusal::NeedsCode)),
            (
                with(Code::None, false, false),
                Action::Arm(Arming::Away, None),
                Some(Refusal::CannotDo("arm_away")),
            ),
            (
                with(Code::None, false, false),
                Action::Trigger(None),
                Some(Refusal::CannotDo("trigger")),
            ),
        ] {
            let result = caps.accept(action.clone(), &State::default(), &Context::default());
            assert_eq!(result.err(), refusal, "{caps:?} {action:?}");
        }
    }

    #[test]
    fn a_panel_offers_keys_that_fit_the_code() {
        for (code, format) in [
            (Code::None, None),
            (Code::Known("1234".into()), Some("number")),
            (Code::Known("12ab".into()), Some("text")),
            (Code::RemoteNumber, Some("number")),
            (Code::RemoteText, Some("text")),
        ] {
            assert_eq!(code.format(), format);
        }
    }
}
