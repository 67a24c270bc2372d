//! Sirens: on or off, with a tone, a volume and a duration.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Context, check, on_off};
use crate::home::action::Refusal;
use crate::home::service::{Fields, Invalid, Service};
use crate::home::value::{Attributes, Value};

/// What a siren can do, beside ringing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Caps {
    /// Its tones; `None` when there is nothing to choose.
    pub tones: Option<Vec<Arc<str>>>,
    /// It can be told for how long.
    pub has_duration: bool,
    /// It can be told how loud.
    pub has_volume: bool,
}

/// What a siren is told, or tells, about its ringing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ringing {
    /// Tone.
    pub tone: Option<Arc<str>>,
    /// Seconds.
    pub duration: Option<u32>,
    /// Volume, 0 to 1.
    pub volume: Option<f64>,
}

/// What a siren is; the default is unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// Ringing or not.
    pub on: Option<bool>,
    /// How it rings or last rang.
    pub ringing: Ringing,
}

/// What one can wish of a siren.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Ring.
    TurnOn(Ringing),
    /// Be silent.
    TurnOff,
    /// The other one; becomes one of the above when accepted.
    Toggle,
}

/// Home Assistant's services of this domain.
pub const SERVICES: &[Service] = &[
    Service { name: "turn_on", fields: &["tone", "duration", "volume_level"] },
    Service { name: "turn_off", fields: &[] },
    Service { name: "toggle", fields: &[] },
];

/// Reads a service call.
///
/// # Errors
/// See [`Invalid`].
pub fn action(service: &str, mut fields: Fields) -> Result<Action, Invalid> {
    let action = match service {
        "turn_on" => Action::TurnOn(Ringing {
            tone: fields.text("tone")?,
            duration: fields
                .number("duration", 0.0..=f64::from(u32::MAX), "seconds")?
                .map(|seconds| seconds as u32),
            volume: fields.number("volume_level", 0.0..=1.0, "a number from 0 to 1")?,
        }),
        "turn_off" => Action::TurnOff,
        "toggle" => Action::Toggle,
        _ => return Err(Invalid::NoSuchService),
    };
    fields.finish()?;
    Ok(action)
}

impl Caps {
    /// Home Assistant's `supported_features`.
    pub fn features(&self) -> Option<u32> {
        let mut features = 1 | 2;
        for (bit, has_it) in
            [(4, self.tones.is_some()), (8, self.has_volume), (16, self.has_duration)]
        {
            if has_it {
                features |= bit;
            }
        }
        Some(features)
    }

    /// What is shown even while the entity is unavailable.
    pub fn attributes(&self, out: &mut Attributes) {
        out.put_some("available_tones", self.tones.as_ref().map(Value::texts));
    }

    /// The action as this entity does it in this state; what the siren has no ability for is left
    /// out, as in Home Assistant.
    ///
    /// # Errors
    /// A [`Refusal`] when it has no such tone.
    pub fn accept(&self, action: Action, state: &State, _: &Context) -> Result<Action, Refusal> {
        Ok(match action {
            Action::Toggle if state.on == Some(true) => Action::TurnOff,
            Action::Toggle => Action::TurnOn(Ringing::default()),
            Action::TurnOn(ringing) => {
                let tone = match (&self.tones, ringing.tone) {
                    (Some(tones), Some(tone)) => Some(check::option("tone", &tone, tones)?),
                    (None, _) | (_, None) => None,
                };
                Action::TurnOn(Ringing {
                    tone,
                    duration: ringing.duration.filter(|_| self.has_duration),
                    volume: ringing.volume.filter(|_| self.has_volume),
                })
            }
            Action::TurnOff => Action::TurnOff,
        })
    }
}

impl State {
    /// The main value in Home Assistant's word; `None` is unknown.
    pub fn word(&self, _: &Caps) -> Option<Cow<'_, str>> {
        self.on.map(on_off)
    }

    /// What else is shown while the entity is available.
    pub fn attributes(&self, caps: &Caps, out: &mut Attributes) {
        if caps.has_duration {
            out.put("duration", self.ringing.duration);
        }
        if caps.tones.is_some() {
            out.put("tone", self.ringing.tone.as_ref());
        }
        if caps.has_volume {
            out.put("volume_level", self.ringing.volume);
        }
    }

    /// Whether this state, reported by the device, fulfils the wish.
    pub fn confirms(&self, action: &Action) -> bool {
        match action {
            Action::TurnOn(_) => self.on == Some(true),
            Action::TurnOff => self.on == Some(false),
            Action::Toggle => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_siren_is_told_only_what_it_can_do() {
        let all = Ringing { tone: Some("fire".into()), duration: Some(5), volume: Some(0.5) };
        let able = Caps { tones: Some(vec!["fire".into()]), has_duration: true, has_volume: true };
        let wish = Action::TurnOn(all.clone());
        for (caps, action, accepted) in [
            (able.clone(), wish.clone(), Ok(wish.clone())),
            (Caps::default(), wish.clone(), Ok(Action::TurnOn(Ringing::default()))),
            (able.clone(), Action::Toggle, Ok(Action::TurnOn(Ringing::default()))),
        ] {
            assert_eq!(caps.accept(action, &State::default(), &Context::default()), accepted);
        }
        let wrong = Action::TurnOn(Ringing { tone: Some("flood".into()), ..all });
        assert!(able.accept(wrong, &State::default(), &Context::default()).is_err());
    }
}
