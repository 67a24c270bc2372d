//! A home of an evaluation: its file, and the house with its simulated devices made from it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::Value as Json;

use super::device::{Device, Manner};
use super::keys::{Keys, Wrong, duration};
use crate::config;
use crate::home::domain::{Caps, Domain, State, sensor};
use crate::home::entity::{Announcement, Availability, Category, Naming, Producer, Source, Traits};
use crate::home::id::{AreaId, EntityId, FloorId, Handle};
use crate::home::place::{Area, Floor};
use crate::home::{EntityEdit, Home, Report};

/// The moment at which a test begins, unless its home says otherwise: an evening in November.
const NOW: &str = "2026-11-18T18:30";
/// How long ago a device last changed, unless said otherwise.
const SINCE: Duration = Duration::from_secs(3 * 3_600);

/// A home as its file describes it.
#[derive(Debug, Clone)]
pub(super) struct House {
    /// The file's name without its ending.
    pub(super) id: String,
    pub(super) settings: Settings,
    /// When its tests begin.
    pub(super) now: Zoned,
    floors: Vec<Floor>,
    areas: Vec<Area>,
    entities: Vec<Thing>,
}

/// What the daemon's configuration would say of the home.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    name: String,
    pub(super) languages: Vec<String>,
    position: Option<(f64, f64)>,
}

#[derive(Debug, Clone)]
struct Thing {
    id: EntityId,
    domain: Domain,
    name: String,
    aliases: Vec<String>,
    area: Option<AreaId>,
    traits: Traits,
    is_enabled: bool,
    since: Since,
    device: Device,
}

#[derive(Debug, Clone, Copy)]
enum Since {
    Ago(Duration),
    At(jiff::civil::Time),
}

/// The devices of a house, by the handles under which they were announced.
pub(super) type Devices = BTreeMap<Handle, (EntityId, Device)>;

impl House {
    /// Reads a home's file.
    pub(super) fn read(id: &str, file: &str, json: Json) -> Result<Self, Wrong> {
        let mut keys = Keys::new(file, json)?;
        let zone = keys.text("time_zone")?.unwrap_or_else(|| "Europe/Paris".to_owned());
        let zone = TimeZone::get(&zone).map_err(|error| keys.wrong(error.to_string()))?;
        let now = keys.text("now")?.unwrap_or_else(|| NOW.to_owned());
        let now: DateTime = now.parse().map_err(|_| keys.wrong("`now` must be a date and time"))?;
        let now = now.to_zoned(zone).map_err(|error| keys.wrong(error.to_string()))?;
        let mut languages = keys.texts("languages")?;
        if let Some(first) = keys.text("language")? {
            languages.retain(|code| *code != first);
            languages.insert(0, first);
        }
        if languages.is_empty() {
            languages.push("en".to_owned());
        }
        let position = match keys.take("position") {
            None => None,
            Some(json) => match json.as_array().map(Vec::as_slice) {
                Some([latitude, longitude]) => latitude.as_f64().zip(longitude.as_f64()),
                _ => return Err(keys.wrong("`position` must be [latitude, longitude]")),
            },
        };
        let name = keys.text("name")?.unwrap_or_else(|| id.to_owned());
        let floors = keys.list("floors")?.into_iter().map(floor).collect::<Result<_, _>>()?;
        let areas = keys.list("areas")?.into_iter().map(area).collect::<Result<_, _>>()?;
        let entities = keys.list("entities")?.into_iter().map(thing).collect::<Result<_, _>>()?;
        keys.finish()?;
        let settings = Settings { name, languages, position };
        let house = Self { id: id.to_owned(), settings, now, floors, areas, entities };
        house.check(file)?;
        Ok(house)
    }

    /// Every id once, every room known.
    fn check(&self, file: &str) -> Result<(), Wrong> {
        let wrong = |what: String| Wrong { place: file.to_owned(), what };
        let mut seen = std::collections::BTreeSet::new();
        for thing in &self.entities {
            if !seen.insert(&thing.id) {
                return Err(wrong(format!("`{}` is there twice", thing.id)));
            }
            let area = thing.area.as_ref();
            if let Some(area) = area.filter(|id| !self.areas.iter().any(|area| area.id == **id)) {
                return Err(wrong(format!("`{}` is in the unknown room `{area}`", thing.id)));
            }
        }
        for area in &self.areas {
            let floor = area.floor.as_ref();
            if let Some(floor) = floor.filter(|id| !self.floors.iter().any(|f| f.id == **id)) {
                return Err(wrong(format!("`{}` is on the unknown floor `{floor}`", area.id)));
            }
        }
        Ok(())
    }

    /// Whether there is such an entity.
    pub(super) fn has(&self, id: &str) -> bool {
        self.entities.iter().any(|thing| thing.id.as_str() == id)
    }

    /// How many entities it has.
    pub(super) fn n_entities(&self) -> usize {
        self.entities.len()
    }

    /// The ids of a domain (`*` for all) in a room or on a floor.
    pub(super) fn ids(&self, domain: &str, place: Option<&str>) -> Vec<EntityId> {
        let is_there = |thing: &&Thing| {
            let Some(place) = place else { return true };
            let area = thing.area.as_ref();
            let area = area.and_then(|id| self.areas.iter().find(|area| area.id == *id));
            area.is_some_and(|area| {
                area.id.as_str() == place
                    || area.floor.as_ref().is_some_and(|floor| floor.as_str() == place)
            })
        };
        let is_of = |thing: &&Thing| domain == "*" || thing.domain.word() == domain;
        self.entities.iter().filter(is_of).filter(is_there).map(|thing| thing.id.clone()).collect()
    }

    /// What the daemon's configuration would say of it.
    pub(super) fn config(&self) -> config::Home {
        let mut home = config::Config::new().home;
        home.name = self.settings.name.clone();
        home.language = self.settings.languages.first().cloned().unwrap_or_default();
        home.languages = self.settings.languages.clone();
        home.position = self.settings.position.map(|(latitude, longitude)| config::Position {
            latitude,
            longitude,
            elevation: 0.0,
        });
        home.time_zone = self.now.time_zone().clone();
        home
    }

    /// The house at this moment, and its devices. `overrides` are what a test says of states.
    pub(super) fn build(
        &self,
        now: &Zoned,
        overrides: &BTreeMap<String, Json>,
    ) -> Result<(Home, Devices), Wrong> {
        let mut home = Home::new();
        for floor in &self.floors {
            home.put_floor(floor.clone());
        }
        for area in &self.areas {
            let place = || self.id.clone();
            let refused = |refusal| Wrong { place: place(), what: format!("{refusal}") };
            home.put_area(area.clone()).map_err(refused)?;
        }
        let mut devices = Devices::new();
        for (n, thing) in self.entities.iter().enumerate() {
            let handle = Handle(u32::try_from(n).unwrap_or(u32::MAX));
            let mut device = thing.device.clone();
            let mut since = thing.since;
            if let Some(json) = overrides.get(thing.id.as_str()) {
                let place = format!("{}: {}", self.id, thing.id);
                let json = match json {
                    Json::Object(_) => json.clone(),
                    word => serde_json::json!({ "state": word }),
                };
                let mut keys = Keys::new(place, json)?;
                if let Some(said) = self::since(&mut keys)? {
                    since = said;
                }
                device.set(&mut keys)?;
                keys.finish()?;
            }
            announce(&mut home, handle, thing, &device, now, since);
            devices.insert(handle, (thing.id.clone(), device));
        }
        Ok((home, devices))
    }
}

fn announce(
    home: &mut Home,
    handle: Handle,
    thing: &Thing,
    device: &Device,
    now: &Zoned,
    since: Since,
) {
    let at = changed_at(now, since);
    let mut traits = thing.traits.clone();
    traits.assumes_state = device.manner == Manner::Assumed;
    let announcement = Announcement {
        key: thing.id.shared(),
        unique_id: Some(thing.id.shared()),
        caps: device.caps.clone(),
        naming: Naming::Named(thing.name.as_str().into()),
        wished_object: Some(thing.id.object().into()),
        device: None,
        traits: Arc::new(traits),
        enabled_by_default: thing.is_enabled,
        always_available: true,
        producer: Producer { name: Some("eval".into()), topic: "eval".into() },
    };
    home.announce(handle, announcement, at);
    let edit = EntityEdit {
        area: Some(thing.area.clone()),
        aliases: Some(thing.aliases.clone()),
        ..EntityEdit::default()
    };
    // The room is known: `check` has looked.
    let _ = home.edit_entity(thing.id.as_str(), edit, at);
    let source = match device.manner {
        Manner::Assumed => Source::Assumed,
        Manner::Good | Manner::Silent | Manner::Slow | Manner::Offline => Source::Live,
    };
    home.report(handle, report(device.state.clone(), source), at);
    if device.manner == Manner::Offline {
        home.set_available(handle, Availability::Offline, at);
    }
}

/// A report of a whole state.
pub(super) fn report(state: State, source: Source) -> Report {
    Report { state: Some(state), extra: None, source, force: false, said_at: None }
}

fn changed_at(now: &Zoned, since: Since) -> Timestamp {
    match since {
        Since::Ago(time) => now.timestamp().checked_sub(time).unwrap_or(now.timestamp()),
        Since::At(time) => {
            let today = now.with().time(time).build().unwrap_or_else(|_| now.clone());
            let day = Duration::from_secs(86_400);
            match today.timestamp() > now.timestamp() {
                true => today.timestamp().checked_sub(day).unwrap_or(now.timestamp()),
                false => today.timestamp(),
            }
        }
    }
}

fn since(keys: &mut Keys) -> Result<Option<Since>, Wrong> {
    let Some(text) = keys.text("since")? else { return Ok(None) };
    if let Some(time) = duration(&text) {
        return Ok(Some(Since::Ago(time)));
    }
    let time = text.parse().map_err(|_| keys.wrong("`since` must be like `20min` or `07:15`"))?;
    Ok(Some(Since::At(time)))
}

fn floor(mut keys: Keys) -> Result<Floor, Wrong> {
    let id = keys.required("id")?;
    let floor = Floor {
        name: keys.text("name")?.unwrap_or_else(|| id.clone()),
        id: FloorId::new(&id),
        aliases: keys.texts("aliases")?,
        level: keys.number("level")?.map(|level| level as i32),
    };
    keys.finish()?;
    Ok(floor)
}

fn area(mut keys: Keys) -> Result<Area, Wrong> {
    let id = keys.required("id")?;
    let area = Area {
        name: keys.text("name")?.unwrap_or_else(|| id.clone()),
        id: AreaId::new(&id),
        aliases: keys.texts("aliases")?,
        floor: keys.text("floor")?.map(|floor| FloorId::new(&floor)),
    };
    keys.finish()?;
    Ok(area)
}

fn thing(mut keys: Keys) -> Result<Thing, Wrong> {
    let id = keys.required("id")?;
    let mut keys = keys.at(&id);
    let domain = id.split_once('.').and_then(|(domain, _)| domain.parse::<Domain>().ok());
    let domain = domain.ok_or_else(|| keys.wrong("the id must begin with a known domain"))?;
    let category = match keys.text("category")?.as_deref() {
        None => None,
        Some("config") => Some(Category::Config),
        Some("diagnostic") => Some(Category::Diagnostic),
        Some(_) => return Err(keys.wrong("`category` must be `config` or `diagnostic`")),
    };
    let traits = Traits {
        device_class: keys.text("class")?.map(Arc::from),
        unit: keys.text("unit")?.map(Arc::from),
        category,
        ..Traits::default()
    };
    let name = keys.required("name")?;
    let (aliases, area) =
        (keys.texts("aliases")?, keys.text("area")?.map(|area| AreaId::new(&area)));
    let is_enabled = keys.text("enabled")?.as_deref() != Some("off");
    let since = since(&mut keys)?.unwrap_or(Since::Ago(SINCE));
    let mut device = Device::read(domain, &mut keys)?;
    if let Caps::Sensor(caps) = &mut device.caps {
        let is_numeric = traits.unit.is_some();
        **caps = sensor::Caps { is_numeric, ..sensor::Caps::default() };
    }
    keys.finish()?;
    let id = EntityId::new(&id);
    Ok(Thing { id, domain, name, aliases, area, traits, is_enabled, since, device })
}
