//! Words that an announcement leaves out or shortens: device classes and default names, as Home
//! Assistant 2026.11 knows them.

use std::sync::Arc;

use super::keys::Keys;

/// The device class, if the kind knows it; another one costs only itself.
pub(super) fn device_class(kind: &str, keys: &mut Keys<'_>) -> Option<Arc<str>> {
    let classes = classes(kind)?;
    let class = keys.nullable_string("device_class").flatten()?;
    // Numbers are kind enough to take any case.
    let class = if kind == "number" { keys.intern(&class.to_lowercase()) } else { class };
    if classes.contains(&&*class) {
        return Some(class);
    }
    keys.problem("device_class", format!("`{class}` is no device class of a {kind}"));
    None
}

/// What an entity without a name is called: its device class in words, else its kind.
pub(super) fn default_name(kind: &str, device_class: Option<&str>) -> String {
    match device_class.and_then(|class| class_name(kind, class)) {
        Some(name) => name,
        None => format!("MQTT {}", kind_name(kind)),
    }
}

fn kind_name(kind: &str) -> &'static str {
    match kind {
        "alarm_control_panel" => "Alarm",
        "binary_sensor" => "Binary Sensor",
        "button" => "Button",
        "camera" => "Camera",
        "climate" => "HVAC",
        "cover" => "Cover",
        "date" => "Date",
        "datetime" => "Date/Time",
        "device_tracker" => "Device Tracker",
        "event" => "Event",
        "fan" => "Fan",
        "humidifier" => "Humidifier",
        "image" => "Image",
        "infrared" => "Infrared",
        "lawn_mower" => "Lawn Mower",
        "light" => "Light",
        "lock" => "Lock",
        "notify" => "notify",
        "number" => "Number",
        "scene" => "Scene",
        "select" => "Select",
        "sensor" => "Sensor",
        "siren" => "Siren",
        "switch" => "Switch",
        "text" => "Text",
        "time" => "Time",
        "update" => "Update",
        "vacuum" => "Vacuum",
        "valve" => "Valve",
        "water_heater" => "Water Heater",
        _ => "Device",
    }
}

/// A device class in words; most are their own words.
fn class_name(kind: &str, class: &str) -> Option<String> {
    let special = match (kind, class) {
        ("sensor", "enum") | ("sensor" | "number", "") => return None,
        ("sensor" | "number", "aqi") => "Air quality index",
        ("sensor" | "number", "energy_storage") => "Stored energy",
        ("sensor" | "number", "monetary") => "Balance",
        ("sensor" | "number", "ph") => "pH",
        ("sensor" | "number", "pm1") => "PM1",
        ("sensor" | "number", "pm10") => "PM10",
        ("sensor" | "number", "pm25") => "PM2.5",
        ("sensor" | "number", "pm4") => "PM4",
        ("sensor" | "number", "volume_storage") => "Stored volume",
        ("binary_sensor", "battery_charging") => "Charging",
        _ => {
            let words = class.replace('_', " ");
            let mut letters = words.chars();
            let first = letters.next()?;
            return Some(first.to_uppercase().chain(letters).collect());
        }
    };
    Some(special.to_owned())
}

/// The device classes of a kind; `None` where the kind has no such key.
fn classes(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "binary_sensor" => BINARY_SENSOR,
        "button" => &["identify", "restart", "update"],
        "cover" => &[
            "awning", "blind", "curtain", "damper", "door", "garage", "gate", "shade", "shutter",
            "window",
        ],
        "event" => &["button", "doorbell", "motion"],
        "humidifier" => &["dehumidifier", "humidifier"],
        "number" => NUMBER,
        "sensor" => SENSOR,
        "switch" => &["outlet", "switch"],
        "update" => &["firmware"],
        "valve" => &["gas", "water"],
        _ => return None,
    })
}

#[rustfmt::skip]
const BINARY_SENSOR: &[&str] = &[
    "battery", "battery_charging", "carbon_monoxide", "cold", "connectivity", "door",
    "garage_door", "gas", "heat", "light", "lock", "moisture", "motion", "moving", "occupancy",
    "opening", "plug", "power", "presence", "problem", "running", "safety", "smoke", "sound",
    "tamper", "update", "vibration", "window",
];

#[rustfmt::skip]
const NUMBER: &[&str] = &[
    "absolute_humidity", "apparent_power", "aqi", "area", "atmospheric_pressure", "battery",
    "blood_glucose_concentration", "carbon_dioxide", "carbon_monoxide", "conductivity", "current",
    "data_rate", "data_size", "distance", "duration", "energy", "energy_distance",
    "energy_storage", "frequency", "gas", "humidity", "illuminance", "irradiance", "moisture",
    "monetary", "nitrogen_dioxide", "nitrogen_monoxide", "nitrous_oxide", "ozone", "ph", "pm1",
    "pm10", "pm25", "pm4", "power", "power_factor", "precipitation", "precipitation_intensity",
    "pressure", "reactive_energy", "reactive_power", "signal_strength", "sound_pressure", "speed",
    "sulphur_dioxide", "temperature", "temperature_delta", "volatile_organic_compounds",
    "volatile_organic_compounds_parts", "voltage", "volume", "volume_flow_rate", "volume_storage",
    "water", "weight", "wind_direction", "wind_speed",
];

#[rustfmt::skip]
const SENSOR: &[&str] = &[
    "absolute_humidity", "apparent_power", "aqi", "area", "atmospheric_pressure", "battery",
    "blood_glucose_concentration", "carbon_dioxide", "carbon_monoxide", "conductivity", "current",
    "data_rate", "data_size", "date", "distance", "duration", "energy", "energy_distance",
    "energy_storage", "enum", "frequency", "gas", "humidity", "illuminance", "irradiance",
    "moisture", "monetary", "nitrogen_dioxide", "nitrogen_monoxide", "nitrous_oxide", "ozone",
    "ph", "pm1", "pm10", "pm25", "pm4", "power", "power_factor", "precipitation",
    "precipitation_intensity", "pressure", "reactive_energy", "reactive_power", "signal_strength",
    "sound_pressure", "speed", "sulphur_dioxide", "temperature", "temperature_delta", "timestamp",
    "uptime", "volatile_organic_compounds", "volatile_organic_compounds_parts", "voltage",
    "volume", "volume_flow_rate", "volume_storage", "water", "weight", "wind_direction",
    "wind_speed",
];
