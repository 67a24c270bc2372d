//! Timers, lists, announcements and what is wished for later, as people say them: from the sentence
//! to the reply, with an agenda and simulated time, without a hub.

use homard::assistant::{Answer, Assistant, Language, Packs, Said, Turn};
use homard::automation::sun::Place;
use homard::automation::{Agenda, Asker, Calendar, Moment, Ripe, Task};
use homard::home::action::Outcome;
use homard::home::place::Area;
use homard::home::target;
use homard::intent::pack::{Pack, Source};
use jiff::{SignedDuration, Timestamp, Zoned};

use super::support::house::House;

/// A conversation with a house that has an agenda.
struct Talk {
    house: House,
    assistant: Assistant,
    agenda: Agenda,
    wall: Timestamp,
    steady: SignedDuration,
    /// The calls that were made.
    called: Vec<String>,
}

impl Talk {
    fn new(language: &str) -> Self {
        let at: Zoned = "2026-11-22T12:00:00[Europe/Paris]".parse().unwrap();
        let (mut assistant, problems) = Assistant::new(language, at.time_zone().clone());
        assert!(problems.is_empty(), "{problems:?}");
        assistant.keeps_for_later();
        let mut agenda = Agenda::default();
        let place = Some(Place { latitude: 48.8566, longitude: 2.3522 });
        agenda.set_calendar(Calendar { zone: at.time_zone().clone(), place });
        Self {
            house: house(),
            assistant,
            agenda,
            wall: at.timestamp(),
            steady: SignedDuration::ZERO,
            called: Vec::new(),
        }
    }

    fn now(&self) -> Moment {
        Moment { wall: self.wall, steady: self.steady }
    }

    fn say(&mut self, text: &str, area: Option<&str>) -> String {
        let said = Said { text, area, conversation: "c", now: self.wall, ..Said::default() };
        let turn = self.assistant.hear(&said, &self.house.home);
        let area = area.and_then(|area| target::area_named(area, &self.house.home));
        let from = Asker {
            area: area.map(|area| area.id.clone()),
            conversation: "c".into(),
            ..Asker::default()
        };
        self.carry_out(turn, &from).text
    }

    fn carry_out(&mut self, turn: Turn, from: &Asker) -> Answer {
        let now = self.now();
        match turn {
            Turn::Answer(answer) => answer,
            Turn::Book(booking) => {
                self.assistant.book(&booking, &mut self.agenda, &self.house.home, now)
            }
            Turn::Act(mut plan) => {
                self.assistant.keep_later(&mut plan, from, &mut self.agenda, &self.house.home, now);
                let outcomes: Vec<_> = plan
                    .calls
                    .iter()
                    .map(|(id, action)| {
                        self.called.push(format!("{id} {action:?}"));
                        (id.clone(), Outcome::Confirmed)
                    })
                    .collect();
                plan.conclude(&outcomes, &self.house.home)
            }
            turn @ (Turn::Rules(_) | Turn::Tries(_)) => panic!("rules that nobody keeps: {turn:?}"),
            Turn::Script(_) => panic!("these houses have no sentences of an owner"),
        }
    }

    /// Time passes; what the house says then.
    fn pass(&mut self, seconds: i64) -> Vec<String> {
        self.wall += SignedDuration::from_secs(seconds);
        self.steady += SignedDuration::from_secs(seconds);
        let now = self.now();
        let ripe: Vec<Ripe> = self.agenda.due(now);
        ripe.iter()
            .map(|ripe| {
                self.agenda.cancel(ripe.entry.id);
                let turn = self.assistant.due(ripe, &self.house.home, self.wall);
                self.carry_out(turn, &ripe.entry.from).text
            })
            .collect()
    }
}

fn house() -> House {
    let mut house = House::new();
    for (component, id, name, area) in [
        ("light", "lamp", "Lamp", "Kitchen"),
        ("switch", "heater", "Heater", "Kitchen"),
        ("sensor", "out", "Garden temperature", "Garden"),
    ] {
        let mut config = serde_json::json!({
            "unique_id": id, "name": null, "state_topic": id,
            "default_entity_id": format!("{component}.{id}"),
            "device": {"identifiers": [id], "name": name, "suggested_area": area},
        });
        if component == "sensor" {
            config["device_class"] = "temperature".into();
            config["unit_of_measurement"] = "°C".into();
        } else {
            config["command_topic"] = format!("{id}/set").into();
        }
        let topic = format!("homeassistant/{component}/{id}/config");
        house.publish(&topic, config.to_string().as_bytes(), true);
        let state = if component == "sensor" { "7.5" } else { "OFF" };
        house.publish(id, state.as_bytes(), false);
    }
    house
}

/// Says one thing after the other; a number lets so many seconds pass, and the reply is what the
/// house says then.
fn check(language: &str, said: &[(&str, &str)]) {
    let mut talk = Talk::new(language);
    for (text, expected) in said {
        let reply = match text.parse::<i64>() {
            Ok(seconds) => talk.pass(seconds).join(" | "),
            Err(_) => talk.say(text, Some("Kitchen")),
        };
        assert_eq!(reply, *expected, "{language}: {text}");
    }
}

#[test]
fn timers_by_voice() {
    check(
        "en",
        &[
            ("how much time is left", "No timer is running."),
            ("set a timer for 5 minutes", "5 minutes, starting now."),
            ("set a 1 hour 5 minute timer called pizza", "1 hour and 5 minutes, starting now."),
            ("60", ""),
            (
                "how long is left on the pizza timer",
                "1 hour and 4 minutes left on the pizza timer.",
            ),
            (
                "what timers are running",
                "4 minutes left on the timer. 1 hour and 4 minutes left on the pizza timer.",
            ),
            ("cancel the timer", "There are several timers. Which one?"),
            ("cancel the 5 minute timer", "Cancelled the timer."),
            (
                "add 10 minutes to the timer",
                "Added 10 minutes to the pizza timer; 1 hour and 14 minutes left.",
            ),
            ("pause the pizza timer", "Paused the pizza timer with 1 hour and 14 minutes left."),
            ("90000", ""),
            ("resume the timer", "Resumed the pizza timer with 1 hour and 14 minutes left."),
            ("take 1 hour off the timer", "Took 1 hour off the pizza timer; 14 minutes left."),
            ("840", "The pizza timer is over."),
            ("cancel the pizza timer", "I know no timer like that."),
            ("half an hour timer", "30 minutes, starting now."),
            ("egg timer for 3 minutes", "3 minutes, starting now."),
            ("cancel all timers", "Cancelled 2 timers."),
            ("cancel all timers", "No timer is running."),
        ],
    );
    check(
        "fr",
        &[
            ("mets un minuteur de 5 minutes", "5 minutes, c'est parti."),
            ("minuteur de 10 minutes pour les pâtes", "10 minutes, c'est parti."),
            (
                "combien de temps il reste sur le minuteur pâtes",
                "Il reste 10 minutes sur le minuteur pâtes.",
            ),
            ("300", "Le minuteur est terminé."),
            (
                "ajoute 2 minutes au minuteur",
                "J'ai ajouté 2 minutes ; il reste 7 minutes sur le minuteur pâtes.",
            ),
            ("annule tous les minuteurs", "1 minuteur annulé."),
        ],
    );
}

#[test]
fn which_timer_is_asked_and_the_answer_counts() {
    check(
        "en",
        &[
            ("set a timer for 5 minutes", "5 minutes, starting now."),
            ("set a 1 hour 5 minute timer called pizza", "1 hour and 5 minutes, starting now."),
            ("pause the timer", "There are several timers. Which one?"),
            ("the pizza one", "Paused the pizza timer with 1 hour and 5 minutes left."),
            ("cancel the timer", "There are several timers. Which one?"),
            // That tells neither from the other: it stays open.
            ("the timer", "Sorry, I did not understand that."),
            ("pizza", "Cancelled the pizza timer."),
            ("cancel the timer", "Cancelled the timer."),
        ],
    );
    check(
        "fr",
        &[
            ("mets un minuteur de 5 minutes", "5 minutes, c'est parti."),
            ("minuteur de 10 minutes pour les pâtes", "10 minutes, c'est parti."),
            ("annule le minuteur", "Il y a plusieurs minuteurs. Lequel ?"),
            ("celui des pâtes", "J'ai annulé le minuteur pâtes."),
        ],
    );
}

#[test]
fn a_timer_just_started_is_called_off_and_nothing_else() {
    for (word, left) in
        [("cancel that", 1), ("annule ça", 1), ("undo that", 1), ("what time is it", 2)]
    {
        let mut talk = Talk::new("en");
        talk.say("set a timer for 5 minutes", None);
        talk.say("set a timer for 7 minutes", None);
        talk.say(word, None);
        assert_eq!(talk.agenda.entries().count(), left, "{word}");
    }
    // What was only for a while ends at once, and its end is no longer planned.
    let mut talk = Talk::new("en");
    talk.say("turn on the heater for 20 minutes", None);
    talk.say("cancel that", None);
    assert_eq!(talk.agenda.entries().count(), 0);
}

#[test]
fn lists_by_voice() {
    check(
        "en",
        &[
            ("what's on the shopping list", "There is nothing on the shopping list."),
            ("add milk to the shopping list", "Added milk to the shopping list."),
            (
                "put two pounds of apples on my list",
                "Added two pounds of apples to the shopping list.",
            ),
            ("add nails to the hardware list", "Added nails to the hardware list."),
            (
                "what is on the shopping list",
                "On the shopping list: milk and two pounds of apples.",
            ),
            ("check off milk", "Checked off milk."),
            ("remove nuts from the shopping list", "Nuts is not on the shopping list."),
            ("remove nails from the hardware list", "Removed nails from the hardware list."),
            ("read the shopping list", "On the shopping list: two pounds of apples."),
        ],
    );
    check(
        "fr",
        &[
            ("ajoute du lait à la liste de courses", "J'ai ajouté lait à la liste de courses."),
            ("qu'est-ce qu'il y a sur la liste de courses", "Sur la liste de courses : lait."),
            ("raye le lait de la liste de courses", "J'ai coché lait."),
        ],
    );
}

#[test]
fn what_is_wished_for_later_is_done_then() {
    check(
        "en",
        &[
            ("turn on the heater in 10 minutes", "All right, in 10 minutes."),
            ("turn on the chicken in 10 minutes", "I know nothing called chicken."),
            ("what is planned", "Planned in 10 minutes: turn on the heater in 10 minutes."),
            ("600", "Turned on the heater."),
            ("what is planned", "Nothing is planned."),
            ("in half an hour turn off the lamp", "All right, in 30 minutes."),
            ("cancel all plans", "Dropped 1 plan."),
            ("3600", ""),
        ],
    );
    check(
        "fr",
        &[
            ("allume la lampe dans 10 minutes", "Entendu, dans 10 minutes."),
            ("600", "J'ai allumé lamp."),
        ],
    );
    // What came too late is told, in the words with which it was wished.
    let mut talk = Talk::new("en");
    talk.say("turn on the heater in 10 minutes", None);
    assert_eq!(
        talk.pass(900),
        ["I missed this at 12:10, so I did not do it: turn on the heater in 10 minutes."]
    );
    assert_eq!(talk.called, [""; 0]);
    talk.say("set a timer for 1 minute", None);
    assert_eq!(talk.pass(240), ["The timer was over 3 minutes ago."]);
}

#[test]
fn what_comes_again_is_kept_after_a_yes() {
    const DAY: &str = "86400";
    check(
        "en",
        &[
            (
                "every weekday at 7 turn on the heater",
                "Every weekday at 7:00: Shall I turn on the heater?",
            ),
            ("what is planned", "Nothing is planned."),
            (
                "every weekday at 7 turn on the heater",
                "Every weekday at 7:00: Shall I turn on the heater?",
            ),
            ("yes", "All right, every weekday at 7:00."),
            // It is Sunday noon.
            ("68399", ""),
            ("1", "Turned on the heater."),
            (DAY, "Turned on the heater."),
            (
                "what is planned",
                "Planned every weekday at 7:00: every weekday at 7 turn on the heater.",
            ),
            ("cancel the plan for the chicken", "I have planned nothing with “chicken”."),
            (
                "cancel the plan for the heater",
                "Dropped every weekday at 7:00: every weekday at 7 turn on the heater.",
            ),
            (DAY, ""),
        ],
    );
    // Too late is told, once for all that was missed, and the next is done.
    check(
        "en",
        &[
            (
                "turn on the heater every day at 1 pm",
                "Every day at 13:00: Shall I turn on the heater?",
            ),
            ("yes", "All right, every day at 13:00."),
            (
                "262000",
                "I missed this on 22 November at 13:00, so I did not do it: turn on the heater every day at 1 pm.",
            ),
            ("800", "Turned on the heater."),
        ],
    );
    for (said, asked) in [
        (
            "each morning at half past six turn on the lamp",
            "Every day at 6:30: Shall I turn on the lamp?",
        ),
        ("turn off the lamp every night at 10", "Every day at 22:00: Shall I turn off the lamp?"),
        (
            "on mondays and thursdays at 18:15 turn on the heater",
            "Every Monday and Thursday at 18:15: Shall I turn on the heater?",
        ),
        (
            "every sunday at noon turn off the heater",
            "Every Sunday at 12:00: Shall I turn off the heater?",
        ),
        (
            "every 2 hours turn on the heater for 5 minutes",
            "Every 2 hours: Shall I turn on the heater?",
        ),
        ("every day at sunset turn on the lamp", "Every day at sunset: Shall I turn on the lamp?"),
        (
            "on weekends turn on the lamp at 9 am",
            "Every Saturday and Sunday at 9:00: Shall I turn on the lamp?",
        ),
        ("every evening turn on the lamp", "I did not understand “every evening”."),
        ("on monday turn on the lamp", "I did not understand “on monday”."),
        ("every day in 10 minutes turn on the lamp", "I did not understand “every day”."),
    ] {
        let mut talk = Talk::new("en");
        talk.assistant.set_place(Place { latitude: 48.8566, longitude: 2.3522 });
        assert_eq!(talk.say(said, None), asked);
        talk.say("no", None);
        assert_eq!(talk.agenda.entries().count(), 0, "{said}");
    }
    check(
        "fr",
        &[
            (
                "tous les soirs à 22 h éteins la lampe",
                "Tous les jours à 22 h 00 : Dois-je éteindre lamp ?",
            ),
            ("oui", "Entendu, tous les jours à 22 h 00."),
            ("36000", "J'ai éteint lamp."),
            (
                "allume la lampe chaque lundi et jeudi à 7 h 30",
                "Chaque lundi et jeudi à 7 h 30 : Dois-je allumer lamp ?",
            ),
            ("non", "D'accord."),
            (
                "qu'est-ce qui est prévu",
                "Prévu tous les jours à 22 h 00 : tous les soirs à 22 h éteins la lampe.",
            ),
            (
                "annule ce qui est prévu pour la lampe",
                "Abandonné tous les jours à 22 h 00 : tous les soirs à 22 h éteins la lampe.",
            ),
            (DAY, ""),
        ],
    );
}

#[test]
fn the_sun_needs_to_know_where_the_house_is() {
    use homard::intent::meaning::{Command, Day, Reading, Step, Understanding, What, When};
    let wish = |when: When| {
        let words = target::TargetWords { name: Some("Heater".into()), ..Default::default() };
        let step = Step { when, ..Step::now(Command::new(What::TurnOn, words)) };
        Understanding::Wish(vec![step], Reading { language: "en".into(), ..Reading::default() })
    };
    let sunset = When::Sun { is_rise: false, offset_s: 0.0 };
    let seven = When::At { hour: 7, minute: 0, is_half_day: true, day: Day::Next };
    let morning = When::At { hour: 7, minute: 0, is_half_day: true, day: Day::Ahead(1) };
    let place = Place { latitude: 48.8566, longitude: 2.3522 };
    for (when, place, expected) in [
        (
            sunset,
            None,
            "I do not know where the sun rises here: please set latitude and longitude under home \
             in homard.toml.",
        ),
        (sunset, Some(place), "All right, at 17:02."),
        (seven, None, "All right, at 19:00."),
        (morning, None, "All right, tomorrow at 7:00."),
        (When::In(1e12), None, "I cannot plan for that time."),
    ] {
        let mut talk = Talk::new("en");
        if let Some(place) = place {
            talk.assistant.set_place(place);
        }
        let said = Said { conversation: "c", now: talk.wall, ..Said::default() };
        let turn = talk.assistant.meant(wish(when), &said, &talk.house.home);
        assert_eq!(talk.carry_out(turn, &Asker::default()).text, expected, "{when:?}");
    }
    // For ten minutes: now, and the opposite then.
    let mut talk = Talk::new("en");
    let Understanding::Wish(mut steps, reading) = wish(When::Now) else { unreachable!() };
    steps[0].lasting_s = Some(600.0);
    let said = Said { conversation: "c", now: talk.wall, ..Said::default() };
    let turn = talk.assistant.meant(Understanding::Wish(steps, reading), &said, &talk.house.home);
    let text = talk.carry_out(turn, &Asker::default()).text;
    assert_eq!(text, "Turned on the heater. I will end that in 10 minutes.");
    assert_eq!(talk.pass(600), ["Turned off the heater."]);
    assert_eq!(talk.called, ["switch.heater Switch(TurnOn)", "switch.heater Switch(TurnOff)"]);
}

#[test]
fn the_rest_of_what_a_house_is_asked() {
    check(
        "en",
        &[
            ("broadcast that dinner is ready", "I have passed it on."),
            ("0", "dinner is ready"),
            ("what's the weather like", "It is 7.5 °C outside."),
            ("pause the music", "I know no media player."),
            ("clean the kitchen", "I found no vacuum cleaner in the kitchen."),
        ],
    );
    check(
        "fr",
        &[
            ("annonce que le dîner est prêt", "Je l'ai transmis."),
            ("0", "le dîner est prêt"),
            ("mets en pause la musique", "Je ne connais pas de lecteur multimédia."),
            ("quel temps fait-il", "Il fait 7,5 °C dehors."),
        ],
    );
    let mut talk = Talk::new("en");
    talk.say("announce dinner", None);
    let entry = talk.agenda.entries().next().unwrap();
    assert!(matches!(&entry.task, Task::Say(text) if text == "dinner"), "{entry:?}");
}

#[test]
fn what_a_room_is_told_is_said_there_if_something_speaks_there() {
    for (language, text, silent, said) in [
        (
            "en",
            "tell the kitchen dinner is ready",
            "There is no loudspeaker in the kitchen.",
            "I said it in the kitchen.",
        ),
        (
            "en",
            "announce in the kitchen that dinner is ready",
            "There is no loudspeaker in the kitchen.",
            "I said it in the kitchen.",
        ),
        (
            "fr",
            "dis à la cuisine que le dîner est prêt",
            "Il n'y a pas de haut-parleur dans la cuisine.",
            "Je l'ai dit dans la cuisine.",
        ),
    ] {
        let mut talk = Talk::new(language);
        let kitchen = target::area_named("kitchen", &talk.house.home).unwrap().clone();
        if language == "fr" {
            let named = Area { name: "Cuisine".into(), ..kitchen.clone() };
            talk.house.home.put_area(named).unwrap();
        }
        talk.assistant.know_speakers(vec!["Garden".to_owned()]);
        assert_eq!(talk.say(text, Some("Garden")), silent, "{text}");
        assert_eq!(talk.agenda.entries().count(), 0);
        talk.assistant.know_speakers(vec![kitchen.id.as_str().to_owned()]);
        assert_eq!(talk.say(text, Some("Garden")), said, "{text}");
        let entry = talk.agenda.entries().next().unwrap();
        assert_eq!(entry.from.area.as_ref(), Some(&kitchen.id), "{text}");
        let message = if language == "fr" { "le dîner est prêt" } else { "dinner is ready" };
        assert!(matches!(&entry.task, Task::Say(text) if text == message), "{entry:?}");
    }
    // For all, wherever it was asked for.
    let mut talk = Talk::new("en");
    talk.say("announce dinner", Some("Garden"));
    assert_eq!(talk.agenda.entries().next().unwrap().from.area, None);
}

#[test]
fn what_was_planned_is_dropped_when_it_is_called_off() {
    for (word, calls) in [
        ("cancel that", 0),
        ("never mind", 0),
        ("stop", 0),
        ("undo", 0),
        ("annule", 0),
        ("what time is it", 1),
    ] {
        let mut talk = Talk::new("en");
        talk.say("turn on the heater in ten minutes", None);
        talk.say(word, None);
        talk.pass(700);
        assert_eq!(talk.called.len(), calls, "{word}");
    }
}

#[test]
fn a_new_wish_outlasts_the_end_of_the_last() {
    for (second, third, n_more) in [
        (None, None, 1),
        (Some("turn off the heater"), Some("turn on the heater"), 0),
        (Some("turn on the heater"), None, 0),
        (Some("turn on the lamp"), None, 1),
        (Some("turn on the heater for five minutes"), None, 1),
    ] {
        let mut talk = Talk::new("en");
        talk.say("turn on the heater for ten minutes", None);
        for text in [second, third].into_iter().flatten() {
            talk.say(text, None);
        }
        let before = talk.called.len();
        for _ in 0..8 {
            talk.pass(100);
        }
        assert_eq!(talk.called.len() - before, n_more, "{second:?}");
    }
}

/// A language without words of Homard's own, as a pack brings it.
const PACK: &str = r#"
language: de
intents:
  HassStartTimer:
    data: [{ sentences: ["weck mich nach {minutes} min"] }]
  HassTimerStatus:
    data: [{ sentences: ["was tickt hier"] }]
  HassCancelTimer:
    data: [{ sentences: ["weg mit dem wecker"] }]
  HassListAddItem:
    data:
      - sentences: ["{item} kommt auf {name}"]
        requires_context: { domain: todo }
        response: item_added
lists:
  minutes: { range: { from: 1, to: 90 } }
  item: { wildcard: true }
responses:
  intents:
    HassStartTimer: { default: "Wecker nach {{ slots.minutes }}." }
    HassTimerStatus:
      default: "{% for t in slots.timers %}{{ t.name }}{{ t.rounded_minutes_left }}:{{ t.rounded_seconds_left }} von {{ t.start_minutes }}{% if not t.is_active %}!{% endif %} {% endfor %}"
    HassCancelTimer: { default: "Weg." }
    HassListAddItem: { item_added: "{{ slots.item }} steht auf {{ slots.name }}." }
  errors:
    timer_not_found: "Da tickt nichts."
    no_entity: "Kein {{ entity }}."
"#;

#[test]
fn a_language_of_a_pack_alone_answers_from_the_books_in_its_words() {
    let mut talk = Talk::new("en");
    let (pack, problems) = Pack::read("de", &[Source { file: "de.yaml", text: PACK }]);
    assert_eq!(problems, []);
    let packs = Packs { official: Some(pack), ..Packs::default() };
    talk.assistant.teach(Language::compile("de", packs).0);
    talk.assistant.speak_only(&["de".to_owned()]);
    assert_eq!(talk.say("Weg mit dem Wecker!", None), "Da tickt nichts.");
    assert_eq!(talk.say("weck mich nach 12 min", None), "Wecker nach 12.");
    talk.steady += SignedDuration::from_secs(30);
    assert_eq!(talk.say("was tickt hier?", None), "11:30 von 12");
    assert_eq!(talk.say("Weg mit dem Wecker", None), "Weg.");
    // A list can be named when there is one of that name.
    assert_eq!(talk.say("Zelt kommt auf Camping", None), "Kein Camping.");
    talk.agenda.add_item(Some("Camping"), "Seil").unwrap();
    talk.assistant.know_lists(&talk.agenda);
    assert_eq!(talk.say("Zelt kommt auf Camping", None), "Zelt steht auf Camping.");
    let items = &talk.agenda.list(Some("Camping")).unwrap().items;
    assert_eq!(items.iter().map(|item| &*item.text).collect::<Vec<_>>(), ["Seil", "Zelt"]);
}

/// What an utterance says of a reminder, and what is answered, with nothing noted where the answer asks.
fn reminds(language: &str, cases: &[(&str, &str)]) {
    let mut talk = Talk::new(language);
    talk.assistant.set_place(Place { latitude: 48.8566, longitude: 2.3522 });
    let mut wrong = Vec::new();
    for (said, expected) in cases {
        let answer = talk.say(said, Some("Kitchen"));
        if answer != *expected {
            wrong.push(format!("{said}\n    {answer}\n    {expected}"));
        }
        let noted: Vec<_> = talk.agenda.entries().map(|entry| entry.id).collect();
        assert_eq!(
            noted.len(),
            usize::from(!answer.ends_with('?')),
            "{language}: {said}: {answer}"
        );
        for id in noted {
            let entry = talk.agenda.cancel(id).unwrap();
            assert!(matches!(entry.task, Task::Remind(_)), "{language}: {said}: {entry:?}");
        }
        talk.say(if language == "fr" { "laisse tomber" } else { "never mind" }, None);
        assert!(talk.called.is_empty(), "{language}: {said}: {:?}", talk.called);
    }
    assert!(wrong.is_empty(), "{language}:\n{}", wrong.join("\n"));
}

#[test]
fn reminders_are_understood_as_people_say_them() {
    // It is a Sunday at noon.
    reminds(
        "en",
        &[
            (
                "remind me in 20 minutes to look at the oven",
                "I will remind you in 20 minutes: look at the oven.",
            ),
            (
                "Remind me to look at the oven in twenty minutes.",
                "I will remind you in 20 minutes: look at the oven.",
            ),
            ("remind me 20m the oven", "I will remind you in 20 minutes: the oven."),
            ("remind me 1h30 the oven", "I will remind you in 1 hour and 30 minutes: the oven."),
            ("remind me in an hour to call back", "I will remind you in 1 hour: call back."),
            ("remind me in half an hour, to call", "I will remind you in 30 minutes: call."),
            (
                "in an hour and a half remind me to call",
                "I will remind you in 1 hour and 30 minutes: call.",
            ),
            (
                "remind me in 2 days to water the plants",
                "I will remind you in 2 days: water the plants.",
            ),
            ("remind me in a week to pay the rent", "I will remind you in 7 days: pay the rent."),
            (
                "remind me at 18:30 to take the bins out",
                "I will remind you at 18:30: take the bins out.",
            ),
            ("remind me at 8 to call", "I will remind you at 20:00: call."),
            ("remind me at 11 to call", "I will remind you at 23:00: call."),
            ("remind me at 8 am to call", "I will remind you tomorrow at 8:00: call."),
            ("remind me to call mum at eight", "I will remind you at 20:00: call mum."),
            ("remind me at half past seven to call", "I will remind you at 19:30: call."),
            ("remind me at noon to eat", "I will remind you tomorrow at 12:00: eat."),
            ("remind me tomorrow at 7:15am to call", "I will remind you tomorrow at 7:15: call."),
            (
                "remind me to call the doctor at 9 tomorrow",
                "I will remind you tomorrow at 9:00: call the doctor.",
            ),
            (
                "remind me tomorrow to call the doctor at 9",
                "I will remind you tomorrow at 9:00: call the doctor.",
            ),
            (
                "tomorrow at eight could you please remind me to call the doctor",
                "I will remind you tomorrow at 8:00: call the doctor.",
            ),
            (
                "remind me tomorrow evening at 8 to call",
                "I will remind you tomorrow at 20:00: call.",
            ),
            (
                "remind me at 8 tomorrow evening to call",
                "I will remind you tomorrow at 20:00: call.",
            ),
            (
                "remind me on monday at 8 to take the bins out",
                "I will remind you tomorrow at 8:00: take the bins out.",
            ),
            (
                "remind me to take the bins out on Wednesday at 7 pm",
                "I will remind you on 25 November at 19:00: take the bins out.",
            ),
            // Today is one, and its eleven is over.
            (
                "remind me on sunday at 11 am to rest",
                "I will remind you on 29 November at 11:00: rest.",
            ),
            ("remind me on sunday at 11 pm to rest", "I will remind you at 23:00: rest."),
            (
                "remind me at sunset to close the coop",
                "I will remind you at 17:02: close the coop.",
            ),
            (
                "remind me every day at 8 in the morning to take the pill",
                "I will remind you every day at 8:00: take the pill.",
            ),
            (
                "remind me to take the bins out every weekday at 7",
                "I will remind you every weekday at 7:00: take the bins out.",
            ),
            (
                "every monday and thursday at 19:00 remind me to water the plants",
                "I will remind you every Monday and Thursday at 19:00: water the plants.",
            ),
            ("remind me every 2 hours to drink", "I will remind you every 2 hours: drink."),
            (
                "set a reminder for me to turn off the lamp at 9 pm",
                "I will remind you at 21:00: turn off the lamp.",
            ),
            (
                "don't let me forget to turn off the heater in 5 minutes",
                "I will remind you in 5 minutes: turn off the heater.",
            ),
            // A time of the matter is the matter's.
            (
                "remind me in 20 minutes to set the alarm at 7",
                "I will remind you in 20 minutes: set the alarm at 7.",
            ),
            // What is no plain time is asked for, and nothing is noted.
            ("remind me to call mum", "When shall I remind you?"),
            ("remind me to call mum tomorrow", "When shall I remind you?"),
            ("remind me on monday to call mum", "When shall I remind you?"),
            ("remind me every day to take the pill", "When shall I remind you?"),
            ("remind me later to call", "When shall I remind you?"),
            ("remind me when I get home to feed the cat", "When shall I remind you?"),
            ("remind me to watch the sunset", "When shall I remind you?"),
            ("remind me to turn on the lamp for ten minutes", "When shall I remind you?"),
            ("remind me to be at the door", "When shall I remind you?"),
            ("remind me in 20 bananas to eat", "When shall I remind you?"),
            ("remind me at 25:00 to sleep", "When shall I remind you?"),
            ("remind me in 9000 days to rest", "When shall I remind you?"),
            ("remind me to set the oven to 8", "When shall I remind you?"),
            ("remind me in 10 minutes", "Of what shall I remind you?"),
            ("remind me", "When shall I remind you, and of what?"),
        ],
    );
    reminds(
        "fr",
        &[
            (
                "rappelle-moi dans 20 minutes de regarder le four",
                "Je vous le rappellerai dans 20 minutes : regarder le four.",
            ),
            (
                "rappelle-moi de regarder le four dans vingt minutes",
                "Je vous le rappellerai dans 20 minutes : regarder le four.",
            ),
            (
                "rappelle moi d'appeler demain à 8h",
                "Je vous le rappellerai demain à 8 h 00 : appeler.",
            ),
            (
                "rappelle-moi dans une heure d’appeler",
                "Je vous le rappellerai dans 1 heure : appeler.",
            ),
            (
                "rappelle-moi dans un quart d'heure d'appeler",
                "Je vous le rappellerai dans 15 minutes : appeler.",
            ),
            (
                "rappelle-moi dans une heure et demie de sortir",
                "Je vous le rappellerai dans 1 heure et 30 minutes : sortir.",
            ),
            (
                "peux-tu me rappeler à 18 h 30 de sortir les poubelles",
                "Je vous le rappellerai à 18 h 30 : sortir les poubelles.",
            ),
            (
                "rappelle-moi de sortir les poubelles à 20 heures",
                "Je vous le rappellerai à 20 h 00 : sortir les poubelles.",
            ),
            (
                "demain matin à 7 heures rappelez-moi de prendre le cachet",
                "Je vous le rappellerai demain à 7 h 00 : prendre le cachet.",
            ),
            (
                "rappelle-moi demain soir à 8 heures qu'il faut appeler",
                "Je vous le rappellerai demain à 20 h 00 : il faut appeler.",
            ),
            (
                "rappelle-moi lundi à 8 h de sortir les poubelles",
                "Je vous le rappellerai demain à 8 h 00 : sortir les poubelles.",
            ),
            (
                "rappelle-moi mercredi à 19 h 15 de sortir les poubelles",
                "Je vous le rappellerai le 25 novembre à 19 h 15 : sortir les poubelles.",
            ),
            (
                "rappelle-moi tous les jours à 8 heures de prendre le cachet",
                "Je vous le rappellerai tous les jours à 8 h 00 : prendre le cachet.",
            ),
            (
                "fais-moi penser à éteindre le four dans 10 minutes",
                "Je vous le rappellerai dans 10 minutes : éteindre le four.",
            ),
            (
                "rappelle-moi au coucher du soleil de fermer le poulailler",
                "Je vous le rappellerai à 17 h 02 : fermer le poulailler.",
            ),
            ("rappelle-moi d'éteindre le four", "Quand faut-il vous le rappeler ?"),
            ("rappelle-moi demain d'appeler maman", "Quand faut-il vous le rappeler ?"),
            ("rappelle-moi de regarder le coucher du soleil", "Quand faut-il vous le rappeler ?"),
            ("rappelle-moi plus tard d'appeler", "Quand faut-il vous le rappeler ?"),
            ("rappelle-moi dans 10 minutes", "Que faut-il vous rappeler ?"),
        ],
    );
}

#[test]
fn what_is_missing_of_a_reminder_is_asked_and_the_answer_counts() {
    check(
        "en",
        &[
            ("remind me to call mum", "When shall I remind you?"),
            ("in 10 minutes", "I will remind you in 10 minutes: call mum."),
            ("what is planned", "Planned in 10 minutes: remind me to call mum in 10 minutes."),
            ("600", "Reminder: call mum."),
            ("what is planned", "Nothing is planned."),
            ("remind me tomorrow to call mum", "When shall I remind you?"),
            ("eight", "I will remind you tomorrow at 8:00: call mum."),
            ("cancel that", "Dropped 1 plan."),
            ("what is planned", "Nothing is planned."),
            ("remind me in 10 minutes", "Of what shall I remind you?"),
            ("to turn on the lamp", "I will remind you in 10 minutes: turn on the lamp."),
            ("cancel all plans", "Dropped 1 plan."),
            ("remind me", "When shall I remind you, and of what?"),
            ("to call mum", "When shall I remind you?"),
            ("tomorrow", "When shall I remind you?"),
            ("at 9", "I will remind you tomorrow at 9:00: call mum."),
            (
                "cancel the plan for mum",
                "Dropped tomorrow at 9:00: remind me to call mum tomorrow at 9.",
            ),
            // Something else is meant, or nothing.
            ("remind me to call mum", "When shall I remind you?"),
            ("turn on the lamp", "Turned on the lamp."),
            ("in 10 minutes", "Sorry, I did not understand that."),
            ("remind me to call mum", "When shall I remind you?"),
            ("no", "All right."),
            ("remind me to call mum", "When shall I remind you?"),
            ("never mind", "All right."),
            ("what is planned", "Nothing is planned."),
            // In its time, each time.
            ("remind me every day at 13:00 to eat", "I will remind you every day at 13:00: eat."),
            ("3000", "Reminder: eat."),
            ("86400", "Reminder: eat."),
        ],
    );
    check(
        "fr",
        &[
            ("rappelle-moi demain d'appeler maman", "Quand faut-il vous le rappeler ?"),
            ("à 8 heures", "Je vous le rappellerai demain à 8 h 00 : appeler maman."),
            ("72000", "Rappel : appeler maman."),
            ("rappelle-moi dans 10 minutes", "Que faut-il vous rappeler ?"),
            ("d'éteindre le four", "Je vous le rappellerai dans 10 minutes : éteindre le four."),
            ("900", "Il y a 5 minutes : éteindre le four"),
        ],
    );
    // The house was off then: it is told late.
    let mut talk = Talk::new("en");
    talk.say("remind me at 1 pm to eat", None);
    assert_eq!(talk.pass(7_200), ["1 hour ago: eat"]);
}

#[test]
fn what_is_no_reminder_is_none() {
    for said in [
        "remind Ben to turn off the lamp",
        "don't remind me in 10 minutes to call",
        "the doctor should remind me at 8 to call",
        "does the lamp remind me of you",
        "rappelle maman",
    ] {
        let mut talk = Talk::new("en");
        talk.say(said, None);
        assert_eq!(talk.agenda.entries().count(), 0, "{said}");
        assert!(talk.called.is_empty(), "{said}");
    }
    // A day of the week is understood of deeds too.
    check(
        "en",
        &[("turn on the heater on wednesday at 7 am", "All right, on 25 November at 7:00.")],
    );
}
