//! The home page's list: rooms by floor, and in each what a person looks for. The script makes
//! cards of it.

use std::collections::BTreeMap;

use super::shell::{Text, put};
use super::words::Words;
use crate::home::Home;
use crate::home::domain::Domain;
use crate::home::entity::Entity;
use crate::home::id::{AreaId, EntityId};
use crate::home::place::{Area, Floor};
use crate::web::auth::Caller;
use crate::web::registry::asks_first;
use crate::web::states::PAGE;
use crate::web::wire;

/// The order of cards in a room; what is not named here comes after.
const ORDER: [Domain; 14] = [
    Domain::Light,
    Domain::Switch,
    Domain::Fan,
    Domain::Climate,
    Domain::WaterHeater,
    Domain::Humidifier,
    Domain::Cover,
    Domain::Lock,
    Domain::AlarmControlPanel,
    Domain::Vacuum,
    Domain::LawnMower,
    Domain::Valve,
    Domain::Siren,
    Domain::Scene,
];

/// The rows of each area, by its id.
type Rooms = BTreeMap<Option<AreaId>, Vec<Row>>;

/// One entity's row.
struct Row {
    /// Only a value, nothing to press.
    is_fact: bool,
    rank: usize,
    name: String,
    html: String,
}

/// The page's body.
pub(super) async fn body(caller: &Caller, words: &Words) -> String {
    let n_changes = caller.hub.n_registry_changes();
    // A few rows at a time: a large house must not stand still while it is looked at.
    let ids: Vec<EntityId> =
        caller.hub.read(|home| home.entities().map(|e| e.id.clone()).collect());
    let mut rooms = Rooms::new();
    for page in ids.chunks(PAGE) {
        caller.hub.read(|home| page.iter().for_each(|id| row(home, id, words, &mut rooms)));
        tokio::task::yield_now().await;
    }
    caller.hub.read(|home| house(home, words, rooms, n_changes))
}

/// All rooms by floor, as they were after so many changes of the registry.
fn house(home: &Home, words: &Words, mut rooms: Rooms, n_changes: u64) -> String {
    let mut out = String::with_capacity(16 * 1024);
    put(
        &mut out,
        format_args!(
            "<ul id=\"glance\" aria-label=\"{}\"></ul>\n<div id=\"house\" data-registry=\"{n_changes}\">\n",
            Text(words.get("glance")),
        ),
    );
    if rooms.is_empty() {
        put(
            &mut out,
            format_args!(
                "<p class=\"lead\">{}</p>\n<p class=\"hint\">{}</p>\n",
                Text(words.get("empty")),
                Text(words.get("empty.hint")),
            ),
        );
    } else if home.entities().all(|entity| !entity.port_is_up) {
        put(
            &mut out,
            format_args!(
                "<p class=\"banner\" id=\"broker-lost\" role=\"alert\">{}</p>\n",
                Text(words.get("broker.lost")),
            ),
        );
    }
    let mut floors: Vec<&Floor> = home.floors().collect();
    floors.sort_by_key(|floor| (up_then_down(floor.level), floor.name.clone()));
    let has_floors = !floors.is_empty();
    for floor in floors.into_iter().map(Some).chain([None]) {
        let is_here = |area: &&Area| area.floor.as_ref() == floor.map(|floor| &floor.id);
        let mut here: Vec<(Heading<'_>, Vec<Row>)> = home
            .areas()
            .filter(is_here)
            .filter_map(|area| {
                Some((Heading::Room(&area.name), rooms.remove(&Some(area.id.clone()))?))
            })
            .collect();
        here.sort_by_key(|(heading, _)| heading.text().to_lowercase());
        if floor.is_none() {
            here.extend(
                rooms.remove(&None).map(|rows| (Heading::Elsewhere(words.get("no_area")), rows)),
            );
        }
        if here.is_empty() {
            continue;
        }
        out.push_str("<section class=\"floor\">\n");
        if has_floors {
            let title = floor.map_or(words.get("no_floor"), |floor| &floor.name);
            put(&mut out, format_args!("<h2>{}</h2>\n", Text(title)));
        }
        out.push_str("<div class=\"rooms\">\n");
        for (heading, rows) in here {
            room(&mut out, &heading, words, rows);
        }
        out.push_str("</div>\n</section>\n");
    }
    out.push_str("</div>\n");
    out
}

/// The ground floor first, then up, then what has no level, then down.
fn up_then_down(level: Option<i32>) -> (u8, u32) {
    match level {
        Some(level) if level >= 0 => (0, level.unsigned_abs()),
        None => (1, 0),
        Some(level) => (2, level.unsigned_abs()),
    }
}

/// What stands above some cards.
enum Heading<'a> {
    /// A room, whose history can be looked at.
    Room(&'a str),
    /// Where what is in no room is.
    Elsewhere(&'a str),
}

impl Heading<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Room(name) | Self::Elsewhere(name) => name,
        }
    }
}

/// A text as a value in an address: letters and digits as they are, else percent and the byte (RFC 3986).
struct Coded<'a>(&'a str);

impl std::fmt::Display for Coded<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.bytes().try_for_each(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                write!(f, "{}", char::from(byte))
            }
            byte => write!(f, "%{byte:02X}"),
        })
    }
}

fn room(out: &mut String, heading: &Heading<'_>, words: &Words, mut rows: Vec<Row>) {
    rows.sort_by(|one, other| (one.rank, &one.name).cmp(&(other.rank, &other.name)));
    out.push_str("<section class=\"room\">\n");
    match heading {
        Heading::Room(name) => {
            let title = words.get("room.history").replace("{name}", name);
            let (name, title) = (Text(name), Text(&title));
            let address = Coded(heading.text());
            put(
                out,
                format_args!(
                    "<h3><a href=\"/history?area={address}\" title=\"{title}\">{name}</a></h3>\n"
                ),
            );
        }
        Heading::Elsewhere(name) => put(out, format_args!("<h3>{}</h3>\n", Text(name))),
    }
    for (is_fact, class) in [(false, "cards"), (true, "facts")] {
        let mut of_kind = rows.iter().filter(|row| row.is_fact == is_fact).peekable();
        if of_kind.peek().is_some() {
            put(out, format_args!("<ul class=\"{class}\">\n"));
            of_kind.for_each(|row| out.push_str(&row.html));
            out.push_str("</ul>\n");
        }
    }
    out.push_str("</section>\n");
}

/// What a person looks for: not the settings and diagnostic values of devices.
fn row(home: &Home, id: &EntityId, words: &Words, rooms: &mut Rooms) {
    let Some(entity) = home.entity(id.as_str()) else { return };
    if entity.traits.category.is_some() || entity.traits.hidden || is_upkeep(entity) {
        return;
    }
    let Some(view) = entity.view() else { return };
    let is_fact = matches!(
        entity.domain,
        Domain::Sensor | Domain::BinarySensor | Domain::Event | Domain::DeviceTracker
    );
    let unit = entity.traits.unit.as_deref().unwrap_or_default();
    let name = match &*entity.friendly_name {
        "" => entity.id.as_str(),
        name => name,
    };
    let mut html = String::with_capacity(256);
    put(
        &mut html,
        format_args!(
            "<li class=\"{}\" data-id=\"{}\" data-state=\"{}\"",
            if is_fact { "fact" } else { "card" },
            Text(entity.id.as_str()),
            Text(&view.word),
        ),
    );
    if let Some(at) = entity.heard_at {
        put(&mut html, format_args!(" data-heard=\"{}\"", wire::time_text(at)));
    }
    let asked = asks_first(entity, home);
    if !asked.is_empty() {
        put(&mut html, format_args!(" data-confirm=\"{}\"", asked.join(" ")));
    }
    put(
        &mut html,
        format_args!(
            "><svg class=\"icon\" aria-hidden=\"true\"><use/></svg><span class=\"name\">{}</span> \
             <span class=\"state\">{}{}{}</span></li>\n",
            Text(name),
            Text(words.state(&view.word)),
            if unit.is_empty() { "" } else { " " },
            Text(unit),
        ),
    );
    let rank = ORDER.iter().position(|domain| *domain == entity.domain).unwrap_or(ORDER.len());
    let area = home.area_of(entity).map(|area| area.id.clone());
    rooms.entry(area).or_default().push(Row { is_fact, rank, name: name.to_lowercase(), html });
}

/// Values about a device itself, which many producers do not mark as such; the devices' page has
/// them.
fn is_upkeep(entity: &Entity) -> bool {
    matches!(entity.domain, Domain::Sensor | Domain::BinarySensor)
        && matches!(entity.traits.device_class.as_deref(), Some("battery" | "signal_strength"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::panel::words::LANGUAGES;

    #[test]
    fn an_empty_house_says_so_in_the_reader_s_language() {
        for words in LANGUAGES.iter() {
            let page = house(&Home::new(), words, Rooms::new(), 0);
            assert!(page.contains(&Text(words.get("empty")).to_string()), "{page}");
            assert!(!page.contains("broker-lost"));
        }
    }

    #[test]
    fn a_room_s_name_fits_into_an_address() {
        assert_eq!(Coded("Küche & <b>1").to_string(), "K%C3%BCche%20%26%20%3Cb%3E1");
    }

    #[test]
    fn one_begins_where_one_comes_in() {
        let mut levels = [Some(-2), None, Some(1), Some(-1), Some(0)];
        levels.sort_by_key(|level| up_then_down(*level));
        assert_eq!(levels, [Some(0), Some(1), None, Some(-1), Some(-2)]);
    }
}
