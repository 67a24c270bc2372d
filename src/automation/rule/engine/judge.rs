//! Whether conditions hold.

use std::sync::Arc;

use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp};

use super::sight::{Sight, Vars};
use crate::automation::rule::condition::{Condition, Kind, Sun};
use crate::automation::rule::native;
use crate::automation::rule::read::is_entity_id;
use crate::automation::rule::trigger::{At, Bound, Match, Range};
use crate::home::entity::Record;
use crate::home::value::Value;

/// What is known where a condition is looked at.
pub(super) struct Judge<'a> {
    pub(super) sight: &'a Sight,
    pub(super) vars: &'a Vars,
    /// The id of the trigger.
    pub(super) trigger: &'a str,
}

impl Judge<'_> {
    /// Whether all hold. One that cannot be told is an error, if the others hold.
    pub(super) fn all(&self, conditions: &[Condition]) -> Result<bool, String> {
        let mut unsure = None;
        for condition in conditions.iter().filter(|condition| condition.is_enabled) {
            match self.holds(condition) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(why) => unsure = unsure.or(Some(why)),
            }
        }
        unsure.map_or(Ok(true), Err)
    }

    fn any(&self, conditions: &[Condition]) -> Result<bool, String> {
        let mut unsure = None;
        for condition in conditions.iter().filter(|condition| condition.is_enabled) {
            match self.holds(condition) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(why) => unsure = unsure.or(Some(why)),
            }
        }
        unsure.map_or(Ok(false), Err)
    }

    /// Whether one holds.
    pub(super) fn holds(&self, condition: &Condition) -> Result<bool, String> {
        match &condition.kind {
            Kind::And(all) => self.all(all),
            Kind::Or(any) => self.any(any),
            Kind::Not(none) => self.any(none).map(|any| !any),
            Kind::State { entities, attribute, states, length, is_any } => {
                let length = match length {
                    Some(length) => Some(self.sight.length(length, self.vars)?),
                    None => None,
                };
                let attribute = attribute.as_deref();
                for entity in entities {
                    let record = self.record(entity)?;
                    if self.is_so(&record, attribute, states, length)? == *is_any {
                        return Ok(*is_any);
                    }
                }
                Ok(!is_any)
            }
            Kind::Numeric(range) => {
                for entity in &range.entities {
                    let record = self.record(entity)?;
                    if !in_range(self.sight, self.vars, range, entity, &record)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Kind::Time { after, before, days } => self.time(after.as_ref(), before.as_ref(), *days),
            Kind::Sun { after, before } => self.sun(*after, *before),
            Kind::Template(template) => {
                self.sight.template(template, self.vars).map(|value| native::is_true(&value))
            }
            Kind::Trigger(ids) => Ok(ids.iter().any(|id| **id == *self.trigger)),
            Kind::Never => Ok(false),
        }
    }

    fn record(&self, entity: &str) -> Result<Record, String> {
        self.sight.record(entity).ok_or_else(|| format!("no entity `{entity}`"))
    }

    fn is_so(
        &self,
        record: &Record,
        attribute: Option<&str>,
        states: &[Value],
        length: Option<SignedDuration>,
    ) -> Result<bool, String> {
        let Some(value) = value_of(record, attribute) else { return Ok(false) };
        let mut is_so = false;
        for state in states {
            // The state may be that of another entity.
            let other = match state.as_str().filter(|text| is_entity_id(text)) {
                Some(id) => self.sight.record(id).map(|other| Value::from(&*other.view.word)),
                None => None,
            };
            is_so |= is_same(&value, other.as_ref().unwrap_or(state), attribute.is_some());
        }
        Ok(match length {
            // At the very moment it has lasted so long.
            Some(length) if is_so => self.sight.now.duration_since(record.changed_at) >= length,
            _ => is_so,
        })
    }

    fn time(
        &self,
        after: Option<&At>,
        before: Option<&At>,
        days: Option<crate::home::rhythm::Days>,
    ) -> Result<bool, String> {
        let now = self.sight.zoned(self.sight.now);
        if days.is_some_and(|days| !days.has(now.weekday().to_monday_zero_offset().unsigned_abs()))
        {
            return Ok(false);
        }
        let after = after.map(|at| self.time_of_day(at)).transpose()?;
        let before = before.map(|at| self.time_of_day(at)).transpose()?;
        let time = now.time();
        Ok(match (after, before) {
            (None, None) => true,
            (Some(after), None) => time >= after,
            (None, Some(before)) => time < before,
            (Some(after), Some(before)) if after < before => after <= time && time < before,
            // Over midnight.
            (Some(after), Some(before)) => !(before <= time && time < after),
        })
    }

    fn time_of_day(&self, at: &At) -> Result<Time, String> {
        match at {
            At::Clock(second) => Ok(clock(*second)),
            At::Entity { id, .. } => match said(&self.record(id)?) {
                Some(Said::Clock(second)) => Ok(clock(second)),
                Some(Said::Moment(at)) => Ok(self.sight.zoned(at).time()),
                None => Err(format!("`{id}` says no time")),
            },
        }
    }

    fn sun(&self, after: Option<Sun>, before: Option<Sun>) -> Result<bool, String> {
        let now = self.sight.now;
        let moment = |sun: Sun| {
            let offset = SignedDuration::from_secs_f64(sun.offset_s);
            self.sight.sun_today(sun.is_rise)?.checked_add(offset).ok()
        };
        if self.sight.calendar.place.is_none() {
            return Err("the house does not know where it is".to_owned());
        }
        // What is not today is neither before nor after.
        let is_after = after.map(|sun| moment(sun).is_some_and(|at| now >= at));
        let is_before = before.map(|sun| moment(sun).is_some_and(|at| now <= at));
        Ok(match (after, before) {
            // The night has a morning and an evening.
            (Some(Sun { is_rise: false, .. }), Some(Sun { is_rise: true, .. })) => {
                is_after == Some(true) || is_before == Some(true)
            }
            _ => is_after.unwrap_or(true) && is_before.unwrap_or(true),
        })
    }
}

fn clock(second: u32) -> Time {
    let part = |part: u32| i8::try_from(part).unwrap_or(0);
    Time::new(part(second / 3_600), part(second / 60 % 60), part(second % 60), 0)
        .unwrap_or_default()
}

/// When an entity says.
pub(super) enum Said {
    /// A time of day, in seconds since midnight.
    Clock(u32),
    /// A moment.
    Moment(Timestamp),
}

/// What time an entity says, if it does.
pub(super) fn said(record: &Record) -> Option<Said> {
    let word = &*record.view.word;
    if let Some(second) = native::time_of_day(word) {
        return Some(Said::Clock(second));
    }
    word.parse().ok().map(Said::Moment)
}

/// The state or an attribute.
pub(super) fn value_of(record: &Record, attribute: Option<&str>) -> Option<Value> {
    match attribute {
        None => Some(Value::from(&*record.view.word)),
        Some(name) => record.view.attributes.named(name).cloned(),
    }
}

/// Whether a value is as wished. States are texts; attributes are whatever they are.
pub(super) fn is_same(value: &Value, wished: &Value, is_attribute: bool) -> bool {
    if value == wished {
        return true;
    }
    match (value.as_f64(), wished.as_f64()) {
        (Some(value), Some(wished)) if is_attribute => return value == wished,
        _ => {}
    }
    // `to: on` without quotes is a truth to some writers of YAML.
    if let (Value::Text(text), Value::Bool(truth)) = (value, wished) {
        return &**text == if *truth { "on" } else { "off" } && !is_attribute;
    }
    let words: (Option<Arc<str>>, Option<Arc<str>>) = (native::word(value), native::word(wished));
    matches!(words, (Some(value), Some(wished)) if value == wished)
}

/// Whether a value is one of those meant.
pub(super) fn fits(meant: &Match, value: Option<&Value>, is_attribute: bool) -> bool {
    let among = |values: &[Value]| match value {
        Some(value) => values.iter().any(|wished| is_same(value, wished, is_attribute)),
        None => false,
    };
    match meant {
        Match::Unsaid | Match::Any => true,
        Match::OneOf(values) => among(values),
        Match::NoneOf(values) => !among(values),
    }
}

/// Whether a number is in a range. An error where it cannot be told.
pub(super) fn in_range(
    sight: &Sight,
    vars: &Vars,
    range: &Range,
    entity: &str,
    record: &Record,
) -> Result<bool, String> {
    let value = match &range.value {
        Some(template) => {
            let mut vars = vars.clone();
            vars.insert("state".into(), crate::template::Given::state(sight.told(entity, record)));
            sight.template(template, &vars)?
        }
        None => match value_of(record, range.attribute.as_deref()) {
            Some(value) => value,
            None => return Ok(false),
        },
    };
    if is_nothing(&value) {
        return Ok(false);
    }
    let number = native::number(&value)
        .ok_or_else(|| format!("`{entity}` is no number: {}", record.view.word))?;
    let bound = |bound: &Bound| -> Result<Option<f64>, String> {
        match bound {
            Bound::Number(number) => Ok(Some(*number)),
            Bound::Entity(id) => {
                let record = sight.record(id).ok_or_else(|| format!("no entity `{id}`"))?;
                let value = Value::from(&*record.view.word);
                if is_nothing(&value) {
                    return Ok(None);
                }
                native::number(&value).map(Some).ok_or_else(|| format!("`{id}` is no number"))
            }
        }
    };
    for (side, is_above) in [(&range.above, true), (&range.below, false)] {
        let Some(side) = side else { continue };
        let is_in = bound(side)?.is_some_and(|bound| match is_above {
            true => number > bound,
            false => number < bound,
        });
        if !is_in {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Null) || matches!(value.as_str(), Some("unknown" | "unavailable"))
}
