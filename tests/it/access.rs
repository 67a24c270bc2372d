//! Who may do what over HTTP: every route as everybody, and what somebody with bad intent would try.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use homard::home::id::AreaId;
use homard::home::person::{Person, Role};
use homard::storage::{Holder, PersonEdit};
use homard::web;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::web::House;

const PASSWORD: &str = "four quiet lobsters";
/// Nobody, and then as the letters of [`ROUTES`] stand: guest (of the kitchen), child, adult, admin.
const ROLES: [Role; 4] = [Role::Guest, Role::Child, Role::Adult, Role::Admin];

/// Every route: the method, its address, what is sent, and the status for nobody, a guest of the kitchen, a child, an
/// adult and an admin. The lamp is in the hall. What would change something is asked for what is not there, so that the
/// next one finds the house as it was.
const ROUTES: &[(&str, &str, &str, &str, [u16; 5])] = &[
    ("get", "/api/", "", "", [401, 200, 200, 200, 200]),
    ("get", "/api/config", "", "", [401, 200, 200, 200, 200]),
    ("get", "/api/states", "", "", [401, 200, 200, 200, 200]),
    ("get", "/api/states/{entity_id}", "switch.lamp", "", [401, 404, 200, 200, 200]),
    ("get", "/api/services", "", "", [401, 200, 200, 200, 200]),
    (
        "post",
        "/api/services/{domain}/{service}",
        "switch turn_on",
        r#"{"entity_id":"switch.lamp"}"#,
        [401, 404, 200, 200, 200],
    ),
    ("get", "/api/camera_proxy/{entity_id}", "camera.none", "", [401, 404, 404, 404, 404]),
    ("get", "/api/image_proxy/{entity_id}", "image.none", "", [401, 404, 404, 404, 404]),
    ("post", "/api/conversation/process", "", r#"{"text":"hello"}"#, [401, 200, 200, 200, 200]),
    ("get", "/api/events", "", "", [401, 200, 200, 200, 200]),
    ("get", "/api/homard/entities", "", "", [401, 200, 200, 200, 200]),
    ("patch", "/api/homard/entities/{entity_id}", "switch.lamp", "{}", [401, 403, 403, 200, 200]),
    ("delete", "/api/homard/entities/{entity_id}", "switch.none", "", [401, 403, 403, 404, 404]),
    ("get", "/api/homard/problems", "", "", [401, 403, 403, 200, 200]),
    ("get", "/api/homard/agenda", "", "", [401, 403, 200, 200, 200]),
    ("delete", "/api/homard/agenda/{id}", "999", "", [401, 403, 403, 404, 404]),
    (
        "post",
        "/api/homard/lists",
        "",
        "{\"item\": \"milk\", \"do\": \"add\"}",
        [401, 403, 200, 200, 200],
    ),
    ("get", "/api/homard/automations", "", "", [401, 403, 200, 200, 200]),
    ("get", "/api/homard/automations/{id}/traces", "none", "", [401, 403, 404, 404, 404]),
    ("get", "/api/homard/automations/export", "", "", [401, 403, 200, 200, 200]),
    ("post", "/api/homard/automations/import", "", "[]", [401, 403, 403, 403, 200]),
    ("post", "/api/homard/automations/trial", "", "{\"config\": {}}", [401, 403, 403, 403, 200]),
    ("get", "/api/config/automation/config/{id}", "none", "", [401, 403, 404, 404, 404]),
    ("post", "/api/config/automation/config/{id}", "none", "{}", [401, 403, 403, 403, 400]),
    ("delete", "/api/config/automation/config/{id}", "none", "", [401, 403, 403, 403, 404]),
    ("get", "/api/config/script/config/{id}", "none", "", [401, 403, 404, 404, 404]),
    ("post", "/api/config/script/config/{id}", "none", "{}", [401, 403, 403, 403, 400]),
    ("delete", "/api/config/script/config/{id}", "none", "", [401, 403, 403, 403, 404]),
    ("get", "/api/config/scene/config/{id}", "none", "", [401, 403, 404, 404, 404]),
    ("post", "/api/config/scene/config/{id}", "none", "{}", [401, 403, 403, 403, 400]),
    ("delete", "/api/config/scene/config/{id}", "none", "", [401, 403, 403, 403, 404]),
    ("get", "/api/homard/areas", "", "", [401, 200, 200, 200, 200]),
    ("get", "/api/homard/areas/{area_id}", "hall", "", [401, 404, 200, 200, 200]),
    ("put", "/api/homard/areas/{area_id}", "hall", r#"{"name":"Hall"}"#, [401, 403, 403, 200, 200]),
    ("delete", "/api/homard/areas/{area_id}", "none", "", [401, 403, 403, 404, 404]),
    ("get", "/api/homard/floors", "", "", [401, 200, 200, 200, 200]),
    ("get", "/api/homard/floors/{floor_id}", "none", "", [401, 404, 404, 404, 404]),
    ("put", "/api/homard/floors/{floor_id}", "up", r#"{"name":"Up"}"#, [401, 403, 403, 200, 200]),
    ("delete", "/api/homard/floors/{floor_id}", "none", "", [401, 403, 403, 404, 404]),
    ("post", "/api/states/{entity_id}", "switch.lamp", "{}", [401, 405, 405, 405, 405]),
    ("delete", "/api/states/{entity_id}", "switch.lamp", "", [401, 405, 405, 405, 405]),
    ("post", "/api/events/{event_type}", "it_fires", "{}", [401, 403, 403, 200, 200]),
    ("get", "/api/components", "", "", [401, 200, 200, 200, 200]),
    ("get", "/api/discovery_info", "", "", [401, 200, 200, 200, 200]),
    ("post", "/api/config/core/check_config", "", "", [401, 200, 200, 200, 200]),
    ("get", "/api/error_log", "", "", [401, 403, 403, 200, 200]),
    ("post", "/api/template", "", r#"{"template":"{{ 1 }}"}"#, [401, 200, 200, 200, 200]),
    // It asks for the token in its own words; tests/it/websocket.rs.
    ("get", "/api/websocket", "", "", [400; 5]),
    ("get", "/api/history/period", "", "", [401, 200, 200, 200, 200]),
    ("get", "/api/history/period/{start}", "2026-01-01T00:00:00Z", "", [401, 200, 200, 200, 200]),
    ("get", "/api/homard/history/{entity_id}", "switch.lamp", "", [401, 404, 200, 200, 200]),
    ("get", "/api/homard/history.csv", "", "", [401, 400, 400, 400, 400]),
    ("post", "/api/speech", "", "", [401, 503, 503, 503, 503]),
    (
        "post",
        "/api/homard/voice",
        "",
        r#"{"text":"Hello","language":"en"}"#,
        [401, 503, 503, 503, 503],
    ),
    ("get", "/api/homard/devices", "", "", [401, 200, 200, 200, 200]),
    ("patch", "/api/homard/devices/{device_id}", "none", "{}", [401, 403, 403, 404, 404]),
    ("get", "/api/homard/me", "", "", [401, 200, 200, 200, 200]),
    ("patch", "/api/homard/me", "", r#"{"language":"fr"}"#, [401, 200, 200, 200, 200]),
    ("get", "/api/homard/people", "", "", [401, 403, 403, 403, 200]),
    ("post", "/api/homard/people", "", "{}", [401, 403, 403, 403, 400]),
    ("patch", "/api/homard/people/{id}", "none", "{}", [401, 403, 403, 403, 404]),
    ("delete", "/api/homard/people/{id}", "none", "", [401, 403, 403, 403, 404]),
    ("get", "/api/homard/tokens", "", "", [401, 403, 403, 403, 200]),
    ("post", "/api/homard/tokens", "", r#"{"name":""}"#, [401, 403, 403, 403, 400]),
    ("delete", "/api/homard/tokens/{name}", "none", "", [401, 403, 403, 403, 404]),
    ("get", "/api/homard/settings", "", "", [401, 403, 403, 403, 200]),
    ("patch", "/api/homard/settings", "", r#"{"language":"xx"}"#, [401, 403, 403, 403, 400]),
    ("post", "/api/homard/broker/try", "", r#"{"kind":"embedded"}"#, [401, 403, 403, 403, 400]),
    ("post", "/api/homard/restart", "", "", [401, 403, 403, 403, 200]),
    ("get", "/api/homard/models", "", "", [401, 403, 403, 403, 200]),
    ("post", "/api/homard/models/{name}/pull", "none", "", [401, 403, 403, 403, 404]),
    ("get", "/api/homard/log", "", "", [401, 403, 403, 403, 200]),
    ("get", "/api/homard/connections", "", "", [401, 403, 403, 403, 200]),
    ("get", "/api/homard/system", "", "", [401, 403, 403, 403, 200]),
    ("get", "/api/homard/update", "", "", [401, 403, 403, 403, 200]),
    ("post", "/api/homard/update/check", "", "", [401, 403, 403, 403, 409]),
    ("post", "/api/homard/update/fetch", "", "", [401, 403, 403, 403, 409]),
    #[cfg(feature = "model")]
    ("get", "/api/homard/model", "", "", [401, 403, 403, 403, 200]),
    #[cfg(feature = "model")]
    ("put", "/api/homard/model", "", r#"{"talk":"a\nb"}"#, [401, 403, 403, 403, 400]),
    #[cfg(feature = "telegram")]
    ("get", "/api/homard/telegram", "", "", [401, 403, 403, 403, 200]),
    #[cfg(feature = "telegram")]
    ("put", "/api/homard/telegram", "", r#"{"token":"x"}"#, [401, 403, 403, 403, 400]),
    #[cfg(feature = "telegram")]
    (
        "post",
        "/api/homard/telegram/pair",
        "",
        r#"{"code":"AAAAAAAA","person":"none"}"#,
        [401, 403, 403, 403, 404],
    ),
    #[cfg(feature = "telegram")]
    ("delete", "/api/homard/telegram/{chat}", "5", "", [401, 403, 403, 403, 404]),
    ("post", "/setup", "", r#"{"name":"Eve","password":"12345678"}"#, [403; 5]),
    ("post", "/setup/restore", "", "{}", [403; 5]),
    ("get", "/api/openapi.json", "", "", [401, 200, 200, 200, 200]),
    ("get", "/healthz", "", "", [200; 5]),
    ("get", "/metrics", "", "", [401, 403, 403, 200, 200]),
];

/// Every page, by cookie: what nobody, a guest, a child, an adult and an admin get.
const PAGES: &[(&str, [u16; 5])] = &[
    ("/", [200; 5]),
    ("/talk", [200; 5]),
    ("/routines", [200, 303, 200, 200, 200]),
    ("/history", [200; 5]),
    ("/devices", [200, 303, 303, 200, 200]),
    ("/settings", [200; 5]),
    ("/settings/home", [200, 303, 303, 303, 200]),
    ("/settings/broker", [200, 303, 303, 303, 200]),
    ("/settings/voice", [200, 303, 303, 303, 200]),
    ("/settings/connections", [200, 303, 303, 303, 200]),
    ("/settings/log", [200, 303, 303, 303, 200]),
    #[cfg(feature = "telegram")]
    ("/settings/telegram", [200, 303, 303, 303, 200]),
    ("/settings/system", [200, 303, 303, 303, 200]),
    ("/sign-in", [200; 5]),
    // No form from our own page.
    ("/sign-out", [405; 5]),
    ("/icon.svg", [200; 5]),
    ("/panel/{version}/{name}", [404; 5]),
];

/// Somebody with an account.
pub(crate) fn person(house: &House, name: &str, role: Role) -> Person {
    let edit = PersonEdit {
        name: Some(name.to_owned()),
        role: Some(role),
        areas: Some([AreaId::new("kitchen")].into()),
        ..PersonEdit::default()
    };
    house.storage.people().add(edit, Some(PASSWORD), Timestamp::now()).unwrap()
}

/// The status of a request; the rest is not waited for.
fn status(house: &House, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> u16 {
    let mut stream = TcpStream::connect(house.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut head =
        format!("{} {path} HTTP/1.1\r\nHost: {}\r\n", method.to_uppercase(), house.address);
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("{path}: {line}"))
}

pub(crate) fn form(
    house: &House,
    headers: &[(&str, &str)],
    name: &str,
    password: &str,
) -> crate::web::Answer {
    let origin = format!("http://{}", house.address);
    let mut all = vec![("Origin", &*origin), ("Content-Type", "application/x-www-form-urlencoded")];
    all.extend_from_slice(headers);
    let body = format!("name={name}&password={}", password.replace(' ', "+"));
    house.raw("POST", "/sign-in", &all, body.as_bytes())
}

/// Signs in; the cookie.
pub(crate) fn cookie(house: &House, name: &str) -> String {
    let answer = form(house, &[], name, PASSWORD);
    assert_eq!((answer.status, &*answer.headers["location"]), (303, "/"), "{}", answer.text());
    answer.headers["set-cookie"].split(';').next().unwrap().to_owned()
}

#[test]
fn every_route_is_for_whom_it_is() {
    let house = House::new();
    let tokens = ROLES.map(|role| {
        let person = person(&house, role.word(), role);
        let holder = Holder::Person(person.id);
        house.storage.tokens().add(role.word(), &holder, Timestamp::now()).unwrap()
    });
    let openapi: Json =
        serde_json::from_str(house.call("GET", "/api/openapi.json", "").text()).unwrap();
    let described = openapi["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().keys().map(move |method| (method.clone(), path.clone()))
    });
    let missing: Vec<_> = described
        .filter(|(method, path)| !ROUTES.iter().any(|row| row.0 == method && row.1 == path))
        .collect();
    assert!(missing.is_empty(), "say in ROUTES for whom these are: {missing:?}");
    for (method, path, values, body, expected) in ROUTES {
        let mut values = values.split(' ');
        let path: String = path
            .split_inclusive('}')
            .map(|part| match part.split_once('{') {
                Some((before, _)) => format!("{before}{}", values.next().unwrap()),
                None => part.to_owned(),
            })
            .collect();
        let nobody = status(&house, method, &path, &[], body);
        let others = tokens.each_ref().map(|token| {
            let token = format!("Bearer {token}");
            status(&house, method, &path, &[("Authorization", &token)], body)
        });
        let are: Vec<u16> = std::iter::once(nobody).chain(others).collect();
        assert_eq!(are, expected, "{method} {path}");
    }
}

#[test]
fn every_page_is_for_whom_it_is_and_shows_no_more() {
    let house = House::new();
    let cookies = ROLES.map(|role| {
        person(&house, role.word(), role);
        cookie(&house, role.word())
    });
    let routes = include_str!("../../src/web/panel/mod.rs");
    for (at, _) in routes.match_indices(".route(\"") {
        let path = routes[at + 8..].split('"').next().unwrap();
        assert!(PAGES.iter().any(|(known, _)| *known == path), "say in PAGES for whom {path} is");
    }
    for (path, expected) in PAGES {
        let nobody = status(&house, "get", path, &[], "");
        let others =
            cookies.each_ref().map(|cookie| status(&house, "get", path, &[("Cookie", cookie)], ""));
        let are: Vec<u16> = std::iter::once(nobody).chain(others).collect();
        assert_eq!(are, expected, "{path}");
    }
    let [guest, child, ..] = &cookies;
    for path in ["/", "/api/states", "/api/homard/entities", "/api/homard/areas", "/talk"] {
        let page = house.raw("GET", path, &[("Cookie", guest)], b"");
        assert!(page.text().contains("itchen"), "{path}: {}", page.text());
        for hidden in ["Lamp", "lamp", "Hall"] {
            assert!(!page.text().contains(hidden), "{path} tells a guest of `{hidden}`");
        }
        let page = house.raw("GET", path, &[("Cookie", child)], b"");
        assert!(page.text().contains("Hall"), "{path}");
    }
    for path in ["/", "/settings"] {
        let page = house.raw("GET", path, &[], b"");
        assert!(!page.text().contains("Kettle") && page.text().contains("/sign-in"), "{path}");
    }
    // Who is not the owner has no place for people and tokens.
    let page = house.raw("GET", "/settings", &[("Cookie", child)], b"");
    assert!(page.text().contains("id=\"me\"") && !page.text().contains("id=\"people\""));
    // `all` is all that they see, and a refusal names nothing else.
    let origin = format!("http://{}", house.address);
    let page = house.raw("GET", "/", &[("Cookie", guest)], b"");
    let word = page.text().split("data-word=\"").nth(1).unwrap().split('"').next().unwrap();
    let headers = [("Cookie", &**guest), ("Origin", &origin), ("X-Homard-Page", word)];
    for (body, code) in [
        (json!({"entity_id": "all"}), 200),
        (json!({"entity_id": "switch.lampe"}), 404),
        (json!({"area_id": "hall"}), 404),
    ] {
        let said = body.to_string();
        let answer = house.raw("POST", "/api/services/switch/turn_on", &headers, said.as_bytes());
        assert_eq!(answer.status, code, "{body}: {}", answer.text());
        assert!(!answer.text().contains("switch.lamp\"") && !answer.text().contains("Hall"));
    }
    assert_eq!(
        house.hub.read(|home| home
            .entity("switch.lamp")
            .unwrap()
            .view()
            .unwrap()
            .word
            .into_owned()),
        "off"
    );
}

#[test]
fn a_guest_s_stream_is_of_their_rooms() {
    let house = House::new();
    let guest = person(&house, "guest", Role::Guest);
    let token =
        house.storage.tokens().add("guest", &Holder::Person(guest.id), Timestamp::now()).unwrap();
    let mut stream = TcpStream::connect(house.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
    write!(
        stream,
        "GET /api/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\r\n",
        house.address
    )
    .unwrap();
    let mut seen = vec![0; 64];
    let n = stream.read(&mut seen).unwrap();
    seen.truncate(n);
    for (entity, service) in [("switch.lamp", "turn_on"), ("switch.kettle", "turn_on")] {
        let body = json!({"entity_id": entity}).to_string();
        assert_eq!(
            house.call("POST", &format!("/api/services/switch/{service}"), &body).status,
            200
        );
    }
    let mut buffer = [0; 4096];
    while let Ok(n) = stream.read(&mut buffer)
        && n > 0
    {
        seen.extend_from_slice(&buffer[..n]);
    }
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.contains("switch.kettle"), "{seen}");
    assert!(!seen.contains("switch.lamp"), "{seen}");
}

#[test]
fn nobody_comes_in_by_guessing_fixing_or_from_another_page() {
    let house = House::new();
    person(&house, "Ada", Role::Admin);
    let id = person(&house, "Bob", Role::Child).id;

    // A session that somebody put there is not the one that is opened.
    let planted = ("Cookie", "homard_session=00000000000000000000000000000000");
    let answer = form(&house, &[planted], "Ada", PASSWORD);
    let cookie = answer.headers["set-cookie"].clone();
    assert!(!cookie.contains("=0000000000000000"), "{cookie}");
    assert!(cookie.contains("HttpOnly; SameSite=Lax") && !cookie.contains("Secure"), "{cookie}");
    assert_eq!(status(&house, "get", "/api/states", &[planted], ""), 401);
    let first = cookie.split(';').next().unwrap().to_owned();
    // Signing in again ends the session before on this browser.
    let again = form(&house, &[("Cookie", &first)], "Ada", PASSWORD);
    let cookie = again.headers["set-cookie"].split(';').next().unwrap().to_owned();
    assert_eq!(status(&house, "get", "/api/states", &[("Cookie", &first)], ""), 401);
    assert_eq!(status(&house, "get", "/api/states", &[("Cookie", &cookie)], ""), 200);

    // A form of another page.
    let evil =
        [("Origin", "http://evil.example"), ("Content-Type", "application/x-www-form-urlencoded")];
    let body = format!("name=Ada&password={}", PASSWORD.replace(' ', "+"));
    assert_eq!(house.raw("POST", "/sign-in", &evil, body.as_bytes()).status, 403);
    let evil = [evil[0], ("Cookie", &*cookie)];
    assert_eq!(house.raw("POST", "/sign-out", &evil, b"").status, 403);
    let first_owner = br#"{"name":"Eve","password":"long enough"}"#;
    let origin = format!("http://{}", house.address);
    assert_eq!(house.raw("POST", "/setup", &[("Origin", &origin)], first_owner).status, 409);

    // A new password ends what the old one opened.
    let bob = self::cookie(&house, "Bob");
    assert_eq!(status(&house, "get", "/api/states", &[("Cookie", &bob)], ""), 200);
    house.storage.people().set_password(&id, "another long one").unwrap();
    assert_eq!(status(&house, "get", "/api/states", &[("Cookie", &bob)], ""), 401);

    // Who guesses waits, and is then not even told whether it was right; others come in.
    let mut codes = Vec::new();
    for n in 0..6 {
        codes.push(form(&house, &[], "Bob", &format!("guess {n}")).status);
    }
    assert_eq!(codes, [401, 401, 401, 429, 429, 429]);
    let right = form(&house, &[], "Bob", "another long one");
    assert_eq!(right.status, 429);
    assert!(right.headers["retry-after"].parse::<u32>().unwrap() >= 1);

    // What no browser sends.
    for path in [
        "/../../etc/passwd",
        "/panel/x/..%2f..%2fmod.rs",
        "/panel/..%2f/core.js%00",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/api/states/..%2f..%2fetc%2fpasswd",
    ] {
        let code = status(&house, "get", path, &[("Cookie", &cookie)], "");
        assert!([400, 404].contains(&code), "{path}: {code}");
    }
    let large = format!("name=Ada&password={}", "x".repeat(2 << 20));
    let kind = [("Origin", &*origin), ("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(house.raw("POST", "/sign-in", &kind, large.as_bytes()).status, 413);
}

#[test]
fn a_house_that_is_open_to_the_network_has_no_owner_without_the_code() {
    let settings =
        web::Settings { setup_code: Some("12345678".into()), ..web::Settings::default() };
    let house = House::with(settings);
    let origin = format!("http://{}", house.address);
    let setup = |code: &str| {
        let body = json!({"name": "Ada", "password": PASSWORD, "code": code}).to_string();
        house.raw("POST", "/setup", &[("Origin", &origin)], body.as_bytes())
    };
    assert!(house.raw("GET", "/", &[], b"").text().contains("id=\"code\""));
    assert_eq!(setup("").status, 403);
    assert_eq!(setup("1234567").status, 403);
    let answer = setup("1234-5678");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cookie = answer.headers["set-cookie"].split(';').next().unwrap();
    assert_eq!(status(&house, "get", "/api/homard/people", &[("Cookie", cookie)], ""), 200);
    assert_eq!(setup("1234-5678").status, 409);
    assert!(!house.raw("GET", "/", &[], b"").text().contains("id=\"code\""));

    // On the machine itself it is not needed, but a proxy there brings others.
    let house = House::new();
    assert!(!house.raw("GET", "/", &[], b"").text().contains("id=\"code\""));
    let proxied = [("X-Forwarded-For", "192.168.1.7")];
    assert!(house.raw("GET", "/", &proxied, b"").text().contains("id=\"code\""));
}
