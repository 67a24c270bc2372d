//! The house as rules see it: states now, the sun, and templates that read them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp, Zoned};

use crate::automation::rule::{Expr, Named, native};
use crate::automation::{Calendar, sun};
use crate::clock::Clock;
use crate::home::entity::{Record, View};
use crate::home::rhythm::{Days, Rhythm};
use crate::home::value::{Attributes, Value};
use crate::json::to_json;
use crate::template::{Error, Given, Scope, States, Template, Told, Variable};

/// The sun, as an entity that rules may ask for.
pub(super) const SUN: &str = "sun.sun";

/// What rules may know of the house. Asked while the hub thinks: quick.
pub trait House: fmt::Debug + Send + Sync {
    /// An entity as it is now.
    fn record(&self, entity: &str) -> Option<Record>;

    /// The ids of all entities, or of those of a domain.
    fn ids(&self, domain: Option<&str>) -> Vec<String>;

    /// The ids of the entities in an area, by its id or name.
    fn ids_in(&self, area: &str) -> Vec<String>;

    /// The id and the name of the area in which an entity is.
    fn area_of(&self, entity: &str) -> Option<(String, String)>;
}

/// Variables by name.
pub(super) type Vars = BTreeMap<Arc<str>, Given>;

/// The house at one moment.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    pub(super) house: Arc<dyn House>,
    pub(super) calendar: Calendar,
    pub(super) now: Timestamp,
}

/// What a template asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Asked {
    /// Entities.
    pub(super) entities: BTreeSet<String>,
    /// Domains; `None` is all.
    pub(super) domains: BTreeSet<Option<String>>,
}

impl Sight {
    pub(super) fn zoned(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.calendar.zone.clone())
    }

    /// An entity as it is now.
    pub(super) fn record(&self, entity: &str) -> Option<Record> {
        match entity {
            SUN => self.house.record(SUN).or_else(|| self.sun()),
            entity => self.house.record(entity),
        }
    }

    /// The next sunrise or sunset after a moment.
    pub(super) fn next_sun(
        &self,
        is_rise: bool,
        offset_s: f64,
        after: Timestamp,
    ) -> Option<Timestamp> {
        let rhythm = Rhythm::Sun { days: Days::DAILY, is_rise, offset_s };
        self.calendar.next(rhythm, after).ok()
    }

    /// The sunrise or sunset of today.
    pub(super) fn sun_today(&self, is_rise: bool) -> Option<Timestamp> {
        sun::moment(self.zoned(self.now).date(), self.calendar.place?, is_rise)
    }

    fn sun(&self) -> Option<Record> {
        let (rise, set) = (self.next_sun(true, 0.0, self.now), self.next_sun(false, 0.0, self.now));
        let is_up = match (rise, set) {
            (Some(rise), Some(set)) => set < rise,
            _ => return None,
        };
        let mut attributes = Attributes::new();
        let word = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
        attributes.put_some("next_rising", rise.map(word));
        attributes.put_some("next_setting", set.map(word));
        if let Some(place) = self.calendar.place {
            let elevation = sun::elevation(self.now, place);
            attributes.put("elevation", (elevation * 100.0).round() / 100.0);
        }
        attributes.put("friendly_name", "Sun");
        let view =
            View { word: if is_up { "above_horizon" } else { "below_horizon" }.into(), attributes };
        Some(Record { view, changed_at: self.now, updated_at: self.now })
    }

    /// Renders a template; also says what it asked for.
    pub(super) fn text(&self, template: &Template, vars: &Vars) -> (Result<String, String>, Asked) {
        let look = Arc::new(Look { sight: self.clone(), asked: Mutex::default() });
        let states: Arc<dyn States> = Arc::clone(&look) as _;
        let clock = Clock::fixed(self.zoned(self.now));
        let scope = Scope { states: Some(&states), ..Scope::new("", &clock) };
        let variables: Vec<(&str, Variable<'_>)> =
            vars.iter().map(|(name, given)| (&**name, Variable::Given(given))).collect();
        let text = template.render_text(&variables, &scope);
        let text = text.map(|rendered| rendered.text).map_err(|error: Error| error.to_string());
        let asked = std::mem::take(&mut *look.asked.lock().unwrap_or_else(PoisonError::into_inner));
        (text, asked)
    }

    /// The value of a template.
    pub(super) fn template(&self, template: &Template, vars: &Vars) -> Result<Value, String> {
        self.text(template, vars).0.map(|text| native::native(&text))
    }

    /// The value of an expression.
    pub(super) fn value(&self, expr: &Expr, vars: &Vars) -> Result<Value, String> {
        Ok(match expr {
            Expr::Value(value) => value.clone(),
            Expr::Template(template) => self.template(template, vars)?,
            Expr::List(items) => Value::List(
                items.iter().map(|item| self.value(item, vars)).collect::<Result<_, _>>()?,
            ),
            Expr::Map(map) => Value::Map(
                map.iter()
                    .map(|(name, expr)| Ok((Arc::clone(name), self.value(expr, vars)?)))
                    .collect::<Result<_, String>>()?,
            ),
        })
    }

    /// A length of time.
    pub(super) fn length(&self, expr: &Expr, vars: &Vars) -> Result<SignedDuration, String> {
        let value = self.value(expr, vars)?;
        native::length(&value, false).ok_or_else(|| format!("not a length of time: {value:?}"))
    }

    /// Takes values in by name, in order: later ones may use earlier ones.
    pub(super) fn define(&self, named: &Named, vars: &mut Vars) -> Result<(), String> {
        for (name, expr) in named {
            let value =
                self.value(expr, vars).map_err(|why| format!("variable `{name}`: {why}"))?;
            vars.insert(Arc::clone(name), given(&value));
        }
        Ok(())
    }

    /// An entity for templates.
    pub(super) fn told(&self, entity: &str, record: &Record) -> Told {
        let View { word, attributes } = &record.view;
        let name = attributes.named("friendly_name").and_then(Value::as_str).unwrap_or(entity);
        Told {
            entity_id: entity.to_owned(),
            name: name.to_owned(),
            state: word.to_string(),
            attributes: attributes
                .iter()
                .map(|(name, value)| (name.to_owned(), to_json(value)))
                .collect(),
            changed: Some(self.zoned(record.changed_at)),
            updated: Some(self.zoned(record.updated_at)),
        }
    }
}

/// A plain value for templates.
pub(super) fn given(value: &Value) -> Given {
    Given::json(&to_json(value))
}

/// Looks states up for a template, and notes which.
#[derive(Debug)]
struct Look {
    sight: Sight,
    asked: Mutex<Asked>,
}

impl Look {
    fn note(&self, note: impl FnOnce(&mut Asked)) {
        note(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn record(&self, entity: &str) -> Option<Record> {
        self.note(|asked| {
            asked.entities.insert(entity.to_owned());
        });
        self.sight.record(entity)
    }
}

impl States for Look {
    fn state(&self, entity_id: &str) -> Option<String> {
        self.record(entity_id).map(|record| record.view.word.into_owned())
    }

    fn attribute(&self, entity_id: &str, name: &str) -> Option<serde_json::Value> {
        self.record(entity_id)?.view.attributes.named(name).map(to_json)
    }

    fn told(&self, entity_id: &str) -> Option<Told> {
        let record = self.record(entity_id)?;
        Some(self.sight.told(entity_id, &record))
    }

    fn ids(&self, domain: Option<&str>) -> Vec<String> {
        self.note(|asked| {
            asked.domains.insert(domain.map(str::to_owned));
        });
        self.sight.house.ids(domain)
    }

    fn ids_in(&self, area: &str) -> Vec<String> {
        self.sight.house.ids_in(area)
    }

    fn area_of(&self, entity_id: &str) -> Option<(String, String)> {
        self.sight.house.area_of(entity_id)
    }
}
