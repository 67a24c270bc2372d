//! Roles on connections that stay open: what guests and children are told and may do over Home Assistant's WebSocket, and
//! that nobody stays who may not any more.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use homard::home::domain::{Caps, alarm_control_panel, climate};
use homard::home::id::{AreaId, Handle, PersonId};
use homard::home::person::Role;
use homard::storage::{Holder, PersonEdit};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::access::{cookie, person};
use crate::web::{House, KETTLE, LAMP, report};
use crate::websocket::Socket;

/// A house with what a child must not touch, and a token of somebody of this role; a guest's room is the kitchen.
fn house_of(role: Role) -> (House, String) {
    let house = House::new();
    house.announce_as(Handle(20), "Front door", "Kitchen", Caps::Lock(Box::default()));
    let alarm = alarm_control_panel::Caps::default();
    house.announce_as(Handle(21), "Alarm", "Kitchen", Caps::AlarmControlPanel(Box::new(alarm)));
    let heating = climate::Caps::default();
    house.announce_as(Handle(22), "Heating", "Kitchen", Caps::Climate(Box::new(heating)));
    house.wait(|home| home.by_handle(Handle(22)).is_some());
    let id = person(&house, role.word(), role).id;
    let tokens = house.storage.tokens();
    let token = tokens.add(role.word(), &Holder::Person(id), Timestamp::now()).unwrap();
    (house, token)
}

/// Everything a subscription says until a state of this entity comes; all of it as text.
fn heard_until(socket: &mut Socket, id: u64, last: &str) -> String {
    let mut all = String::new();
    loop {
        let event = socket.event(id).to_string();
        all += &event;
        if event.contains(last) {
            return all;
        }
    }
}

#[test]
fn a_guest_sees_and_switches_their_rooms_over_the_websocket_and_nothing_else() {
    let (house, token) = house_of(Role::Guest);
    let mut guest = Socket::with(&house, &token);
    for list in [
        "get_states",
        "config/area_registry/list",
        "config/floor_registry/list",
        "config/device_registry/list",
        "config/entity_registry/list",
        "config/entity_registry/list_for_display",
    ] {
        let answer = guest.done(list, json!({})).to_string();
        for hidden in ["amp", "Hall", "hall", "Silent", "silent"] {
            assert!(!answer.contains(hidden), "{list} tells a guest of `{hidden}`: {answer}");
        }
        let has_theirs = answer.to_lowercase().contains("kitchen") || answer.contains("kettle");
        assert!(has_theirs || list == "config/floor_registry/list", "{list}: {answer}");
    }
    assert_eq!(
        guest.done("config/entity_registry/get_entries", json!({"entity_ids": ["switch.lamp"]})),
        json!({"switch.lamp": null})
    );
    let user = guest.done("auth/current_user", json!({}));
    assert_eq!((&user["is_admin"], &user["is_owner"]), (&json!(false), &json!(false)));

    // What is not theirs is not there, and what is the owner's is refused.
    let call = |entity: &str| json!({"domain": "switch", "service": "turn_on", "target": {"entity_id": entity}});
    let put = json!({"area_id": "kitchen", "name": "Mine"});
    let rename = json!({"entity_id": "switch.kettle", "name": "Mine"});
    for (kind, fields, code) in [
        ("call_service", call("switch.lamp"), "not_found"),
        (
            "call_service",
            json!({"domain": "switch", "service": "turn_on", "target": {"area_id": "hall"}}),
            "not_found",
        ),
        ("config/entity_registry/get", json!({"entity_id": "switch.lamp"}), "not_found"),
        ("config/entity_registry/update", rename, "unauthorized"),
        ("config/entity_registry/remove", json!({"entity_id": "switch.kettle"}), "unauthorized"),
        (
            "config/device_registry/update",
            json!({"device_id": "device_of_kettle", "name_by_user": "Mine"}),
            "unauthorized",
        ),
        ("config/area_registry/update", put, "unauthorized"),
        ("config/area_registry/create", json!({"name": "Mine"}), "unauthorized"),
        ("config/area_registry/delete", json!({"area_id": "kitchen"}), "unauthorized"),
        ("config/floor_registry/create", json!({"name": "Mine"}), "unauthorized"),
        ("config/floor_registry/delete", json!({"floor_id": "up"}), "unauthorized"),
        ("fire_event", json!({"event_type": "mine"}), "unauthorized"),
        ("system_health/info", json!({}), "unauthorized"),
    ] {
        let shown = format!("{kind} {fields}");
        assert_eq!(guest.code(kind, fields), code, "{shown}");
    }

    // What they follow is of their rooms, in long and in short, and templates know no more.
    guest.done("subscribe_events", json!({}));
    let events = guest.id;
    guest.done("subscribe_entities", json!({}));
    let entities = guest.id;
    let first = guest.event(entities).to_string();
    assert!(first.contains("switch.kettle") && !first.contains("switch.lamp"), "{first}");
    let trigger = json!({"trigger": {"platform": "state", "entity_id": ["switch.lamp"]}});
    guest.done("subscribe_trigger", trigger);
    let triggered = guest.id;
    guest.done(
        "render_template",
        json!({"template": "{{ states('switch.lamp') }} {{ states('switch.silent') }}"}),
    );
    let said = guest.event(guest.id).to_string();
    assert!(said.contains("unknown unknown"), "{said}");
    house.tell(vec![report(LAMP, true), report(LAMP, false), report(KETTLE, true)]);
    for id in [events, entities] {
        let heard = heard_until(&mut guest, id, "switch.kettle");
        assert!(!heard.contains("switch.lamp"), "{heard}");
    }
    guest.done("call_service", call("all"));
    assert!(!guest.hears_soon(triggered), "a trigger tells of what they do not see");
    let lamp =
        |home: &homard::home::Home| home.entity("switch.lamp")?.view().map(|v| v.word.into_owned());
    assert_eq!(house.hub.read(lamp).as_deref(), Some("off"), "`all` is all that they see");
}

#[test]
fn a_child_moves_no_lock_alarm_or_heating_over_any_door() {
    let (house, token) = house_of(Role::Child);
    let mut child = Socket::with(&house, &token);
    let header = format!("Bearer {token}");
    for (domain, service, fields) in [
        ("lock", "unlock", json!({"entity_id": "lock.front_door"})),
        ("lock", "open", json!({"entity_id": "lock.front_door"})),
        ("alarm_control_panel", "alarm_disarm", json!({"entity_id": "alarm_control_panel.alarm"})),
        ("climate", "set_temperature", json!({"entity_id": "climate.heating", "temperature": 21})),
        ("climate", "set_hvac_mode", json!({"entity_id": "climate.heating", "hvac_mode": "off"})),
    ] {
        let body = json!({"domain": domain, "service": service, "service_data": fields});
        let answer = child.ask("call_service", body);
        assert_eq!(answer["success"], false, "{domain}.{service}: {answer}");
        let path = format!("/api/services/{domain}/{service}");
        let body = fields.to_string();
        let answer = house.raw("POST", &path, &[("Authorization", &header)], body.as_bytes());
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
    }
    for kind in ["config/area_registry/create", "config/floor_registry/create"] {
        assert_eq!(child.code(kind, json!({"name": "Mine"})), "unauthorized", "{kind}");
    }
    assert_eq!(child.code("fire_event", json!({"event_type": "mine"})), "unauthorized");
    // And lights they may.
    let lamp = json!({"domain": "switch", "service": "turn_on", "service_data": {"entity_id": "switch.lamp"}});
    child.done("call_service", lamp);
}

/// What is done to somebody, and the reason with which their socket is closed.
type Deed = (&'static str, fn(&House, &PersonId, &str), &'static str);

const GONE: &str = "the token or session has ended";
const CHANGED: &str = "the rights have changed; connect again";

/// Posts as the person's own page does.
fn post(house: &House, path: &str, cookie: &str) {
    let origin = format!("http://{}", house.address);
    let answer = house.raw("POST", path, &[("Cookie", cookie), ("Origin", &origin)], b"");
    assert_eq!(answer.status, 303, "{path}: {}", answer.text());
}

fn edit(house: &House, id: &PersonId, edit: PersonEdit) {
    house.storage.people().edit(id, edit).unwrap();
}

const DEEDS: &[Deed] = &[
    ("signs out", |house, _, cookie| post(house, "/sign-out", cookie), GONE),
    ("is removed", |house, id, _| assert!(house.storage.people().remove(id).unwrap()), GONE),
    (
        "has a new password",
        |house, id, _| drop(house.storage.people().set_password(id, "another long one").unwrap()),
        GONE,
    ),
    (
        "becomes a child",
        |house, id, _| {
            edit(house, id, PersonEdit { role: Some(Role::Child), ..PersonEdit::default() });
        },
        CHANGED,
    ),
    (
        "may see another room",
        |house, id, _| {
            let areas = Some([AreaId::new("hall")].into());
            edit(house, id, PersonEdit { areas, ..PersonEdit::default() });
        },
        CHANGED,
    ),
];

/// A stream of events, read to what has come so far.
struct Stream {
    inner: TcpStream,
    all: String,
}

impl Stream {
    fn open(house: &House, header: &str) -> Self {
        let mut inner = TcpStream::connect(house.address).unwrap();
        inner.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        write!(inner, "GET /api/events HTTP/1.1\r\nHost: {}\r\n{header}\r\n\r\n", house.address)
            .unwrap();
        let mut stream = Self { inner, all: String::new() };
        stream.until(": listening");
        stream
    }

    /// Reads what is there; false when the stream has ended.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.inner.read(&mut buffer) {
            Ok(0) => false,
            Ok(n) => {
                self.all += &String::from_utf8_lossy(&buffer[..n]);
                // The last chunk of an answer.
                !self.all.ends_with("\r\n0\r\n\r\n")
            }
            Err(_) => true,
        }
    }

    fn until(&mut self, text: &str) {
        let started = Instant::now();
        while !self.all.contains(text) {
            assert!(self.read() && started.elapsed() < Duration::from_secs(20), "{}", self.all);
        }
    }
}

#[test]
fn who_may_not_stay_is_cut_off_at_once() {
    for (what, deed, reason) in DEEDS {
        let house = House::new();
        let somebody = person(&house, "Guy", Role::Guest).id;
        let cookie = cookie(&house, "Guy");
        let origin = format!("http://{}", house.address);
        let mut socket = Socket::open(&house, &[("cookie", &cookie), ("origin", &origin)]);
        socket.say(&json!({"type": "auth"}));
        assert_eq!(socket.next()["type"], "auth_ok");
        socket.done("subscribe_events", json!({}));
        let mut stream = Stream::open(&house, &format!("Cookie: {cookie}"));
        house.tell(vec![report(KETTLE, true)]);
        stream.until("switch.kettle");
        // Writes that are nobody's business cut nobody off.
        house.storage.tokens().add("other", &Holder::Role(Role::Child), Timestamp::now()).unwrap();
        house.tell(vec![report(KETTLE, false)]);
        stream.until("\"new_state\":{\"entity_id\":\"switch.kettle\",\"state\":\"off\"");
        while !stream.all.trim_end().ends_with('}') {
            stream.read();
        }
        socket.done("get_config", json!({}));

        deed(&house, &somebody, &cookie);
        let seen = stream.all.len();
        let begun = Instant::now();
        // Not one event more, though the stream is open.
        house.tell(vec![report(KETTLE, true)]);
        while stream.read() {
            assert!(begun.elapsed() < Duration::from_secs(10), "{what}: the stream goes on");
        }
        let more = &stream.all[seen..];
        assert!(!more.contains("switch.kettle"), "{what}: {more}");
        assert_eq!(socket.end().1, *reason, "{what}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{what}: {:?}", begun.elapsed());
    }
}

#[test]
fn a_silent_connection_is_cut_off_too_and_a_token_that_is_taken_back_ends_all_it_opened() {
    let house = House::new();
    let tokens = house.storage.tokens();
    let token = tokens.add("tablet", &Holder::Role(Role::Adult), Timestamp::now()).unwrap();
    let mut socket = Socket::with(&house, &token);
    socket.done("subscribe_events", json!({}));
    let mut stream = Stream::open(&house, &format!("Authorization: Bearer {token}"));
    // A page that was opened with the same token.
    let link = house.raw("GET", &format!("/?token={token}"), &[], b"");
    let cookie = link.headers["set-cookie"].split(';').next().unwrap().to_owned();
    let mut page = Stream::open(&house, &format!("Cookie: {cookie}"));
    let begun = Instant::now();
    tokens.remove("tablet").unwrap();
    for stream in [&mut stream, &mut page] {
        while stream.read() {
            assert!(begun.elapsed() < Duration::from_secs(10), "the stream goes on");
        }
    }
    assert_eq!(socket.end(), (1008, GONE.to_owned()));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let _: Json = house.call("GET", "/api/", "").json();
}
