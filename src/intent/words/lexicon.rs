//! The words of a language, from its file `words.yaml`: phrases and what each can be, how it forms
//! plurals and how it sounds. It owns the file's layout (group, meaning, phrases in the notation of
//! sentence templates without lists and rules); how words combine is not its business.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use crate::home::domain::Domain;
use crate::home::rhythm::Days;
use crate::intent::meaning::Talk;
use crate::intent::number::Speller;
use crate::intent::pack::{self, PackProblem, Source};
use crate::intent::sentence::{self, Expr};

use super::echo::Part;
use super::rule::table::Table;
use super::sound::Sound;
use super::tag::{Act, DayPart, Kind, Storey, Tag, Unit, Word};
use super::token;

/// Most ways to say one entry of the file.
const MAX_WAYS: usize = 2_000;
/// Longest phrase, in words.
const MAX_PHRASE: usize = 8;

/// The vocabulary of a language.
#[derive(Debug, Clone, Default)]
pub(super) struct Lexicon {
    /// Language code.
    pub language: String,
    /// Kinds of devices; tags name them by index.
    pub kinds: Vec<Kind>,
    /// How the language sounds, to compare single words.
    pub sound: Sound,
    /// The same more closely, to compare sentences: capital letters are sounds too.
    pub echo: Sound,
    /// Words that name places outside of the house.
    pub outdoor: Vec<String>,
    /// Words between "remind me" and of what: "to", "that".
    pub remind_of: Vec<String>,
    /// Words of names of what "everything off" leaves on.
    has_to_run: Vec<String>,
    /// Words before the first of several wishes: "first".
    pub begins: Vec<String>,
    /// Words of names of things that do something to what else they are named after: "charger".
    pub serves: Vec<String>,
    /// Words for things of their own, whatever is named after them: "car".
    pub served: Vec<String>,
    /// Words that say what is done by what serves: "charge".
    pub serving: Vec<String>,
    /// How people say that something is to happen by itself.
    pub rules: Table,
    /// "Huit heures" is in the morning: hours are counted to 24.
    pub hours_are_24: bool,
    /// What is told of a thing is mostly asked: "la lampe est allumée".
    pub statements_ask: bool,
    /// The phrases by their first word, longest first.
    phrases: HashMap<String, Vec<Phrase>>,
    /// Endings that make a plural.
    plurals: Vec<String>,
    /// Words of names to one that means the same.
    synonyms: HashMap<String, String>,
}

/// A phrase and one thing that it can be.
#[derive(Debug, Clone)]
struct Phrase {
    n_words: usize,
    /// The keys of its words with spaces between them.
    keys: Box<str>,
    /// With accents, where it has any.
    accented: Option<Box<str>>,
    tag: Tag,
}

impl Phrase {
    fn exact(&self) -> &str {
        self.accented.as_deref().unwrap_or(&self.keys)
    }
}

impl Lexicon {
    /// Reads a language's words. What cannot be read is left out and told.
    pub(super) fn read(language: &str, source: &Source<'_>) -> (Lexicon, Vec<PackProblem>) {
        let mut lexicon = Lexicon { language: language.to_owned(), ..Lexicon::default() };
        let mut problems = Vec::new();
        let groups = match pack::groups(source) {
            Ok(groups) => groups,
            Err(problem) => return (lexicon, vec![problem]),
        };
        let texts = |group: &str, key: &str| -> Vec<String> {
            groups.get(group).and_then(|group| group.get(key)).cloned().unwrap_or_default()
        };
        lexicon.plurals = texts("grammar", "plural");
        lexicon.outdoor = texts("grammar", "outdoor");
        let keys = |key: &str| -> Vec<String> {
            texts("grammar", key).iter().flat_map(|word| token::keys(word)).collect()
        };
        lexicon.remind_of = keys("remind_of");
        lexicon.has_to_run = texts("grammar", "has_to_run");
        lexicon.begins = keys("begins");
        lexicon.serves = keys("serves");
        lexicon.served = keys("served");
        lexicon.serving = keys("serving");
        lexicon.hours_are_24 = !texts("grammar", "hours_are_24").is_empty();
        lexicon.statements_ask = !texts("grammar", "statements_ask").is_empty();
        lexicon.sound = Sound::new(&texts("grammar", "sounds"));
        lexicon.echo = Sound::new(&texts("grammar", "echoes"));
        let pluralises_each = texts("grammar", "plural_of").iter().any(|word| word == "each");
        for (group, meanings) in &groups {
            for (meaning, phrases) in meanings {
                let mut wrong = |problem: String| {
                    problems.push(PackProblem::Entry {
                        file: source.file.to_owned(),
                        place: format!("{group}.{meaning}"),
                        problem,
                    });
                };
                if group == "grammar" {
                    continue;
                }
                if group == "synonyms" {
                    let words = phrases.iter().flat_map(|word| token::keys(word));
                    let words = words.map(|word| (word, meaning.clone()));
                    lexicon.synonyms.extend(words);
                    continue;
                }
                let is_of_rules = matches!(group.as_str(), "marks" | "happens");
                let tag = if is_of_rules { None } else { lexicon.tag(group, meaning, phrases) };
                if tag.is_none() && !is_of_rules {
                    wrong("no such meaning".to_owned());
                    continue;
                }
                for phrase in phrases {
                    let ways = match ways(phrase) {
                        Ok(ways) => ways,
                        Err(problem) => {
                            wrong(format!("`{phrase}`: {problem}"));
                            continue;
                        }
                    };
                    for way in ways {
                        let Some(tag) = tag.clone() else {
                            if !lexicon.rules.put(group, meaning, &way) {
                                wrong("no such meaning".to_owned());
                            }
                            continue;
                        };
                        if let Tag::Kind { index, is_plural: false, is_special } = tag
                            && group != "special_singular"
                        {
                            for plural in lexicon.plural(&way, pluralises_each) {
                                let tag = Tag::Kind { index, is_plural: true, is_special };
                                lexicon.put(&plural, tag);
                            }
                        }
                        lexicon.put(&way, tag);
                    }
                }
            }
        }
        lexicon.put_numbers();
        for phrases in lexicon.phrases.values_mut() {
            phrases.sort_by_key(|phrase| std::cmp::Reverse(phrase.n_words));
            phrases.shrink_to_fit();
        }
        (lexicon, problems)
    }

    fn put(&mut self, phrase: &str, tag: Tag) {
        let (tokens, _) = token::cut(phrase);
        let Some(first) = tokens.first() else { return };
        if tokens.len() > MAX_PHRASE {
            return;
        }
        let keys: Vec<&str> = tokens.iter().map(|token| token.key.as_str()).collect();
        let exact: Vec<&str> = tokens.iter().map(|token| token.exact.as_str()).collect();
        let (keys, exact) = (keys.join(" "), exact.join(" "));
        let known = self.phrases.entry(first.key.clone()).or_default();
        if !known.iter().any(|known| known.exact() == exact && known.tag == tag) {
            let accented = (exact != keys).then(|| exact.into());
            known.push(Phrase { n_words: tokens.len(), keys: keys.into(), accented, tag });
        }
    }

    fn tag(&mut self, group: &str, meaning: &str, phrases: &[String]) -> Option<Tag> {
        let shared = || Arc::from(meaning);
        Some(match group {
            "verbs" => Tag::Verb(Act::named(meaning)?),
            "particles" => Tag::Particle(Act::named(meaning)?),
            "kinds" | "kinds_plural" | "special_kinds" | "special_singular" => Tag::Kind {
                index: self.kind(meaning, phrases.first()?)?,
                is_plural: group == "kinds_plural",
                is_special: group.starts_with("special"),
            },
            "states" => Tag::State(shared()),
            "measures" => Tag::Measure(shared()),
            "colors" => Tag::Color(shared()),
            "whites" => Tag::White(meaning.parse().ok()?),
            "levels" => Tag::Level(meaning.parse().ok()?),
            "numbers" => Tag::Number(meaning.parse().ok()?),
            "degrees" => Tag::Degree(meaning.parse().ok()?),
            "units" => Tag::Unit(Unit::named(meaning)?),
            "modes" => Tag::Mode(shared()),
            "words" => Tag::Word(Word::named(meaning)?),
            "days" => Tag::DayPart(DayPart::named(meaning)?),
            "weekdays" => Tag::Weekday(weekday(meaning)?),
            "again" => {
                let (days, part) = meaning.split_once(' ').unwrap_or((meaning, ""));
                let part = match part {
                    "" => None,
                    part => Some(DayPart::named(part)?),
                };
                let days = match days {
                    "hourly" => None,
                    "daily" => Some(Days::DAILY),
                    "weekdays" => Some(Days::WEEKDAYS),
                    "weekend" => Some(Days::WEEKEND),
                    day => Some(Days::one(weekday(day)?)),
                };
                Tag::Again(days, part)
            }
            "storeys" => Tag::Storey(Storey::named(meaning)?),
            "talk" => Tag::Talk(match meaning {
                "nevermind" => Talk::Nevermind,
                "time" => Talk::Time,
                "date" => Talk::Date,
                "undo" => Talk::Undo,
                "stop" => Talk::Stop,
                "yes" => Talk::Yes,
                "no" => Talk::No,
                "help" => Talk::Help,
                "courtesy" => Talk::Courtesy,
                _ => return None,
            }),
            _ => return None,
        })
    }

    /// The kind for a meaning like `light` or `cover.door lock`.
    fn kind(&mut self, meaning: &str, word: &str) -> Option<u16> {
        let mut of = Vec::new();
        for part in meaning.split(' ') {
            let (domain, class) = match part.split_once('.') {
                Some((domain, class)) => (domain, Some(Arc::from(class))),
                None => (part, None),
            };
            of.push((Domain::from_str(domain).ok()?, class));
        }
        let index = match self.kinds.iter().position(|kind| kind.of == of) {
            Some(index) => index,
            None => {
                let word = ways(word).ok()?.into_iter().next()?;
                self.kinds.push(Kind { of, word });
                self.kinds.len() - 1
            }
        };
        u16::try_from(index).ok()
    }

    fn plural(&self, singular: &str, of_each: bool) -> Vec<String> {
        self.plurals
            .iter()
            .map(|ending| match of_each {
                true => {
                    let words: Vec<String> = singular
                        .split(' ')
                        .map(|word| match word.chars().count() {
                            0..=3 => word.to_owned(),
                            _ => format!("{word}{ending}"),
                        })
                        .collect();
                    words.join(" ")
                }
                false => format!("{singular}{ending}"),
            })
            .collect()
    }

    /// Numbers in words: whole ones to 120, halves to 40, tenths to 35, round ones to 6,500.
    fn put_numbers(&mut self) {
        let speller = Speller::new(&self.language);
        let whole = (-30..=120).map(|n| n * 10);
        let parts = (-300..350_i64).filter(|n| n % 10 != 0);
        let round = (150..=6_500).step_by(50).map(|n| n * 10);
        for tenths in whole.chain(parts).chain(round) {
            for said in speller.spell(tenths) {
                self.put(&said, Tag::Number(tenths as f64 / 10.0));
            }
        }
    }

    /// What the words from `at` on can be: number of words and tags, the longest first.
    pub(super) fn phrases_at(&self, tokens: &[token::Token], at: usize) -> Vec<(usize, Tag)> {
        let mut out = Vec::new();
        let Some(first) = tokens.get(at) else { return out };
        let Some(known) = self.phrases.get(&first.key) else { return out };
        for phrase in known {
            let n = phrase.n_words;
            let Some(said) = tokens.get(at..at + n) else { continue };
            let is_same = phrase.keys.split(' ').zip(said).all(|(key, token)| key == token.key);
            if is_same && is_spelled_so(phrase.exact(), said) {
                out.push((n, phrase.tag.clone()));
            }
        }
        out
    }

    /// Whether several of what a word says are all of the kind: "lamps" are lights, "spots" are spots.
    pub(super) fn is_general_in_plural(&self, key: &str) -> bool {
        let plurals = self.plural(key, false).into_iter();
        plurals.filter_map(|plural| self.phrases.get(&plural)).flatten().any(|phrase| {
            let tag = &phrase.tag;
            phrase.n_words == 1
                && matches!(tag, Tag::Kind { is_plural: true, is_special: false, .. })
        })
    }

    /// Whether a word is an article.
    pub(super) fn is_article(&self, key: &str) -> bool {
        let known = self.phrases.get(key).into_iter().flatten();
        known.into_iter().any(|p| p.n_words == 1 && p.tag == Tag::Word(Word::Article))
    }

    /// Whether a word names a quantity: "temperature".
    pub(super) fn is_measure(&self, key: &str) -> bool {
        let known = self.phrases.get(key).into_iter().flatten();
        known.into_iter().any(|p| p.n_words == 1 && matches!(p.tag, Tag::Measure(_)))
    }

    /// Whether a word only joins the words of a name: an article or a preposition.
    pub(super) fn is_glue(&self, key: &str) -> bool {
        let known = self.phrases.get(key).into_iter().flatten();
        known.into_iter().any(|phrase| {
            phrase.n_words == 1
                && matches!(phrase.tag, Tag::Word(Word::Article | Word::In | Word::And))
        })
    }

    /// The verb that a word was meant to be, if it was misspelt: only what is said often
    /// and does no harm.
    pub(super) fn verb_near(&self, key: &str) -> Option<Act> {
        let sound = self.sound.key(key);
        let verbs = self.phrases.values().flatten().filter_map(|phrase| match phrase.tag {
            Tag::Verb(act) if phrase.n_words == 1 => Some((&*phrase.keys, act)),
            _ => None,
        });
        let harmless = |act: &Act| {
            matches!(
                act,
                Act::On
                    | Act::Off
                    | Act::Toggle
                    | Act::Close
                    | Act::Stop
                    | Act::Dim
                    | Act::Brighten
                    | Act::Raise
                    | Act::Lower
                    | Act::Start
                    | Act::Vacuum
            )
        };
        let alike = verbs.map(|(word, act)| {
            (self.sound.likeness(key, &sound, word, &self.sound.key(word)), word, act)
        });
        alike
            .filter(|(score, _, act)| *score >= 0.85 && harmless(act))
            .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
            .map(|(_, _, act)| act)
    }

    /// All single words that name kinds, to find one misheard.
    pub(super) fn kind_words(&self) -> impl Iterator<Item = &str> {
        self.phrases.values().flatten().filter_map(|phrase| match phrase.tag {
            Tag::Kind { .. } if phrase.n_words == 1 => Some(&*phrase.keys),
            _ => None,
        })
    }

    /// The phrases of which orders are made, and what they are to one.
    pub(super) fn spoken_phrases(&self) -> impl Iterator<Item = (&str, Part)> {
        let part = |phrase: &Phrase| match &phrase.tag {
            Tag::Verb(_) | Tag::Particle(_) | Tag::State(_) => Some(Part::Deed),
            Tag::Kind { .. } => Some(Part::Thing),
            Tag::Color(_)
            | Tag::White(_)
            | Tag::Mode(_)
            | Tag::Degree(_)
            | Tag::Level(_)
            | Tag::Storey(_) => Some(Part::Other),
            Tag::Word(
                Word::Article
                | Word::In
                | Word::To
                | Word::And
                | Word::All
                | Word::Both
                | Word::One
                | Word::Except,
            ) => Some(Part::Glue),
            // The short ones fit everywhere.
            Tag::Word(Word::Please | Word::Filler) if phrase.n_words > 1 => Some(Part::Other),
            _ => None,
        };
        let phrases = self.phrases.values().flatten();
        phrases.filter_map(move |phrase| Some((&*phrase.keys, part(phrase)?)))
    }

    /// All phrases that an order or a question may have, and what they are to it.
    pub(super) fn said_phrases(&self) -> impl Iterator<Item = (&str, Part)> {
        let part = |phrase: &Phrase| match &phrase.tag {
            Tag::Verb(_) | Tag::Particle(_) | Tag::State(_) => Part::Deed,
            Tag::Kind { .. } | Tag::Measure(_) => Part::Thing,
            Tag::Word(
                Word::Article
                | Word::In
                | Word::To
                | Word::By
                | Word::And
                | Word::All
                | Word::Both
                | Word::One
                | Word::Except
                | Word::Filler,
            ) => Part::Glue,
            _ => Part::Other,
        };
        let phrases = self.phrases.values().flatten();
        phrases.map(move |phrase| (&*phrase.keys, part(phrase)))
    }

    /// Whole numbers as they are written and as they are said.
    pub(super) fn spoken_numbers(&self) -> impl Iterator<Item = (String, String)> {
        let speller = Speller::new(&self.language);
        (0..=100_i64).flat_map(move |number| {
            let said = speller.spell(number * 10).into_iter();
            said.map(move |said| (number.to_string(), token::keys(&said).join(" ")))
        })
    }

    /// The words that are numbers and amounts, whatever their accents.
    pub(super) fn amounts(&self, tokens: &[token::Token]) -> Vec<String> {
        let mut out = Vec::new();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let said = |phrase: &&Phrase| {
                let words = tokens[at..].iter().map(|token| token.key.as_str());
                phrase.keys.split(' ').eq(words.take(phrase.n_words))
            };
            let phrases = self.phrases.get(&token.key).into_iter().flatten().filter(said);
            let longest = phrases.clone().map(|phrase| phrase.n_words).max().unwrap_or(1);
            let mut longest_ones = phrases.filter(|phrase| phrase.n_words == longest);
            let is_amount =
                longest_ones.any(|phrase| matches!(phrase.tag, Tag::Number(_) | Tag::Level(_)));
            if token.number.is_some() || is_amount {
                out.extend(tokens[at..at + longest].iter().map(|token| token.key.clone()));
            }
            at += longest;
        }
        out
    }

    /// A word without its plural ending, to compare words of names.
    pub(super) fn stem<'w>(&'w self, key: &'w str) -> &'w str {
        let stem = self.singular(key);
        self.synonyms.get(stem).or_else(|| self.synonyms.get(key)).map_or(stem, String::as_str)
    }

    /// Whether a word of a name says that the thing has to run: "freezer", "router".
    pub(super) fn has_to_run(&self, word: &str) -> bool {
        let stem = self.stem(word);
        self.has_to_run.iter().any(|known| self.stem(known) == stem)
    }

    /// Whether two words of names mean the same thing, apart from the plural.
    pub(super) fn is_same(&self, a: &str, b: &str) -> bool {
        let synonym = |word| self.synonyms.get(word);
        a == b || synonym(a).is_some() && synonym(a) == synonym(b)
    }

    fn singular<'w>(&self, key: &'w str) -> &'w str {
        if key.chars().count() <= 3 {
            return key;
        }
        let mut endings: Vec<&String> = self.plurals.iter().collect();
        endings.sort_by_key(|ending| ending.len());
        for ending in endings {
            if let Some(stem) = key.strip_suffix(ending.as_str()) {
                return stem;
            }
        }
        key
    }
}

/// Whether the accents that were said are those of the phrase. Who writes none at all in a phrase
/// may mean any.
fn is_spelled_so(exact: &str, said: &[token::Token]) -> bool {
    said.iter().zip(exact.split(' ')).all(|(token, exact)| {
        // "La" is not "là" and "a" not "à", though in longer words an accent may be missing.
        let is_bare = token.exact == token.key && token.key.chars().count() > 2;
        is_bare || token.exact == *exact
    })
}

/// The day of a meaning: 0 is Monday.
fn weekday(meaning: &str) -> Option<u8> {
    const DAYS: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let at = DAYS.iter().position(|day| *day == meaning)?;
    u8::try_from(at).ok()
}

/// Every way to say an entry in the notation of sentence templates.
fn ways(template: &str) -> Result<Vec<String>, String> {
    let expr = sentence::parse(template).map_err(|error| error.to_string())?;
    let mut out = vec![String::new()];
    expand(&expr, &mut out)?;
    out.iter_mut().for_each(|way| *way = way.split_whitespace().collect::<Vec<_>>().join(" "));
    out.sort();
    out.dedup();
    out.retain(|way| !way.is_empty());
    Ok(out)
}

fn expand(expr: &Expr, out: &mut Vec<String>) -> Result<(), String> {
    match expr {
        Expr::Text(text) => out.iter_mut().for_each(|way| way.push_str(text)),
        Expr::Sequence(parts) => {
            for part in parts {
                expand(part, out)?;
            }
        }
        Expr::Alternative(parts) => {
            let mut all = Vec::new();
            for part in parts {
                let mut some = out.clone();
                expand(part, &mut some)?;
                all.extend(some);
                if all.len() > MAX_WAYS {
                    return Err(format!("more than {MAX_WAYS} ways to say it"));
                }
            }
            *out = all;
        }
        Expr::Permutation(_) | Expr::List(_) | Expr::Rule(_) => {
            return Err("only `[…]` and `(…|…)` can be used here".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::intent::own;

    /// A filler is taken out before anything is read: a word that also asks would no longer ask, and
    /// the question would act.
    #[test]
    fn no_filler_asks() {
        use crate::intent::words::ask::ASKING;
        for language in ["en", "fr"] {
            let (lexicon, _) =
                own::words(language, |source| Lexicon::read(language, source)).unwrap();
            let phrases = || lexicon.phrases.values().flatten();
            let is_filler = |phrase: &Phrase| phrase.tag == Tag::Word(Word::Filler);
            let asks = |phrase: &Phrase| match phrase.tag {
                Tag::Word(word) => ASKING.contains(&word) || word == Word::OtherQuestion,
                _ => false,
            };
            let fillers: BTreeSet<&str> =
                phrases().filter(|p| is_filler(p)).map(Phrase::exact).collect();
            let both: Vec<&str> = phrases()
                .filter(|p| asks(p))
                .map(Phrase::exact)
                .filter(|p| fillers.contains(p))
                .collect();
            assert!(both.is_empty(), "{language}: {both:?}");
            assert!(fillers.len() > 20, "{language}");
        }
    }
}
