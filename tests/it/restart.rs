//! The daemon after a power cut: what it had told people is what it shows.

use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use homard::home::Home;
use homard::home::action::Refusal;
use homard::home::domain::{Action, switch};
use homard::home::id::{ActionId, EntityId, Handle};
use homard::hub::event::{Effect, Event as Told};
use homard::mqtt::engine::Out;
use homard::storage::Storage;
use jiff::SignedDuration;
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};

use super::support::homard::{Daemon, Folder};
use super::support::house::House;

const CONFIG: &str = r#"{"unique_id": "tv", "name": null, "default_entity_id": "switch.tv",
    "state_topic": "tv", "command_topic": "tv/set",
    "device": {"identifiers": ["tv"], "name": "TV", "suggested_area": "Den"}}"#;

/// A device that announces itself, does what it is told and keeps all of it at the broker.
struct Device {
    client: Client,
    thread: JoinHandle<()>,
}

impl Device {
    fn start(daemon: &Daemon) -> Self {
        let (host, port) = daemon.broker.rsplit_once(':').unwrap();
        let options = MqttOptions::new("tv", host, port.parse().unwrap());
        let (client, mut connection) = Client::new(options, 10);
        client.publish("homeassistant/switch/tv/config", QoS::AtLeastOnce, true, CONFIG).unwrap();
        client.publish("tv", QoS::AtLeastOnce, true, "ON").unwrap();
        client.subscribe("tv/set", QoS::AtLeastOnce).unwrap();
        let device = client.clone();
        let thread = std::thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::Publish(wish))) => {
                        device.try_publish("tv", QoS::AtLeastOnce, true, wish.payload).unwrap();
                    }
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        });
        Self { client, thread }
    }

    fn leave(self) {
        self.client.disconnect().unwrap();
        self.thread.join().unwrap();
    }
}

/// Waits until the data of a running daemon have all these; how long that took.
fn wait_for_disk(daemon: &Daemon, wanted: &[&str]) -> Duration {
    let begun = Instant::now();
    daemon.wait(|| {
        let dump = Storage::open_shared(Path::new(&daemon.data)).unwrap().dump().unwrap();
        let has = |wanted: &&str| dump.lines().any(|line| line.starts_with(wanted));
        match wanted.iter().find(|wanted| !has(wanted)) {
            Some(missing) => Err(format!("no {missing} in {dump}")),
            None => Ok(()),
        }
    });
    begun.elapsed()
}

#[test]
fn what_was_told_before_a_power_cut_is_shown_after_it() {
    let folder = Folder::new("restart");
    let daemon = Daemon::start("run", &folder);
    let device = Device::start(&daemon);
    daemon.wait_for("switch.tv", |tv| tv["state"] == "on");
    let first = ["area den", "device tv", "entity switch.tv", "state switch.tv", "retained tv "];
    let took = wait_for_disk(&daemon, &first);
    println!("restart: the first announcements are on the disk after {took:?}");
    assert!(took < Duration::from_secs(8), "{took:?}");

    // Long enough that the broker's whole seconds tell before from after.
    std::thread::sleep(Duration::from_secs(4));
    let said = daemon.say(&["turn off the TV"]);
    assert_eq!((said.code, said.out.trim()), (0, "Turned off the TV."), "{}", said.err);
    std::thread::sleep(Duration::from_millis(1_000));
    device.leave();
    daemon.kill();

    let daemon = Daemon::start("run", &folder);
    let look = Instant::now();
    // The broker has kept an ON from before, and says so as soon as it is asked.
    while look.elapsed() < Duration::from_secs(2) {
        let tv = daemon.get("/api/states/switch.tv");
        assert_eq!(tv["state"], "off", "{tv}");
        assert_eq!(tv["attributes"]["restored"], true, "{tv}");
        std::thread::sleep(Duration::from_millis(50));
    }
    let device = Device::start(&daemon);
    daemon.wait_for("switch.tv", |tv| tv["state"] == "on");
    device.leave();
    assert_eq!(daemon.stop().0, Some(0));
}

#[test]
fn a_wish_for_what_is_gone_is_answered() {
    let mut house = House::new();
    let mut out = Out::default();
    let action = Action::Switch(switch::Action::TurnOn);
    let act = Effect::Act { id: ActionId(7), handle: Handle(99), action };
    house.engine.effect(act, house.instant, &mut out);
    assert!(
        matches!(out.events[..], [Told::ActionFailed(ActionId(7), Refusal::NotAnnounced)]),
        "{:?}",
        out.events
    );
}

#[test]
fn a_kept_message_does_not_replace_what_was_shown_later() {
    let config = br#"{"unique_id": "tv", "default_entity_id": "switch.tv", "state_topic": "tv",
        "command_topic": "tv/set", "json_attributes_topic": "tv/more"}"#;
    let check = |kept: &str, seconds_ago: Option<i64>, word: &str, is_restored: bool| {
        let mut house = House::new();
        house.publish("homeassistant/switch/tv/config", config, true);
        house.publish("tv", b"OFF", false);
        house.publish("tv/more", br#"{"app": "news"}"#, false);
        let id = EntityId::new("switch.tv");
        let known = (house.home.remembered(&id).unwrap(), house.home.last_state(&id));
        // The power is cut.
        let mut after = House::new();
        let now = after.clock.now();
        after.home = Home::restore(Vec::new(), Vec::new(), Vec::new(), vec![known], now);
        after.publish("homeassistant/switch/tv/config", config, true);
        let said_at = seconds_ago.map(|s| now - SignedDuration::from_secs(s));
        after.keeps("tv", kept.as_bytes(), said_at);
        let entity = after.home.entity("switch.tv").unwrap();
        let shown = (entity.view().unwrap().word.into_owned(), entity.is_restored());
        assert_eq!(shown, (word.to_owned(), is_restored), "{kept}, {seconds_ago:?} s ago");
        // The device's own word always counts.
        after.publish("tv", b"ON", false);
        assert_eq!(after.home.entity("switch.tv").unwrap().view().unwrap().word, "on");
    };
    check("ON", Some(60), "off", true);
    check("ON", Some(0), "on", false);
    // Said again as it is shown, without the attributes that another topic has.
    check("OFF", Some(60), "off", false);
    // An outside broker does not say since when; it may have heard the device since.
    check("ON", None, "on", false);
}
