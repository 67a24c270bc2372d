//! Matches an utterance against a language pack. It owns what a match is and which of several is the
//! best (hassil's `recognize_best`); `run` walks the templates.

use std::sync::Arc;

use crate::intent::compile;
use crate::intent::lists::HomeLists;
use crate::intent::pack::{NoNames, Pack, PackProblem};
use crate::intent::program::Program;
use crate::intent::run::Run;
use crate::intent::value::{Context, Value};
use crate::text;

/// Longest utterance looked at, in letters. Nobody commands a lamp at greater length.
pub const MAX_UTTERANCE: usize = 600;
/// A compiled language pack.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    program: Program,
    no_names: NoNames,
}

impl PartialEq for Matcher {
    /// The same matcher, not an equal one: there is one per language and it never changes.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// How to match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Names, areas and floors that the home does not have match too, marked as unknown: to say
    /// which word was not understood.
    pub allow_unknown: bool,
}

/// What a matcher found.
#[derive(Debug, Clone, Default)]
pub struct Recognition {
    /// All matches, the best first.
    pub matches: Vec<Match>,
    /// The budget ran out, so there may be more.
    pub is_cut: bool,
}

/// A sentence template that the utterance matches, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The intent.
    pub intent: Arc<str>,
    /// Its slots: said ones in the order said, then fixed ones, then those from the context.
    pub slots: Vec<Slot>,
    /// What is for the reply only (`{list:@name}`): name and the words said.
    pub captures: Vec<(Arc<str>, String)>,
    /// Key of the reply.
    pub response: Arc<str>,
    /// What else the pack says about the sentence.
    pub metadata: Arc<[(Arc<str>, Value)]>,
    /// What was known before, and what the words brought along.
    pub context: Context,
    /// The template that matched.
    pub template: Arc<str>,
    /// Letters of literal text matched.
    pub n_literal: u16,
    /// Letters that matched only without their accent.
    pub n_accents: u16,
}

/// A slot of an intent.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// Its name.
    pub name: Arc<str>,
    /// Its value.
    pub value: Value,
    /// The words said; empty for a fixed slot or one from the context.
    pub said: String,
    /// Where they begin in the utterance, in bytes; 0 if none were said.
    pub from: usize,
    /// How it was filled.
    pub source: Source,
}

/// How a slot was filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// By a value of a list or a number.
    Said,
    /// By any words.
    Wildcard,
    /// By words that stand where a name of the home should.
    Unknown,
    /// By the sentence block.
    Fixed,
    /// By what was known around the utterance.
    Context,
}

impl Match {
    /// The value of a slot.
    pub fn slot(&self, name: &str) -> Option<&Value> {
        self.find(name).map(|slot| &slot.value)
    }

    /// A slot; the last one if the sentence fills it twice.
    pub fn find(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().rev().find(|slot| &*slot.name == name)
    }

    /// What the pack says about the sentence under `key`.
    pub fn about(&self, key: &str) -> Option<&Value> {
        self.metadata.iter().find(|(name, _)| &**name == key).map(|(_, value)| value)
    }

    /// The slots that stand where a name of the home should, but are none.
    pub fn unknown(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.source == Source::Unknown)
    }

    fn n_wildcards(&self) -> usize {
        self.slots.iter().filter(|s| matches!(s.source, Source::Wildcard | Source::Unknown)).count()
    }

    fn wildcard_length(&self) -> usize {
        let open = |s: &&Slot| matches!(s.source, Source::Wildcard | Source::Unknown);
        self.slots.iter().filter(open).map(|s| s.said.chars().count()).sum()
    }

    fn n_said(&self) -> usize {
        self.slots.iter().filter(|slot| !slot.said.is_empty()).count()
    }

    /// How long the name is that was said; 0 without one.
    fn name_length(&self) -> usize {
        match self.find("name") {
            Some(Slot { source: Source::Said, said, .. }) => said.chars().count(),
            _ => 0,
        }
    }
}

impl Matcher {
    /// Compiles a pack. Sentences that name a missing rule or list match nothing and are told.
    pub fn new(pack: &Pack) -> (Matcher, Vec<PackProblem>) {
        let (program, problems) = compile::compile(pack);
        (Matcher { program, no_names: pack.no_names.clone() }, problems)
    }

    /// Whether words, as a key (see [`text::key`]), may be the name of something that the home does not have.
    pub fn may_be_name(&self, key: &str) -> bool {
        self.no_names.may_be_name(key)
    }

    /// Number of sentence templates.
    pub fn n_sentences(&self) -> usize {
        self.program.sentences.len()
    }

    /// Bytes held, about.
    pub fn size(&self) -> usize {
        self.program.size()
    }

    /// Matches an utterance. `context` is what is known around it, for example the speaker's area.
    pub fn recognize(
        &self,
        utterance: &str,
        home: &HomeLists,
        context: &Context,
        options: Options,
    ) -> Recognition {
        let heard = text::hear(utterance);
        if heard.letters.is_empty() || heard.letters.len() > MAX_UTTERANCE {
            return Recognition::default();
        }
        let mut run = Run::new(&self.program, home, context, options, utterance, heard);
        run.all();
        let (found, is_cut) = run.found();
        Recognition { matches: ranked(found), is_cut }
    }
}

/// The matches, the best first: a named thing before a place or a kind, the longest name first; then
/// as little open text as possible, the exact spelling, as much literal text as possible. Then fewer
/// slots for the same words ("garage doors" as one kind, not as doors of the garage). The intent's
/// name only makes the order certain.
fn ranked(mut matches: Vec<Match>) -> Vec<Match> {
    matches.sort_by_cached_key(|found| {
        (
            std::cmp::Reverse(found.name_length()),
            found.n_wildcards(),
            found.n_accents,
            std::cmp::Reverse(found.n_literal),
            found.wildcard_length(),
            found.n_said(),
            found.intent.clone(),
        )
    });
    matches.dedup();
    matches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intent::lists::{NamedEntity, NamedPlace, Names};
    use crate::intent::pack::Source as File;

    const PACK: &str = r#"
language: en
skip_words: [please, "could you"]
expansion_rules:
  the: "(the|my)"
  on: "(turn|switch) on"
lists:
  color:
    values:
      - { in: "(red|crimson)", out: red }
      - { in: "dark blue", out: navy, context: { tone: dark } }
      - Teal
  level: { range: { from: 0, to: 100, step: 10 } }
  warmth: { range: { from: 5, to: 30, fractions: halves } }
  less: { range: { from: 1, to: 9, multiplier: -1 } }
  item: { wildcard: true }
intents:
  On:
    data:
      - sentences: ["<on> [<the>] {name}"]
        requires_context: { domain: [light, switch] }
      - sentences: ["<on> [<the>] lights"]
        requires_context: { area: { slot: true } }
        slots: { domain: light }
      - sentences: ["<on> [<the>] lights in [<the>] {area}"]
  Level:
    data:
      - sentences: ["set {name} to {level}[ ]%", "dim to {level} percent", "lower by {less}"]
      - sentences: ["heat to {warmth} degrees"]
        response: warm
      - sentences: ["paint it {color:paint}"]
      - sentences: ["paint darkly {color:paint}"]
        requires_context: { tone: dark }
      - sentences: ["paint lightly {color:paint}"]
        excludes_context: { tone: dark }
  List:
    data:
      - sentences: ["add {item} to [<the>] list", "add {item}", "({item:what};now) do"]
      - sentences: ["remember {item:@note}"]
"#;

    /// The best match as `Intent slot=value …`.
    fn best(said: &str, area: Option<&str>) -> String {
        let (pack, problems) = Pack::read("en", &[File { file: "t.yaml", text: PACK }]);
        assert!(problems.is_empty(), "{problems:?}");
        let (matcher, problems) = Matcher::new(&pack);
        assert!(problems.is_empty(), "{problems:?}");
        let entity = |name: &str, domain: &str| NamedEntity {
            names: vec![name.to_owned(), format!("{name} of mine")],
            domain: domain.to_owned(),
            context: Vec::new(),
        };
        let home = HomeLists::new(&Names {
            entities: vec![
                entity("Hall", "light"),
                entity("Hall-lamp", "light"),
                entity("Café", "switch"),
                entity("Door", "lock"),
            ],
            areas: vec![NamedPlace { names: vec!["Living Room".to_owned()] }],
            floors: Vec::new(),
        });
        let context: Context = area.map(|a| ("area".into(), a.into())).into_iter().collect();
        let found = matcher.recognize(said, &home, &context, Options::default());
        let Some(best) = found.matches.first() else { return String::new() };
        let slots: Vec<String> =
            best.slots.iter().map(|slot| format!(" {}={}", slot.name, slot.value)).collect();
        let captures: Vec<String> =
            best.captures.iter().map(|(name, said)| format!(" @{name}={said}")).collect();
        format!("{}{}{}", best.intent, slots.concat(), captures.concat())
    }

    #[test]
    fn the_notation_means_what_hassil_means() {
        let cases = [
            ("turn on the hall", "On name=Hall"),
            ("TURN ON  Hall!", "On name=Hall"),
            ("could you turn on the hall please", "On name=Hall"),
            // The longest name wins; a hyphen may be a space; an alias leads to the name.
            ("switch on my hall lamp", "On name=Hall-lamp"),
            ("switch on my hall of mine", "On name=Hall"),
            // Accents may be missing.
            ("turn on cafe", "On name=Café"),
            // A lock is no light.
            ("turn on the door", ""),
            ("turn on lights in the living-room", "On area=Living Room"),
            ("turn on the lights", ""),
            ("set hall to 50%", "Level name=Hall level=50"),
            ("set hall to 50 %", "Level name=Hall level=50"),
            ("set hall to 55%", ""),
            ("dim to fifty percent", "Level level=50"),
            ("lower by three", "Level less=-3"),
            ("heat to 21.5 degrees", "Level warmth=21.5"),
            ("heat to 21,5 degrees", "Level warmth=21.5"),
            ("heat to twenty-one and a half degrees", "Level warmth=21.5"),
            ("heat to 21.2 degrees", ""),
            ("heat to 99 degrees", ""),
            ("paint it crimson", "Level paint=red"),
            ("paint it TEAL", "Level paint=Teal"),
            ("paint darkly dark blue", "Level paint=navy"),
            ("paint darkly red", ""),
            ("paint lightly dark blue", ""),
            ("paint lightly red", "Level paint=red"),
            // Open text: as little as the template leaves.
            ("add milk and eggs to the list", "List item=milk and eggs"),
            ("add milk to the fridge", "List item=milk to the fridge"),
            ("add", ""),
            ("now dance do", "List what=dance"),
            ("dance now do", "List what=dance"),
            ("remember the milk", "List @note=the milk"),
            ("", ""),
            ("turn on", ""),
            ("turn on the hall and explode", ""),
        ];
        for (said, expected) in cases {
            assert_eq!(best(said, None), expected, "{said:?}");
        }
    }

    #[test]
    fn the_speakers_area_is_taken_where_a_sentence_asks_for_it() {
        assert_eq!(best("turn on the lights", Some("Attic")), "On domain=light area=Attic");
        assert_eq!(best("turn on the hall", Some("Attic")), "On name=Hall");
    }

    #[test]
    fn what_is_missing_is_told_and_costs_only_its_sentence() {
        let text = r#"
language: en
expansion_rules: { a: "x <b>", b: "y <a>" }
intents:
  A:
    data:
      - sentences: ["go {nowhere}", "go <gone>", "go <a>", "go (home", "go away"]
      - sentences: []
  B: {}
"#;
        let (pack, read) = Pack::read("en", &[File { file: "t.yaml", text }]);
        let (matcher, compiled) = Matcher::new(&pack);
        let told: Vec<String> =
            read.iter().chain(&compiled).map(|problem| problem.to_string()).collect();
        let expected = [
            "t.yaml: A: `go (home`: column 4: `(` is never closed",
            "t.yaml: A: a block without `sentences:`",
            "t.yaml: B: needs `data:` with a list of sentence blocks",
            "t.yaml: A: `go {nowhere}`: there is no list {nowhere}",
            "t.yaml: A: `go <gone>`: there is no rule <gone>",
            "t.yaml: A: `go <a>`: rule <a> leads back to itself",
        ];
        assert_eq!(told, expected);
        let home = HomeLists::default();
        let found = matcher.recognize("go away", &home, &Context::new(), Options::default());
        assert_eq!(found.matches.len(), 1);
        let (_, problems) = Pack::read("en", &[File { file: "bad.yaml", text: "a: [1" }]);
        assert!(problems[0].to_string().starts_with("bad.yaml: "), "{problems:?}");
    }
}
