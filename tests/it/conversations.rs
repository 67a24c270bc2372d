//! Conversations: several steps, exceptions, conditions, questions back and their answers, undo,
//! stop, and what needs a yes. Each table is one conversation with a house.

use homard::assistant::Said;
use homard::assistant::policy::{Policy, Verdict};
use homard::home::domain::Domain;
use homard::home::id::EntityId;
use homard::home::person::{Means, Role};
use homard::home::target::{Scope, TargetWords};
use homard::intent::meaning::{
    About, Amount, Asked, Command, Condition, Question, Reading, Step, Talk as About_, Test,
    Understanding, Way, What, When,
};
use jiff::SignedDuration;
use serde_json::{Value as Json, json};

use crate::sentences::{Came, Talk, device, english, french, with};

/// Checks one conversation. Each line: the speaker's area, what is said, what is published (sorted),
/// what is answered; `-` is none, `#` begins a remark, `wait 60` lets seconds pass.
fn check(mut talk: Talk, table: &str) {
    let lines = table.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(seconds) = line.strip_prefix("wait ") {
            wait(&talk, seconds.parse().unwrap());
            continue;
        }
        let cells: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [area, text, published, reply] = cells[..] else { panic!("four cells: {line}") };
        let none = |cell: &str| if cell == "-" { String::new() } else { cell.to_owned() };
        let mut came = talk.say(&none(area), "", &none(text));
        came.published.sort();
        let did = came.published.join(", ");
        assert_eq!((did, came.reply), (none(published), none(reply)), "{line}");
    }
}

fn wait(talk: &Talk, seconds: i64) {
    let clock = &talk.house.clock;
    clock.set(clock.now() + SignedDuration::from_secs(seconds));
}

/// What an understood utterance comes to.
fn mean(talk: &mut Talk, area: &str, meant: Understanding) -> Came {
    let said = Said {
        text: "said",
        area: (!area.is_empty()).then_some(area),
        conversation: "c",
        now: talk.house.clock.now(),
        ..Said::default()
    };
    let turn = talk.assistant.meant(meant, &said, &talk.house.home);
    talk.carry_out(turn)
}

fn reading() -> Reading {
    Reading { language: "en".into(), way: Way::Words, ..Reading::default() }
}

fn wish(steps: Vec<Step>) -> Understanding {
    Understanding::Wish(steps, reading())
}

fn named(name: &str) -> TargetWords {
    TargetWords { name: Some(name.into()), ..TargetWords::default() }
}

fn kind(domain: Domain, area: &str) -> TargetWords {
    let (area, scope) = match area {
        "" => (None, Scope::Unsaid),
        "everywhere" => (None, Scope::Everywhere),
        area => (Some(area.to_owned()), Scope::Unsaid),
    };
    TargetWords { domains: vec![domain], area, scope, ..TargetWords::default() }
}

/// Checks steps that are meant in one English house: what is published (sorted) and said.
fn check_steps(cases: Vec<(&str, Vec<Step>, &str, &str)>) {
    for (area, steps, published, reply) in cases {
        let told = format!("{steps:?}");
        let mut came = mean(&mut house(), area, wish(steps));
        came.published.sort();
        assert_eq!(
            (came.published.join(", ").as_str(), came.reply.as_str()),
            (published, reply),
            "{told}"
        );
    }
}

fn step(what: What, target: TargetWords) -> Step {
    Step::now(Command::new(what, target))
}

/// The English house, with more kinds of things.
fn house() -> Talk {
    let mut talk = english();
    for more in [
        with(
            device("vacuum.robot", "Robot", "Living room", Json::Null),
            json!({
                "schema": "state", "command_topic": "robot/set",
                "supported_features": ["start", "pause", "stop", "return_home", "locate", "fan_speed"],
                "fan_speed_list": ["quiet", "max"], "set_fan_speed_topic": "robot/speed/set",
            }),
        ),
        with(
            device("humidifier.damp", "Humidifier", "Bedroom", json!("ON")),
            json!({
                "command_topic": "damp/set",
                "target_humidity_command_topic": "damp/target/set",
                "target_humidity_state_topic": "damp/target",
                "min_humidity": 30, "max_humidity": 70,
                "modes": ["auto", "sleep mode"], "mode_command_topic": "damp/mode/set",
                "mode_state_topic": "damp/mode",
            }),
        ),
        with(
            device("select.program", "Washing program", "Kitchen", json!("Eco 40")),
            json!({"command_topic": "program/set", "options": ["Eco 40", "Quick_30"]}),
        ),
        with(
            device("number.volume", "Doorbell volume", "Hall", json!("7")),
            json!({"command_topic": "volume/set", "min": 0, "max": 10, "step": 1}),
        ),
        with(
            device("alarm_control_panel.alarm", "Alarm", "Hall", json!("armed_away")),
            json!({
                "command_topic": "alarm/set", "code_arm_required": false,
                "code_disarm_required": false, "payload_arm_home": "armed_home",
                "payload_arm_night": "armed_night", "payload_disarm": "disarmed",
            }),
        ),
        with(
            device("siren.horn", "Siren", "Attic", json!("OFF")),
            json!({"command_topic": "horn/set"}),
        ),
        with(
            device(
                "climate.boiler",
                "Bath heater",
                "Bedroom",
                json!({
                    "mode": "heat", "target": 20.0, "current": 19.0,
                }),
            ),
            json!({"max_temp": 45, "preset_modes": ["eco", "boost"],
                "preset_mode_command_topic": "boiler/preset/set",
                "preset_mode_state_topic": "boiler/preset"}),
        ),
        with(
            device("light.plain", "Attic bulb", "Attic", json!("OFF")),
            json!({"brightness": false, "supported_color_modes": ["onoff"]}),
        ),
    ] {
        talk.announce(&more);
    }
    talk.house.publish("damp/target", b"50", false);
    talk.house.publish("robot", br#"{"state":"docked"}"#, false);
    talk.house.publish(
        "strip",
        br#"{"state":"ON","brightness":128,"color_mode":"color_temp","color_temp":3000}"#,
        false,
    );
    talk
}

#[test]
fn several_steps_are_taken_in_their_order() {
    let off = |target| step(What::TurnOff, target);
    let all_but = |but| Command {
        except: vec![but],
        ..Command::new(What::TurnOff, kind(Domain::Light, "everywhere"))
    };
    let both = Command {
        and: vec![kind(Domain::Light, "Hall")],
        ..Command::new(What::TurnOff, kind(Domain::Light, "Living room"))
    };
    check_steps(vec![
        (
            "",
            vec![off(named("TV")), step(What::Close, named("Bedroom shutter"))],
            "shutter=closed, tv=OFF",
            "Turned off the TV. Closed the bedroom shutter.",
        ),
        (
            "",
            vec![Step::now(both)],
            "ceiling=OFF, hall_lamp=OFF, strip=OFF",
            "Turned off the living room lights and the hall lamp.",
        ),
        (
            "",
            vec![Step::now(all_but(TargetWords {
                area: Some("Living room".into()),
                ..TargetWords::default()
            }))],
            "hall_lamp=OFF, kitchen_light=OFF, lamp_bedroom=OFF, lamp_office=OFF, plain=OFF",
            "Turned off all the lights except the living room lights.",
        ),
        // What must be left out and is not known keeps everything as it is.
        (
            "",
            vec![Step::now(all_but(named("flux capacitor")))],
            "",
            "I know nothing called flux capacitor.",
        ),
        (
            "",
            vec![Step::now(all_but(TargetWords {
                area: Some("Dungeon".into()),
                ..TargetWords::default()
            }))],
            "",
            "I know no place called Dungeon.",
        ),
        // One step that is not clear does not keep the others.
        (
            "",
            vec![off(named("TV")), off(named("flux capacitor"))],
            "tv=OFF",
            "Turned off the TV. I know nothing called flux capacitor.",
        ),
        // Unless it is asked about: then nothing is done before the answer.
        (
            "",
            vec![off(named("TV")), off(named("Lamp"))],
            "",
            "Which one: the lamp in the bedroom or the lamp in the office?",
        ),
        (
            "",
            vec![Step { when: When::In(600.0), ..off(named("TV")) }],
            "",
            "I understood you, but I cannot do that yet.",
        ),
    ]);
}

#[test]
fn amounts_start_from_what_is() {
    let by = Amount::By;
    check_steps(vec![
        (
            "",
            vec![step(What::Brightness(by(20.0)), named("LED strip"))],
            "strip=ON brightness 178",
            "Set the LED strip to 70 %.",
        ),
        (
            "",
            vec![step(What::Brightness(by(-90.0)), named("LED strip"))],
            "strip=ON brightness 3",
            "Set the LED strip to 1 %.",
        ),
        (
            "",
            vec![step(What::Brightness(by(90.0)), named("LED strip"))],
            "strip=ON brightness 255",
            "Set the LED strip to 100 %.",
        ),
        (
            "",
            vec![step(What::Brightness(by(25.0)), named("Kitchen light"))],
            "kitchen_light=ON brightness 64",
            "Set the kitchen light to 25 %.",
        ),
        (
            "",
            vec![step(What::Brightness(by(-25.0)), named("Kitchen light"))],
            "",
            "The kitchen light is off.",
        ),
        // It is on, and has not said how bright.
        (
            "",
            vec![step(What::Brightness(by(25.0)), named("Ceiling"))],
            "",
            "I do not know how the ceiling is now, so I changed nothing.",
        ),
        (
            "",
            vec![step(What::Brightness(Amount::To(30.0)), named("Attic bulb"))],
            "",
            "The attic bulb cannot do that.",
        ),
        (
            "",
            vec![step(What::Brightness(Amount::To(150.0)), named("LED strip"))],
            "",
            "The LED strip takes only 0 to 100.",
        ),
        (
            "",
            vec![step(What::Kelvin(by(-500.0)), named("LED strip"))],
            "strip=ON color_temp 2500",
            "I sent the command, but have no answer yet from the LED strip.",
        ),
        (
            "",
            vec![step(What::Temperature(by(2.0)), named("Heating"))],
            "heating/target=22.5",
            "Set the heating to 22.5 degrees.",
        ),
        (
            "",
            vec![step(What::Temperature(by(-30.0)), named("Heating"))],
            "heating/target=5.0",
            "Set the heating to 5 degrees.",
        ),
        (
            "",
            vec![step(What::Humidity(by(10.0)), named("Humidifier"))],
            "damp/target=60",
            "Set the humidifier to 60 %.",
        ),
        (
            "",
            vec![step(What::Humidity(Amount::To(80.0)), named("Humidifier"))],
            "",
            "The humidifier takes only 30 to 70.",
        ),
        (
            "",
            vec![step(What::Number(by(5.0)), named("Doorbell volume"))],
            "volume=10",
            "Set the doorbell volume to 10.",
        ),
        (
            "",
            vec![step(What::Speed(by(10.0)), named("Bathroom fan"))],
            "bath/speed=10",
            "Set the bathroom fan to 10 %.",
        ),
        (
            "",
            vec![step(What::Speed(by(-10.0)), named("Bathroom fan"))],
            "",
            "The bathroom fan is off.",
        ),
        (
            "",
            vec![step(What::Position(by(10.0)), named("Bedroom shutter"))],
            "",
            "I do not know how the bedroom shutter is now, so I changed nothing.",
        ),
    ]);
}

#[test]
fn every_kind_of_thing_does_what_it_can() {
    let mode = |word: &str| What::Mode(word.into());
    check_steps(vec![
        (
            "",
            vec![step(What::Start, named("Robot"))],
            "robot=start",
            "I sent the command, but have no answer yet from the robot.",
        ),
        (
            "",
            vec![step(What::Locate, named("Robot"))],
            "robot=locate",
            "I sent the command, but have no answer yet from the robot.",
        ),
        (
            "",
            vec![step(mode("MAX"), named("Robot"))],
            "robot/speed=max",
            "I sent the command, but have no answer yet from the robot.",
        ),
        (
            "",
            vec![step(mode("sleep"), named("Humidifier"))],
            "",
            "The humidifier does not have that setting.",
        ),
        (
            "",
            vec![step(mode("sleep mode"), named("Humidifier"))],
            "damp/mode=sleep mode",
            "Set the humidifier to sleep mode.",
        ),
        (
            "",
            vec![step(mode("quick 30"), named("Washing program"))],
            "program=Quick_30",
            "Set the washing program to quick 30.",
        ),
        (
            "",
            vec![step(mode("eco"), named("Bath heater"))],
            "boiler/preset=eco",
            "Set the bath heater to eco.",
        ),
        (
            "",
            vec![step(mode("off"), named("Bath heater"))],
            "boiler/mode=off",
            "Set the bath heater to off.",
        ),
        ("", vec![step(mode("eco"), named("Hall lamp"))], "", "The hall lamp cannot do that."),
        (
            "",
            vec![step(What::Color("red".into()), named("Attic bulb"))],
            "",
            "The attic bulb cannot do that.",
        ),
        ("", vec![step(What::Lock, named("Back door"))], "back=LOCKED", "Locked the back door."),
        (
            "",
            vec![step(What::Open, named("Bedroom shutter"))],
            "shutter=open",
            "Opened the bedroom shutter.",
        ),
        (
            "",
            vec![step(What::Open, named("Kitchen light"))],
            "",
            "The kitchen light cannot do that.",
        ),
        ("", vec![step(What::Unlock, named("Hall lamp"))], "", "The hall lamp cannot do that."),
        (
            "",
            vec![step(What::Start, named("Coffee machine"))],
            "coffee=ON",
            "Started the coffee machine.",
        ),
        (
            "",
            vec![step(What::Activate, named("Movie night"))],
            "movie=ON",
            "Activated the movie night.",
        ),
        (
            "",
            vec![step(What::Arm("night".into()), named("Alarm"))],
            "alarm=armed_night",
            "Armed the alarm.",
        ),
    ]);
}

#[test]
fn a_condition_is_looked_at_first() {
    let above = |limit| Condition {
        target: TargetWords::default(),
        kind: Asked::Any,
        test: Test::Above(limit),
    };
    let is = |name: &str, word: &str| Condition {
        target: named(name),
        kind: Asked::Any,
        test: Test::Is(word.into()),
    };
    let heat = || step(What::Temperature(Amount::To(22.0)), kind(Domain::Climate, "Bedroom"));
    let if_ = |condition, step: Step| vec![Step { only_if: vec![condition], ..step }];
    let gone = |name: &str| Condition {
        target: named(name),
        kind: Asked::Any,
        test: Test::Is("on".into()),
    };
    let windows = |kind_| Condition {
        target: TargetWords {
            domains: vec![Domain::BinarySensor],
            classes: vec!["window".into()],
            scope: Scope::Everywhere,
            ..TargetWords::default()
        },
        kind: kind_,
        test: Test::Is("closed".into()),
    };
    check_steps(vec![
        ("", if_(above(15.0), heat()), "boiler/target=22.0", "Set the bath heater to 22 degrees."),
        ("", if_(above(23.0), heat()), "", "It is 18 °C in the bedroom, so I changed nothing."),
        (
            "",
            if_(is("TV", "on"), step(What::TurnOff, named("Ceiling"))),
            "ceiling=OFF",
            "Turned off the ceiling.",
        ),
        (
            "",
            if_(is("TV", "off"), step(What::TurnOff, named("Ceiling"))),
            "",
            "The TV is on, so I changed nothing.",
        ),
        (
            "",
            if_(is("Front door", "unlocked"), step(What::Lock, named("Front door"))),
            "",
            "The front door is locked, so I changed nothing.",
        ),
        (
            "",
            if_(windows(Asked::Any), heat()),
            "boiler/target=22.0",
            "Set the bath heater to 22 degrees.",
        ),
        (
            "",
            if_(windows(Asked::All), heat()),
            "",
            "The kitchen window is open, so I changed nothing.",
        ),
        ("", if_(gone("flux capacitor"), heat()), "", "I know nothing called flux capacitor."),
        (
            "",
            if_(gone("Movie night"), heat()),
            "",
            "I do not know about the movie night, so I changed nothing.",
        ),
    ]);
}

#[test]
fn which_one_is_answered_in_many_ways() {
    for (answer, published) in [
        ("the office one", "lamp_office=ON"),
        ("office", "lamp_office=ON"),
        ("the ofice", "lamp_office=ON"),
        ("upstairs", ""),
        ("the second one", "lamp_office=ON"),
        ("the first", "lamp_bedroom=ON"),
        ("the last one please", "lamp_office=ON"),
        ("the third one", ""),
        ("both", "lamp_bedroom=ON, lamp_office=ON"),
        ("all of them", "lamp_bedroom=ON, lamp_office=ON"),
        ("yes", ""),
        ("the", ""),
        ("no", ""),
        ("the kitchen", ""),
    ] {
        let mut talk = english();
        assert!(talk.say("", "", "turn on the lamp").asks);
        let mut came = talk.say("", "", answer);
        came.published.sort();
        assert_eq!(came.published.join(", "), published, "{answer}: {}", came.reply);
    }
    check(
        english(),
        r"
        # In which room? The room is the answer, and all of its lights are meant.
        - | turn off the light | - | In which room? I know 6 lights.
        - | the living room | ceiling=OFF, strip=OFF | Turned off the ceiling and the LED strip.
        # What lets people in is never all of them.
        - | unlock the door | - | Which one: the back door or the front door?
        - | both | - | Sorry, I did not understand that.
        - | the front one | front=UNLOCKED | Unlocked the front door.
        # The question is forgotten in time.
        - | turn on the lamp | - | Which one: the lamp in the bedroom or the lamp in the office?
        wait 121
        - | the office one | - | Sorry, I did not understand that.
    ",
    );
    check(
        english(),
        r"
        - | turn on the lamp | - | Which one: the lamp in the bedroom or the lamp in the office?
        - | the bedroom one | lamp_bedroom=ON | Turned on the lamp.
        - | no, the other one | lamp_bedroom=OFF, lamp_office=ON | Undone: the lamp. Turned on the lamp.
    ",
    );
    check(
        french(),
        r"
        - | allume la lumière | - | Dans quelle pièce ? J'en connais 5.
        - | celle de la chambre | chevet=ON | J'ai allumé la lampe de chevet.
        - | éteins la lumière | - | Dans quelle pièce ? J'en connais 5.
        - | la deuxième | - | Désolé, je n'ai pas compris.
        - | laisse tomber | - | D'accord.
        - | annule la dernière action | chevet=OFF | Annulé : la lampe de chevet.
    ",
    );
}

#[test]
fn what_was_done_is_undone() {
    check(
        house(),
        r"
        - | set the LED strip to 80% | strip=ON brightness 204 | Set the LED strip to 80 %.
        - | set the heating to 24 degrees | heating/target=24.0 | Set the heating to 24 degrees.
        - | undo that | heating/target=20.5 | Undone: the heating.
        - | undo | strip=ON brightness 128 color_temp 3000 | Undone: the LED strip.
        - | undo | - | There is nothing to undo.
        - | turn off the living room lights | ceiling=OFF, strip=OFF | Turned off the living room lights.
        - | take that back | ceiling=ON, strip=ON brightness 128 color_temp 3000 | Undone: the ceiling and the LED strip.
        # What was as wished already is left alone.
        - | turn off the kitchen light | kitchen_light=OFF | Turned off the kitchen light.
        - | undo that | - | There is nothing to undo.
        - | press the gong | bell=PRESS | Pressed the gong.
        - | undo that | - | The gong: that cannot be undone.
        # A lock comes back only after a yes.
        - | lock the back door | back=LOCKED | Locked the back door.
        - | undo that | - | Shall I unlock the back door?
        - | yes | back=UNLOCKED | Unlocked the back door.
        - | yes | - | Sorry, I did not understand that.
        - | turn on the coffee machine | coffee=ON | Turned on the coffee machine.
        wait 601
        - | undo that | - | There is nothing to undo.
    ",
    );
    let mut talk = house();
    talk.say("", "", "turn on the coffee machine");
    let came = mean(&mut talk, "", Understanding::Talk(About_::Undo, reading()));
    assert_eq!(came.published, ["coffee=OFF"]);
    // Instead of what was done last.
    talk.say("", "", "turn on the lamp in the office");
    let other = TargetWords {
        entities: vec![EntityId::new("light.lamp_bedroom")],
        ..TargetWords::default()
    };
    let step = Step { instead_of_last: true, ..step(What::TurnOn, other) };
    let came = mean(&mut talk, "", wish(vec![step]));
    assert_eq!(came.published, ["lamp_office=OFF", "lamp_bedroom=ON"]);
}

#[test]
fn cancel_takes_back_what_was_done_just_before_it() {
    check(
        house(),
        r"
        - | open the living room blind | blind=open | Opened the living room blind.
        - | cancel that | blind=closed | Undone: the living room blind.
        - | open the living room blind | blind=open | Opened the living room blind.
        - | never mind | - | All right.
        wait 400
        - | cancel | - | All right.
    ",
    );
}

#[test]
fn stop_works_before_anything_else() {
    check(
        house(),
        r"
        - | stop | - | All right.
        - | open the living room blind | blind=open | Opened the living room blind.
        - | stop! | blind=stopped | Stopped the living room blind.
        - | stop | - | All right.
        - | unlock the door | - | Which one: the back door or the front door?
        - | arrête | - | D'accord.
        - | the front door | - | Sorry, I did not understand that.
        - | disarm the alarm | - | Shall I disarm the alarm?
        - | annule | - | D'accord.
        - | vergiss es | - | All right.
    ",
    );
}

#[test]
fn what_could_do_harm_needs_a_yes() {
    let disarm = || wish(vec![step(What::Disarm, named("Alarm"))]);
    let mut talk = house();
    let came = mean(&mut talk, "", disarm());
    assert_eq!((came.reply.as_str(), came.asks), ("Shall I disarm the alarm?", true));
    assert!(came.published.is_empty());
    let came = talk.say("", "", "yes please");
    assert_eq!(came.published, ["alarm=disarmed"]);
    assert_eq!(came.reply, "Disarmed the alarm.");
    // A yes counts once, soon, and if nothing else was said.
    for between in ["yes", "is the TV on", "no", "stop", "wait"] {
        let mut talk = house();
        mean(&mut talk, "", disarm());
        match between {
            "wait" => wait(&talk, 61),
            between => drop(talk.say("", "", between)),
        }
        let came = talk.say("", "", "yes");
        assert!(came.published.is_empty(), "{between}: {came:?}");
    }
    for (what, name, reply) in [
        (
            What::Temperature(Amount::To(35.0)),
            "Bath heater",
            "Shall I set the bath heater to 35 degrees?",
        ),
        (What::TurnOn, "Siren", "Shall I turn on the siren?"),
    ] {
        let mut talk = house();
        assert_eq!(mean(&mut talk, "", wish(vec![step(what, named(name))])).reply, reply);
        assert_eq!(talk.say("", "", "oui").published.len(), 1, "{name}");
    }
    // What cannot be done is not asked about.
    let came = mean(
        &mut house(),
        "",
        wish(vec![step(What::Temperature(Amount::To(45.0)), named("Heating"))]),
    );
    assert_eq!(came.reply, "The heating takes only 5 to 30.");
}

#[test]
fn who_speaks_and_how_decides() {
    let unlock = |role, means, policy: Policy| {
        let mut talk = house();
        talk.assistant.set_policy(policy);
        let said = Said {
            text: "unlock the front door",
            conversation: "c",
            now: talk.house.clock.now(),
            role,
            means,
            ..Said::default()
        };
        let turn = talk.assistant.hear(&said, &talk.house.home);
        let came = talk.carry_out(turn);
        (came.published.len(), came.reply)
    };
    let none = Policy::default();
    let ask = Policy { unlock: Some(Verdict::Ask), ..none };
    let never = Policy { unlock: Some(Verdict::Never), ..none };
    let allow = Policy { unlock: Some(Verdict::Allow), ..none };
    let (done, asked, refused) = (
        (1, "Unlocked the front door."),
        (0, "Shall I unlock the front door?"),
        (0, "That is not allowed with the front door."),
    );
    for (role, means, policy, expected) in [
        (Role::Adult, Means::Written, none, done),
        (Role::Adult, Means::Spoken, none, asked),
        (Role::Child, Means::Written, none, refused),
        (Role::Guest, Means::Written, none, refused),
        (Role::Guest, Means::Written, allow, refused),
        (Role::Adult, Means::Spoken, allow, done),
        (Role::Admin, Means::Written, ask, asked),
        (Role::Admin, Means::Written, never, refused),
    ] {
        let (n, reply) = unlock(role, means, policy);
        assert_eq!((n, reply.as_str()), expected, "{role:?} {means:?} {policy:?}");
    }
    // Never all, whatever the owner says; and "them" is not better than "all".
    let mut talk = house();
    talk.assistant.set_policy(allow);
    assert!(talk.say("", "", "unlock all the doors").published.is_empty());
    let them = TargetWords {
        entities: ["lock.front", "lock.back"].map(EntityId::new).into(),
        ..TargetWords::default()
    };
    let came = mean(&mut talk, "", wish(vec![step(What::Unlock, them)]));
    assert_eq!(came.published.len(), 0, "{}", came.reply);
    // A name that was only nearly said is a guess.
    let mut misheard = reading();
    misheard.spans = vec![homard::intent::meaning::Span {
        said: "frond door".into(),
        role: "name",
        meaning: "Front door".into(),
        score: 0.8,
    }];
    let meant = Understanding::Wish(vec![step(What::Unlock, named("Front door"))], misheard);
    let came = mean(&mut house(), "", meant);
    assert_eq!((came.reply.as_str(), came.asks), ("Shall I unlock the front door?", true));
}

#[test]
fn a_yes_counts_only_in_its_conversation() {
    let mut talk = house();
    mean(&mut talk, "", wish(vec![step(What::Disarm, named("Alarm"))]));
    let said =
        Said { text: "yes", conversation: "d", now: talk.house.clock.now(), ..Said::default() };
    let turn = talk.assistant.hear(&said, &talk.house.home);
    assert!(talk.carry_out(turn).published.is_empty());
    assert_eq!(talk.say("", "", "yes").published.len(), 1);
}

#[test]
fn questions_of_many_kinds_are_answered() {
    let mut talk = house();
    for (id, value) in [("hall_b", "9"), ("door_b", "80")] {
        let name = if id == "hall_b" { "Hall remote" } else { "Door sensor" };
        talk.announce(&with(
            device(&format!("sensor.{id}"), name, "Hall", json!(value)),
            json!({"device_class": "battery", "unit_of_measurement": "%"}),
        ));
    }
    for (id, name, state) in [("anna", "Anna", "home"), ("ben", "Ben", "not_home")] {
        talk.announce(&device(&format!("device_tracker.{id}"), name, "", json!(state)));
    }
    wait(&talk, 7_200 + 300);
    talk.house.publish("kitchen_light", br#"{"state":"ON"}"#, false);
    wait(&talk, 360);
    let ask = |kind, about, target| Question { about, ..Question::new(kind, None, target) };
    let anywhere = || TargetWords { scope: Scope::Everywhere, ..TargetWords::default() };
    let area = |area: &str| TargetWords { area: Some(area.into()), ..TargetWords::default() };
    let battery = || "battery".into();
    let both = Question {
        and: vec![kind(Domain::Light, "Hall")],
        state: Some("on".into()),
        ..Question::new(Asked::YesNo, None, kind(Domain::Light, "Living room"))
    };
    let but = Question {
        except: vec![area("Living room")],
        state: Some("on".into()),
        ..Question::new(Asked::Which, None, kind(Domain::Light, "everywhere"))
    };
    let unknown_but = Question { except: vec![area("Dungeon")], ..but.clone() };
    for (question, reply) in [
        (
            ask(Asked::One, About::Measured("humidity".into()), area("Bedroom")),
            "The bedroom moisture is 61 %.",
        ),
        (
            ask(Asked::One, About::Measured("humidity".into()), TargetWords::default()),
            "The bedroom moisture is 61 %.",
        ),
        (ask(Asked::One, About::Temperature, area("Kitchen")), "It is 21.5 °C in the kitchen."),
        (ask(Asked::One, About::Temperature, named("Heating")), "The heating is 19.5 °."),
        (
            ask(Asked::One, About::Measured("power".into()), area("Kitchen")),
            "I found nothing like that.",
        ),
        (ask(Asked::Which, About::Below(battery(), 20.0), anywhere()), "The hall remote (9 %)."),
        (ask(Asked::Any, About::Below(battery(), 5.0), anywhere()), "No."),
        (
            ask(Asked::HowMany, About::Above(battery(), 5.0), anywhere()),
            "2: the door sensor (80 %) and the hall remote (9 %).",
        ),
        (
            ask(Asked::One, About::Since, named("Hall lamp")),
            "The hall lamp has been on since 8:35, for 2 hours.",
        ),
        (
            ask(Asked::One, About::Since, named("Kitchen light")),
            "The kitchen light has been on since 10:40, for 6 minutes.",
        ),
        (ask(Asked::One, About::Where, named("Robot")), "The robot is in the living room."),
        (ask(Asked::One, About::Where, named("Anna")), "Anna is at home."),
        (ask(Asked::Which, About::Who, anywhere()), "Anna."),
        (ask(Asked::HowMany, About::Who, anywhere()), "1: Anna."),
        (ask(Asked::YesNo, About::Who, named("Ben")), "No, Ben is away."),
        (both, "Yes."),
        (but, "The hall lamp and the kitchen light."),
        (unknown_but, "I know no place called Dungeon."),
    ] {
        let told = format!("{question:?}");
        let came = mean(&mut talk, "", Understanding::Question(Box::new(question), reading()));
        assert_eq!((came.reply.as_str(), came.published.len()), (reply, 0), "{told}");
    }
    let came = mean(&mut talk, "", Understanding::Unexplained(vec!["flux".into()], reading()));
    assert_eq!(came.reply, "I did not understand “flux”.");
    check(
        french(),
        r"
        - | quelles lumières sont allumées dans la chambre | - | Aucune.
        - | combien de lumières sont allumées dans la chambre | - | Aucune.
    ",
    );
}
