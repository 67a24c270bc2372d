//! The HTTP port, from outside: over real connections, against a real hub on a real disk. Only the
//! devices are played.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use homard::automation::Agenda;
use homard::clock::Clock;
use homard::home::Home;
use homard::home::Report;
use homard::home::action::Outcome;
use homard::home::device::DeviceFacts;
use homard::home::domain::{Action, Caps, Domain, State, camera, image, switch};
use homard::home::entity::{Announcement, Availability, Naming, Producer, Source, Traits};
use homard::home::id::{EntityId, Handle};
use homard::home::person::Role;
use homard::hub::event::{
    Done, Effect, Event, Explained, Place, Problem, Reply, ReplyKind, Span, Utterance, Wish,
};
use homard::hub::{Ear, Heard, Hub, HubHandle, Setup};
use homard::storage::{self, Holder, Storage, Writer};
use homard::web::{self, StateObject};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

use crate::support::daemon::Played;

/// Does as it is told and says so.
pub(crate) const KETTLE: Handle = Handle(1);
pub(crate) const LAMP: Handle = Handle(2);
/// Does as it is told and says nothing.
const SILENT: Handle = Handle(3);
/// Has left.
const OFFLINE: Handle = Handle(4);
/// Does as it is told after a third of a second, as many do, and says its old state before.
const SLOW: Handle = Handle(5);

/// A running daemon's inside, without its other ports.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    pub(crate) hub: HubHandle,
    pub(crate) storage: Storage,
    runtime: Option<Runtime>,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    dir: PathBuf,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(web::Settings::default())
    }

    /// A house whose panel has these settings.
    pub(crate) fn with(settings: web::Settings) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("homard-web-{}-{n}", std::process::id()));
        let storage = Storage::open(&dir).unwrap();
        let tokens = storage.tokens();
        let token = tokens.add("test", &Holder::Role(Role::Admin), Timestamp::now()).unwrap();
        let access = web::Access::new(&storage, Clock::system(jiff::tz::TimeZone::UTC), None);
        let writer = Writer::start(storage.clone(), storage::Settings::default()).unwrap();
        let runtime = Runtime::new().unwrap();
        let (outbox, effects) = mpsc::channel(16);
        let setup = Setup {
            home: Home::new(),
            agenda: Agenda::default(),
            writer,
            clock: Clock::system(jiff::tz::TimeZone::UTC),
            ear: Box::new(Listener),
            outbox,
        };
        let (hub, handle) = Hub::new(setup);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = web::House {
            hub: handle.clone(),
            access,
            listen: web::deaf(),
            aloud: web::mute(),
            daemon: Arc::new(Played::new(&settings)),
            tls: None,
        };
        runtime.spawn(hub.run(std::future::pending()));
        runtime.spawn(devices(effects, handle.clone()));
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let stop = async { drop(stopped.await) };
            web::run(vec![listener], settings, served, stop).await.unwrap();
        });
        let house = Self {
            address,
            token,
            hub: handle,
            storage,
            runtime: Some(runtime),
            stop: Some(stop),
            dir,
        };
        house.announce(KETTLE, "Kettle", "Kitchen");
        house.announce(LAMP, "Lamp", "Hall");
        house.announce(SILENT, "Silent", "Hall");
        house.announce(OFFLINE, "Offline", "Hall");
        house.tell(vec![Event::AvailabilityReported(OFFLINE, Availability::Offline)]);
        for handle in [KETTLE, LAMP, SILENT] {
            house.tell(vec![report(handle, false)]);
        }
        house
            .wait(|home| home.entity("switch.silent").is_some_and(|entity| entity.state.is_some()));
        house
    }

    fn announce(&self, handle: Handle, name: &str, area: &str) {
        self.announce_as(handle, name, area, Caps::Switch(Box::default()));
    }

    /// A device of one entity that can do this.
    pub(crate) fn announce_as(&self, handle: Handle, name: &str, area: &str, caps: Caps) {
        let announcement = Announcement {
            key: name.into(),
            unique_id: Some(format!("id of {name}").into()),
            caps,
            naming: Naming::Main,
            wished_object: None,
            device: Some(Arc::new(DeviceFacts {
                identifiers: vec![format!("device of {name}").into()],
                name: Some(name.into()),
                manufacturer: Some("Maker".into()),
                suggested_area: Some(area.into()),
                ..DeviceFacts::default()
            })),
            traits: Arc::new(Traits::default()),
            enabled_by_default: true,
            always_available: true,
            producer: Producer { name: Some("test".into()), topic: "test/config".into() },
        };
        self.tell(vec![Event::Announced(handle, Box::new(announcement))]);
    }

    /// An entity without a device.
    fn announce_alone(&self, handle: Handle, name: &str, caps: Caps) {
        let announcement = Announcement {
            key: name.into(),
            unique_id: Some(name.into()),
            caps,
            naming: Naming::Named(name.into()),
            wished_object: None,
            device: None,
            traits: Arc::new(Traits::default()),
            enabled_by_default: true,
            always_available: true,
            producer: Producer { name: None, topic: "test/config".into() },
        };
        self.tell(vec![Event::Announced(handle, Box::new(announcement))]);
    }

    pub(crate) fn tell(&self, events: Vec<Event>) {
        let told = self.runtime.as_ref().unwrap().block_on(self.hub.send(events));
        told.unwrap();
    }

    pub(crate) fn wait(&self, is_so: impl Fn(&Home) -> bool) {
        let start = Instant::now();
        while !self.hub.read(&is_so) {
            assert!(start.elapsed() < Duration::from_secs(10), "the house never got there");
            std::thread::yield_now();
        }
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let token = format!("Bearer {}", self.token);
        self.raw(method, path, &[("Authorization", &token)], body.as_bytes())
    }

    fn get(&self, path: &str) -> Json {
        let answer = self.call("GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    fn post(&self, path: &str, body: &Json) -> Answer {
        self.call("POST", path, &body.to_string())
    }

    pub(crate) fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        Answer::read(&self.send(&bytes, false)).expect("an HTTP answer")
    }

    /// Sends bytes and reads until the server closes; `is_all` says that nothing follows.
    fn send(&self, bytes: &[u8], is_all: bool) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // The server may answer and close before it has read all.
        let _ = stream.write_all(bytes);
        if is_all {
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    }

    fn events(&self, query: &str) -> Events {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(
            stream,
            "GET /api/events{query} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
            self.address, self.token
        )
        .unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        let mut events = Events { reader };
        while events.line() != ": listening" {}
        events
    }
}

impl Drop for House {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(2));
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        Some(Self { status, headers, body: bytes[end + 4..].to_vec() })
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("JSON: {}", self.text()))
    }

    fn message(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/json", "{}", self.text());
        self.json()["message"].as_str().expect("a message").to_owned()
    }
}

/// An open event stream.
struct Events {
    reader: BufReader<TcpStream>,
}

impl Events {
    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(
            self.reader.read_line(&mut line).expect("a line in time"),
            0,
            "the stream ended"
        );
        line.trim_end().to_owned()
    }

    /// The next event; chunk sizes, comments and blank lines are passed over.
    fn next(&mut self) -> Json {
        loop {
            if let Some(data) = self.line().strip_prefix("data: ") {
                return serde_json::from_str(data).expect("JSON");
            }
        }
    }
}

pub(crate) fn report(handle: Handle, on: bool) -> Event {
    let state = State::Switch(switch::State { on: Some(on) });
    let report = Report {
        state: Some(state),
        extra: None,
        source: Source::Live,
        force: false,
        said_at: None,
    };
    Event::StateReported(handle, Box::new(report))
}

/// Plays the devices: does what it is told.
async fn devices(mut effects: mpsc::Receiver<Vec<Effect>>, hub: HubHandle) {
    while let Some(effects) = effects.recv().await {
        for effect in effects {
            if let Effect::Act { handle, action: Action::Switch(action), .. } = effect
                && handle != SILENT
            {
                let on = action == switch::Action::TurnOn;
                if handle == SLOW {
                    let hub = hub.clone();
                    tokio::spawn(async move {
                        let _ = hub.send(vec![report(SLOW, !on)]).await;
                        tokio::time::sleep(Duration::from_millis(300)).await;
                        let _ = hub.send(vec![report(SLOW, on)]).await;
                    });
                    continue;
                }
                if hub.send(vec![report(handle, on)]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Understands `on`, which means the kettle, and nothing else.
struct Listener;

impl Ear for Listener {
    fn hear(&mut self, utterance: &Utterance, _: &Home, _: Timestamp) -> Heard {
        let reply = Reply {
            text: format!("heard `{}` in {:?}", utterance.text, utterance.origin.area),
            language: utterance.language.clone().unwrap_or_else(|| "en".to_owned()),
            kind: ReplyKind::Error("no_intent_match"),
            success: Vec::new(),
            failed: Vec::new(),
            intent: None,
            slots: Vec::new(),
            conversation: utterance.origin.conversation.clone().unwrap_or_else(|| "new".to_owned()),
            continues: false,
            asks: None,
            elapsed_ms: vec![("understand", 0.5)],
            explained: Explained {
                by: Some("words"),
                spans: vec![Span {
                    said: "on".into(),
                    role: "verb",
                    meaning: "turn on".into(),
                    score: 0.9,
                }],
                rivals: vec![("dance on".into(), 0.25)],
                why: vec!["harmless".into()],
                ..Explained::default()
            },
        };
        if utterance.text != "on" {
            return Heard::Reply(reply);
        }
        let wish = Wish {
            entity: EntityId::new("switch.kettle"),
            action: Action::Switch(switch::Action::TurnOn),
        };
        let finish = move |_: &Home, done: Vec<Done>| {
            let is_done = |done: &&Done| !matches!(done.outcome, Outcome::Refused(_));
            let success = done.iter().filter(is_done);
            let slots = vec![("name".to_owned(), "kettle".into())];
            Reply {
                kind: ReplyKind::ActionDone,
                intent: Some("HassTurnOn".to_owned()),
                slots,
                success: success.map(|done| (done.entity.clone(), done.outcome.clone())).collect(),
                ..reply
            }
        };
        Heard::Acts {
            wishes: vec![wish],
            patience: Duration::from_secs(2),
            finish: Box::new(finish),
        }
    }
}

fn states(json: &Json) -> BTreeMap<String, String> {
    let states: Vec<StateObject> = serde_json::from_value(json.clone()).expect("state objects");
    states.into_iter().map(|state| (state.entity_id, state.state)).collect()
}

fn expect_states(answer: &Answer, expected: &[(&str, &str)]) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let expected: BTreeMap<String, String> =
        expected.iter().map(|&(id, state)| (id.to_owned(), state.to_owned())).collect();
    assert_eq!(states(&answer.json()), expected);
}

#[test]
fn states_are_what_the_description_says() {
    let house = House::new();
    assert_eq!(house.get("/api/"), json!({"message": "API running."}));
    let all = house.get("/api/states");
    let known = [
        ("switch.kettle", "off"),
        ("switch.lamp", "off"),
        ("switch.offline", "unavailable"),
        ("switch.silent", "off"),
    ];
    assert_eq!(states(&all), known.map(|(id, state)| (id.to_owned(), state.to_owned())).into());
    let kettle = house.get("/api/states/switch.kettle");
    assert_eq!(kettle, all[0]);
    assert_eq!(kettle["attributes"], json!({"friendly_name": "Kettle", "area": "Kitchen"}));
    let config = house.get("/api/config");
    assert_eq!(config["unit_system"]["temperature"], "°C");
    assert!(config["components"].as_array().unwrap().contains(&json!("switch")));
    let missing = house.call("GET", "/api/states/switch.kettel", "");
    assert_eq!(missing.status, 404);
    assert!(missing.message().contains("switch.kettle"), "{}", missing.text());
}

#[test]
fn nothing_below_api_is_open() {
    let house = House::new();
    let described = house.get("/api/openapi.json");
    let mut n_closed = 0;
    for (path, methods) in described["paths"].as_object().unwrap() {
        let path = path.replace(['{', '}'], "");
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            let answer = house.raw(&method, &path, &[], b"{}");
            if !path.starts_with("/api") && path != "/metrics" {
                // A sign of life, how an owner comes in, and how a fresh house takes a backup; see `access`.
                let expected = match &*path {
                    "/healthz" => 200,
                    "/setup/restore" => 403,
                    _ => 400,
                };
                assert_eq!(answer.status, expected, "{path}");
                continue;
            }
            if path == "/api/websocket" {
                // It asks for the token in its own words; tests/it/websocket.rs.
                assert_eq!(answer.status, 400);
                continue;
            }
            n_closed += 1;
            assert_eq!(answer.status, 401, "{method} {path}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            answer.message();
        }
    }
    assert!(n_closed >= 20, "{n_closed}");
    for wrong in ["Bearer", "Bearer ", "Bearer x", "Basic x", "", "Bearer hmd_00"] {
        let answer = house.raw("GET", "/api/states", &[("Authorization", wrong)], b"");
        assert_eq!(answer.status, 401, "{wrong:?}");
    }
    // Many wrong ones are slowed down; the right one still works.
    let tries = (0..40).map(|_| house.raw("GET", "/api/", &[("Authorization", "Bearer x")], b""));
    assert!(tries.into_iter().any(|answer| answer.status == 429));
    assert_eq!(house.call("GET", "/api/", "").status, 200);
}

#[test]
fn a_service_acts_on_what_was_said_and_nothing_else() {
    let house = House::new();
    let on = |body: Json| house.post("/api/services/switch/turn_on", &body);
    let off = |body: Json| house.post("/api/services/switch/turn_off", &body);
    expect_states(&on(json!({"entity_id": "switch.kettle"})), &[("switch.kettle", "on")]);
    // What is so already does not change.
    expect_states(&on(json!({"entity_id": "switch.kettle"})), &[]);
    expect_states(&off(json!({"area_id": "kitchen"})), &[("switch.kettle", "off")]);
    expect_states(
        &on(json!({"target": {"device_id": ["device of Lamp"]}})),
        &[("switch.lamp", "on")],
    );
    expect_states(
        &off(json!({"entity_id": "switch.lamp, switch.kettle"})),
        &[("switch.lamp", "off")],
    );
    let toggle = |body: Json| house.post("/api/services/homeassistant/toggle", &body);
    expect_states(&toggle(json!({"entity_id": ["switch.kettle"]})), &[("switch.kettle", "on")]);
    expect_states(&off(json!({"entity_id": "all"})), &[("switch.kettle", "off")]);
    expect_states(&off(json!({"entity_id": "none"})), &[]);
    assert_eq!(states(&house.get("/api/states"))["switch.lamp"], "off");
}

#[test]
fn a_silent_device_does_not_hold_a_script_up() {
    let house = House::new();
    let start = Instant::now();
    for n in 0..20 {
        let service = if n % 2 == 0 { "turn_on" } else { "turn_off" };
        let body = json!({"entity_id": "switch.silent"});
        expect_states(&house.post(&format!("/api/services/switch/{service}"), &body), &[]);
    }
    // The first waits a second, nineteen wait a tenth each.
    assert!(start.elapsed() > Duration::from_secs(1), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[test]
fn a_call_waits_for_the_new_state_and_no_longer() {
    let house = House::new();
    house.announce(SLOW, "Slow", "Hall");
    house.tell(vec![report(SLOW, false)]);
    house.wait(|home| home.entity("switch.slow").is_some_and(|entity| entity.state.is_some()));
    for (service, word) in [("turn_on", "on"), ("turn_off", "off")] {
        let start = Instant::now();
        // What others change meanwhile is not this call's.
        house.tell(vec![report(LAMP, word == "on")]);
        let body = json!({"entity_id": ["switch.slow", "switch.kettle"]});
        let answer = house.post(&format!("/api/services/switch/{service}"), &body);
        expect_states(&answer, &[("switch.slow", word), ("switch.kettle", word)]);
        assert!(start.elapsed() < Duration::from_millis(950), "{:?}", start.elapsed());
    }
}

#[test]
fn a_wrong_call_says_what_would_be_right_and_does_nothing() {
    let house = House::new();
    for (path, body, status, hint) in [
        ("switch/turn_off_and_on", json!({}), 400, "switch.turn_on"),
        ("toaster/turn_on", json!({}), 400, "switch"),
        ("homeassistant/reboot", json!({}), 400, "homeassistant.toggle"),
        ("switch/turn_on", json!({}), 400, "entity_id"),
        ("switch/turn_on", json!({"entity_id": "switch.lamp", "brightness": 3}), 400, "brightness"),
        ("switch/turn_on", json!({"entity_id": "switch.lamb"}), 404, "switch.lamp"),
        ("switch/turn_on", json!({"entity_id": ["switch.lamp", "switch.x"]}), 404, "switch.x"),
        ("switch/turn_on", json!({"entity_id": ["all"]}), 404, "all"),
        ("switch/turn_on", json!({"entity_id": 7}), 400, "entity_id"),
        ("switch/turn_on", json!({"area_id": "kitchn"}), 404, "kitchen"),
        ("switch/turn_on", json!({"area_id": "all"}), 400, "area_id"),
        ("switch/turn_on", json!({"device_id": "x"}), 404, "x"),
        ("switch/turn_on", json!({"floor_id": "x"}), 404, "x"),
        ("switch/turn_on", json!({"target": {"label_id": "x"}}), 400, "label_id"),
        ("switch/turn_on", json!({"entity_id": "switch.offline"}), 503, "offline"),
        (
            "switch/turn_on?return_response",
            json!({"entity_id": "switch.lamp"}),
            400,
            "return_response",
        ),
        ("switch/turn_on", json!(["switch.lamp"]), 400, ""),
    ] {
        let answer = house.post(&format!("/api/services/{path}"), &body);
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
        assert!(answer.message().contains(hint), "{path} {body}: {}", answer.text());
    }
    assert_eq!(states(&house.get("/api/states"))["switch.lamp"], "off");
    // Partly possible is done as far as it can be.
    let body = json!({"entity_id": ["switch.offline", "switch.lamp"]});
    expect_states(&house.post("/api/services/switch/turn_on", &body), &[("switch.lamp", "on")]);
}

#[test]
fn every_listed_service_can_be_called() {
    let house = House::new();
    let listed = house.get("/api/services");
    let domains: Vec<&str> =
        listed.as_array().unwrap().iter().map(|d| d["domain"].as_str().unwrap()).collect();
    assert!(domains.contains(&"switch") && domains.contains(&"homeassistant"));
    for domain in Domain::ALL.iter().filter(|domain| !domain.services().is_empty()) {
        assert!(domains.contains(&domain.word()), "{domain}");
    }
    for domain in listed.as_array().unwrap() {
        for name in domain["services"].as_object().unwrap().keys() {
            let path = format!("/api/services/{}/{name}", domain["domain"].as_str().unwrap());
            let answer = house.post(&path, &json!({"entity_id": "none"}));
            // Some lack a field; none is unknown.
            assert!(!answer.text().contains("no service"), "{path}: {}", answer.text());
        }
    }
}

#[test]
fn a_conversation_is_answered_in_home_assistants_shape() {
    let house = House::new();
    let answer = house.post("/api/conversation/process", &json!({"text": "on"}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let json = answer.json();
    assert_eq!(json["response"]["response_type"], "action_done");
    let success = &json["response"]["data"]["success"][0];
    assert_eq!(
        *success,
        json!({"name": "Kettle", "type": "entity", "id": "switch.kettle", "outcome": "confirmed"})
    );
    assert_eq!(json["homard"]["intent"], "HassTurnOn");
    assert_eq!(json["homard"]["slots"], json!({"name": "kettle"}));
    assert_eq!(json["homard"]["elapsed_ms"], json!({"understand": 0.5}));
    // And how it was read.
    assert_eq!(json["homard"]["by"], "words");
    let span = json!({"said": "on", "role": "verb", "meaning": "turn on", "score": 0.9});
    assert_eq!(json["homard"]["spans"], json!([span]));
    assert_eq!(json["homard"]["candidates"], json!([{"reading": "dance on", "score": 0.25}]));
    assert_eq!(json["homard"]["why"], json!(["harmless"]));
    assert_eq!(json["continue_conversation"], json!(false));
    let body = json!({
        "text": "what?", "language": "fr", "conversation_id": "7", "device_id": "device of Lamp",
    });
    let json = house.post("/api/conversation/process", &body).json();
    assert_eq!(json["response"]["response_type"], "error");
    assert_eq!(json["response"]["data"]["code"], "no_intent_match");
    assert_eq!(json["response"]["language"], "fr");
    assert_eq!(json["conversation_id"], "7");
    let speech = json["response"]["speech"]["plain"]["speech"].as_str().unwrap();
    assert_eq!(speech, "heard `what?` in Some(\"hall\")");
    for body in [json!({}), json!({"text": 3}), json!({"text": "x".repeat(3000)})] {
        let answer = house.post("/api/conversation/process", &body);
        assert_eq!(answer.status, 400);
        assert!(answer.message().contains("text"));
    }
}

#[test]
fn the_owner_names_places_and_things() {
    let house = House::new();
    let put = |path: &str, body: Json| house.call("PUT", path, &body.to_string());
    let floor = put("/api/homard/floors/ground", json!({"name": "Ground", "level": 0}));
    assert_eq!(floor.status, 200, "{}", floor.text());
    let area = json!({"name": "Küche", "aliases": ["kitchenette"], "floor": "ground"});
    assert_eq!(put("/api/homard/areas/kitchen", area).status, 200);
    let area = house.get("/api/homard/areas/kitchen");
    assert_eq!(
        area,
        json!({"area_id": "kitchen", "name": "Küche", "aliases": ["kitchenette"], "floor": "ground"})
    );
    let state = house.get("/api/states/switch.kettle");
    assert_eq!(state["attributes"]["area"], "Küche");
    assert_eq!(state["attributes"]["floor"], "Ground");
    let patch = |id: &str, body: Json| {
        house.call("PATCH", &format!("/api/homard/entities/{id}"), &body.to_string())
    };
    let body = json!({"name": "Old lamp", "area": "Kitchenette", "aliases": ["bulb"]});
    let patched = patch("switch.lamp", body);
    assert_eq!(patched.status, 200, "{}", patched.text());
    let json = patched.json();
    assert_eq!(json["name"], "Old lamp");
    assert_eq!(json["area"], "Küche");
    assert_eq!(json["area_id"], "kitchen");
    assert_eq!(json["floor_id"], "ground");
    assert_eq!(json["aliases"], json!(["bulb"]));
    assert_eq!(json["device"]["manufacturer"], "Maker");
    assert_eq!(json["discovery_topic"], "test/config");
    let back = patch("switch.lamp", json!({"name": null, "area": null})).json();
    assert_eq!((&back["name"], &back["area"]), (&json!("Lamp"), &json!("Hall")));
    assert_eq!(patch("switch.lamp", json!({"enabled": false})).json()["enabled"], false);
    assert_eq!(house.call("GET", "/api/states/switch.lamp", "").status, 404);
    let entities = house.get("/api/homard/entities");
    assert_eq!(entities.as_array().unwrap().len(), 4);
    for (path, body, status) in [
        ("/api/homard/entities/switch.lamp", json!({"nme": "x"}), 400),
        ("/api/homard/entities/switch.lamp", json!({"name": ""}), 400),
        ("/api/homard/entities/switch.lamp", json!({"name": "x".repeat(300)}), 400),
        ("/api/homard/entities/switch.lamp", json!({"area": "nowhere"}), 400),
        ("/api/homard/entities/switch.lamp", json!({"aliases": "x"}), 400),
        ("/api/homard/entities/switch.none", json!({"name": "x"}), 404),
    ] {
        let answer = house.call("PATCH", path, &body.to_string());
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        answer.message();
    }
    for (path, body) in [
        ("/api/homard/areas/Kitchen", json!({"name": "x"})),
        ("/api/homard/areas/k", json!({"aliases": []})),
        ("/api/homard/areas/k", json!({"name": "x", "floor": "sky"})),
        ("/api/homard/floors/g", json!({"name": "x", "level": 1e9})),
        ("/api/homard/floors/g", json!({"name": "x\ny"})),
    ] {
        let answer = put(path, body);
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        answer.message();
    }
    assert_eq!(house.call("DELETE", "/api/homard/floors/ground", "").status, 200);
    assert_eq!(house.get("/api/homard/areas/kitchen")["floor"], Json::Null);
    assert_eq!(house.call("DELETE", "/api/homard/areas/kitchen", "").status, 200);
    assert_eq!(house.call("DELETE", "/api/homard/areas/kitchen", "").status, 404);
    assert_eq!(house.call("GET", "/api/homard/floors/ground", "").status, 404);
}

#[test]
fn problems_are_told() {
    let house = House::new();
    let at = |place| Problem { place, producer: Some("z".into()), text: "key `x` is bad".into() };
    house.tell(vec![
        Event::ProblemFound(at(Place::Handle(KETTLE))),
        Event::ProblemFound(at(Place::Handle(KETTLE))),
        Event::ProblemFound(at(Place::Topic("a/b".into()))),
    ]);
    let problems = house.get("/api/homard/problems");
    let problems = problems.as_array().unwrap();
    let of_kettle = problems.iter().find(|p| p["entity_id"] == "switch.kettle").expect("one");
    assert_eq!(of_kettle["count"], 2);
    assert_eq!(of_kettle["text"], "key `x` is bad");
    assert!(problems.iter().any(|p| p["topic"] == "a/b" && p["producer"] == "z"));
    let entities = house.get("/api/homard/entities");
    let kettle = entities.as_array().unwrap().iter().find(|e| e["entity_id"] == "switch.kettle");
    assert_eq!(kettle.unwrap()["problems"], json!(["key `x` is bad"]));
}

#[test]
fn events_come_in_order_and_as_home_assistants() {
    let house = House::new();
    let mut events = house.events("");
    let mut only_tags = house.events("?restrict=tag_scanned,nothing");
    for n in 0..500 {
        house.tell(vec![report(KETTLE, n % 2 == 0)]);
    }
    house.tell(vec![Event::TagScanned { handle: Handle(99), tag: "tag \"7\"".into() }]);
    for n in 0..500 {
        let event = events.next();
        assert_eq!(event["event_type"], "state_changed");
        assert_eq!(event["data"]["entity_id"], "switch.kettle");
        let (old, new) = if n % 2 == 0 { ("off", "on") } else { ("on", "off") };
        for (key, word) in [("old_state", old), ("new_state", new)] {
            let state: StateObject = serde_json::from_value(event["data"][key].clone()).unwrap();
            assert_eq!(state.state, word, "{n} {key}");
            assert_eq!(state.attributes["area"], "Kitchen");
        }
        assert_eq!(event["origin"], "LOCAL");
        assert!(event["time_fired"].as_str().unwrap().ends_with("+00:00"));
        assert_eq!(event["context"]["id"].as_str().unwrap().len(), 26);
    }
    for stream in [&mut events, &mut only_tags] {
        let event = stream.next();
        assert_eq!(event["event_type"], "tag_scanned");
        assert_eq!(event["data"]["tag_id"], "tag \"7\"");
    }
}

#[test]
fn a_slow_reader_loses_events_and_is_told_while_others_get_all() {
    // About 40 MB: more than the sockets' and the server's buffers hold.
    const N: usize = 60_000;
    let house = House::new();
    let mut slow = house.events("");
    let mut fast = house.events("");
    let n_read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&n_read);
    let reader = std::thread::spawn(move || {
        loop {
            let line = fast.line();
            if line.starts_with("data: {\"event_type\":\"state_changed\"") {
                counter.fetch_add(1, Ordering::Relaxed);
            } else if line.starts_with("data: ") {
                return line;
            }
        }
    });
    let mut n_told = 0;
    while n_told < N {
        house.tell((n_told..n_told + 100).map(|n| report(KETTLE, n % 2 == 0)).collect());
        n_told += 100;
        // The reader that keeps up sets the pace; the slow one must not.
        let start = Instant::now();
        while n_told - n_read.load(Ordering::Relaxed) > 4_000 {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "the slow reader holds the fast one up"
            );
            std::thread::yield_now();
        }
    }
    house.tell(vec![Event::TagScanned { handle: Handle(99), tag: "end".into() }]);
    let last = reader.join().unwrap();
    assert!(last.contains("tag_scanned"), "{last}");
    assert_eq!(n_read.load(Ordering::Relaxed), N);
    let (mut n_events, mut n_lost) = (0, 0);
    loop {
        let event = slow.next();
        match event["event_type"].as_str().unwrap() {
            "state_changed" => n_events += 1,
            "homard_lagged" => n_lost += event["data"]["count"].as_u64().unwrap() as usize,
            "tag_scanned" => break,
            other => panic!("{other}"),
        }
    }
    assert!(n_lost > 0, "the slow reader was not slow enough to show anything");
    assert_eq!(n_events + n_lost, N);
    let metrics = house.call("GET", "/metrics", "");
    assert!(metrics.text().contains(&format!("homard_events_lost_total {n_lost}\n")));
    assert!(metrics.text().contains("homard_event_streams 1\n"), "{}", metrics.text());
}

#[test]
fn what_the_stream_itself_missed_is_told_exactly() {
    // So much at once that the writer of the stream cannot be there in time.
    const N: usize = 60_000;
    let house = House::new();
    let mut events = house.events("");
    house.tell(vec![report(KETTLE, true)]);
    assert_eq!(events.next()["event_type"], "state_changed");
    house.tell((0..N).map(|n| report(KETTLE, n % 2 == 1)).collect());
    let (mut n_events, mut n_lost) = (0, 0);
    while n_events + n_lost < N {
        let event = events.next();
        match event["event_type"].as_str().unwrap() {
            "state_changed" => n_events += 1,
            "homard_lagged" => n_lost += event["data"]["count"].as_u64().unwrap() as usize,
            other => panic!("{other}"),
        }
    }
    assert!(n_lost > 0, "nothing was missed, so this shows nothing");
    assert_eq!(n_events + n_lost, N);
}

#[test]
fn an_open_stream_does_not_keep_the_daemon_from_stopping() {
    let mut house = House::new();
    let mut events = house.events("");
    let start = Instant::now();
    drop(house.stop.take());
    let mut rest = String::new();
    events.reader.read_to_string(&mut rest).expect("the stream ends in good order");
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn every_error_is_json() {
    let house = House::new();
    let token = format!("Bearer {}", house.token);
    let long = format!("{{\"text\": \"{}\"}}", "x".repeat(2 << 20));
    for (method, path, body, status) in [
        ("GET", "/nothing", "", 404),
        ("GET", "/api/nothing", "", 404),
        ("GET", "/api/states/", "", 404),
        ("GET", "/api/states/%FF%FE", "", 400),
        ("DELETE", "/api/states", "", 405),
        ("POST", "/", "", 405),
        ("GET", "/?token=", "", 401),
        ("GET", "/api/events?restrict=a&restrict=b", "", 400),
        ("POST", "/api/conversation/process", &*long, 413),
        ("POST", "/api/conversation/process", "{\"text\": \"a", 400),
        ("POST", "/api/conversation/process", "[[[[", 400),
        ("POST", "/api/services/switch/turn_on", "nonsense", 400),
        ("PUT", "/api/homard/areas/x", "null", 400),
    ] {
        let answer = house.raw(method, path, &[("Authorization", &token)], body.as_bytes());
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        if answer.headers["content-type"] != "text/html; charset=utf-8" {
            assert!(!answer.message().is_empty());
        }
    }
    let nested = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let answer = house.call("POST", "/api/services/switch/turn_on", &nested);
    assert_eq!(answer.status, 400);
    answer.message();
    let invalid = b"{\"text\": \"\xff\xfe\"}";
    let headers = [("Authorization", &*token)];
    let answer = house.raw("POST", "/api/conversation/process", &headers, invalid);
    assert_eq!(answer.status, 400);
    answer.message();
}

#[test]
fn another_name_for_this_machine_is_refused() {
    let house = House::new();
    let token = format!("Bearer {}", house.token);
    for (host, status) in [("evil.example", 421), ("localhost:1", 200), ("[::1]:8466", 200)] {
        let headers = [("Host", host), ("Authorization", &*token)];
        assert_eq!(house.raw("GET", "/api/", &headers, b"").status, status, "{host}");
    }
}

#[test]
fn the_page_opens_with_a_token_and_acts_only_for_itself() {
    let house = House::new();
    let form = house.raw("GET", "/", &[("Accept-Language", "fr")], b"");
    assert_eq!(form.status, 200);
    assert!(form.text().contains("lang=\"fr\"") && form.text().contains("/sign-in"));
    assert!(!form.text().contains("Kettle"));
    assert!(form.headers["content-security-policy"].contains("default-src 'none'"));

    let origin = format!("http://{}", house.address);
    let sign_in = |token: &str, origin: &str| {
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        house.raw(
            "POST",
            "/sign-in",
            &[("Origin", origin), kind],
            format!("token={token}").as_bytes(),
        )
    };
    assert_eq!(sign_in(&house.token, "http://evil.example").status, 403);
    assert_eq!(sign_in("wrong", &origin).status, 401);
    assert_eq!(house.raw("GET", "/?token=wrong", &[], b"").status, 401);
    let answer = sign_in(&house.token, &origin);
    assert_eq!(answer.status, 303, "{}", answer.text());
    let cookie = &answer.headers["set-cookie"];
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains(&house.token));
    let cookie = cookie.split(';').next().unwrap();

    let page = house.raw("GET", "/", &[("Cookie", cookie)], b"");
    assert!(page.text().contains("data-id=\"switch.kettle\""), "{}", page.text());
    // All that the page names is there, and kept by browsers: its address changes with it.
    let named: Vec<&str> =
        page.text().split('"').filter(|text| text.starts_with("/panel/")).collect();
    assert!(named.len() >= 4, "{named:?}");
    for path in named {
        let file = house.raw("GET", path.split('#').next().unwrap(), &[], b"");
        assert_eq!(file.status, 200, "{path}");
        assert!(file.headers["cache-control"].contains("immutable"), "{path}");
        let packed = house.raw("GET", path, &[("Accept-Encoding", "gzip")], b"");
        assert_eq!(packed.headers["content-encoding"], "gzip");
        assert!(packed.body.len() < file.body.len(), "{path}");
    }
    assert_eq!(house.raw("GET", "/icon.svg", &[], b"").status, 200);
    for path in ["/panel/x/no.js", "/panel/x/..%2fmod.rs", "/panel/x"] {
        assert_eq!(house.raw("GET", path, &[], b"").status, 404, "{path}");
    }
    for path in ["/talk", "/devices"] {
        assert!(house.raw("GET", path, &[], b"").text().contains("/sign-in"), "{path}");
        let page = house.raw("GET", path, &[("Cookie", cookie)], b"");
        assert!(page.text().contains("aria-current") && !page.text().contains(" style="), "{path}");
        assert!(page.headers["content-security-policy"].contains("script-src 'self'"), "{path}");
    }
    assert_eq!(house.raw("GET", "/api/states", &[("Cookie", cookie)], b"").status, 200);
    let act = |headers: &[(&str, &str)]| {
        let body = br#"{"entity_id": "switch.kettle"}"#;
        house.raw("POST", "/api/services/switch/toggle", headers, body).status
    };
    assert_eq!(act(&[("Cookie", cookie)]), 403);
    assert_eq!(act(&[("Cookie", cookie), ("Origin", "http://evil.example")]), 403);
    assert_eq!(act(&[("Cookie", cookie), ("Sec-Fetch-Site", "same-site")]), 403);
    // Not even from the same address without the word that only our own page knows.
    assert_eq!(act(&[("Cookie", cookie), ("Origin", &origin)]), 403);
    let word = page.text().split("data-word=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(
        act(&[("Cookie", cookie), ("Origin", "http://evil.example"), ("X-Homard-Page", word)]),
        403
    );
    assert_eq!(act(&[("Cookie", cookie), ("Origin", &origin), ("X-Homard-Page", word)]), 200);
    let out = house.raw("POST", "/sign-out", &[("Cookie", cookie), ("Origin", &origin)], b"");
    assert_eq!(out.status, 303);
    assert_eq!(house.raw("GET", "/api/states", &[("Cookie", cookie)], b"").status, 401);

    let link = house.raw("GET", &format!("/?token={}", house.token), &[], b"");
    assert_eq!((link.status, &*link.headers["location"]), (303, "/"));
}

#[test]
fn names_from_devices_are_text_on_the_page() {
    let house = House::new();
    house.announce(Handle(50), "<script>alert(1)</script>\"'", "<Hall>");
    house.wait(|home| home.by_handle(Handle(50)).is_some());
    let link = house.raw("GET", &format!("/?token={}", house.token), &[], b"");
    let cookie = link.headers["set-cookie"].split(';').next().unwrap().to_owned();
    let page = house.raw("GET", "/", &[("Cookie", &cookie)], b"");
    assert!(page.text().contains("&lt;script&gt;"));
    assert!(!page.text().contains("<script>alert"));
}

/// The same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn json(&mut self, depth: usize) -> Json {
        match self.below(if depth > 3 { 6 } else { 8 }) {
            0 => Json::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.below(1000) as i64 - 500),
            3 => json!([f64::MAX, -0.0, 1e-300, 0.5][self.below(4)]),
            4 | 5 => json!(self.one_of(&[
                "",
                "all",
                "none",
                "switch.kettle",
                "switch.",
                ".",
                "kitchen",
                "é\u{0}",
                "on",
                ",",
            ])),
            6 => (0..self.below(4)).map(|_| self.json(depth + 1)).collect(),
            _ => {
                let keys = [
                    "entity_id",
                    "area_id",
                    "device_id",
                    "floor_id",
                    "target",
                    "text",
                    "name",
                    "aliases",
                    "area",
                    "enabled",
                    "level",
                    "floor",
                    "brightness",
                    "code",
                    "",
                ];
                let entry =
                    |random: &mut Self| (random.one_of(&keys).to_owned(), random.json(depth + 1));
                Json::Object((0..self.below(5)).map(|_| entry(self)).collect())
            }
        }
    }
}

#[test]
fn ten_thousand_senseless_requests_change_nothing_but_what_they_may() {
    let house = House::new();
    let mut random = Random(0x5EED);
    for n in 0..8_000 {
        let method = random.one_of(&["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
        let path = random.one_of(&[
            "/api/services/switch/turn_on",
            "/api/services/homeassistant/toggle",
            "/api/services/%00/%2F",
            "/api/services/lock/unlock",
            "/api/conversation/process",
            "/api/homard/entities/switch.kettle",
            "/api/homard/areas/a",
            "/api/homard/floors/b",
            "/api/homard/areas/..%2F..",
            "/api/states/switch.kettle",
            "/api/states?x=%ZZ&y",
            "/api/config",
            "//",
            "/?token=%",
        ]);
        let json = random.json(0);
        let body = match random.below(4) {
            0 => format!("{json}").chars().rev().collect(),
            _ => json.to_string(),
        };
        let status = house.call(method, path, &body).status;
        // A panic would close the connection without an answer.
        let is_answered = matches!(status, 200 | 303 | 400 | 401 | 404 | 405 | 429 | 503);
        assert!(is_answered, "{n}: {method} {path} {body}: {status}");
    }
    for _ in 0..2_000 {
        let mut bytes: Vec<u8> = match random.below(3) {
            0 => {
                b"GET /api/states HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_vec()
            }
            1 => b"POST /api/services/switch/turn_on HTTP/1.1\r\nHost: localhost\r\n\
                Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                .to_vec(),
            _ => Vec::new(),
        };
        for _ in 0..random.below(40) {
            let byte = random.below(256) as u8;
            let at = random.below(bytes.len() + 1);
            bytes.insert(at, byte);
        }
        house.send(&bytes, true);
    }
    assert_eq!(house.raw("GET", "/healthz", &[], b"").status, 200);
    let entities = house.get("/api/homard/entities");
    let ids: Vec<&str> =
        entities.as_array().unwrap().iter().map(|e| e["entity_id"].as_str().unwrap()).collect();
    // Only the kettle was ever named, and somewhere among all that was a `DELETE`.
    assert_eq!(ids, ["switch.lamp", "switch.offline", "switch.silent"]);
}

#[test]
fn a_camera_s_frame_and_an_image_can_be_had() {
    let house = House::new();
    let image = || Caps::Image(Box::new(image::Caps { content_type: "image/bmp".into() }));
    house.announce_alone(Handle(60), "porch", Caps::Camera(Box::new(camera::Caps {})));
    house.announce_alone(Handle(61), "map", image());
    house.announce_alone(Handle(62), "cover", image());
    house.wait(|home| home.entity("image.cover").is_some());
    for path in ["camera_proxy/camera.porch", "image_proxy/image.map"] {
        let answer = house.call("GET", &format!("/api/{path}"), "");
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.message().contains("no picture yet"), "{}", answer.text());
    }
    let say = |handle: Handle, state: State| {
        let report = Report {
            state: Some(state),
            extra: None,
            source: Source::Live,
            force: false,
            said_at: None,
        };
        house.tell(vec![Event::StateReported(handle, Box::new(report))]);
    };
    let frame: &[u8] = b"\xFF\xD8\xFF\xE0 frame";
    say(Handle(60), State::Camera(camera::State { frame: Some(frame.into()) }));
    let picture = |picture| State::Image(image::State { at: None, picture: Some(picture) });
    say(Handle(61), picture(image::Picture::Bytes((&b"BM map"[..]).into())));
    say(Handle(62), picture(image::Picture::Url("http://elsewhere.example/x.jpg".into())));
    house.wait(|home| home.entity("image.cover").is_some_and(|entity| entity.state.is_some()));
    for (path, kind, body) in [
        ("camera_proxy/camera.porch", "image/jpeg", frame),
        ("image_proxy/image.map", "image/bmp", b"BM map"),
    ] {
        let answer = house.call("GET", &format!("/api/{path}"), "");
        assert_eq!((answer.status, &*answer.body), (200, body), "{path}");
        assert_eq!(answer.headers["content-type"], kind);
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(answer.headers["content-security-policy"].contains("sandbox"));
    }
    let elsewhere = house.call("GET", "/api/image_proxy/image.cover", "");
    assert_eq!(elsewhere.status, 404);
    assert!(elsewhere.message().contains("http://elsewhere.example/x.jpg"));
    for path in ["camera_proxy/image.map", "camera_proxy/camera.x", "image_proxy/switch.kettle"] {
        let answer = house.call("GET", &format!("/api/{path}"), "");
        assert_eq!(answer.status, 404, "{path}");
        answer.message();
    }
    let link = house.raw("GET", &format!("/?token={}", house.token), &[], b"");
    let cookie = link.headers["set-cookie"].split(';').next().unwrap().to_owned();
    let page = house.raw("GET", "/", &[("Cookie", &cookie)], b"");
    assert!(page.text().contains("data-id=\"camera.porch\""));
    let answer = house.raw("GET", "/api/camera_proxy/camera.porch", &[("Cookie", &cookie)], b"");
    assert_eq!(answer.status, 200);
}

#[test]
fn what_could_do_harm_asks_first_on_the_page() {
    let house = House::new();
    house.announce_alone(Handle(70), "Portail", Caps::Cover(Box::default()));
    house.announce_alone(Handle(71), "Kitchen blind", Caps::Cover(Box::default()));
    house.announce_alone(Handle(72), "Front", Caps::Lock(Box::default()));
    house.announce_alone(Handle(73), "Sprinkler", Caps::Valve(Box::default()));
    house.announce_alone(Handle(74), "Alarm", Caps::Siren(Box::default()));
    house.wait(|home| home.by_handle(Handle(74)).is_some());
    let link = house.raw("GET", &format!("/?token={}", house.token), &[], b"");
    let cookie = link.headers["set-cookie"].split(';').next().unwrap().to_owned();
    let page = house.raw("GET", "/", &[("Cookie", &cookie)], b"");
    let asked = |id: &str| {
        let row = page.text().split("<li ").find(|row| row.contains(&format!("data-id=\"{id}\"")));
        let row = row.unwrap_or_else(|| panic!("{id} is on the page"));
        let confirms = row.split("data-confirm=\"").skip(1);
        confirms.map(|rest| rest.split('"').next().unwrap()).collect::<Vec<_>>().join(" ")
    };
    // Every service that the panel may call is asked about, not only those with a button.
    let has = |id: &str, service: &str| asked(id).split(' ').any(|one| one == service);
    for (id, service, is_asked) in [
        ("cover.portail", "open_cover", true),
        ("cover.portail", "close_cover", true),
        ("cover.portail", "set_cover_position", true),
        ("cover.portail", "toggle", true),
        ("cover.portail", "stop_cover", false),
        ("lock.front", "unlock", true),
        ("lock.front", "open", true),
        ("lock.front", "lock", false),
        ("valve.sprinkler", "open_valve", true),
        ("valve.sprinkler", "stop_valve", false),
        ("siren.alarm", "turn_on", true),
        ("siren.alarm", "turn_off", false),
    ] {
        assert_eq!(has(id, service), is_asked, "{id} {service}");
    }
    assert_eq!(asked("cover.kitchen_blind"), "");
}

#[test]
fn two_rooms_or_floors_cannot_have_one_name() {
    let house = House::new();
    let put = |path: &str, body: Json| {
        house.call("PUT", &format!("/api/homard/{path}"), &body.to_string())
    };
    let cellar = json!({"name": "Cellar", "aliases": ["Cave"], "level": -1});
    assert_eq!(put("floors/cellar", cellar.clone()).status, 200);
    assert_eq!(put("floors/cellar", cellar).status, 200, "the same again");
    for (path, body, other) in [
        ("floors/cave", json!({"name": "CAVE"}), "cellar"),
        ("floors/down", json!({"name": "Down", "aliases": ["cellar"]}), "cellar"),
        ("areas/cuisine", json!({"name": "kitchen"}), "kitchen"),
        ("areas/cuisine", json!({"name": "Cuisine", "aliases": ["Kitchen"]}), "kitchen"),
    ] {
        let answer = put(path, body.clone());
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.message().contains(&format!("`{other}`")), "{}", answer.text());
    }
    assert_eq!(put("areas/cave", json!({"name": "Cave"})).status, 200, "a floor is no room");
    assert_eq!(house.get("/api/homard/floors").as_array().unwrap().len(), 1);
}

#[test]
fn a_speaker_s_room_that_is_not_known_is_told() {
    let house = House::new();
    for (key, said, near) in [
        ("area", "kitchn", "Kitchen"),
        ("area", "nope", "Hall"),
        ("device_id", "device of Lmp", "device of Lamp"),
    ] {
        let answer = house.post("/api/conversation/process", &json!({"text": "on", key: said}));
        assert_eq!(answer.status, 400, "{key} {said}");
        assert!(answer.message().contains(near), "{}", answer.text());
    }
    assert_eq!(states(&house.get("/api/states"))["switch.kettle"], "off");
    let answer = house.post("/api/conversation/process", &json!({"text": "?", "area": "KITCHEN"}));
    assert!(answer.text().contains(r#"Some(\"kitchen\")"#), "{}", answer.text());
}

#[test]
fn an_entity_can_be_removed() {
    let house = House::new();
    assert_eq!(house.call("DELETE", "/api/homard/entities/switch.lamp", "").status, 200);
    assert_eq!(house.call("GET", "/api/states/switch.lamp", "").status, 404);
    let again = house.call("DELETE", "/api/homard/entities/switch.lamp", "");
    assert_eq!(again.status, 404);
    again.message();
}
