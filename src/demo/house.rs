//! The simulated house: its floors, rooms and devices.

use super::device::climate::{Fan, Thermostat};
use super::device::cover::{Blind, GarageDoor, Valve};
use super::device::lamp::{Bulb, Dimmer, Light, NightLight};
use super::device::lock::Lock;
use super::device::plug::{Plug, Relay, Siren};
use super::device::remote::{Doorbell, Remote};
use super::device::sensor::{Air, Watch, Watched};
use super::device::system::Boiler;
use super::device::vacuum::Vacuum;
use super::device::{Device, Facts};

/// A storey, as the demo's owner would have entered it.
#[derive(Debug, Clone, Copy)]
pub struct Floor {
    /// Its name.
    pub name: &'static str,
    /// Other names, French ones too.
    pub aliases: &'static [&'static str],
    /// 0 is the ground floor.
    pub level: i32,
}

/// A room, as the demo's owner would have entered it.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Its name; what the devices propose.
    pub name: &'static str,
    /// Other names, French ones too.
    pub aliases: &'static [&'static str],
    /// The name of its floor; none for outside.
    pub floor: Option<&'static str>,
}

const BASEMENT: &str = "Basement";
const GROUND: &str = "Ground floor";
const FIRST: &str = "First floor";

/// The storeys.
pub const FLOORS: &[Floor] = &[
    Floor { name: BASEMENT, aliases: &["cellar", "sous-sol", "cave"], level: -1 },
    Floor { name: GROUND, aliases: &["downstairs", "rez-de-chaussée", "bas"], level: 0 },
    Floor { name: FIRST, aliases: &["upstairs", "premier étage", "étage", "haut"], level: 1 },
];

/// The rooms.
pub const ROOMS: &[Room] = &[
    Room { name: "Kitchen", aliases: &["Cuisine"], floor: Some(GROUND) },
    Room { name: "Living room", aliases: &["Lounge", "Salon", "Séjour"], floor: Some(GROUND) },
    Room { name: "Hall", aliases: &["Hallway", "Entrée", "Couloir"], floor: Some(GROUND) },
    Room { name: "Bedroom", aliases: &["Chambre"], floor: Some(FIRST) },
    Room {
        name: "Children's room",
        aliases: &["Nursery", "Kids room", "Chambre des enfants"],
        floor: Some(FIRST),
    },
    Room { name: "Bathroom", aliases: &["Salle de bain", "Salle de bains"], floor: Some(FIRST) },
    Room { name: "Utility room", aliases: &["Laundry", "Buanderie"], floor: Some(BASEMENT) },
    Room { name: "Garage", aliases: &[], floor: Some(GROUND) },
    Room { name: "Garden", aliases: &["Jardin"], floor: None },
];

/// Other names of entities: (entity id, names).
pub const ALIASES: &[(&str, &[&str])] = &[
    ("binary_sensor.front_door", &["capteur de la porte d'entrée"]),
    ("binary_sensor.hall_motion", &["détecteur de mouvement"]),
    ("binary_sensor.kitchen_window", &["fenêtre de la cuisine"]),
    ("binary_sensor.smoke_detector", &["détecteur de fumée"]),
    ("binary_sensor.water_leak", &["détecteur de fuite", "fuite d'eau"]),
    ("climate.bedroom_heating", &["chauffage de la chambre", "radiateur de la chambre"]),
    ("climate.living_room_heating", &["chauffage du salon", "radiateur du salon"]),
    ("cover.bedroom_shutter", &["volet de la chambre"]),
    ("cover.garage_door", &["porte de garage", "porte du garage"]),
    ("cover.living_room_blind", &["store du salon"]),
    ("fan.bathroom_fan", &["ventilateur", "ventilateur de la salle de bain"]),
    ("light.bedroom_light", &["lampe de la chambre"]),
    ("light.floor_lamp", &["lampadaire"]),
    ("light.hall_light", &["lampe de l'entrée"]),
    ("light.kitchen_light", &["lampe de la cuisine"]),
    ("light.living_room_ceiling", &["plafonnier", "plafonnier du salon"]),
    ("light.night_light", &["veilleuse"]),
    ("lock.front_door_lock", &["front door", "porte d'entrée", "serrure"]),
    ("siren.siren", &["sirène"]),
    ("switch.tv", &["télé", "télévision"]),
    ("switch.washing_machine", &["machine à laver", "lave-linge"]),
    ("vacuum.vacuum", &["vacuum cleaner", "robot", "aspirateur"]),
    ("valve.sprinkler", &["arrosage"]),
];

const fn who(
    id: &'static str,
    name: &'static str,
    area: &'static str,
    model: &'static str,
) -> Facts {
    Facts { id, name, area, model }
}

const fn often(class: &'static str, every: f64, lasts: f64) -> Watched {
    Watched { class, every: Some(every), lasts }
}

const fn never(class: &'static str) -> Watched {
    Watched { class, every: None, lasts: 0.0 }
}

/// All devices, as they are when the demo starts.
pub(super) fn devices() -> Vec<Box<dyn Device>> {
    vec![
        Box::new(Bulb::new(
            who("kitchen_light", "Kitchen light", "Kitchen", "White bulb"),
            Light::White,
        )),
        Box::new(Air::new(who("kitchen_air", "Kitchen air", "Kitchen", "Air sensor"), 21.4, 48.0)),
        Box::new(Watch::new(
            who("kitchen_window", "Kitchen window", "Kitchen", "Contact sensor"),
            often("window", 900.0, 120.0),
        )),
        Box::new(Bulb::new(
            who("floor_lamp", "Floor lamp", "Living room", "Color bulb"),
            Light::Color,
        )),
        Box::new(Dimmer::new(who("ceiling", "Living room ceiling", "Living room", "Dimmer"))),
        Box::new(Plug::new(who("tv", "TV", "Living room", "Measuring plug"), 92.0, true)),
        Box::new(Blind::new(
            who("living_blind", "Living room blind", "Living room", "Blind motor"),
            "blind",
            true,
        )),
        Box::new(Thermostat::new(
            who("living_heating", "Living room heating", "Living room", "Radiator valve"),
            21.0,
        )),
        Box::new(Vacuum::new(who("vacuum", "Vacuum", "Living room", "Robot"))),
        Box::new(Remote::new(who("remote", "Sofa remote", "Living room", "Four-button remote"))),
        Box::new(Relay::new(who("hall_light", "Hall light", "Hall", "Relay"))),
        Box::new(Watch::new(
            who("hall_motion", "Hall motion", "Hall", "Motion sensor"),
            often("motion", 90.0, 20.0),
        )),
        Box::new(Lock::new(who("front_lock", "Front door lock", "Hall", "Motor lock"))),
        Box::new(Watch::new(
            who("front_door", "Front door", "Hall", "Contact sensor"),
            often("door", 400.0, 15.0),
        )),
        Box::new(Doorbell::new(who("doorbell", "Doorbell", "Hall", "Bell"))),
        Box::new(Siren::new(who("siren", "Siren", "Hall", "Siren"))),
        Box::new(Watch::new(
            who("smoke", "Smoke detector", "Hall", "Smoke detector"),
            never("smoke"),
        )),
        Box::new(Dimmer::new(who("bedroom_light", "Bedroom light", "Bedroom", "Dimmer"))),
        Box::new(Blind::new(
            who("bedroom_shutter", "Bedroom shutter", "Bedroom", "Shutter motor"),
            "shutter",
            false,
        )),
        Box::new(Thermostat::new(
            who("bedroom_heating", "Bedroom heating", "Bedroom", "Radiator valve"),
            18.5,
        )),
        Box::new(NightLight::new(who(
            "night_light",
            "Night light",
            "Children's room",
            "Night light",
        ))),
        Box::new(Fan::new(who("bathroom_fan", "Bathroom fan", "Bathroom", "Fan"))),
        Box::new(Air::new(
            who("bathroom_air", "Bathroom air", "Bathroom", "Air sensor"),
            22.1,
            61.0,
        )),
        Box::new(Plug::new(
            who("washing_machine", "Washing machine", "Utility room", "Measuring plug"),
            430.0,
            false,
        )),
        Box::new(Watch::new(
            who("leak", "Water leak", "Utility room", "Leak sensor"),
            never("moisture"),
        )),
        Box::new(Boiler::new(who("boiler", "Boiler", "Utility room", "Boiler"))),
        Box::new(GarageDoor::new(who("garage_door", "Garage door", "Garage", "Door motor"))),
        Box::new(Valve::new(who("sprinkler", "Sprinkler", "Garden", "Water valve"))),
        Box::new(Air::new(who("garden_air", "Garden air", "Garden", "Weather sensor"), 9.3, 78.0)),
    ]
}
