//! The owner's sentence files: what they can do, that a running house notices a change, and that what is broken costs
//! nothing but itself.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::homard::{Daemon, Folder, PATIENCE, homard};

const MOVIE: &str = r#"
language: en
intents:
  MovieNight:
    data:
      - sentences:
          - "(movie|film) night [at {brightness} percent]"
          - "let us watch {film}"
        slots:
          mood: cozy
  Kitchen:
    data:
      - sentences: ["make (it|the room) {tone}"]
        requires_context: { area: { slot: true } }
  HassTurnOn:
    data:
      - sentences: ["kindle {name}"]
        requires_context: { domain: light }
  TellTemperature:
    data:
      - sentences: ["how warm is my wine"]
  Sauna:
    data:
      - sentences: ["make it a sauna"]
lists:
  brightness: { range: { from: 0, to: 100 } }
  film: { wildcard: true }
  tone:
    values:
      - { in: "(cozy|cosy)", out: 30 }
      - { in: bright, out: 100 }
skip_words: [pretty please]
intent_script:
  MovieNight:
    action:
      - action: light.turn_on
        target: { entity_id: light.kitchen_light }
        data: { brightness_pct: "{{ brightness | default(20) | int }}" }
    speech:
      text: "A {{ mood }} night{% if film is defined %} with {{ film }}{% endif %}."
  Kitchen:
    action:
      - service: light.turn_on
        target: { area_id: "{{ area }}" }
        data: { brightness_pct: "{{ tone }}" }
  Sauna:
    action:
      - action: light.turn_on
        target: { entity_id: light.kitchen_light }
      - action: climate.set_temperature
        target: { entity_id: climate.living_room_heating }
        data: { temperature: 4 }
    speech: { text: "It gets cold." }
  TellTemperature:
    speech: { text: "The light is {{ states('light.kitchen_light') }}." }
"#;

/// A daemon with these files below its `sentences/`.
fn house(folder: &Folder, files: &[(&str, &str)]) -> Daemon {
    for (name, text) in files {
        write(folder, name, text);
    }
    let daemon = Daemon::start("demo", folder);
    until(|| daemon.get_as(&daemon.token, "/api/states/light.kitchen_light").0 == 200, "lights");
    daemon
}

fn write(folder: &Folder, name: &str, text: &str) {
    let path = folder.path(&format!("data/sentences/{name}"));
    fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn until(mut is_so: impl FnMut() -> bool, what: &str) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: it does not come to that");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn say(daemon: &Daemon, arguments: &[&str], text: &str) -> Value {
    let mut all = vec!["say", "--json", "--data-dir", &daemon.data];
    all.extend(arguments);
    all.push(text);
    let done = homard(&all);
    serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{done:?}"))
}

fn speech(answer: &Value) -> &str {
    answer["response"]["speech"]["plain"]["speech"].as_str().unwrap()
}

fn brightness(daemon: &Daemon) -> Value {
    let (_, state) = daemon.get_as(&daemon.token, "/api/states/light.kitchen_light");
    state["attributes"]["brightness"].clone()
}

/// Texts of the problems that are about sentences.
fn problems(daemon: &Daemon) -> Vec<String> {
    let (_, list) = daemon.get_as(&daemon.token, "/api/homard/problems");
    let is_ours = |problem: &&Value| problem["part"] == "sentences";
    let list = list.as_array().unwrap().iter().filter(is_ours);
    list.map(|problem| problem["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_owners_intents_act_and_say_what_the_owner_wrote() {
    let folder = Folder::new("own-sentences");
    let daemon = house(&folder, &[("en/movie.yaml", MOVIE)]);
    assert_eq!(problems(&daemon), [""; 0]);
    for (arguments, text, expected, level) in [
        (&[][..], "movie night", "A cozy night.", 51),
        (&[], "pretty please film night at 80 percent", "A cozy night.", 204),
        (&[], "let us watch the sea", "A cozy night with the sea.", 51),
        (&["--area", "kitchen"], "make it cosy", "Activated the kitchen light.", 76),
    ] {
        let answer = say(&daemon, arguments, text);
        assert_eq!(speech(&answer), expected, "{text}: {answer:#}");
        assert_eq!(answer["response"]["response_type"], "action_done", "{text}");
        let success = &answer["response"]["data"]["success"][0];
        assert_eq!(success["id"], "light.kitchen_light", "{text}");
        assert_eq!(success["outcome"], "confirmed", "{text}");
        assert_eq!(brightness(&daemon), level, "{text}");
    }
    // What harms pipes needs a yes, and without it nothing of the script is done.
    say(&daemon, &[], "turn off the kitchen light");
    let answer = say(&daemon, &[], "make it a sauna");
    assert!(speech(&answer).starts_with("Shall I really do that with"), "{answer:#}");
    assert_eq!(answer["continue_conversation"], true);
    assert_eq!(brightness(&daemon), Value::Null);
    let answer = say(&daemon, &[], "yes");
    assert_ne!(brightness(&daemon), Value::Null, "{answer:#}");
    assert_eq!(answer["continue_conversation"], false, "{answer:#}");
    // No room is known, so the sentence is none.
    assert_eq!(say(&daemon, &[], "make it cosy")["response"]["data"]["code"], "no_intent_match");
    let answer = say(&daemon, &[], "how warm is my wine");
    assert_eq!(speech(&answer), "The light is on.");
    assert_eq!(answer["response"]["response_type"], "query_answer");
    // A sentence of the owner for an intent of Homard's.
    say(&daemon, &[], "turn off the kitchen light");
    assert_eq!(speech(&say(&daemon, &[], "kindle kitchen light")), "Turned on the kitchen light.");
}

#[test]
fn files_are_noticed_when_they_come_change_and_go() {
    let folder = Folder::new("own-reload");
    let daemon = house(&folder, &[]);
    let is_known =
        |text: &str| say(&daemon, &[], text)["response"]["data"]["code"] != "no_intent_match";
    let script = |word: &str| {
        format!(
            "language: en\nintents:\n  Hi:\n    data:\n      - sentences: [\"{word} there\"]\n\
             intent_script:\n  Hi: {{ speech: {{ text: \"{word} yourself\" }} }}\n"
        )
    };
    assert!(!is_known("ahoy there"));
    write(&folder, "en/hi.yaml", &script("ahoy"));
    until(|| is_known("ahoy there"), "a new file in a new folder");
    write(&folder, "en/hi.yaml", &script("hullo"));
    until(|| is_known("hullo there"), "a changed file");
    assert!(!is_known("ahoy there"));

    // Broken: told with file and line, and the last good version stays. The other file is not touched by it.
    write(&folder, "en/other.yaml", &script("yoho").replace("Hi:", "Yo:"));
    until(|| is_known("yoho there"), "a second file");
    write(&folder, "en/hi.yaml", &script("servus").replace("servus there", "servus (there"));
    until(|| !problems(&daemon).is_empty(), "a broken file");
    let told = problems(&daemon);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("sentences/en/hi.yaml:5: Hi: `servus (there`: column 8"),
        "{told:?}"
    );
    assert!(told[0].ends_with("(the last good version stays)"), "{told:?}");
    assert!(is_known("hullo there") && is_known("yoho there"));
    let doctor = homard(&["doctor", "--data-dir", &daemon.data]);
    assert!(doctor.out.contains("sentences/en/hi.yaml:5"), "{}", doctor.out);

    // No YAML at all.
    write(&folder, "en/hi.yaml", "intents: [\n");
    until(|| problems(&daemon).iter().any(|text| text.contains("line")), "garbage");
    assert!(is_known("hullo there") && is_known("yoho there"));

    write(&folder, "en/hi.yaml", &script("moin"));
    until(|| is_known("moin there"), "a mended file");
    assert_eq!(problems(&daemon), [""; 0]);
    fs::remove_file(folder.path("data/sentences/en/hi.yaml")).unwrap();
    until(|| !is_known("moin there"), "a removed file");
    assert!(is_known("yoho there"));
}

#[test]
fn what_is_wrong_at_the_start_costs_only_itself() {
    let folder = Folder::new("own-broken");
    let large = format!("# {}\n", "x".repeat(1 << 20));
    let daemon = house(
        &folder,
        &[
            ("en/good.yaml", MOVIE),
            ("en/large.yaml", &large),
            (
                "en/rule.yaml",
                "intents:\n  A:\n    data:\n      - sentences: [\"go <gone>\"]\nintent_script: { A: { speech: Gone } }\n",
            ),
            (
                "en/nothing.yaml",
                "intents:\n  B:\n    data:\n      - sentences: [\"do something\"]\n",
            ),
            (
                "en/service.yaml",
                "intents:\n  C:\n    data:\n      - sentences: [\"fly\"]\nintent_script:\n  C:\n    action: { action: light.fly, target: { entity_id: light.a } }\n",
            ),
            (
                "en/template.yaml",
                "intents:\n  D:\n    data:\n      - sentences: [\"swim\"]\nintent_script:\n  D:\n    speech: { text: \"{{ oops\" }\n",
            ),
            (
                "en/missing.yaml",
                "intents:\n  E:\n    data:\n      - sentences: [\"light my fire\"]\nintent_script:\n  E:\n    action: { action: light.turn_on, target: { entity_id: light.fire } }\n    speech: Burning\n",
            ),
            (
                "tlh/greeting.yaml",
                "language: tlh\nintents:\n  F:\n    data:\n      - sentences: [\"nuqneH\"]\nintent_script: { F: { speech: \"Qapla'\" } }\n",
            ),
            ("en/readme.txt", "no sentences"),
        ],
    );
    until(|| problems(&daemon).len() >= 7, "all problems");
    let told = problems(&daemon);
    for expected in [
        "sentences/en/large.yaml: is larger than",
        "sentences/en/rule.yaml:4: A: `go <gone>`: there is no rule <gone>",
        "sentences/en/nothing.yaml:2: B: is no intent of Homard's and has no `intent_script:`",
        "sentences/en/service.yaml:7: C: `light.fly`: there is no such service",
        "sentences/en/template.yaml:7: D: `{{ oops`: template does not parse",
    ] {
        assert!(told.iter().any(|text| text.starts_with(expected)), "{expected}: {told:#?}");
    }
    assert_eq!(speech(&say(&daemon, &[], "movie night")), "A cozy night.");
    // Said, and not done: there is no such light.
    let answer = say(&daemon, &[], "light my fire");
    assert_eq!(answer["response"]["data"]["code"], "failed_to_handle", "{answer:#}");
    assert!(speech(&answer).contains("light.fire"), "{answer:#}");
    // A language that has nothing but the owner's sentences.
    assert_eq!(speech(&say(&daemon, &["--language", "tlh"], "nuqneH")), "Qapla'");
}

const REPLIES: &str = r#"
language: en
responses:
  intents:
    HassTurnOn: { default: "Let there be light in {{ slots.name }}, {{ state.state }}." }
    HassGetState: { one: "{{ state.name }}? {{ state.state }}!" }
    HassNevermind: { default: "As you like." }
"#;

#[test]
fn the_owners_replies_to_homards_own_intents_are_said() {
    let folder = Folder::new("own-replies");
    let daemon = house(&folder, &[("en/replies.yaml", REPLIES)]);
    assert_eq!(problems(&daemon), [""; 0]);
    for (text, expected) in [
        ("turn off the kitchen light", "Turned off the kitchen light."),
        ("turn on the kitchen light", "Let there be light in Kitchen light, on."),
        ("what is the state of the kitchen light", "Kitchen light? on!"),
        // Where not all went well, the owner's words would say too much.
        ("turn on the flux capacitor", ""),
    ] {
        let answer = say(&daemon, &[], text);
        match expected {
            "" => assert!(!speech(&answer).starts_with("Let there be"), "{answer:#}"),
            expected => assert_eq!(speech(&answer), expected, "{text}: {answer:#}"),
        }
    }
}
