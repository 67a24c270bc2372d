//! The tests of an evaluation: what is said, and what must become of it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Time;
use serde_json::Value as Json;

use super::house::House;
use super::keys::{Keys, Wrong, duration, number, word};
use crate::home::color;
use crate::home::id::EntityId;
use crate::home::person::{Means, Role};
use crate::text::Likely;

/// One test: a conversation of one or more turns in a fresh house.
#[derive(Debug, Clone)]
pub(super) struct Test {
    pub(super) house: usize,
    pub(super) group: String,
    /// The file and the number in it.
    pub(super) place: String,
    pub(super) at: Option<Time>,
    pub(super) state: BTreeMap<String, Json>,
    pub(super) turns: Vec<Turn>,
}

/// One utterance and what must become of it.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) say: String,
    /// What else a recogniser may have heard.
    pub(super) others: Vec<Likely>,
    pub(super) language: Option<String>,
    pub(super) area: Option<String>,
    pub(super) by: Speaker,
    /// How long after the turn before.
    pub(super) wait: Duration,
    /// Any of these is right.
    pub(super) expected: Vec<Expected>,
}

/// Who says it, and how.
#[derive(Debug, Clone, Default)]
pub(super) struct Speaker {
    pub(super) name: Option<String>,
    pub(super) role: Role,
    pub(super) means: Means,
}

/// What must become of an utterance.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    /// Exactly these change.
    pub(super) changes: Vec<(EntityId, Wanted)>,
    pub(super) reply: Asked,
    /// Words that the reply must have, or with `!` must not have; `a|b` is one of them.
    pub(super) words: Vec<String>,
    pub(super) later: Vec<Later>,
    /// The rule that must come of it.
    pub(super) rule: Option<Armed>,
}

/// A rule that must come of an utterance.
#[derive(Debug, Clone)]
pub(super) struct Armed {
    /// In Home Assistant's schema.
    pub(super) source: Json,
    /// Only after a yes.
    pub(super) needs_yes: bool,
}

/// What kind of reply is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Asked {
    /// Any.
    #[default]
    Any,
    /// A question back.
    Question,
    /// A refusal.
    Refusal,
    /// An answer.
    Answer,
}

/// What must have changed some time later.
#[derive(Debug, Clone)]
pub(super) struct Later {
    /// After the utterance.
    pub(super) after: Duration,
    pub(super) changes: Vec<(EntityId, Wanted)>,
}

/// The state that an entity must have.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    pub(super) state: Option<Value>,
    pub(super) attributes: Vec<(String, Value)>,
}

/// What one value must be.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Word(String),
    About(f64),
    Between(f64, f64),
    /// More (or less) than it was.
    Up,
    Down,
    Color([u8; 3]),
}

/// Reads a file of tests.
pub(super) fn read(file: &str, json: Json, houses: &[House]) -> Result<Vec<Test>, Wrong> {
    let mut keys = Keys::new(file, json)?;
    let defaults = Defaults {
        home: keys.text("home")?,
        group: keys.text("group")?,
        language: keys.text("language")?,
    };
    let mut tests = Vec::new();
    for (n, test) in keys.list("tests")?.into_iter().enumerate() {
        let place = format!("{file} {}", n + 1);
        tests.extend(read_test(&place, test, &defaults, houses)?);
    }
    let groups = match keys.take("groups") {
        Some(json) => Keys::new(file, json)?.rest(),
        None => serde_json::Map::new(),
    };
    keys.finish()?;
    for (group, of) in groups {
        let defaults = Defaults { group: Some(group.clone()), ..defaults.clone() };
        let mut keys = Keys::new(format!("{file}, {group}"), serde_json::json!({ "tests": of }))?;
        for (n, test) in keys.list("tests")?.into_iter().enumerate() {
            let place = format!("{file} {group} {}", n + 1);
            tests.extend(read_test(&place, test, &defaults, houses)?);
        }
    }
    Ok(tests)
}

#[derive(Clone)]
struct Defaults {
    home: Option<String>,
    group: Option<String>,
    language: Option<String>,
}

/// One test for each wording.
fn read_test(
    place: &str,
    mut keys: Keys,
    defaults: &Defaults,
    houses: &[House],
) -> Result<Vec<Test>, Wrong> {
    let home = keys.text("home")?.or_else(|| defaults.home.clone());
    let home = home.ok_or_else(|| keys.wrong("`home` is missing"))?;
    let house = houses.iter().position(|house| house.id == home);
    let house = house.ok_or_else(|| keys.wrong(format!("there is no home `{home}`")))?;
    let known = &houses[house];
    let group = keys.text("group")?.or_else(|| defaults.group.clone());
    let group = group.ok_or_else(|| keys.wrong("`group` is missing"))?;
    let language = keys.text("language")?.or_else(|| defaults.language.clone());
    let at = match keys.text("at")? {
        Some(text) => Some(text.parse().map_err(|_| keys.wrong("`at` must be a time of day"))?),
        None => None,
    };
    let area = keys.text("area")?;
    let by = read_speaker(&mut keys, &Speaker::default())?;
    let mut state = BTreeMap::new();
    if let Some(overrides) = keys.take("state") {
        state.extend(Keys::new(keys.place(), overrides)?.rest());
    }
    if let Some(id) = state.keys().find(|id| !known.has(id)) {
        return Err(keys.wrong(format!("the home has no `{id}`")));
    }
    let turns = keys.list("turns")?;
    let test = |turns| Test {
        house,
        group: group.clone(),
        place: place.to_owned(),
        at,
        state: state.clone(),
        turns,
    };
    if turns.is_empty() {
        let wordings = keys.texts("say")?;
        if wordings.is_empty() {
            return Err(keys.wrong("`say` or `turns` is missing"));
        }
        let others = keys.likely("others")?;
        let expected = read_all(&mut keys, known)?;
        keys.finish()?;
        let turn = |say: String| Turn {
            say,
            others: others.clone(),
            language: language.clone(),
            area: area.clone(),
            by: by.clone(),
            wait: Duration::ZERO,
            expected: expected.clone(),
        };
        return Ok(wordings.into_iter().map(|say| test(vec![turn(say)])).collect());
    }
    keys.finish()?;
    let mut read = Vec::new();
    for mut keys in turns {
        let wait = match keys.text("wait")? {
            Some(text) => {
                duration(&text).ok_or_else(|| keys.wrong("`wait` must be like `3min`"))?
            }
            None => Duration::from_secs(5),
        };
        let turn = Turn {
            say: keys.required("say")?,
            others: keys.likely("others")?,
            language: keys.text("language")?.or_else(|| language.clone()),
            area: keys.text("area")?.or_else(|| area.clone()),
            by: read_speaker(&mut keys, &by)?,
            wait: if read.is_empty() { Duration::ZERO } else { wait },
            expected: read_all(&mut keys, known)?,
        };
        keys.finish()?;
        read.push(turn);
    }
    Ok(vec![test(read)])
}

fn read_speaker(keys: &mut Keys, unless_said: &Speaker) -> Result<Speaker, Wrong> {
    let role = match keys.text("role")?.as_deref() {
        None => unless_said.role,
        Some("admin") => Role::Admin,
        Some("adult") => Role::Adult,
        Some("child") => Role::Child,
        Some("guest") => Role::Guest,
        Some(_) => return Err(keys.wrong("`role` must be admin, adult, child or guest")),
    };
    let means = match keys.text("spoken")?.as_deref() {
        None => unless_said.means,
        Some("on") => Means::Spoken,
        Some(_) => Means::Written,
    };
    let name = keys.text("person")?.or_else(|| unless_said.name.clone());
    Ok(Speaker { name, role, means })
}

/// All results that are right.
fn read_all(keys: &mut Keys, house: &House) -> Result<Vec<Expected>, Wrong> {
    let several = keys.list("or")?;
    if several.is_empty() {
        return Ok(vec![read_one(keys, house)?]);
    }
    let mut all = Vec::new();
    for mut keys in several {
        all.push(read_one(&mut keys, house)?);
        keys.finish()?;
    }
    Ok(all)
}

fn read_one(keys: &mut Keys, house: &House) -> Result<Expected, Wrong> {
    let mut expected = Expected::default();
    let mut n = 0;
    if let Some(json) = keys.take("changes") {
        expected.changes = read_changes(json, keys.place(), house)?;
        n += 1;
    }
    for (key, reply) in
        [("asks", Asked::Question), ("refuses", Asked::Refusal), ("answers", Asked::Answer)]
    {
        let words = keys.texts(key)?;
        if words.is_empty() {
            continue;
        }
        n += 1;
        expected.reply = reply;
        // `asks: true`: whatever it says.
        expected.words = words.into_iter().filter(|word| word != "on").collect();
    }
    if keys.take("nothing").is_some() {
        n += 1;
    }
    for (key, needs_yes) in [("rule", true), ("notice", false)] {
        if let Some(source) = keys.take(key) {
            expected.rule = Some(Armed { source, needs_yes });
            n += 1;
        }
    }
    for mut keys in keys.list("later")? {
        let after = keys.required("after")?;
        let after = duration(&after).ok_or_else(|| keys.wrong("`after` must be like `10min`"))?;
        let changes = match keys.take("changes") {
            Some(json) => read_changes(json, keys.place(), house)?,
            None => Vec::new(),
        };
        keys.finish()?;
        expected.later.push(Later { after, changes });
    }
    expected.words.extend(keys.texts("says")?);
    if n > 1 || (n == 0 && expected.later.is_empty()) {
        let kinds = "`changes`, `nothing`, `rule`, `notice`, `asks`, `refuses`, `answers`, or `later` alone";
        return Err(keys.wrong(format!("expected one of {kinds}")));
    }
    Ok(expected)
}

/// `light.a light.b`, `light.*`, `light.*@kitchen` and what they must be.
fn read_changes(json: Json, place: &str, house: &House) -> Result<Vec<(EntityId, Wanted)>, Wrong> {
    let wrong = |what: String| Wrong { place: place.to_owned(), what };
    let mut changes: BTreeMap<EntityId, Wanted> = BTreeMap::new();
    let mut without: Vec<EntityId> = Vec::new();
    for (key, json) in Keys::new(place, json)?.rest() {
        let mut ids = Vec::new();
        for part in key.split_whitespace() {
            let (id, at) = match part.split_once('@') {
                Some((id, at)) => (id, Some(at)),
                None => (part, None),
            };
            let found = match id.strip_suffix(".*") {
                Some(domain) => house.ids(domain, at),
                None if house.has(id) => vec![EntityId::new(id)],
                None => Vec::new(),
            };
            if found.is_empty() {
                return Err(wrong(format!("the home has no `{part}`")));
            }
            ids.extend(found);
        }
        if json.as_str() == Some("same") {
            without.extend(ids);
            continue;
        }
        let wanted = read_wanted(&json, place)?;
        changes.extend(ids.into_iter().map(|id| (id, wanted.clone())));
    }
    changes.retain(|id, _| !without.contains(id));
    Ok(changes.into_iter().collect())
}

fn read_wanted(json: &Json, place: &str) -> Result<Wanted, Wrong> {
    let wrong = |what: String| Wrong { place: place.to_owned(), what };
    let Json::Object(map) = json else {
        let state = value("state", json).ok_or_else(|| wrong(format!("`{json}` is no state")))?;
        return Ok(Wanted { state: Some(state), attributes: Vec::new() });
    };
    let mut wanted = Wanted::default();
    for (name, json) in map {
        let value = value(name, json).ok_or_else(|| wrong(format!("`{name}: {json}`")))?;
        match name.as_str() {
            "state" => wanted.state = Some(value),
            _ => wanted.attributes.push((name.clone(), value)),
        }
    }
    Ok(wanted)
}

fn value(name: &str, json: &Json) -> Option<Value> {
    let text = word(json)?;
    if name == "color" {
        return color::named(&text).map(Value::Color);
    }
    let edge = |text: &str| text.trim().trim_end_matches('%').parse::<f64>().ok();
    Some(match text.as_str() {
        "up" => Value::Up,
        "down" => Value::Down,
        _ => {
            if let Some(least) = text.strip_prefix('>').and_then(edge) {
                Value::Between(least + 1e-9, f64::MAX)
            } else if let Some(most) = text.strip_prefix('<').and_then(edge) {
                Value::Between(f64::MIN, most - 1e-9)
            } else if let Some((least, most)) =
                text.split_once("..").and_then(|(a, b)| edge(a).zip(edge(b)))
            {
                Value::Between(least, most)
            } else if let Some(number) = number(json) {
                Value::About(number)
            } else {
                Value::Word(text)
            }
        }
    })
}
