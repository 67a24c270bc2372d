//! Messages that misbehave: too many, too large, too deep, not text, not true.

use std::time::Duration;

use homard::clock::Clock;
use homard::home::action::Outcome;
use serde_json::json;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep};

use crate::broker::client::{Client, V3, V5};
use crate::hub::NOON;
use crate::mosquitto::{lamp, obedient_lamp};
use crate::support::homard::{Daemon, Folder};
use crate::support::house::House;
use crate::support::mosquitto::Mosquitto;
use crate::support::stack::{PATIENCE, QUICK, Stack, settings};

/// A sensor of the key `x` of a JSON message on `topic`.
fn sensor(name: &str, topic: &str) -> String {
    json!({
        "name": name, "unique_id": name, "state_topic": topic,
        "value_template": "{{ value_json.x }}", "json_attributes_topic": topic,
    })
    .to_string()
}

/// A mosquitto with a lamp that works, a stack, and a client to do harm.
struct Scene {
    // Before the broker: it must go first.
    stack: Stack,
    producer: Client,
    broker: Mosquitto,
    n_probes: usize,
}

impl Scene {
    async fn start() -> Option<Self> {
        Self::start_at(Clock::fixed(NOON.parse().unwrap())).await
    }

    async fn start_at(clock: Clock) -> Option<Self> {
        let broker = Mosquitto::start()?;
        let mut producer = Client::connect(broker.address(), V5, "producer").await;
        producer.retain("homeassistant/switch/lamp/config", lamp()).await;
        producer.retain("lamp/there", "online").await;
        producer.retain("lamp", "OFF").await;
        obedient_lamp(broker.address(), V3).await;
        let stack = Stack::start_with(settings(broker.port), QUICK, clock);
        stack.shows("switch.lamp", "off").await;
        Some(Self { stack, producer, broker, n_probes: 0 })
    }

    async fn announce(&mut self, kind: &str, id: &str, config: impl AsRef<[u8]>) {
        self.producer.retain(&format!("homeassistant/{kind}/{id}/config"), config).await;
    }

    async fn say(&mut self, topic: &str, payload: impl AsRef<[u8]>) {
        self.producer.publish(topic, payload.as_ref(), 1, false).await;
    }

    /// Waits until the broker has taken all subscriptions for what was announced so far: those for
    /// something announced now come after them.
    async fn listens(&mut self) {
        self.n_probes += 1;
        let id = format!("probe{}", self.n_probes);
        self.producer.retain(&id, "here").await;
        let probe = json!({"name": id, "unique_id": id, "state_topic": id});
        self.announce("sensor", &id, probe.to_string()).await;
        self.stack.shows(&format!("sensor.{id}"), "here").await;
        self.announce("sensor", &id, "").await;
        let entity = format!("sensor.{id}");
        self.stack.until("the probe is gone", |home| home.entity(&entity).is_none()).await;
    }

    /// The house works as before.
    async fn works(&mut self) {
        for (service, word) in [("switch.turn_on", "on"), ("switch.turn_off", "off")] {
            let done = self.stack.call("switch.lamp", service, json!({})).await;
            assert_eq!(done.outcome, Outcome::Confirmed);
            assert_eq!(self.stack.word("switch.lamp").as_deref(), Some(word));
        }
    }

    async fn end(self) {
        self.stack.stop().await;
        drop(self.broker);
    }
}

/// JSON that is too large, too deep, too wide, or none.
fn bombs() -> [String; 12] {
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let keys = |n: usize| {
        let mut text = String::from("{\"x\":2");
        (0..n).for_each(|n| text.push_str(&format!(",\"k{n}\":{n}")));
        text + "}"
    };
    [
        "x".repeat(1 << 20),
        format!("{{\"x\": \"{}\"}}", "y".repeat(1 << 20)),
        deep("[", "]"),
        deep(r#"{"x":"#, "}"),
        keys(900_000),
        format!("{{\"x\": {}}}", "9".repeat(500_000)),
        "{\"x\": 1e999999999}".to_owned(),
        "{\"x\": -0.0e-999999999999999999999}".to_owned(),
        format!("{{\"x\": {}}}", "[".repeat(1 << 20)),
        "{\"x\": NaN}".to_owned(),
        "\u{0}".repeat(1000),
        format!("[{}]", "0,".repeat(500_000)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_messages_and_json_bombs() {
    let Some(mut scene) = Scene::start().await else { return };
    scene.announce("sensor", "bomb", sensor("Bomb", "bomb")).await;
    scene.listens().await;
    scene.say("bomb", r#"{"x": 1}"#).await;
    scene.stack.shows("sensor.bomb", "1").await;
    let bombs = bombs();
    for (n, bomb) in bombs.iter().enumerate() {
        scene.say("bomb", bomb).await;
        // And as an announcement, also of a device.
        scene.announce("sensor", &format!("bomb{n}"), bomb).await;
        scene.announce("device", &format!("bomb{n}"), bomb).await;
        let answer = scene.stack.answer_time().await;
        assert!(answer < Duration::from_secs(1), "bomb {n}: {answer:?}");
    }
    scene.say("bomb", [0xff, 0xfe, b'{']).await;
    scene.say("bomb", r#"{"x": 3}"#).await;
    scene.stack.shows("sensor.bomb", "3").await;
    scene.stack.problem("not UTF-8").await;
    scene.stack.problem("too large").await;
    scene.stack.problem("larger than 1 MiB").await;
    scene.works().await;
    scene.end().await;
}

/// One device of 100 KB and 2,000 components: each would repeat the device.
fn unfolding() -> serde_json::Value {
    let mut components = serde_json::Map::new();
    for n in 0..2_000 {
        let part = json!({"p": "sensor", "unique_id": n, "state_topic": "s"});
        components.insert(format!("c{n}"), part);
    }
    let device = json!({"identifiers": ["d"], "name": "x".repeat(100_000)});
    json!({"device": device, "origin": {"name": "o"}, "components": components})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_payload_that_would_unfold_is_refused() {
    let Some(mut scene) = Scene::start().await else { return };
    let payload = unfolding();
    scene.announce("device", "d", payload.to_string()).await;
    scene.stack.problem("the announcement is too large").await;
    let children: Vec<_> = (0..2_000).map(|n| json!({"identifiers": [n]})).collect();
    let payload = json!({
        "device": {"identifiers": ["d"], "name": "x".repeat(100_000)},
        "origin": {"name": "o"}, "child_devices": children, "components": {},
    });
    scene.announce("device", "e", payload.to_string()).await;
    scene.works().await;
    // A large device is welcome.
    let mut components = serde_json::Map::new();
    for n in 0..300 {
        let part = json!({"p": "sensor", "unique_id": n, "name": n, "state_topic": "s"});
        components.insert(format!("c{n}"), part);
    }
    let payload = json!({
        "device": {"identifiers": ["d"], "name": "Large"}, "origin": {"name": "o"},
        "components": components,
    });
    scene.announce("device", "f", payload.to_string()).await;
    scene.stack.until("300 sensors", |home| home.entities().count() == 301).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_announcements_at_once() {
    const N: usize = 10_000;
    let Some(mut scene) = Scene::start().await else { return };
    let broker = scene.broker.address();
    let flood = tokio::spawn(async move {
        let mut producer = Client::connect(broker, V3, "flood").await;
        for n in 0..N {
            let config = json!({
                "name": format!("s{n}"), "unique_id": format!("u{n}"),
                "state_topic": format!("dev/{}", n / 10),
                "value_template": format!("{{{{ value_json.v{} }}}}", n % 10),
                "device": {"identifiers": [format!("d{}", n / 10)], "name": format!("D{}", n / 10)},
            });
            let topic = format!("homeassistant/sensor/u{n}/config");
            producer.publish_raw(&topic, config.to_string().as_bytes(), 0, true, &[]).await;
        }
        producer.ping().await;
    });
    let begin = Instant::now();
    let mut slowest = Duration::ZERO;
    while scene.stack.n_entities() < N + 1 {
        slowest = slowest.max(scene.stack.answer_time().await);
        let n = scene.stack.n_entities();
        assert!(begin.elapsed() < 2 * PATIENCE, "only {n} are known");
        sleep(Duration::from_millis(5)).await;
    }
    flood.await.unwrap();
    println!("{N} announcements in {:?}, slowest answer {slowest:?}", begin.elapsed());
    assert!(slowest < Duration::from_secs(2), "the hub took {slowest:?} to answer");
    assert_eq!(scene.stack.counters().await.n_problems, 0);
    // All are listened to.
    scene.listens().await;
    scene.say("dev/999", json!({"v0": 1, "v9": 9}).to_string()).await;
    scene.stack.shows("sensor.d999_s9999", "9").await;
    scene.works().await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unique_id_of_two_producers_names_both() {
    let Some(mut scene) = Scene::start().await else { return };
    let of = |producer: &str, topic: &str| {
        let origin = json!({"name": producer});
        json!({"name": "T", "unique_id": "same", "state_topic": topic, "origin": origin})
            .to_string()
    };
    scene.announce("sensor", "a", of("zigbee2mqtt", "a")).await;
    scene.stack.until("known", |home| home.entities().count() == 2).await;
    scene.announce("sensor", "b", of("garage box", "b")).await;
    let kept = scene.stack.problem("`same`").await;
    for word in ["zigbee2mqtt", "garage box", "homeassistant/sensor/a/config"] {
        assert!(kept.problem.text.contains(word), "{}", kept.problem.text);
    }
    // The first keeps working; the second is not heard.
    scene.listens().await;
    scene.say("b", "2").await;
    scene.say("a", "1").await;
    scene.stack.shows("sensor.t", "1").await;
    // When the first goes, the second can be announced anew.
    scene.announce("sensor", "a", "").await;
    scene.stack.until("gone", |home| home.entities().count() == 1).await;
    scene.announce("sensor", "b", of("garage box", "b")).await;
    scene.stack.until("the second", |home| home.entities().count() == 2).await;
    scene.stack.no_problem("`same`").await;
    scene.end().await;
}

/// Templates that never end, or eat memory.
const TEMPLATES: &[&str] = &[
    "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "{% for a in range(10 ** 18) %}x{% endfor %}",
    "{{ 'x' * 10 ** 12 }}",
    "{{ ('x' * 1000000) * 1000000 }}",
    "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s | length }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ range(10 ** 9) | list | length }}",
    "{{ '%099999999999d' | format(1) }}",
    "{{ value | regex_findall('(x+x+)+y') }}",
    "{{ 'x' | center(10 ** 12) }}",
    "{{ value_json.x | round(10 ** 9) }}",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn templates_that_never_end_or_eat_memory() {
    let Some(mut scene) = Scene::start().await else { return };
    for (n, template) in TEMPLATES.iter().enumerate() {
        let config = json!({
            "name": format!("T{n}"), "unique_id": n, "state_topic": "evil",
            "value_template": template,
        });
        scene.announce("sensor", &format!("t{n}"), config.to_string()).await;
    }
    // Some are refused already when announced.
    let lock = json!({
        "name": "Evil lock", "unique_id": "l", "command_topic": "evil/lock",
        "command_template": TEMPLATES[0],
    });
    scene.announce("lock", "l", lock.to_string()).await;
    scene.listens().await;
    scene.say("evil", "0").await;
    let begin = Instant::now();
    for _ in 0..3 {
        scene.say("evil", format!("{{\"x\": 1.5, \"y\": \"{}\"}}", "x".repeat(10_000))).await;
        assert!(scene.stack.answer_time().await < Duration::from_secs(1));
    }
    scene.works().await;
    println!("36 evil templates in {:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    let problems = scene.stack.problems().await;
    assert!(problems.len() >= 5, "{problems:#?}");
    // A command that cannot be made is refused, not sent half.
    if scene.stack.view("lock.evil_lock").is_some() {
        let mut watcher = Client::connect(scene.broker.address(), V3, "watcher").await;
        watcher.subscribe(&["evil/lock"], 0).await;
        let done = scene.stack.call("lock.evil_lock", "lock.lock", json!({})).await;
        assert!(matches!(done.outcome, Outcome::Refused(_)), "{:?}", done.outcome);
        watcher.expect_nothing().await;
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_steps_back_a_year() {
    let now: jiff::Zoned = NOON.parse().unwrap();
    let clock = Clock::movable(&now);
    let Some(mut scene) = Scene::start_at(clock.clone()).await else { return };
    let hour = json!({
        "name": "Hour", "unique_id": "h", "state_topic": "hour", "expire_after": 1,
        "value_template": "{{ now().year }} {{ value }}",
    });
    scene.announce("sensor", "h", hour.to_string()).await;
    scene.listens().await;
    scene.say("hour", "a").await;
    scene.stack.shows("sensor.hour", "2026 a").await;
    clock.set((&now - jiff::Span::new().years(1)).timestamp());
    scene.works().await;
    scene.say("hour", "b").await;
    scene.stack.shows("sensor.hour", "2025 b").await;
    // Time is measured by another clock: it expires all the same, and wishes end.
    let silent =
        json!({"name": "Silent", "unique_id": "s", "command_topic": "s", "state_topic": "t"});
    scene.announce("switch", "s", silent.to_string()).await;
    scene.stack.shows("sensor.hour", "unavailable").await;
    let begin = Instant::now();
    let done = scene.stack.call("switch.silent", "switch.turn_on", json!({})).await;
    assert_eq!(done.outcome, Outcome::Sent);
    assert!((9..14).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    clock.set((&now + jiff::Span::new().years(1)).timestamp());
    scene.works().await;
    scene.say("hour", "c").await;
    scene.stack.shows("sensor.hour", "2027 c").await;
    scene.end().await;
}

/// The house is held by a reader, so that the hub cannot go on while a device sends 64 MB.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_device_that_floods_while_the_hub_is_slow() {
    let Some(mut scene) = Scene::start().await else { return };
    scene.announce("sensor", "flood", sensor("Flood", "flood")).await;
    scene.listens().await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let hub = scene.stack.hub.clone();
    let holder = std::thread::spawn(move || {
        hub.read(|_| held.recv_timeout(PATIENCE).ok());
    });
    let payload = format!("{{\"x\": 1, \"y\": \"{}\"}}", "z".repeat(16 * 1024));
    for n in 0..4_000 {
        scene.producer.publish_raw("flood", payload.as_bytes(), 0, false, &[]).await;
        if n % 100 == 0 {
            scene.producer.ping().await;
        }
    }
    release.send(()).unwrap();
    holder.join().unwrap();
    scene.say("flood", r#"{"x": 2}"#).await;
    scene.stack.shows("sensor.flood", "2").await;
    scene.works().await;
    scene.end().await;
}

/// What would make a broker hang up, and again at each reconnect, must cost only itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_topics_cost_only_themselves() {
    let Some(mut scene) = Scene::start().await else { return };
    let long = "l".repeat(70_000);
    let slashes = "/".repeat(65_000);
    let wild = "+/".repeat(30_000) + "+";
    let odd = [
        "",
        "a\u{0}b",
        "a\u{1}b",
        "a\u{7f}",
        "a\u{ffff}",
        "\u{fdd0}",
        "\u{1ffff}",
        "a/#/b",
        "a#",
        "a+/b",
        &long,
        &slashes,
        &wild,
        "$share/g/t",
        "$share//t",
        "$share/+/t",
        "\u{feff}",
        " ",
        "/",
        "//",
        "$SYS/#",
        "+/+",
        "\u{1F4A1}/ü",
        "homeassistant/+/+/config",
        "homard/say",
        "homard/status",
    ];
    for (n, topic) in odd.iter().enumerate() {
        let config = json!({
            "name": format!("o{n}"), "unique_id": n, "state_topic": topic, "command_topic": topic,
            "availability_topic": topic, "json_attributes_topic": topic,
        });
        scene.announce("switch", &format!("o{n}"), config.to_string()).await;
        let trigger = json!({
            "automation_type": "trigger", "topic": topic, "type": "t", "subtype": n,
            "device": {"identifiers": ["d"]},
        });
        scene.announce("device_automation", &format!("o{n}"), trigger.to_string()).await;
    }
    for topic in [
        "homeassistant/switch/a b/config",
        "homeassistant/switch/ü/config",
        "homeassistant/switch//config",
        "homeassistant//x/config",
        "homeassistant/nosuch/x/config",
        "homeassistant/switch/a/b/c/config",
        "homeassistant/../x/config",
        "homeassistant/config",
    ] {
        scene.say(topic, lamp()).await;
    }
    scene.announce("sensor", "last", sensor("Last", "last")).await;
    scene.stack.until("the last", |home| home.entity("sensor.last").is_some()).await;
    scene.works().await;
    // It must survive a new connection too, with all of them subscribed.
    let before = scene.broker.log();
    scene.broker.kill();
    scene.stack.shows("switch.lamp", "unavailable").await;
    scene.broker.restart();
    obedient_lamp(scene.broker.address(), V5).await;
    scene.producer = Client::connect(scene.broker.address(), V5, "producer").await;
    scene.producer.retain("lamp/there", "online").await;
    scene.producer.retain("lamp", "OFF").await;
    scene.stack.shows("switch.lamp", "off").await;
    scene.works().await;
    let log = scene.broker.log();
    let since = &log[before.len()..];
    assert_eq!(since.matches("as homard-test").count(), 1, "{since}");
    // Removing one that listens where Homard itself listens takes nothing from Homard.
    for n in 0..odd.len() {
        scene.announce("switch", &format!("o{n}"), "").await;
        scene.announce("device_automation", &format!("o{n}"), "").await;
    }
    scene.announce("sensor", "after", sensor("After", "after")).await;
    scene.stack.until("another", |home| home.entity("sensor.after").is_some()).await;
    let mut listener = Client::connect(scene.broker.address(), V5, "listener").await;
    listener.subscribe(&["homard/reply"], 0).await;
    scene.say("homard/say", "hello").await;
    assert!(listener.message().await.text().contains("heard: hello"));
    scene.end().await;
}

/// Sentences that are no sentences.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_sentences_over_mqtt() {
    let Some(mut scene) = Scene::start().await else { return };
    let mut listener = Client::connect(scene.broker.address(), V5, "listener").await;
    listener.subscribe(&["homard/reply"], 0).await;
    let large = "a ".repeat(500_000);
    let odd: [&[u8]; 6] = [b"", b"   ", &[0xff, 0xfe], b"{\"text\": 5}", b"[[[[", large.as_bytes()];
    for said in odd {
        scene.say("homard/say", said).await;
    }
    for _ in 0..200 {
        scene.producer.publish_raw("homard/say", b"flood", 0, false, &[]).await;
    }
    scene.producer.ping().await;
    sleep(Duration::from_millis(200)).await;
    scene.say("homard/say", r#"{"text": "the last", "language": "en"}"#).await;
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < PATIENCE, "the last must be answered");
        if listener.message().await.text().contains("heard: the last") {
            break;
        }
    }
    scene.works().await;
    scene.end().await;
}

/// Without hub and broker: only how many things can be announced.
#[test]
fn more_things_than_there_is_room_for_are_refused() {
    const ROOM: usize = 1_000;
    let mut house = House::new();
    house.engine =
        homard::mqtt::engine::Engine::new("homeassistant", house.clock.clone()).with_room_for(ROOM);
    let sensor = |n: usize| json!({"name": n, "unique_id": n, "state_topic": "s"}).to_string();
    for n in 0..ROOM {
        house.publish(&format!("homeassistant/sensor/s{n}/config"), sensor(n).as_bytes(), true);
    }
    assert_eq!((house.home.entities().count(), house.problems.len()), (ROOM, 0));
    let trigger = json!({
        "automation_type": "trigger", "topic": "t", "type": "t", "subtype": "s",
        "device": {"identifiers": ["d"]},
    });
    let device = json!({
        "device": {"identifiers": ["d"]}, "origin": {"name": "o"},
        "components": {"c": {"p": "sensor", "unique_id": "c", "state_topic": "s"}},
    });
    for (topic, payload) in [
        ("homeassistant/sensor/more/config", sensor(ROOM)),
        ("homeassistant/device_automation/more/config", trigger.to_string()),
        ("homeassistant/device/more/config", device.to_string()),
    ] {
        house.problems.clear();
        house.publish(topic, payload.as_bytes(), true);
        assert_eq!(house.problems.len(), 1, "{topic}");
        assert!(house.problems[0].text.contains("too many things are announced"));
    }
    assert_eq!((house.home.entities().count(), house.triggers.len()), (ROOM, 0));
    // Those that are known can change, go, and make room.
    let changed = sensor(0).replace("\"s\"", "\"other\"");
    house.publish("homeassistant/sensor/s0/config", changed.as_bytes(), true);
    house.publish("other", b"5", false);
    house.publish("homeassistant/sensor/s1/config", b"", true);
    house.publish(
        "homeassistant/device_automation/more/config",
        trigger.to_string().as_bytes(),
        true,
    );
    assert_eq!((house.home.entities().count(), house.triggers.len()), (ROOM - 1, 1));
    // Announcements that make nothing need no room for ever.
    let mut house = House::new();
    house.engine =
        homard::mqtt::engine::Engine::new("homeassistant", house.clock.clone()).with_room_for(ROOM);
    for n in 0..10 * ROOM {
        house.publish(&format!("homeassistant/switch/x{n}/config"), b"{}", true);
    }
    house.publish("homeassistant/sensor/good/config", sensor(1).as_bytes(), true);
    assert_eq!(house.home.entities().count(), 1);
}

/// The program, so that its memory is its own: at its highest while all this comes down on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_comes_costs_the_program_bounded_memory() {
    const MIB: usize = 1024;
    let Some(broker) = Mosquitto::start() else { return };
    let folder = Folder::new("memory");
    let address = format!("broker = \"mqtt://127.0.0.1:{}\"", broker.port);
    let daemon = block_in_place(|| Daemon::start_with("run", &folder, &address));
    let mut producer = Client::connect(broker.address(), V5, "producer").await;
    let plain = json!({
        "name": "Evil", "unique_id": "evil", "state_topic": "evil",
        "value_template": "{{ value_json.x }}",
    });
    producer.retain("homeassistant/sensor/evil/config", plain.to_string()).await;
    for (n, template) in TEMPLATES[..5].iter().enumerate() {
        let config = json!({
            "name": n, "unique_id": n, "state_topic": "evil", "value_template": template,
        });
        producer.retain(&format!("homeassistant/sensor/t{n}/config"), config.to_string()).await;
    }
    producer.retain("evil", r#"{"x": 1}"#).await;
    block_in_place(|| daemon.wait_for("sensor.evil", |sensor| sensor["state"] == "1"));
    let (_, before) = daemon.holds();
    producer.retain("homeassistant/device/unfolding/config", unfolding().to_string()).await;
    for (n, bomb) in bombs().iter().enumerate() {
        producer.publish("evil", bomb.as_bytes(), 1, false).await;
        producer.retain(&format!("homeassistant/sensor/b{n}/config"), bomb).await;
        producer.retain(&format!("homeassistant/device/b{n}/config"), bomb).await;
    }
    producer.publish("evil", br#"{"x": 2}"#, 1, false).await;
    block_in_place(|| daemon.wait_for("sensor.evil", |sensor| sensor["state"] == "2"));
    let after_bombs = daemon.peak();
    // 234 MB, faster than the templates can be ended.
    let large = format!("{{\"x\": 3, \"y\": \"{}\"}}", "y".repeat(3_900_000));
    for _ in 0..60 {
        producer.publish_raw("evil", large.as_bytes(), 0, false, &[]).await;
    }
    producer.publish("evil", br#"{"x": 4}"#, 1, false).await;
    let begin = Instant::now();
    block_in_place(|| daemon.wait_for("sensor.evil", |sensor| sensor["state"] == "4"));
    let peak = daemon.peak();
    println!(
        "memory in MiB: {} before, {} at most with bombs, {} with the flood, which took {:?}",
        before / MIB,
        after_bombs / MIB,
        peak / MIB,
        begin.elapsed()
    );
    assert!(after_bombs < before + 130 * MIB, "{} MiB", after_bombs / MIB);
    assert!(peak < before + 130 * MIB, "{} MiB", peak / MIB);
    let (code, _) = block_in_place(|| daemon.stop());
    assert_eq!(code, Some(0));
}
