//! Home Assistant's WebSocket protocol, message by message, against a real hub.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use homard::hub::event::Event;

use crate::web::{House, KETTLE, report};

/// A client of the protocol, as bare as can be.
pub(crate) struct Socket {
    inner: WebSocket<TcpStream>,
    pub(crate) id: u64,
    /// Events that came while an answer was waited for.
    events: VecDeque<Json>,
}

impl Socket {
    pub(crate) fn open(house: &House, headers: &[(&'static str, &str)]) -> Self {
        let stream = TcpStream::connect(house.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let address = format!("ws://{}/api/websocket", house.address);
        let mut request = address.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (inner, _) = tungstenite::client(request, stream).expect("an upgrade");
        let mut socket = Self { inner, id: 0, events: VecDeque::new() };
        assert_eq!(socket.next()["type"], "auth_required");
        socket
    }

    /// One that is let in.
    pub(crate) fn of(house: &House) -> Self {
        Self::with(house, &house.token)
    }

    /// One that is let in with this token.
    pub(crate) fn with(house: &House, token: &str) -> Self {
        let mut socket = Self::open(house, &[]);
        socket.say(&json!({"type": "auth", "access_token": token}));
        assert_eq!(socket.next()["type"], "auth_ok");
        socket
    }

    pub(crate) fn say(&mut self, message: &Json) {
        self.text(&message.to_string());
    }

    fn text(&mut self, text: &str) {
        self.inner.send(Message::text(text)).unwrap();
    }

    pub(crate) fn next(&mut self) -> Json {
        // Pings come all the time, so the socket's own limit says nothing.
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < Duration::from_secs(30), "nothing was said");
            match self.inner.read().expect("a message in time") {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The code and reason with which the server closes; what it says before is passed over.
    pub(crate) fn end(&mut self) -> (u16, String) {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < Duration::from_secs(30), "it was not closed");
            match self.inner.read().expect("a close in time") {
                Message::Close(Some(frame)) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Message::Close(None) => panic!("closed without a reason"),
                _ => {}
            }
        }
    }

    /// Asks and waits for the answer with the same id; events in between are kept.
    pub(crate) fn ask(&mut self, kind: &str, mut fields: Json) -> Json {
        self.id += 1;
        fields["id"] = self.id.into();
        fields["type"] = kind.into();
        self.say(&fields);
        loop {
            let answer = self.next();
            if answer["type"] == "event" {
                self.events.push_back(answer);
            } else if answer["id"] == self.id {
                return answer;
            }
        }
    }

    pub(crate) fn done(&mut self, kind: &str, fields: Json) -> Json {
        let answer = self.ask(kind, fields);
        assert_eq!(answer["success"], true, "{kind}: {answer}");
        answer["result"].clone()
    }

    pub(crate) fn code(&mut self, kind: &str, fields: Json) -> String {
        let answer = self.ask(kind, fields);
        assert_eq!(answer["success"], false, "{kind}: {answer}");
        assert!(answer["error"]["message"].as_str().is_some_and(|said| !said.is_empty()));
        answer["error"]["code"].as_str().unwrap().to_owned()
    }

    /// Whether a subscription has said something by the time a further question is answered.
    pub(crate) fn hears_soon(&mut self, id: u64) -> bool {
        self.ask("ping", json!({}));
        self.events.iter().any(|event| event["id"] == id)
    }

    /// The next event of a subscription.
    pub(crate) fn event(&mut self, id: u64) -> Json {
        loop {
            let message = self.events.pop_front().unwrap_or_else(|| self.next());
            if message["type"] == "event" && message["id"] == id {
                return message["event"].clone();
            }
        }
    }
}

#[test]
fn only_who_shows_a_token_or_a_page_s_session_is_let_in() {
    let house = House::new();
    for (first, said) in [
        (json!({"type": "auth", "access_token": "wrong"}), "Invalid access token or password"),
        (json!({"type": "auth"}), "`access_token` is missing"),
        (json!({"type": "auth", "access_token": 3}), "`access_token` is missing"),
        (json!({"id": 1, "type": "get_states"}), "Auth message incorrectly formatted"),
        (json!([]), "Auth message incorrectly formatted"),
    ] {
        let mut socket = Socket::open(&house, &[]);
        socket.say(&first);
        let told = socket.next();
        assert_eq!(told["type"], "auth_invalid", "{first}");
        assert!(told["message"].as_str().unwrap().starts_with(said), "{first}: {told}");
        assert_eq!(socket.end().0, 1008);
    }

    let origin = format!("http://{}", house.address);
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let form = format!("token={}", house.token);
    let signed_in = house.raw("POST", "/sign-in", &[("Origin", &origin), kind], form.as_bytes());
    let cookie = signed_in.headers["set-cookie"].split(';').next().unwrap().to_owned();
    let mut page = Socket::open(&house, &[("cookie", &cookie), ("origin", &origin)]);
    page.say(&json!({"type": "auth"}));
    assert_eq!(page.next()["type"], "auth_ok");
    // The cookie goes with whatever a page opens; another site's page is nobody.
    for foreign in ["http://evil.example", "null"] {
        let mut page = Socket::open(&house, &[("cookie", &cookie), ("origin", foreign)]);
        page.say(&json!({"type": "auth"}));
        assert_eq!(page.next()["type"], "auth_invalid", "{foreign}");
    }
    // Signing out ends what the page has open.
    house.raw("POST", "/sign-out", &[("Cookie", &cookie), ("Origin", &origin)], b"");
    page.say(&json!({"id": 1, "type": "get_states"}));
    assert_eq!(page.end(), (1008, "the token or session has ended".to_owned()));
}

#[test]
fn who_says_nothing_is_cut_off_and_who_says_too_much() {
    let house = House::new();
    let mut silent = Socket::open(&house, &[]);
    let start = Instant::now();
    let mut large = Socket::of(&house);
    // The server may close before it has read all.
    let _ = large.inner.send(Message::text("x".repeat(300 * 1024)));
    let mut broken = Socket::of(&house);
    broken.text("{");
    assert_eq!(broken.end(), (1008, "a message is not valid JSON".to_owned()));
    let mut binary = Socket::of(&house);
    binary.inner.send(Message::binary(vec![1, 2, 3])).unwrap();
    assert_eq!(binary.end().0, 1003);
    assert_eq!(silent.end(), (1008, "no `auth` message came".to_owned()));
    assert!((8..20).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    // It is a request like any other where it is not a WebSocket's.
    assert_eq!(house.call("GET", "/api/websocket", "").status, 400);
}

#[test]
fn commands_answer_with_home_assistants_codes() {
    let house = House::new();
    let mut socket = Socket::of(&house);
    assert_eq!(socket.ask("ping", json!({}))["type"], "pong");
    for (kind, fields, code) in [
        ("nonsense", json!({}), "unknown_command"),
        ("config/nonsense/list", json!({}), "unknown_command"),
        ("call_service", json!({"domain": "switch"}), "invalid_format"),
        ("call_service", json!({"domain": "switch", "service": "fly"}), "not_found"),
        ("call_service", json!({"domain": "switch", "service": "turn_on"}), "invalid_format"),
        (
            "call_service",
            json!({"domain": "switch", "service": "turn_on", "target": {"entity_id": "switch.no"}}),
            "not_found",
        ),
        (
            "call_service",
            json!({"domain": "switch", "service": "turn_on", "return_response": true,
                "target": {"entity_id": "switch.kettle"}}),
            "service_validation_error",
        ),
        (
            "call_service",
            json!({"domain": "switch", "service": "turn_on", "service_data":
                {"entity_id": "switch.offline"}}),
            "home_assistant_error",
        ),
        ("unsubscribe_events", json!({"subscription": 99}), "not_found"),
        ("subscribe_events", json!({"event_type": 3}), "invalid_format"),
        ("subscribe_trigger", json!({"trigger": {"platform": "sun"}}), "not_supported"),
        ("render_template", json!({"template": "{{ nope("}), "template_error"),
        ("fire_event", json!({"event_type": "state_changed"}), "invalid_format"),
        ("config/entity_registry/get", json!({"entity_id": "switch.no"}), "not_found"),
        ("config/area_registry/create", json!({}), "invalid_format"),
        ("config/area_registry/update", json!({"area_id": "no", "name": "X"}), "invalid_info"),
        (
            "config/area_registry/update",
            json!({"area_id": "kitchen", "icon": "mdi:fridge"}),
            "not_supported",
        ),
        ("config/area_registry/delete", json!({"area_id": "no"}), "not_found"),
        ("config/device_registry/update", json!({"device_id": "no"}), "not_found"),
        (
            "config/entity_registry/update",
            json!({"entity_id": "switch.kettle", "new_entity_id": "switch.pot"}),
            "not_supported",
        ),
        ("conversation/process", json!({"text": 3}), "invalid_format"),
    ] {
        assert_eq!(socket.code(kind, fields.clone()), code, "{kind} {fields}");
    }
    // Ids rise, and a refused one counts.
    socket.say(&json!({"id": 2, "type": "ping"}));
    assert_eq!(socket.next()["error"]["code"], "id_reuse");
    socket.say(&json!({"type": "ping"}));
    assert_eq!(socket.next()["error"]["code"], "invalid_format");
    // Several in one message.
    let (one, two) = (socket.id + 1, socket.id + 2);
    socket.id += 2;
    socket.say(&json!([{"id": one, "type": "ping"}, {"id": two, "type": "ping"}]));
    assert_eq!(
        (socket.next()["id"].as_u64(), socket.next()["id"].as_u64()),
        (Some(one), Some(two))
    );

    let states = socket.done("get_states", json!({}));
    assert_eq!(states.as_array().unwrap().len(), 4);
    assert_eq!(socket.done("get_config", json!({}))["location_name"], "Home");
    let services = socket.done("get_services", json!({}));
    assert!(services["switch"]["turn_on"]["target"].is_object(), "{services}");
    let answer = socket.done("conversation/process", json!({"text": "on"}));
    assert!(answer["response"]["speech"]["plain"]["speech"].is_string());
    assert!(socket.done("auth/current_user", json!({}))["name"].is_string());
}

#[test]
fn the_registries_are_read_and_changed() {
    let house = House::new();
    let mut socket = Socket::of(&house);
    let heard = {
        socket.done("subscribe_events", json!({"event_type": "area_registry_updated"}));
        socket.id
    };
    let floor = socket.done("config/floor_registry/create", json!({"name": "Attic", "level": 2}));
    assert_eq!(floor["floor_id"], "attic");
    let area = socket.done(
        "config/area_registry/create",
        json!({"name": "Été", "floor_id": "attic", "icon": null, "labels": []}),
    );
    assert_eq!((&area["area_id"], &area["floor_id"]), (&json!("ete"), &json!("attic")));
    let event = socket.event(heard);
    assert_eq!(event["event_type"], "area_registry_updated");
    assert_eq!(event["data"]["action"], "update");
    let area =
        socket.done("config/area_registry/update", json!({"area_id": "ete", "aliases": ["Sun"]}));
    assert_eq!((&area["name"], &area["aliases"]), (&json!("Été"), &json!(["Sun"])));

    let devices = socket.done("config/device_registry/list", json!({}));
    let id = devices[0]["id"].clone();
    let device = socket.done(
        "config/device_registry/update",
        json!({"device_id": id, "name_by_user": "Old faithful", "area_id": "ete"}),
    );
    assert_eq!(
        (&device["name_by_user"], &device["area_id"]),
        (&json!("Old faithful"), &json!("ete"))
    );
    let states = house.call("GET", "/api/states", "").json();
    let named = states.as_array().unwrap().iter();
    assert_eq!(
        named.filter(|state| state["attributes"]["friendly_name"] == "Old faithful").count(),
        1
    );
    socket.done("config/device_registry/update", json!({"device_id": id, "name_by_user": null}));

    let entity = socket.done(
        "config/entity_registry/update",
        json!({"entity_id": "switch.lamp", "name": "Reading lamp", "area_id": "ete",
            "aliases": ["book light"]}),
    );
    assert_eq!(entity["entity_entry"]["name"], "Reading lamp");
    assert_eq!(entity["entity_entry"]["aliases"], json!(["book light"]));
    let off = json!({"entity_id": "switch.lamp", "disabled_by": "user"});
    let entity = socket.done("config/entity_registry/update", off);
    assert_eq!(entity["entity_entry"]["disabled_by"], "user");
    let shown = socket.done("config/entity_registry/list_for_display", json!({}));
    assert_eq!(shown["entities"].as_array().unwrap().len(), 3);
    let all = socket.done("config/entity_registry/list", json!({}));
    assert_eq!(all.as_array().unwrap().len(), 4);
    socket.done("config/entity_registry/remove", json!({"entity_id": "switch.silent"}));
    let all = socket.done("config/entity_registry/list", json!({}));
    assert_eq!(all.as_array().unwrap().len(), 3);
    socket.done("config/area_registry/delete", json!({"area_id": "ete"}));
    socket.done("config/floor_registry/delete", json!({"floor_id": "attic"}));
}

#[test]
fn each_script_is_a_service_with_its_fields() {
    let house = House::new();
    let mut socket = Socket::of(&house);
    let script = r#"{"alias": "Warm up", "sequence": [{"action": "switch.turn_on", "target": {"entity_id": "{{ what }}"}}]}"#;
    assert_eq!(house.call("POST", "/api/config/script/config/warm_up", script).status, 200);
    socket.done("subscribe_entities", json!({"entity_ids": ["switch.kettle"]}));
    let entities = socket.id;
    assert_eq!(socket.event(entities)["a"]["switch.kettle"]["s"], "off");
    let call = json!({"domain": "script", "service": "warm_up",
        "service_data": {"what": "switch.kettle"}});
    socket.done("call_service", call);
    assert_eq!(socket.event(entities)["c"]["switch.kettle"]["+"]["s"], "on");
    let unknown = json!({"domain": "script", "service": "cool_down"});
    assert_eq!(socket.ask("call_service", unknown)["error"]["code"], "not_found");
}

#[test]
fn what_changes_is_told_in_long_and_in_short() {
    let house = House::new();
    let mut socket = Socket::of(&house);
    socket.done("subscribe_events", json!({"event_type": "state_changed"}));
    let long = socket.id;
    let mut other = Socket::of(&house);
    other.done("subscribe_entities", json!({"entity_ids": ["switch.kettle"]}));
    let all = other.event(1);
    assert_eq!(all["a"]["switch.kettle"]["s"], "off", "{all}");
    assert_eq!(all["a"].as_object().unwrap().len(), 1);
    let call = json!({"domain": "switch", "service": "turn_on",
        "target": {"entity_id": ["switch.kettle", "switch.lamp"]}});
    let done = socket.done("call_service", call);
    assert!(done["context"]["id"].is_string());
    let short = other.event(1);
    assert_eq!(short["c"]["switch.kettle"]["+"]["s"], "on", "{short}");
    assert!(short["c"]["switch.kettle"]["+"]["lc"].as_f64().unwrap() > 1e9);

    socket.done("unsubscribe_events", json!({"subscription": long}));
    socket.done("subscribe_events", json!({}));
    let any = socket.id;
    other.id = 1;
    other.done("fire_event", json!({"event_type": "doorbell", "event_data": {"who": "me"}}));
    let event = socket.event(any);
    assert_eq!((&event["event_type"], &event["origin"]), (&json!("doorbell"), &json!("REMOTE")));
    assert_eq!(event["data"], json!({"who": "me"}));
    let fired = house.call("POST", "/api/events/doorbell", "");
    assert_eq!(fired.status, 200, "{}", fired.text());
    assert_eq!(socket.event(any)["data"], json!({}));
    for (path, body) in
        [("state_changed", ""), ("homard_said", ""), ("a%20b", ""), ("bell", "[]"), ("bell", "{")]
    {
        assert_eq!(house.call("POST", &format!("/api/events/{path}"), body).status, 400, "{path}");
    }

    let wanted = json!({"platform": "state", "entity_id": "switch.kettle", "to": "off"});
    socket.done("subscribe_trigger", json!({"trigger": wanted}));
    let trigger = socket.id;
    socket.done("render_template", json!({"template": "It is {{ states('switch.kettle') }}."}));
    let template = socket.id;
    assert_eq!(socket.event(template)["result"], "It is on.");
    house.tell(vec![report(KETTLE, false)]);
    let mut seen = 0;
    while seen < 2 {
        let message = socket.events.pop_front().unwrap_or_else(|| socket.next());
        let event = &message["event"];
        if message["id"] == trigger {
            assert_eq!(event["variables"]["trigger"]["from_state"]["state"], "on");
            seen += 1;
        } else if message["id"] == template {
            assert_eq!(event["result"], "It is off.");
            assert_eq!(event["listeners"]["entities"], json!(["switch.kettle"]));
            seen += 1;
        }
    }

    // Each step is seen, also where an entity changes several times at once, together or not.
    other.done("supported_features", json!({"features": {"coalesce_messages": 1}}));
    house.tell(vec![report(KETTLE, true), report(KETTLE, false), report(KETTLE, true)]);
    let mut words = Vec::new();
    while words.len() < 4 {
        let said = other.events.pop_front().unwrap_or_else(|| other.next());
        let list = said.as_array().cloned().unwrap_or_else(|| vec![said.clone()]);
        for message in list {
            words.extend(
                message["event"]["c"]["switch.kettle"]["+"]["s"].as_str().map(str::to_owned),
            );
        }
    }
    assert_eq!(words, ["off", "on", "off", "on"]);
}

#[test]
fn a_client_that_does_not_keep_up_is_told_why_it_is_cut() {
    let house = House::new();
    let mut slow = Socket::of(&house);
    slow.done("subscribe_events", json!({}));
    let memory = |house: &House| {
        let page = house.call("GET", "/metrics", "");
        let line = page.text().lines().find(|line| line.starts_with("process_resident")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let before = memory(&house);
    let mut most = before;
    for n in 0..600 {
        house.tell((0..100).map(|n| report(KETTLE, n % 2 == 0)).collect());
        if n % 100 == 0 {
            most = most.max(memory(&house));
        }
        if house.call("GET", "/metrics", "").text().contains("homard_event_streams 0\n") {
            break;
        }
    }
    let (code, reason) = slow.end();
    assert_eq!(code, 1013, "{reason}");
    assert!(reason.starts_with("too slow: ") && reason.ends_with("connect again"), "{reason}");
    assert!(most - before < 64e6, "{} MB", (most - before) / 1e6);
}

#[test]
fn the_stop_says_goodbye() {
    let mut house = House::new();
    let mut socket = Socket::of(&house);
    let mut unknown = Socket::open(&house, &[]);
    let start = Instant::now();
    drop(house.stop.take());
    assert_eq!(socket.end(), (1001, "Homard is stopping".to_owned()));
    assert_eq!(unknown.end().0, 1001);
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[test]
fn what_a_device_says_is_no_part_of_the_protocol() {
    let house = House::new();
    let mut socket = Socket::of(&house);
    socket.done("subscribe_events", json!({}));
    let id = socket.id;
    let tag = "\"},{\"id\":1,\"type\":\"auth_invalid\n";
    house.tell(vec![Event::TagScanned { handle: homard::home::id::Handle(9), tag: tag.into() }]);
    assert_eq!(socket.event(id)["data"]["tag_id"], tag);
}
