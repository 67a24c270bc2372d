//! The description of the interface, `src/web/openapi.json`: made from the calls themselves, so that the two never differ.
//! `UPDATE=1 cargo test --test it openapi` writes it anew.

use std::path::Path;

use homard::web;
use serde_json::Value as Json;

const DESCRIPTION: &str = "src/web/openapi.json";

#[test]
fn the_description_is_that_of_the_calls() {
    let now = web::description();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DESCRIPTION);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let advice = "is out of date; `UPDATE=1 cargo test --test it openapi` writes it";
    assert!(kept == now, "{DESCRIPTION} {advice}");
}

#[test]
fn every_call_of_the_interface_is_described() {
    let openapi: Json = serde_json::from_str(&web::description()).unwrap();
    for (path, methods) in [
        ("/api/", &["get"][..]),
        ("/api/config", &["get"]),
        ("/api/states", &["get"]),
        ("/api/states/{entity_id}", &["get"]),
        ("/api/services", &["get"]),
        ("/api/services/{domain}/{service}", &["post"]),
        ("/api/conversation/process", &["post"]),
        ("/api/speech", &["post"]),
        ("/api/homard/voice", &["post"]),
        ("/api/events", &["get"]),
        ("/api/events/{event_type}", &["post"]),
        ("/api/speech", &["post"]),
        ("/api/homard/devices", &["get"]),
        ("/api/homard/devices/{device_id}", &["patch"]),
        ("/api/websocket", &["get"]),
        ("/api/template", &["post"]),
        ("/api/components", &["get"]),
        ("/api/error_log", &["get"]),
        ("/api/config/core/check_config", &["post"]),
        ("/api/history/period", &["get"]),
        ("/api/history/period/{start}", &["get"]),
        ("/api/homard/history/{entity_id}", &["get"]),
        ("/api/homard/history.csv", &["get"]),
        ("/api/homard/entities", &["get"]),
        ("/api/homard/entities/{entity_id}", &["patch", "delete"]),
        ("/api/camera_proxy/{entity_id}", &["get"]),
        ("/api/image_proxy/{entity_id}", &["get"]),
        ("/api/homard/problems", &["get"]),
        ("/api/homard/agenda", &["get"]),
        ("/api/homard/agenda/{id}", &["delete"]),
        ("/api/homard/areas/{area_id}", &["get", "put", "delete"]),
        ("/api/homard/floors/{floor_id}", &["get", "put", "delete"]),
        ("/api/homard/me", &["get", "patch"]),
        ("/api/homard/people", &["get", "post"]),
        ("/api/homard/people/{id}", &["patch", "delete"]),
        ("/api/homard/tokens", &["get", "post"]),
        ("/api/homard/tokens/{name}", &["delete"]),
        ("/api/homard/settings", &["get", "patch"]),
        ("/api/homard/broker/try", &["post"]),
        ("/api/homard/restart", &["post"]),
        ("/api/homard/models", &["get"]),
        ("/api/homard/models/{name}/pull", &["post"]),
        ("/api/homard/log", &["get"]),
        ("/api/homard/connections", &["get"]),
        ("/api/homard/system", &["get"]),
        ("/setup", &["post"]),
        ("/api/openapi.json", &["get"]),
        ("/healthz", &["get"]),
        ("/metrics", &["get"]),
    ] {
        for method in methods {
            assert!(openapi["paths"][path][method].is_object(), "{method} {path}");
        }
    }
}
