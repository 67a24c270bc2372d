//! The fields of services as a form would ask for them: Home Assistant's selectors. Only a
//! description; what a field may hold is decided by `home`, per entity.

use serde_json::{Value as Json, json};

use super::title;
use crate::home::domain::Domain;

/// What a form asks for a field: its name, a selector, and an example where it says more.
pub(super) fn described(domain: Domain, field: &str) -> Json {
    let mut object = json!({ "name": title(field), "required": is_needed(domain, field) });
    let (selector, example) = selector(domain, field);
    object["selector"] = selector;
    if !example.is_null() {
        object["example"] = example;
    }
    object
}

/// Fields without which their service means nothing. A light's are all optional.
fn is_needed(domain: Domain, field: &str) -> bool {
    let needed = [
        "date",
        "datetime",
        "direction",
        "fan_speed",
        "humidity",
        "hvac_mode",
        "message",
        "option",
        "oscillating",
        "position",
        "tilt_position",
        "time",
        "value",
        "cleaning_area_id",
    ];
    domain != Domain::Light && domain != Domain::Climate && needed.contains(&field)
}

fn number(min: f64, max: f64, unit: &str) -> Json {
    let mut number = json!({ "min": min, "max": max });
    if !unit.is_empty() {
        number["unit_of_measurement"] = unit.into();
    }
    json!({ "number": number })
}

fn selector(domain: Domain, field: &str) -> (Json, Json) {
    let text = || json!({ "text": {} });
    match field {
        "brightness" | "white" => (number(0.0, 255.0, ""), 120.into()),
        "brightness_pct" | "percentage" | "percentage_step" | "position" | "tilt_position"
        | "humidity" => (number(0.0, 100.0, "%"), 50.into()),
        "brightness_step" => (number(-255.0, 255.0, ""), 25.into()),
        "brightness_step_pct" => (number(-100.0, 100.0, "%"), 10.into()),
        "color_temp_kelvin" | "kelvin" => {
            let selector = json!({ "color_temp": { "unit": "kelvin", "min": 2000, "max": 6500 } });
            (selector, 2700.into())
        }
        "color_temp" => {
            (json!({ "color_temp": { "min_mireds": 153, "max_mireds": 500 } }), 250.into())
        }
        "rgb_color" => (json!({ "color_rgb": {} }), json!([255, 100, 100])),
        "rgbw_color" => (json!({ "object": {} }), json!([255, 100, 100, 50])),
        "rgbww_color" => (json!({ "object": {} }), json!([255, 100, 100, 50, 70])),
        "hs_color" => (json!({ "object": {} }), json!([300, 70])),
        "xy_color" => (json!({ "object": {} }), json!([0.52, 0.43])),
        "transition" | "duration" => (number(0.0, 300.0, "s"), 5.into()),
        "volume_level" => (number(0.0, 1.0, ""), json!(0.5)),
        "temperature" | "target_temp_high" | "target_temp_low" => {
            (number(0.0, 250.0, "°"), 21.into())
        }
        "flash" => (json!({ "select": { "options": ["short", "long"] } }), Json::Null),
        "direction" => (json!({ "select": { "options": ["forward", "reverse"] } }), Json::Null),
        "oscillating" | "backup" | "cycle" => (json!({ "boolean": {} }), Json::Null),
        "date" => (json!({ "date": {} }), "2026-12-24".into()),
        "time" => (json!({ "time": {} }), "18:30:00".into()),
        "datetime" => (json!({ "datetime": {} }), "2026-12-24 18:30:00".into()),
        "params" | "timings" | "command" => (json!({ "object": {} }), Json::Null),
        "value" if domain == Domain::Number => (number(-1e9, 1e9, ""), 42.into()),
        "hvac_mode" => {
            let options = ["off", "auto", "cool", "dry", "fan_only", "heat", "heat_cool"];
            (json!({ "select": { "options": options } }), "heat".into())
        }
        _ => (text(), Json::Null),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_every_service_is_described() {
        for domain in Domain::ALL {
            for service in domain.services() {
                for field in service.fields {
                    let described = described(*domain, field);
                    assert!(described["name"].is_string(), "{domain}.{}: {field}", service.name);
                    let selector = described["selector"].as_object().unwrap();
                    assert_eq!(selector.len(), 1, "{domain}.{}: {field}", service.name);
                }
            }
        }
    }
}
