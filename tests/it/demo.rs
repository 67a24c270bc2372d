//! The demo, from outside: what a newcomer sees in the first minute.

use std::time::{Duration, Instant};

use rumqttc::{Client, Event, Incoming, MqttOptions, QoS};
use serde_json::Value;

use crate::support::homard::{Daemon, Folder, PATIENCE, homard, homard_with};

fn is(word: &'static str) -> impl Fn(&Value) -> bool {
    move |state| state["state"] == word
}

/// What the broker keeps on a topic, seen by a client that has nothing to do with Homard.
fn kept_by(broker: &str, topic: &str) -> Value {
    let (host, port) = broker.rsplit_once(':').unwrap();
    let options = MqttOptions::new("homard-it-looks", host, port.parse().unwrap());
    let (client, mut connection) = Client::new(options, 10);
    client.subscribe(topic, QoS::AtMostOnce).unwrap();
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < PATIENCE, "the broker keeps nothing on {topic}");
        if let Ok(Ok(Event::Incoming(Incoming::Publish(publish)))) =
            connection.recv_timeout(Duration::from_secs(1))
        {
            return serde_json::from_slice(&publish.payload).unwrap();
        }
    }
}

#[test]
fn a_newcomers_first_minute() {
    let folder = Folder::new("demo");
    let demo = Daemon::start("demo", &folder);
    let light = demo.wait_for("light.kitchen_light", is("off"));
    assert_eq!(light["attributes"]["area"], "Kitchen");
    assert_eq!(light["attributes"]["floor"], "Ground floor");
    assert_eq!(light["attributes"]["friendly_name"], "Kitchen light");

    let said = demo.say(&["turn on the kitchen light"]);
    assert_eq!((said.code, said.out.as_str()), (0, "Turned on the kitchen light.\n"), "{said:?}");
    demo.wait_for("light.kitchen_light", is("on"));
    assert_eq!(kept_by(&demo.broker, "demo/kitchen_light")["state"], "ON");

    let said = demo.say(&["turn", "off", "the", "kitchen", "light"]);
    assert_eq!(said.code, 0, "{said:?}");
    demo.wait_for("light.kitchen_light", is("off"));

    let said = demo.say(&["--language", "fr", "allume la lumière de la cuisine"]);
    assert_eq!(said.code, 0, "{said:?}");
    demo.wait_for("light.kitchen_light", is("on"));

    let said = demo.say(&["--json", "hocus pocus fidibus"]);
    assert_eq!(said.code, 3, "{said:?}");
    let answer: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(answer["response"]["data"]["code"], "no_intent_match");
    let said = demo.say(&["turn on the light in the ballroom"]);
    assert!(said.code == 3 || said.code == 4, "{said:?}");
}

#[test]
fn every_kind_of_thing_is_there_and_obeys() {
    let folder = Folder::new("demo-things");
    let demo = Daemon::start("demo", &folder);
    demo.wait_for("sensor.garden_air_temperature", |state| state["state"] != "unknown");
    demo.wait_for("light.kitchen_light", is("off"));
    // Announcements, availability and states come one after the other.
    let states = demo.wait(|| {
        let states = demo.get("/api/states");
        let dead: Vec<&Value> =
            states.as_array().unwrap().iter().filter(|s| is("unavailable")(s)).collect();
        match dead.first() {
            Some(state) => {
                Err(format!("{} of them cannot be reached, {}", dead.len(), state["entity_id"]))
            }
            None => Ok(states),
        }
    });
    let ids: Vec<&str> =
        states.as_array().unwrap().iter().filter_map(|state| state["entity_id"].as_str()).collect();
    for domain in [
        "light",
        "switch",
        "sensor",
        "binary_sensor",
        "cover",
        "climate",
        "lock",
        "fan",
        "valve",
        "vacuum",
        "siren",
        "event",
        "button",
        "number",
        "select",
        "update",
    ] {
        let prefix = format!("{domain}.");
        assert!(ids.iter().any(|id| id.starts_with(&prefix)), "no {domain} in {ids:?}");
    }
    assert_eq!(demo.get("/api/homard/problems"), Value::Array(Vec::new()));
    for (id, names) in homard::demo::ALIASES {
        assert!(ids.contains(id), "{id}, also called {names:?}, is not in {ids:?}");
    }
    let heard = || {
        let entities = demo.get("/api/homard/entities");
        let light = entities.as_array().unwrap().iter();
        let mut light = light.filter(|entity| entity["entity_id"] == "light.hall_light");
        light.next().unwrap()["last_heard"].clone()
    };

    let call = |service: &str, body: Value| {
        let agent = ureq::Agent::new_with_defaults();
        let done = agent
            .post(format!("{}/api/services/{service}", demo.url))
            .header("Authorization", format!("Bearer {}", demo.token))
            .send_json(body);
        assert!(done.is_ok(), "{service}: {done:?}");
    };
    let on = |id: &str| serde_json::json!({"entity_id": id});
    // A lamp that is off already answers all the same, as real ones do.
    let before = heard();
    call("light/turn_off", on("light.hall_light"));
    demo.wait(|| if heard() != before { Ok(()) } else { Err("it said nothing".to_owned()) });
    call("lock/unlock", on("lock.front_door_lock"));
    demo.wait_for("lock.front_door_lock", is("unlocked"));
    call("cover/open_cover", on("cover.garage_door"));
    demo.wait_for("cover.garage_door", is("opening"));
    call("vacuum/start", on("vacuum.vacuum"));
    demo.wait_for("vacuum.vacuum", is("cleaning"));
    call("siren/turn_on", on("siren.siren"));
    demo.wait_for("siren.siren", is("on"));
    call("valve/open_valve", on("valve.sprinkler"));
    demo.wait_for("valve.sprinkler", is("open"));
    call("switch/turn_off", on("switch.tv"));
    demo.wait_for("sensor.tv_power", |state| {
        state["state"].as_str().and_then(|watts| watts.parse::<f64>().ok()) == Some(0.0)
    });
    let warmer = serde_json::json!({"entity_id": "climate.bedroom_heating", "temperature": 20});
    call("climate/set_temperature", warmer);
    demo.wait_for("climate.bedroom_heating", |state| state["attributes"]["temperature"] == 20.0);
}

#[test]
fn the_house_is_remembered_and_the_token_stays() {
    let folder = Folder::new("demo-again");
    let demo = Daemon::start("demo", &folder);
    demo.wait_for("light.kitchen_light", is("off"));
    let said = demo.say(&["turn on the kitchen light"]);
    assert_eq!(said.code, 0, "{said:?}");
    let count = |demo: &Daemon| demo.get("/api/homard/entities").as_array().unwrap().len();
    let (token, n_entities) = (demo.token.clone(), count(&demo));
    let (code, took) = demo.stop();
    assert_eq!(code, Some(0));
    assert!(took.as_secs_f64() < 2.0, "{took:?}");

    let again = Daemon::start("demo", &folder);
    assert_eq!(again.token, token);
    // Known before any device spoke; then the simulated bulb, which forgets, says that it is off.
    assert_eq!(count(&again), n_entities);
    // Between the two it may be offline: so the broker says until the bulb is back.
    again.wait_for("light.kitchen_light", |state| {
        state["attributes"].get("restored").is_none() && is("off")(state)
    });
    assert_eq!(count(&again), n_entities);
    let doctor = homard(&["doctor", "--data-dir", &again.data]);
    assert!(doctor.out.contains("ok       broker"), "{doctor:?}");
}

#[test]
fn what_the_house_asks_can_be_answered_and_french_names_are_known() {
    let folder = Folder::new("demo-asks");
    let demo = Daemon::start("demo", &folder);
    demo.wait_for("light.kitchen_light", is("off"));
    demo.wait(|| {
        let entities = demo.get("/api/homard/entities");
        let n = entities.as_array().unwrap().iter();
        let n = n.filter(|entity| entity["aliases"] != serde_json::json!([])).count();
        let all = homard::demo::ALIASES.len();
        if n >= all { Ok(()) } else { Err(format!("{n} of {all} have other names")) }
    });
    for (text, entity, word) in [
        ("éteins la télé", "switch.tv", "off"),
        ("allume le lampadaire", "light.floor_lamp", "on"),
        ("allume la veilleuse", "light.night_light", "on"),
        ("ferme le volet de la chambre", "cover.bedroom_shutter", "closing"),
        ("allume le ventilateur", "fan.bathroom_fan", "on"),
    ] {
        let said = demo.say(&["--language", "fr", text]);
        assert_eq!(said.code, 0, "{text}: {said:?}");
        demo.wait_for(entity, is(word));
    }

    let asked = demo.say(&["turn on the light"]);
    assert_eq!(asked.code, 4, "{asked:?}");
    assert!(asked.out.contains('?'), "{asked:?}");
    let answered = demo.say(&["the kitchen light"]);
    assert_eq!(answered.code, 0, "{answered:?}");
    demo.wait_for("light.kitchen_light", is("on"));
    // Another conversation knows nothing of the question.
    assert_eq!(demo.say(&["turn on the light"]).code, 4);
    let other = demo.say(&["--conversation", "another", "the hall light"]);
    assert_eq!(other.code, 3, "{other:?}");
    assert!(is("off")(&demo.get("/api/states/light.hall_light")));

    let unknown = demo.say(&["--area", "nowhere", "turn on the light"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(unknown.err.contains("nowhere"), "{unknown:?}");
    for (json, is_json) in [("1", true), ("yes", true), ("0", false), ("false", false)] {
        let said = homard_with(
            &["say", "--data-dir", &demo.data, "is the garage door closed?"],
            &[("HOMARD_JSON", json)],
        );
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(serde_json::from_str::<Value>(&said.out).is_ok(), is_json, "{said:?}");
    }
}
