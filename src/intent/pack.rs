//! Language packs from text: sentences, rules, lists and responses, in hassil's layout, from YAML (several files of one
//! language, merged) or JSON (the official packs). It owns what a pack may contain; it reads no file and matches nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

use crate::intent::sentence::{self, Expr};
use crate::intent::value::{Demand, Value, Wanted};
use crate::text;

pub use crate::intent::problem::PackProblem;

/// Everything Homard knows of one language.
#[derive(Debug, Clone, Default)]
pub struct Pack {
    /// Language code, for example `en` or `pt-BR`.
    pub language: String,
    /// The language writes without spaces between words.
    pub ignore_whitespace: bool,
    /// Words that may be left out of an utterance before it is matched.
    pub skip_words: Vec<String>,
    /// Blocks of sentences in the order read.
    pub blocks: Vec<Block>,
    /// Lists by name.
    pub lists: BTreeMap<String, List>,
    /// Words that show that something said is no name.
    pub no_names: NoNames,
    /// Expansion rules by name.
    pub rules: BTreeMap<String, Template>,
    /// Replies: intent, then key, then text.
    pub responses: BTreeMap<String, BTreeMap<String, String>>,
    /// Wording for what went wrong, by key.
    pub errors: BTreeMap<String, String>,
    /// Homard's own vocabulary for replies (words, phrases, states), by group and key.
    pub words: BTreeMap<String, BTreeMap<String, String>>,
}

/// Words that show that something said where a name could stand is no name, by their keys (see [`text::key`]).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NoNames {
    /// Words that a name never consists of alone: "turn on the" names nothing.
    pub alone: BTreeSet<String>,
    /// Words of times, conditions and exceptions: what is said with them is more than a name.
    pub within: BTreeSet<String>,
}

impl NoNames {
    /// Whether words, as a key, may be the name of something.
    pub fn may_be_name(&self, key: &str) -> bool {
        !key.split(' ').all(|word| self.alone.contains(word))
            && !key.split(' ').any(|word| self.within.contains(word))
    }

    /// Adds another's.
    pub fn add(&mut self, other: &NoNames) {
        self.alone.extend(other.alone.iter().cloned());
        self.within.extend(other.within.iter().cloned());
    }
}

/// A template as written and as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// As written.
    pub text: Arc<str>,
    /// As read.
    pub expr: Expr,
}

/// Sentences that share an intent, fixed slots and demands.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// The intent.
    pub intent: Arc<str>,
    /// Where it was read, for messages.
    pub file: Arc<str>,
    /// The sentences.
    pub sentences: Vec<Template>,
    /// Slots with a fixed value.
    pub slots: Vec<(Arc<str>, Value)>,
    /// Key of the reply.
    pub response: Option<Arc<str>>,
    /// What the context must have.
    pub requires: Vec<Demand>,
    /// What the context must not have.
    pub excludes: Vec<Demand>,
    /// Rules valid in this block only.
    pub rules: BTreeMap<String, Template>,
    /// Lists valid in this block only.
    pub lists: BTreeMap<String, List>,
    /// One of these words must be in the utterance.
    pub required_keywords: Vec<String>,
    /// Anything else that is said about the sentences, for example `slot_combination`.
    pub metadata: Vec<(Arc<str>, Value)>,
}

/// What a slot may be filled with.
#[derive(Debug, Clone, PartialEq)]
pub enum List {
    /// One of these values.
    Values(Vec<ListValue>),
    /// A number.
    Range(Range),
    /// Any words.
    Wildcard,
}

/// One value of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListValue {
    /// What is said.
    pub said: Expr,
    /// What goes into the slot; without it the words themselves.
    pub out: Option<Value>,
    /// What saying it adds to the context.
    pub context: Vec<(Arc<str>, Value)>,
}

/// A range of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// First number.
    pub from: i64,
    /// Last number.
    pub to: i64,
    /// Distance of whole numbers, at least 1.
    pub step: i64,
    /// Fractions between the whole numbers.
    pub fractions: Fractions,
    /// What the number is multiplied by in the slot.
    pub multiplier: f64,
    /// May be said in digits.
    pub digits: bool,
    /// May be said in words.
    pub words: bool,
}

/// Fractions that a range knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fractions {
    /// Whole numbers only.
    None,
    /// 0.5 too.
    Halves,
    /// 0.1 to 0.9 too.
    Tenths,
}

/// A text to read, with a name for messages.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The file's name.
    pub file: &'a str,
    /// Its text: JSON if the name ends in `.json`, else YAML.
    pub text: &'a str,
}

impl Pack {
    /// Reads the files of one language and merges them: sentences, values and skip words add up, a
    /// later rule or reply of the same name replaces an earlier one. What cannot be read is left
    /// out and told.
    pub fn read(language: &str, sources: &[Source<'_>]) -> (Pack, Vec<PackProblem>) {
        let mut pack = Pack { language: language.to_owned(), ..Pack::default() };
        let mut problems = Vec::new();
        for source in sources {
            match parse(source) {
                Ok(json) => {
                    Reader { file: source.file, problems: &mut problems }.file(&json, &mut pack)
                }
                Err(problem) => problems.push(problem),
            }
        }
        (pack, problems)
    }

    /// Takes over the other's lists, rules, skip words and replies, as if they stood in a later file
    /// of this language. Its sentences it does not take.
    pub fn borrow(&mut self, other: &Pack) {
        for word in &other.skip_words {
            if !self.skip_words.contains(word) {
                self.skip_words.push(word.clone());
            }
        }
        for (name, list) in &other.lists {
            merge_list(&mut self.lists, name, list.clone());
        }
        self.no_names.add(&other.no_names);
        self.rules.extend(other.rules.clone());
        for (intent, replies) in &other.responses {
            self.responses.entry(intent.clone()).or_default().extend(replies.clone());
        }
        self.errors.extend(other.errors.clone());
    }
}

/// Most nodes a YAML file may have; the largest language has some ten thousand.
const MAX_YAML_NODES: usize = 500_000;

pub(super) fn parse(source: &Source<'_>) -> Result<Json, PackProblem> {
    let fail = |problem: String| PackProblem::File { file: source.file.to_owned(), problem };
    if source.file.ends_with(".json") {
        return serde_json::from_str(source.text).map_err(|error| fail(error.to_string()));
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! { max_nodes: MAX_YAML_NODES, max_anchors: 100 },
    };
    serde_saphyr::from_str_with_options(source.text, options)
        .map_err(|error| fail(error.to_string()))
}

/// Texts by group and key.
pub(crate) type Groups = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Reads a file of texts in groups, `group: {key: [text, …]}`, beside its `language`; fails for the
/// first group of another form.
pub(crate) fn groups(source: &Source<'_>) -> Result<Groups, PackProblem> {
    let texts = |json: &Json| json.as_array()?.iter().map(scalar).collect::<Option<Vec<_>>>();
    let entry = |(key, json): (&String, &Json)| Some((key.clone(), texts(json)?));
    let group = |json: &Json| json.as_object()?.iter().map(entry).collect::<Option<_>>();
    let wrong = |place: &str| PackProblem::Entry {
        file: source.file.to_owned(),
        place: place.to_owned(),
        problem: "needs keys with lists of texts".to_owned(),
    };
    let json = parse(source)?;
    let all = json.as_object().ok_or_else(|| wrong("the file"))?.iter();
    all.filter(|(name, _)| *name != "language")
        .map(|(name, json)| Ok((name.clone(), group(json).ok_or_else(|| wrong(name))?)))
        .collect()
}

/// Walks one file; a wrong entry is told and skipped.
pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    pub(super) problems: &'a mut Vec<PackProblem>,
}

impl Reader<'_> {
    /// Tells of an entry that is wrong, and what would be right.
    pub(super) fn wrong(&mut self, place: &str, problem: impl Into<String>) {
        self.problems.push(PackProblem::Entry {
            file: self.file.to_owned(),
            place: place.to_owned(),
            problem: problem.into(),
        });
    }

    fn template(&mut self, place: &str, text: &str) -> Option<Template> {
        match sentence::parse(text) {
            Ok(expr) => Some(Template { text: text.into(), expr }),
            Err(error) => {
                self.problems.push(PackProblem::Template {
                    file: self.file.to_owned(),
                    place: place.to_owned(),
                    template: text.to_owned(),
                    error,
                });
                None
            }
        }
    }

    fn file(&mut self, json: &Json, pack: &mut Pack) {
        if json.is_null() {
            return;
        }
        let Some(keys) = json.as_object() else {
            return self.wrong("the file", "needs keys like `intents:` and `lists:`");
        };
        for (key, value) in keys {
            match key.as_str() {
                "language" => match value.as_str() {
                    Some(code) if same_family(code, &pack.language) => {}
                    Some(code) => {
                        let problem =
                            format!("`{code}`, but this is the pack of `{}`", pack.language);
                        self.wrong("language", problem);
                    }
                    None => self.wrong("language", "needs a code like `en`"),
                },
                "settings" => {
                    let flag = value.get("ignore_whitespace").and_then(Json::as_bool);
                    pack.ignore_whitespace |= flag.unwrap_or(false);
                }
                "skip_words" => self.texts("skip_words", value, &mut pack.skip_words),
                "no_names" => self.no_names(value, &mut pack.no_names),
                "intents" => self.intents(value, pack),
                "lists" => {
                    for (name, list) in self.map("lists", value) {
                        if let Some(list) = self.list(name, list) {
                            merge_list(&mut pack.lists, name, list);
                        }
                    }
                }
                "expansion_rules" => self.rules(value, &mut pack.rules),
                "responses" => self.responses(value, pack),
                "words" => self.grouped("words", value, &mut pack.words),
                // Read by `script`.
                "intent_script" => {}
                other => self.wrong(other, "is not a key of a sentence file"),
            }
        }
    }

    /// What is below a key, by name; nothing, and told, if it is something else.
    pub(super) fn map<'j>(&mut self, place: &str, json: &'j Json) -> Vec<(&'j str, &'j Json)> {
        match json {
            Json::Object(map) => map.iter().map(|(key, value)| (key.as_str(), value)).collect(),
            Json::Null => Vec::new(),
            _ => {
                self.wrong(place, "needs names with values below them");
                Vec::new()
            }
        }
    }

    fn texts(&mut self, place: &str, json: &Json, out: &mut Vec<String>) {
        match json {
            Json::Null => {}
            Json::Array(items) => {
                for item in items {
                    match scalar(item) {
                        Some(text) => out.push(text),
                        None => self.wrong(place, "needs a list of texts"),
                    }
                }
            }
            one => match scalar(one) {
                Some(text) => out.push(text),
                None => self.wrong(place, "needs a list of texts"),
            },
        }
    }

    fn no_names(&mut self, json: &Json, out: &mut NoNames) {
        for (name, words) in self.map("no_names", json) {
            let known = match name {
                "alone" => &mut out.alone,
                "within" => &mut out.within,
                _ => {
                    self.wrong(&format!("no_names.{name}"), "is not `alone` or `within`");
                    continue;
                }
            };
            let mut texts = Vec::new();
            self.texts(&format!("no_names.{name}"), words, &mut texts);
            known.extend(texts.iter().map(|word| text::key(word)));
        }
    }

    fn rules(&mut self, json: &Json, out: &mut BTreeMap<String, Template>) {
        for (name, body) in self.map("expansion_rules", json) {
            let place = format!("rule <{name}>");
            match body.as_str() {
                Some(body) => {
                    if let Some(template) = self.template(&place, body) {
                        out.insert(name.to_owned(), template);
                    }
                }
                None => self.wrong(&place, "needs a template"),
            }
        }
    }

    fn grouped(
        &mut self,
        place: &str,
        json: &Json,
        out: &mut BTreeMap<String, BTreeMap<String, String>>,
    ) {
        for (name, texts) in self.map(place, json) {
            let place = format!("{place}.{name}");
            let group = out.entry(name.to_owned()).or_default();
            for (key, text) in self.map(&place, texts) {
                match scalar(text) {
                    Some(text) => {
                        group.insert(key.to_owned(), text);
                    }
                    None => self.wrong(&format!("{place}.{key}"), "needs a text"),
                }
            }
        }
    }

    fn responses(&mut self, json: &Json, pack: &mut Pack) {
        for (part, value) in self.map("responses", json) {
            match part {
                "intents" => self.grouped("responses", value, &mut pack.responses),
                "errors" => {
                    for (key, text) in self.map("responses.errors", value) {
                        match scalar(text) {
                            Some(text) => {
                                pack.errors.insert(key.to_owned(), text);
                            }
                            None => self.wrong(&format!("responses.errors.{key}"), "needs a text"),
                        }
                    }
                }
                other => self.wrong(&format!("responses.{other}"), "is not `intents` or `errors`"),
            }
        }
    }

    fn intents(&mut self, json: &Json, pack: &mut Pack) {
        for (intent, body) in self.map("intents", json) {
            let Some(blocks) = body.get("data").and_then(Json::as_array) else {
                self.wrong(intent, "needs `data:` with a list of sentence blocks");
                continue;
            };
            for block in blocks {
                let block = self.block(intent, block);
                pack.blocks.push(block);
            }
        }
    }

    fn block(&mut self, intent: &str, json: &Json) -> Block {
        let mut block = Block { intent: intent.into(), file: self.file.into(), ..Block::default() };
        let mut sentences = Vec::new();
        for (key, value) in self.map(intent, json) {
            match key {
                "sentences" => self.texts(intent, value, &mut sentences),
                "slots" => {
                    for (slot, value) in self.map(intent, value) {
                        block.slots.push((slot.into(), plain(value)));
                    }
                }
                "response" => block.response = value.as_str().map(Arc::from),
                "requires_context" => block.requires = self.demands(intent, value),
                "excludes_context" => block.excludes = self.demands(intent, value),
                "expansion_rules" => self.rules(value, &mut block.rules),
                "lists" => {
                    for (name, list) in self.map(intent, value) {
                        if let Some(list) = self.list(name, list) {
                            merge_list(&mut block.lists, name, list);
                        }
                    }
                }
                "required_keywords" => self.texts(intent, value, &mut block.required_keywords),
                "metadata" => {
                    for (key, value) in self.map(intent, value) {
                        block.metadata.push((key.into(), plain(value)));
                    }
                }
                "inferred_domain" | "name_domains" => {
                    block.metadata.push((key.into(), plain(value)));
                }
                // hassil reads them and does nothing with them.
                "settings" | "example" | "description" => {}
                other => self.wrong(intent, format!("`{other}` is not a key of a sentence block")),
            }
        }
        if sentences.is_empty() {
            self.wrong(intent, "a block without `sentences:`");
        }
        block.sentences = sentences.iter().filter_map(|text| self.template(intent, text)).collect();
        block
    }

    fn demands(&mut self, place: &str, json: &Json) -> Vec<Demand> {
        let entries = self.map(place, json);
        entries
            .into_iter()
            .map(|(key, asked)| {
                // Either the value itself or a mapping with `value` and `slot`.
                let (asked, slot) = match asked {
                    Json::Object(map) => {
                        let slot = match map.get("slot") {
                            Some(Json::Bool(true)) => Some(Arc::from(key)),
                            Some(Json::String(name)) => Some(Arc::from(name.as_str())),
                            _ => None,
                        };
                        (map.get("value").unwrap_or(&Json::Null), slot)
                    }
                    other => (other, None),
                };
                let wanted = match asked {
                    Json::Null => Wanted::Any,
                    Json::Array(values) => Wanted::OneOf(values.iter().map(plain).collect()),
                    one => Wanted::OneOf(vec![plain(one)]),
                };
                Demand { key: key.into(), wanted, slot }
            })
            .collect()
    }

    fn list(&mut self, name: &str, json: &Json) -> Option<List> {
        let place = format!("list {{{name}}}");
        if json.get("wildcard").and_then(Json::as_bool).unwrap_or(false) {
            return Some(List::Wildcard);
        }
        if let Some(range) = json.get("range") {
            return self.range(&place, range).map(List::Range);
        }
        let Some(values) = json.get("values").and_then(Json::as_array) else {
            self.wrong(&place, "needs `values:`, `range:` or `wildcard: true`");
            return None;
        };
        Some(List::Values(values.iter().filter_map(|value| self.value(&place, value)).collect()))
    }

    fn value(&mut self, place: &str, json: &Json) -> Option<ListValue> {
        if let Some(text) = scalar(json) {
            // A plain text stands for itself, also with capitals; a template has no value of its own.
            let out = (!sentence::is_template(&text)).then(|| Value::Text(text.as_str().into()));
            let said = self.template(place, &text)?.expr;
            return Some(ListValue { said, out, context: Vec::new() });
        }
        let Some(text) = json.get("in").and_then(scalar) else {
            self.wrong(place, "each value needs a text or `in:` and `out:`");
            return None;
        };
        let context = match json.get("context") {
            Some(context) => self
                .map(place, context)
                .into_iter()
                .map(|(key, value)| (Arc::from(key), unwrapped(value)))
                .collect(),
            None => Vec::new(),
        };
        let said = self.template(place, &text)?.expr;
        Some(ListValue { said, out: json.get("out").map(plain), context })
    }

    fn range(&mut self, place: &str, json: &Json) -> Option<Range> {
        let number = |key: &str| json.get(key).and_then(Json::as_f64);
        let (Some(from), Some(to)) = (number("from"), number("to")) else {
            self.wrong(place, "a range needs `from:` and `to:`");
            return None;
        };
        let step = number("step").unwrap_or(1.0);
        if from > to || step < 1.0 || !(-1e9..=1e9).contains(&from) || !(-1e9..=1e9).contains(&to) {
            self.wrong(place, "a range needs `from:` below `to:` and `step:` of at least 1");
            return None;
        }
        let fractions = match json.get("fractions").and_then(Json::as_str) {
            None => Fractions::None,
            Some("halves") => Fractions::Halves,
            Some("tenths") => Fractions::Tenths,
            Some(other) => {
                self.wrong(place, format!("fractions `{other}` is not `halves` or `tenths`"));
                Fractions::None
            }
        };
        let flag = |key: &str| json.get(key).and_then(Json::as_bool).unwrap_or(true);
        Some(Range {
            from: from as i64,
            to: to as i64,
            step: step as i64,
            fractions,
            multiplier: number("multiplier").unwrap_or(1.0),
            digits: flag("digits"),
            words: flag("words"),
        })
    }
}

fn merge_list(lists: &mut BTreeMap<String, List>, name: &str, list: List) {
    match (lists.get_mut(name), list) {
        (Some(List::Values(old)), List::Values(new)) => old.extend(new),
        (_, list) => {
            lists.insert(name.to_owned(), list);
        }
    }
}

fn same_family(a: &str, b: &str) -> bool {
    let family = |code: &str| code.split(['-', '_']).next().unwrap_or(code).to_lowercase();
    family(a) == family(b)
}

/// A text, or a number or truth value as text: YAML reads `in: 5` as a number.
fn scalar(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(value) => Some(value.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// A context value may be wrapped as `{value: …}`.
fn unwrapped(json: &Json) -> Value {
    plain(json.get("value").unwrap_or(json))
}

fn plain(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Number(number.as_f64().unwrap_or(0.0)),
        Json::String(text) => Value::Text(text.as_str().into()),
        Json::Array(values) => Value::List(values.iter().map(plain).collect()),
        // Mappings have no use as a slot; what they hold is not lost on anyone.
        Json::Object(_) => Value::Null,
    }
}
