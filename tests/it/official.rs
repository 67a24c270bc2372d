//! The official language packs, where they are (those of the models, or `HOMARD_PACKS`, a folder of them): every sentence sampled from a template is matched by it in
//! all languages, and the official test sentences of English and French are understood and answered
//! as they say. No sentence of the packs is in this repository.

use std::collections::BTreeMap;
use std::path::PathBuf;

use homard::assistant::official::{Facts, Official, Seen};
use homard::assistant::{Answer, Language, Packs, Said, Turn};
use homard::automation::{Agenda, Moment};
use homard::home::id::FloorId;
use homard::home::place::Floor;
use homard::intent;
use homard::intent::lists::{HomeLists, NamedEntity, NamedPlace, Names};
use homard::intent::matcher::{Match, Matcher, Options};
use homard::intent::meaning::{Reading, Understanding as Meant};
use homard::intent::number::Speller;
use homard::intent::own;
use homard::intent::pack::{Block, Pack, Source};
use homard::intent::sentence::Expr;
use homard::intent::value::{Context, Value, Wanted};
use jiff::civil::date;
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};

use crate::sentences::{Talk, device, with};
use crate::support::sampler::{Dice, Sampler};
use crate::support::{models, shared};

/// The folder of the official packs: `$HOMARD_PACKS`, else that of the models; a line and `None` where it is not.
pub(crate) fn packs() -> Option<PathBuf> {
    let folder = std::env::var_os("HOMARD_PACKS").map(PathBuf::from);
    folder.or_else(|| Some(models()?.join("sentences")))
}

pub(crate) fn read(folder: &std::path::Path, language: &str) -> Pack {
    let text = std::fs::read_to_string(folder.join(format!("{language}.json"))).unwrap();
    let (pack, problems) = Pack::read(language, &[Source { file: "official.json", text: &text }]);
    assert!(problems.is_empty(), "{language}: {problems:?}");
    pack
}

/// The languages of the packs; never none.
pub(crate) fn languages(folder: &std::path::Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut codes: Vec<String> = names
        .filter_map(|name| name.to_string_lossy().strip_suffix(".json").map(str::to_owned))
        .filter(|code| code != "intents")
        .collect();
    codes.sort();
    assert!(!codes.is_empty(), "no packs in {}", folder.display());
    codes
}

/// Names that no language has, so that they are found where they stand and nowhere else.
const NAMES: [&str; 4] = ["Zqvorp Wxylk", "Qzimbar", "Xwolfur", "Vyzzant"];

/// A home with one thing that meets what a block asks of a name, one area and one floor, of these names.
pub(crate) fn home_for(block: &Block, names: [&str; 4]) -> (HomeLists, Context) {
    let [name, area, floor, _] = names;
    let mut entity = NamedEntity { names: vec![name.to_owned()], ..NamedEntity::default() };
    let mut context = Context::new();
    for demand in &block.requires {
        let value = match &demand.wanted {
            Wanted::Any => Value::from("Somewhere"),
            Wanted::OneOf(values) => values[0].clone(),
        };
        match &*demand.key {
            "domain" => entity.domain = value.as_text().unwrap_or_default().to_owned(),
            "area" => drop(context.insert("area".into(), value)),
            key => entity.context.push((key.to_owned(), value)),
        }
    }
    let place = |name: &str| vec![NamedPlace { names: vec![name.to_owned()] }];
    let names = Names { entities: vec![entity], areas: place(area), floors: place(floor) };
    (HomeLists::new(&names), context)
}

#[test]
fn a_sentence_sampled_from_a_template_is_matched_by_it_in_every_language() {
    let Some(folder) = packs() else { return };
    let mut missed = Vec::new();
    let (mut n_sampled, mut n_languages) = (0, 0);
    for language in languages(&folder) {
        let pack = read(&folder, &language);
        let (matcher, problems) = Matcher::new(&pack);
        assert!(problems.is_empty(), "{language}: {problems:?}");
        let speller = Speller::new(&language);
        n_languages += 1;
        for (index, block) in pack.blocks.iter().enumerate() {
            let (home, context) = home_for(block, NAMES);
            // Each block and of its sentences some: all of them take minutes without optimisation.
            for template in block.sentences.iter().step_by(1 + block.sentences.len() / 3) {
                let dice = Dice(index as u64 * 7919 + template.text.len() as u64);
                let sampled = sampled(&pack, block, &speller, dice, &template.expr);
                let Some((said, slots)) = sampled else { continue };
                n_sampled += 1;
                let found = matcher.recognize(&said, &home, &context, Options::default());
                let is_it = |found: &&Match| {
                    found.intent == block.intent
                        && slots.iter().all(|(name, value)| match value {
                            Some(value) => {
                                found
                                    .slots
                                    .iter()
                                    .any(|slot| &*slot.name == name && slot.value == *value)
                                    || found.captures.iter().any(|(slot, _)| &**slot == name)
                            }
                            None => true,
                        })
                };
                if !found.matches.iter().any(|found| is_it(&found)) {
                    missed.push(format!("{language}: {said:?} of {}: {found:?}", template.text));
                }
            }
        }
    }
    println!("{n_languages} languages, {n_sampled} sentences sampled, {} missed", missed.len());
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_intent_of_every_pack_means_something() {
    let Some(folder) = packs() else { return };
    let mut by_intent: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    for language in languages(&folder) {
        let pack = read(&folder, &language);
        let (matcher, _) = Matcher::new(&pack);
        let speller = Speller::new(&language);
        for (index, block) in pack.blocks.iter().enumerate() {
            let (home, context) = home_for(block, NAMES);
            let area = context.get("area").and_then(Value::as_text);
            let Some(template) = block.sentences.first() else { continue };
            let dice = Dice(index as u64 * 104_729);
            let sampled = sampled(&pack, block, &speller, dice, &template.expr);
            let Some((said, _)) = sampled else { continue };
            let meant = intent::understand(&said, area, &language, &matcher, &home);
            let entry = by_intent.entry(block.intent.to_string()).or_default();
            entry.0 += 1;
            if !matches!(
                meant,
                Meant::Wish(..) | Meant::Question(..) | Meant::Errand(..) | Meant::Talk(..)
            ) {
                entry.1.push(format!("{language}: {said:?} of {}", template.text));
            }
        }
    }
    for (intent, (n, missed)) in &by_intent {
        println!("{intent}: {} of {n} mean something", n - missed.len());
        missed.iter().take(3).for_each(|missed| println!("    {missed}"));
    }
    for (intent, (n, missed)) in by_intent {
        assert!(missed.len() * 50 <= n, "{intent}: {missed:#?}");
    }
}

/// One official test sentence in its home.
struct Case {
    file: String,
    intent: String,
    said: String,
    /// Every slot with its value, or the values of which one is right.
    slots: Vec<(String, Json)>,
    /// Replies of which one is right; none if the file does not say.
    replies: Vec<String>,
    home: std::rc::Rc<Fixture>,
}

/// The home of a file.
struct Fixture {
    lists: HomeLists,
    seen: Vec<(Seen, Option<String>)>,
    areas: Vec<String>,
    all_floors: Vec<String>,
    /// Floor of each area.
    floors: BTreeMap<String, String>,
    timers: Vec<Json>,
    has_media: bool,
    area: Option<String>,
}

/// All official cases of a language, from the shared folder.
fn cases(language: &str) -> Option<Vec<Case>> {
    let folder = shared("corpora/sentences")?.join(language);
    let mut cases = Vec::new();
    let mut files: Vec<PathBuf> = Vec::new();
    for intent in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if intent.is_dir() {
            files.extend(std::fs::read_dir(intent).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    files.sort();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file: Json = serde_saphyr::from_str(&text).unwrap();
        let home = std::rc::Rc::new(fixture(&file, &path));
        let name =
            |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
        let intent = name(path.parent().unwrap());
        for test in file["tests"].as_array().unwrap() {
            let slots =
                test["slots"].as_object().into_iter().flatten().map(|(name, value)| {
                    (name.clone(), value.get("value").unwrap_or(value).clone())
                });
            let slots: Vec<(String, Json)> = slots.collect();
            let replies = match &test["response"] {
                Json::String(text) => vec![text.clone()],
                Json::Array(texts) => {
                    texts.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
                }
                _ => Vec::new(),
            };
            for said in test["sentences"].as_array().unwrap() {
                cases.push(Case {
                    file: format!("{intent}/{}", name(&path)),
                    intent: intent.clone(),
                    said: said.as_str().unwrap().to_owned(),
                    slots: slots.clone(),
                    replies: replies.clone(),
                    home: home.clone(),
                });
            }
        }
    }
    Some(cases)
}

fn fixture(file: &Json, path: &std::path::Path) -> Fixture {
    let items = |key: &str| file[key].as_array().cloned().unwrap_or_default();
    let text = |json: &Json| match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut names = Names::default();
    let mut seen = Vec::new();
    for (index, entity) in items("entities").iter().enumerate() {
        let (name, domain) = (text(&entity["name"]), text(&entity["domain"]));
        let attributes = entity["attributes"].as_object().cloned().unwrap_or_default();
        let class = attributes.get("device_class").and_then(Json::as_str);
        names.entities.push(NamedEntity {
            names: vec![name.clone()],
            domain: domain.clone(),
            context: class
                .map(|class| ("device_class".to_owned(), Value::from(class)))
                .into_iter()
                .collect(),
        });
        let unit = attributes.get("unit_of_measurement").and_then(Json::as_str).map(str::to_owned);
        seen.push((
            Seen {
                entity_id: format!("{domain}.n{index}"),
                name,
                state: text(&entity["state"]),
                unit,
                attributes,
            },
            entity["area"].as_str().map(str::to_owned),
        ));
    }
    let (mut floors, mut all_areas) = (BTreeMap::new(), Vec::new());
    let mut here = None;
    for area in items("areas") {
        let name = text(&area["name"]);
        if let Some(floor) = area["floor"].as_str() {
            floors.insert(name.clone(), floor.to_owned());
        }
        if area["context_area"] == true {
            here = Some(name.clone());
        }
        all_areas.push(name.clone());
        names.areas.push(NamedPlace { names: vec![name] });
    }
    for floor in items("floors") {
        names.floors.push(NamedPlace { names: vec![text(&floor["name"])] });
    }
    // Some combinations are about the speaker's room whether or not the file names one.
    let is_here = path.to_string_lossy().contains("context_area");
    let area = here.or_else(|| is_here.then(|| "Here".to_owned()));
    Fixture {
        lists: HomeLists::new(&names),
        seen,
        areas: all_areas,
        all_floors: items("floors").iter().map(|floor| text(&floor["name"])).collect(),
        floors,
        timers: items("timers"),
        has_media: file["media"].as_array().is_some_and(|media| !media.is_empty()),
        area,
    }
}

impl Case {
    /// Whether a match is what the file says: the intent, every slot, and no other that was said.
    fn is_understood(&self, found: &Match) -> bool {
        let is_one = |value: &Json, wanted: &Json| match (value.as_f64(), wanted.as_f64()) {
            (Some(value), Some(wanted)) => (value - wanted).abs() < 1e-9,
            _ => value == wanted,
        };
        let is_right = |name: &str, wanted: &Json| {
            let Some(value) = found.slot(name).map(plain) else { return false };
            let is_any = wanted.as_array().is_some_and(|all| all.iter().any(|w| is_one(&value, w)));
            is_any || is_one(&value, wanted)
        };
        *found.intent == *self.intent
            && self.slots.iter().all(|(name, wanted)| is_right(name, wanted))
            && found
                .slots
                .iter()
                .filter(|slot| !slot.said.is_empty())
                .all(|slot| self.slots.iter().any(|(name, _)| **name == *slot.name))
    }

    /// Whether an answer tells the intent and the slots that the file wants.
    fn is_answered(&self, answer: &Answer) -> bool {
        let is_one = |value: &Json, wanted: &Json| match (value.as_f64(), wanted.as_f64()) {
            (Some(value), Some(wanted)) => (value - wanted).abs() < 1e-9,
            _ => value == wanted,
        };
        answer.intent.as_deref() == Some(&*self.intent)
            && self.slots.iter().all(|(name, wanted)| {
                let slot = answer.slots.iter().rev().find(|(known, _)| known == name);
                let Some(value) = slot.map(|(_, value)| homard::json::to_json(value)) else {
                    return false;
                };
                let any = wanted.as_array();
                any.is_some_and(|all| all.iter().any(|w| is_one(&value, w)))
                    || is_one(&value, wanted)
            })
    }

    /// What the reply is made from: the states that the house of the file would have found.
    fn facts(&self, found: &Match) -> Facts {
        let reading = Reading {
            utterance: self.said.clone(),
            intent: found.intent.to_string(),
            slots: found.slots.clone(),
            ..Reading::default()
        };
        let mut facts = Facts::of(&reading);
        let text = |slot: &str| found.slot(slot).and_then(Value::as_text);
        let texts = |slot: &str| found.slot(slot).map(Value::texts).unwrap_or_default();
        let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
        let domains = match &*found.intent {
            "HassClimateGetTemperature" => vec!["climate", "sensor"],
            "HassGetWeather" => vec!["weather"],
            _ => texts("domain"),
        };
        let is_meant = |(seen, area): &&(Seen, Option<String>)| {
            let domain = seen.entity_id.split('.').next().unwrap();
            let class = seen.attributes.get("device_class").and_then(Json::as_str);
            let floor = area.as_ref().and_then(|area| self.home.floors.get(area));
            (domains.is_empty() || domains.contains(&domain))
                && texts("device_class").first().is_none_or(|_| {
                    class.is_some_and(|class| texts("device_class").contains(&class))
                })
                && text("name").is_none_or(|name| same(name, &seen.name))
                && text("area").is_none_or(|wanted| {
                    area.as_deref().is_some_and(|area| same(area, wanted)) || area.is_none()
                })
                && text("floor").is_none_or(|wanted| {
                    floor.is_some_and(|floor| same(floor, wanted)) || area.is_none()
                })
        };
        let meant = self.home.seen.iter().filter(is_meant).map(|(seen, _)| seen.clone());
        let asked = texts("state");
        (facts.matched, facts.unmatched) = match &*found.intent {
            "HassGetState" if !asked.is_empty() => {
                meant.partition(|seen| asked.iter().any(|state| same(state, &seen.state)))
            }
            _ => (meant.collect(), Vec::new()),
        };
        let is_timer = |timer: &&Json| {
            ["name", "area", "start_hours", "start_minutes", "start_seconds"].iter().all(|key| {
                found.find(key).filter(|slot| !slot.said.is_empty()).is_none_or(|slot| {
                    let wanted = plain(&slot.value);
                    let is_same = |value: &Json| match (value.as_str(), wanted.as_str()) {
                        (Some(value), Some(wanted)) => same(value, wanted),
                        _ => value.as_f64() == wanted.as_f64(),
                    };
                    is_same(&timer[*key])
                })
            })
        };
        let mut timers: Vec<Json> = self.home.timers.iter().filter(is_timer).cloned().collect();
        for timer in &mut timers {
            // What a file does not say of a timer, every timer has.
            let defaults = json!({
                "is_active": true, "name": "", "area": "", "total_seconds_left": 0,
                "rounded_hours_left": 0, "rounded_minutes_left": 0, "rounded_seconds_left": 0,
            });
            for (key, value) in defaults.as_object().unwrap() {
                timer.as_object_mut().unwrap().entry(key).or_insert(value.clone());
            }
        }
        facts.slots.push(("canceled".to_owned(), json!(timers.len())));
        facts.slots.push(("timers".to_owned(), Json::Array(timers)));
        facts.slots.push(("media".to_owned(), json!(self.home.has_media)));
        facts
    }
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Number(value) => json!(value),
        Value::Text(text) => json!(&**text),
        Value::List(values) => values.iter().map(plain).collect(),
    }
}

#[test]
fn official_sentences_are_understood_and_answered() {
    let Some(folder) = packs() else { return };
    let now = date(2013, 9, 17).at(1, 2, 0, 0).to_zoned(TimeZone::UTC).unwrap();
    for language in ["en", "fr"] {
        let Some(cases) = cases(language) else { return };
        let pack = read(&folder, language);
        let (matcher, _) = Matcher::new(&pack);
        let official = Official::new(pack.responses.clone(), pack.errors.clone());
        let (mut n_understood, mut n_replies, mut n_same) = (0, 0, 0);
        for case in &cases {
            // Which combinations are about the speaker's room is not in the files: both ways count.
            let found = [case.home.area.as_deref(), Some("Here")].into_iter().find_map(|area| {
                let context: Context =
                    area.map(|area| ("area".into(), Value::from(area))).into_iter().collect();
                let found =
                    matcher.recognize(&case.said, &case.home.lists, &context, Options::default());
                found.matches.into_iter().next().filter(|found| case.is_understood(found))
            });
            let Some(found) = &found else {
                println!("{language} {}: not understood: {:?}", case.file, case.said);
                continue;
            };
            n_understood += 1;
            if case.replies.is_empty() {
                continue;
            }
            n_replies += 1;
            let facts = case.facts(found);
            let reply = official.reply(&found.intent, &found.response, &facts, &now);
            let reply = reply.unwrap_or_else(|| "(no reply)".to_owned());
            if case.replies.iter().any(|wanted| wanted.trim() == reply) {
                n_same += 1;
            } else {
                println!(
                    "{language} {}: {:?}: {reply:?}, not {:?}",
                    case.file, case.said, case.replies
                );
            }
        }
        println!(
            "{language}: {n_understood} of {} understood, {n_same} of {n_replies} replies equal",
            cases.len()
        );
        assert!(n_understood * 1000 >= cases.len() * 995, "{language}: {n_understood}");
        assert!(n_same * 100 >= n_replies * 95, "{language}: {n_same} of {n_replies}");
    }
}

/// A house like that of a case, as far as MQTT discovery has such things.
fn house_of(case: &Case, language: &str) -> Talk {
    let fixture = &*case.home;
    let areas = fixture.areas.iter().map(|area| {
        let floor = fixture.floors.get(area).map_or("Ground", String::as_str);
        (area.as_str(), &[] as &[&str], floor)
    });
    let areas: Vec<(&str, &[&str], &str)> = areas.collect();
    let devices = fixture.seen.iter().filter_map(|(seen, area)| {
        let domain = seen.entity_id.split('.').next()?;
        let state = match domain {
            "light" | "switch" | "fan" | "binary_sensor" | "siren" => {
                json!(seen.state.to_uppercase())
            }
            "lock" => json!(seen.state.to_uppercase()),
            "cover" | "valve" | "sensor" => json!(seen.state),
            "climate" => json!({"mode": "heat", "target": 20.5, "current": 19.5}),
            "scene" | "button" | "vacuum" | "lawn_mower" => Json::Null,
            _ => return None,
        };
        let mut more = json!({});
        if let Some(class) = seen.attributes.get("device_class") {
            more["device_class"] = class.clone();
        }
        if let Some(unit) = seen.unit.as_deref() {
            more["unit_of_measurement"] = json!(unit);
        }
        match domain {
            "vacuum" => {
                more = json!({
                    "schema": "state", "command_topic": format!("{}/set", seen.entity_id),
                    "supported_features": ["start", "stop", "return_home"],
                });
            }
            "lawn_mower" => {
                more = json!({
                    "start_mowing_command_topic": "mower/start", "dock_command_topic": "mower/dock",
                });
            }
            _ => {}
        }
        Some(with(device(&seen.entity_id, &seen.name, area.as_deref().unwrap_or(""), state), more))
    });
    let mut talk = Talk::new(language, &areas, &devices.collect::<Vec<Json>>());
    for name in &fixture.all_floors {
        talk.house.home.put_floor(Floor {
            id: FloorId::new(&homard::text::slug(name)),
            name: name.clone(),
            aliases: Vec::new(),
            level: None,
        });
    }
    talk
}

/// Whether the pack alone reads a case as its file says, in a house with these names.
fn matches_pack(matcher: &Matcher, case: &Case, area: Option<&str>, lists: &HomeLists) -> bool {
    let context: Context =
        area.map(|area| ("area".into(), Value::from(area))).into_iter().collect();
    let found = matcher.recognize(&case.said, lists, &context, Options::default());
    found.matches.first().is_some_and(|found| case.is_understood(found))
}

/// What the assistant says an utterance was recognised as.
fn heard(talk: &mut Talk, language: &str, area: Option<&str>, text: &str) -> Answer {
    let said = Said {
        text,
        language: Some(language),
        area,
        conversation: "c",
        now: talk.house.clock.now(),
        ..Said::default()
    };
    match talk.assistant.hear(&said, &talk.house.home) {
        Turn::Answer(answer) => answer,
        Turn::Act(plan) => plan.conclude(&[], &talk.house.home),
        Turn::Book(booking) => {
            let now = Moment { wall: talk.house.clock.now(), steady: Default::default() };
            talk.assistant.book(&booking, &mut Agenda::default(), &talk.house.home, now)
        }
        turn @ (Turn::Rules(_) | Turn::Tries(_)) => panic!("rules that nobody keeps: {turn:?}"),
        Turn::Script(_) => panic!("no scripts here"),
    }
}

/// Other readings of an utterance must not cost what the pack understands: the whole assistant, with
/// Homard's own sentences and its words beside the pack, gives the intent and the slots that the
/// official files want.
#[test]
fn the_assistant_reads_official_sentences_as_their_pack_does() {
    let Some(folder) = packs() else { return };
    for language in ["en", "fr"] {
        let Some(cases) = cases(language) else { return };
        let packs = Packs {
            official: Some(read(&folder, language)),
            own: own::pack(language).map(|(pack, _)| pack),
            ..Packs::default()
        };
        let (matcher, _) = Matcher::new(&read(&folder, language));
        let compiled = Language::compile(language, packs).0;
        let (mut n_same, mut n_cases) = (0, 0);
        let mut talk: Option<(*const Fixture, Talk)> = None;
        let mut compiled = Some(compiled);
        let mut assistant = None;
        for case in &cases {
            let home = std::rc::Rc::as_ptr(&case.home);
            let talk = match &mut talk {
                Some((known, talk)) if *known == home => talk,
                other => {
                    let mut talk = house_of(case, language);
                    let taught = assistant.get_or_insert_with(|| {
                        let mut assistant = talk.assistant.clone();
                        assistant.teach(compiled.take().unwrap());
                        assistant.speak_only(&[language.to_owned()]);
                        assistant.keeps_for_later();
                        assistant
                    });
                    talk.assistant = taught.clone();
                    &mut other.insert((home, talk)).1
                }
            };
            let areas = [case.home.area.as_deref(), None];
            let lists = HomeLists::new(&Names::of(&talk.house.home));
            let is_right = |area: &Option<&str>| {
                let meant =
                    homard::intent::understand(&case.said, *area, language, &matcher, &lists);
                meant != Meant::Nothing && matches_pack(&matcher, case, *area, &lists)
            };
            // What this house has none of, no reading can name.
            if !areas.iter().any(is_right) {
                continue;
            }
            n_cases += 1;
            let answers = areas.map(|area| heard(talk, language, area, &case.said));
            if answers.iter().any(|answer| case.is_answered(answer)) {
                n_same += 1;
            } else {
                let answer = &answers[0];
                println!(
                    "{language} {}: {:?} is {:?} {:?} by {:?}: {}",
                    case.file, case.said, answer.intent, answer.slots, answer.by, answer.text
                );
            }
        }
        println!("{language}: {n_same} of {n_cases} as the official files want");
        assert!(n_same * 1000 >= n_cases * 995, "{language}: {n_same} of {n_cases}");
    }
}

#[test]
fn every_reply_of_every_pack_can_be_made() {
    let Some(folder) = packs() else { return };
    let now = date(2013, 9, 17).at(13, 2, 0, 0).to_zoned(TimeZone::UTC).unwrap();
    let seen = |n: usize, state: &str| Seen {
        entity_id: format!("light.lamp_{n}"),
        name: format!("Lamp {n}"),
        state: state.to_owned(),
        unit: None,
        attributes: json!({"current_temperature": 21, "temperature": 20, "temperature_unit": "°C"})
            .as_object()
            .unwrap()
            .clone(),
    };
    let timer = json!({
        "is_active": true, "name": "tea", "area": "Kitchen", "total_seconds_left": 65,
        "rounded_hours_left": 0, "rounded_minutes_left": 1, "rounded_seconds_left": 5,
        "start_hours": 0, "start_minutes": 2, "start_seconds": 0,
    });
    let slots = json!({
        "name": "lamp", "area": "kitchen", "floor": "attic", "state": "on", "item": "milk",
        "hours": "1", "minutes": "2", "seconds": "3", "canceled": 2, "timers": [timer],
        "media": true, "brightness": "50", "color": "red", "temperature": "21",
        "device_class": "blind", "domain": "light", "position": "30", "volume_step": "10",
        "volume_level": "10", "percentage": "10", "search_query": "song", "fan_mode": "low",
        "start_hours": "1", "start_minutes": "1", "start_seconds": "1",
    });
    let facts = Facts {
        slots: slots.as_object().unwrap().clone().into_iter().collect(),
        matched: vec![seen(1, "on"), seen(2, "on")],
        unmatched: vec![seen(3, "off")],
    };
    let words = [
        ("entity", "lamp"),
        ("area", "kitchen"),
        ("floor", "attic"),
        ("domain", "light"),
        ("device_class", "blind"),
        ("state", "on"),
    ];
    let (mut n_replies, mut failed) = (0, Vec::new());
    for language in languages(&folder) {
        let pack = read(&folder, &language);
        let official = Official::new(pack.responses.clone(), pack.errors.clone());
        for (intent, replies) in &pack.responses {
            for key in replies.keys() {
                n_replies += 1;
                if official.reply(intent, key, &facts, &now).is_none() {
                    failed.push(format!("{language} {intent}.{key}"));
                }
            }
        }
        for key in pack.errors.keys() {
            n_replies += 1;
            match official.error(key, &words, &now) {
                Some(text) if !text.is_empty() => {}
                _ => failed.push(format!("{language} errors.{key}")),
            }
        }
    }
    println!("{n_replies} replies, {} cannot be made: {failed:?}", failed.len());
    // Two in a hundred may be broken in the packs themselves; the daemon has words for those.
    assert!(failed.len() * 50 <= n_replies, "{failed:#?}");
}

/// Slots by their names, each with its value where the sentence says one.
type Filled = Vec<(String, Option<Value>)>;

/// A sentence of a template with the slots that it fills; `None` where the template names what the
/// pack lacks.
fn sampled(
    pack: &Pack,
    block: &Block,
    speller: &Speller,
    dice: Dice,
    expr: &Expr,
) -> Option<(String, Filled)> {
    let mut sampler = Sampler { pack, block, speller, dice, names: NAMES, slots: Vec::new() };
    let mut said = String::new();
    sampler.write(expr, &mut said, 0)?;
    Some((said, sampler.slots))
}
