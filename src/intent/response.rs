//! How a language says things: noun phrases with their articles, lists, states, numbers, and the
//! sentences of a pack's `words` with their gaps filled. It owns grammar, not content: what is
//! reported is the assistant's business.

use std::collections::BTreeMap;

use crate::intent::meaning::{Reading, Way};
use crate::text;

/// The words of one language.
#[derive(Debug, Clone, Copy)]
pub struct Voice<'p> {
    words: &'p BTreeMap<String, BTreeMap<String, String>>,
}

/// A thing with its grammar, without an article.
#[derive(Debug, Clone, PartialEq)]
pub struct Noun {
    /// The words: "hall lamp", "lampe de l'entrée".
    pub text: String,
    /// What it agrees as.
    pub gender: Gender,
    /// Several.
    pub is_plural: bool,
    /// Takes the article of a vowel ("l'").
    pub is_elided: bool,
}

/// Grammatical gender, where the language has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gender {
    /// Masculine, or no gender at all.
    Masculine,
    /// Feminine.
    Feminine,
    /// Not known: the name says nothing about it.
    Unknown,
}

/// Words to put into a sentence, and how they agree.
#[derive(Debug, Clone, PartialEq)]
pub struct Phrase {
    /// The words, with article.
    pub text: String,
    /// What they agree as.
    pub gender: Gender,
    /// Several.
    pub is_plural: bool,
}

impl Phrase {
    /// Words that agree with nothing.
    pub fn plain(text: impl Into<String>) -> Phrase {
        Phrase { text: text.into(), gender: Gender::Masculine, is_plural: false }
    }
}

/// Most things named one by one in a reply.
pub const MAX_NAMED: usize = 4;
/// Most things named where somebody asked which they are.
pub const MAX_LISTED: usize = 8;

impl<'p> Voice<'p> {
    /// The voice of a pack.
    pub fn new(words: &'p BTreeMap<String, BTreeMap<String, String>>) -> Voice<'p> {
        Voice { words }
    }

    /// A word or sentence of the pack, if it has it.
    pub fn find(&self, group: &str, key: &str) -> Option<&'p str> {
        self.words.get(group)?.get(key).map(String::as_str)
    }

    /// A word or sentence of the pack; a visible stand-in if it lacks it, never silence.
    pub fn word(&self, group: &'p str, key: &'p str) -> &'p str {
        self.find(group, key).unwrap_or(key)
    }

    /// A name as a noun. With a reading, the words that were said for the slot `slot` are used and
    /// their article is heeded.
    pub fn noun(&self, name: &str, heard: Option<(&Reading, &str)>) -> Noun {
        let slot = heard.and_then(|(reading, slot)| Some((reading, reading.said(slot)?)));
        let words = match slot {
            // What was said, but in the home's spelling if it is only that. Words may have been
            // misspelt or left out: what they were taken for is to be heard.
            Some((reading, slot))
                if reading.way == Way::Sentence && text::key(&slot.said) != text::key(name) =>
            {
                slot.said.as_str()
            }
            _ => name,
        };
        let text = lower(&words.replace('_', " "));
        let known = self.known_noun(&text);
        let lead = slot.and_then(|(reading, slot)| self.lead(reading, slot.from));
        let (mut gender, mut is_plural) = match known {
            Some((gender, is_plural, _)) => (gender, is_plural),
            None => self.guessed_noun(&text).unwrap_or((Gender::Unknown, false)),
        };
        let mut is_elided = gender != Gender::Unknown
            && !is_plural
            && !known.is_some_and(|(_, _, is_aspirated)| is_aspirated)
            && self.begins_with_vowel(&text);
        match lead {
            Some("m") => gender = Gender::Masculine,
            Some("f") => gender = Gender::Feminine,
            Some("p") => {
                is_plural = true;
                is_elided = false;
                if gender == Gender::Unknown {
                    gender = Gender::Masculine;
                }
            }
            Some("vowel") => is_elided = true,
            _ => {}
        }
        Noun { text, gender, is_plural, is_elided }
    }

    /// A bare word of the pack as a noun, for example a kind of device.
    pub fn common(&self, word: &str) -> Noun {
        self.noun(word, None)
    }

    /// The kind of device of a domain, one or several.
    pub fn kind(&self, domain: &str, is_plural: bool) -> Noun {
        let forms =
            self.find("kinds", domain).or_else(|| self.find("kinds", "any")).unwrap_or(domain);
        let mut noun = self.common(form(forms, Gender::Masculine, is_plural));
        noun.is_plural = is_plural;
        noun
    }

    /// A noun with the article of a group: `articles`, `of` or `in`.
    pub fn with(&self, group: &str, noun: &Noun) -> Phrase {
        let key = match (noun.is_plural, noun.is_elided, noun.gender) {
            (true, _, _) => "p",
            (false, true, _) => "vowel",
            (false, false, Gender::Feminine) => "f",
            (false, false, Gender::Masculine) => "m",
            (false, false, Gender::Unknown) => "unknown",
        };
        let article = self.find(group, key).or_else(|| self.find(group, "m")).unwrap_or("");
        Phrase {
            text: format!("{article}{}", noun.text),
            gender: noun.gender,
            is_plural: noun.is_plural,
        }
    }

    /// "the hall lamp".
    pub fn the(&self, noun: &Noun) -> Phrase {
        self.with("articles", noun)
    }

    /// Whether the pack knows the noun in a name.
    pub fn knows(&self, name: &str) -> bool {
        self.known_noun(name).is_some()
    }

    /// Several as one phrase: "a, b and c"; long lists are cut with their number.
    pub fn list(&self, items: &[Phrase]) -> Phrase {
        self.joined(items, "and", MAX_NAMED)
    }

    /// As [`Voice::list`], for who asked which they are: more of them before it is cut.
    pub fn long_list(&self, items: &[Phrase]) -> Phrase {
        self.joined(items, "and", MAX_LISTED)
    }

    /// Several to choose from: "a, b or c".
    pub fn choice(&self, items: &[Phrase]) -> Phrase {
        self.joined(items, "or", MAX_NAMED)
    }

    fn joined(&self, items: &[Phrase], last: &'p str, most: usize) -> Phrase {
        let gender = match items.iter().all(|item| item.gender == Gender::Feminine) {
            true => Gender::Feminine,
            false => Gender::Masculine,
        };
        let text = |items: &[Phrase], last: &str| -> String {
            let texts: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
            match texts.split_last() {
                Some((end, rest)) if !rest.is_empty() => {
                    format!("{}{last}{end}", rest.join(self.word("join", "comma")))
                }
                _ => texts.concat(),
            }
        };
        match items {
            [] => Phrase::plain(""),
            [one] => one.clone(),
            _ if items.len() <= most => {
                Phrase { text: text(items, self.word("join", last)), gender, is_plural: true }
            }
            _ => {
                let shown = text(&items[..most - 1], self.word("join", "comma"));
                let more = items.len() - (most - 1);
                let text = self.word("join", "more");
                let text = text.replace("{list}", &shown).replace("{count}", &more.to_string());
                Phrase { text, gender, is_plural: true }
            }
        }
    }

    /// A sentence of the pack with its gaps filled: `{name}` takes the words, `{verb:name}` the form
    /// of `verbs.verb` that agrees with them. It begins with a capital.
    pub fn say(&self, group: &'p str, key: &'p str, gaps: &[(&str, &Phrase)]) -> String {
        capital(&self.fill(self.word(group, key), gaps))
    }

    /// Fills the gaps of a text.
    pub fn fill(&self, template: &str, gaps: &[(&str, &Phrase)]) -> String {
        let gap = |name: &str| gaps.iter().find(|(known, _)| *known == name).map(|(_, p)| *p);
        let mut out = String::with_capacity(template.len() + 32);
        let mut rest = template;
        while let Some(start) = rest.find('{') {
            out.push_str(&rest[..start]);
            let Some(length) = rest[start..].find('}') else { break };
            let inner = &rest[start + 1..start + length];
            rest = &rest[start + length + 1..];
            match inner.split_once(':') {
                Some((verb, name)) => {
                    let forms = self.find("verbs", verb).unwrap_or("");
                    let agrees = gap(name);
                    out.push_str(form(
                        forms,
                        agrees.map_or(Gender::Masculine, |phrase| phrase.gender),
                        agrees.is_some_and(|phrase| phrase.is_plural),
                    ));
                }
                None => out.push_str(gap(inner).map_or("", |phrase| &phrase.text)),
            }
        }
        out.push_str(rest);
        out
    }

    /// A state in words that agree with a phrase.
    pub fn state(&self, state: &str, class: Option<&str>, agrees: &Phrase) -> String {
        let by_class = class.and_then(|class| self.find("states", &format!("{class}.{state}")));
        match by_class.or_else(|| self.find("states", state)) {
            Some(forms) => form(forms, agrees.gender, agrees.is_plural).to_owned(),
            None => self.measured(state, None),
        }
    }

    /// A value with its unit: "21.5 °C", "21,5 °C". Words that are no number stay as they are.
    pub fn measured(&self, value: &str, unit: Option<&str>) -> String {
        let number = match value.parse::<f64>() {
            Ok(number) if number.is_finite() => self.number(number),
            _ => value.replace('_', " "),
        };
        match unit {
            Some(unit) if !unit.is_empty() => format!("{number} {unit}"),
            _ => number,
        }
    }

    /// A number with at most two decimals, in the language's writing.
    pub fn number(&self, number: f64) -> String {
        let rounded = (number * 100.0).round() / 100.0;
        let text = format!("{rounded}");
        text.replace('.', self.find("grammar", "decimal").unwrap_or("."))
    }

    /// Gender, plural and aspirated of the noun in a name, if the pack knows it.
    fn known_noun(&self, name: &str) -> Option<(Gender, bool, bool)> {
        let key = text::key(name);
        let word = match self.find("grammar", "noun") {
            Some("last") => key.rsplit(' ').next()?,
            _ => key.split(' ').next()?,
        };
        let (entry, is_plural) = match self.find("nouns", word) {
            Some(entry) => (entry, false),
            None => {
                let stems =
                    [word.strip_suffix('s'), word.strip_suffix("es"), word.strip_suffix('x')];
                let entry =
                    stems.into_iter().flatten().find_map(|stem| self.find("nouns", stem))?;
                (entry, true)
            }
        };
        let gender = match entry.trim_end_matches('!') {
            "f" => Gender::Feminine,
            _ => Gender::Masculine,
        };
        Some((gender, is_plural || entry == "p", entry.ends_with('!')))
    }

    /// Gender and plural of a noun that the pack does not know, from how it ends.
    fn guessed_noun(&self, name: &str) -> Option<(Gender, bool)> {
        /// Of shorter words the end says nothing.
        const MIN_LETTERS: usize = 5;
        let key = text::key(name);
        let word = match self.find("grammar", "noun") {
            Some("last") => key.rsplit(' ').next()?,
            _ => key.split(' ').next()?,
        };
        let stem = word.strip_suffix(['s', 'x']).unwrap_or(word);
        if stem.chars().count() < MIN_LETTERS {
            return None;
        }
        let endings = self.words.get("endings")?;
        let (_, gender) = endings.iter().find(|(ending, _)| stem.ends_with(ending.as_str()))?;
        let gender = if gender == "f" { Gender::Feminine } else { Gender::Masculine };
        Some((gender, stem.len() < word.len()))
    }

    /// What the word right before a said slot tells of it.
    fn lead(&self, reading: &Reading, from: usize) -> Option<&'p str> {
        let before = text::key(reading.utterance.get(..from)?);
        self.find("leads", before.rsplit(' ').next()?)
    }

    fn begins_with_vowel(&self, text: &str) -> bool {
        let vowels = self.find("grammar", "vowels").unwrap_or("");
        text::key(text).chars().next().is_some_and(|first| vowels.contains(first))
    }
}

/// The form of `a|b` (singular, plural) or `a|b|c|d` (masculine, feminine, then their plurals) that
/// agrees.
fn form(forms: &str, gender: Gender, is_plural: bool) -> &str {
    let forms: Vec<&str> = forms.split('|').collect();
    let index = match forms.len() {
        4 => usize::from(gender == Gender::Feminine) + 2 * usize::from(is_plural),
        2 => usize::from(is_plural),
        _ => 0,
    };
    forms.get(index).copied().unwrap_or("")
}

/// Words that begin with a capital only because they are in a title become small: "Kitchen Light"
/// is spoken of as "kitchen light", "TV" stays.
fn lower(text: &str) -> String {
    let word = |word: &str| {
        let is_title = word.chars().skip(1).all(|c| !c.is_uppercase())
            && word.chars().filter(|c| c.is_alphabetic()).count() > 1;
        if is_title { word.to_lowercase() } else { word.to_owned() }
    };
    text.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

/// The text with a capital at its start.
pub fn capital(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intent::own;

    fn the(language: &str, name: &str) -> String {
        let (pack, _) = own::pack(language).unwrap();
        let voice = Voice::new(&pack.words);
        voice.the(&voice.noun(name, None)).text
    }

    #[test]
    fn names_get_their_article() {
        let cases = [
            ("en", "Kitchen Light", "the kitchen light"),
            ("en", "TV", "the TV"),
            ("en", "kitchen_light", "the kitchen light"),
            ("fr", "Lampe du salon", "la lampe du salon"),
            ("fr", "Aspirateur", "l'aspirateur"),
            ("fr", "Hall", "le hall"),
            ("fr", "Volets du salon", "les volets du salon"),
            ("fr", "Entrée", "l'entrée"),
            ("fr", "Rideaux", "les rideaux"),
            // The word is not known, but its end is.
            ("fr", "Maisonnette", "la maisonnette"),
            ("fr", "Arrosages du jardin", "les arrosages du jardin"),
            ("fr", "Présentoir", "le présentoir"),
            // Nothing is known of the word, so nothing is claimed.
            ("fr", "Zorglub", "zorglub"),
        ];
        for (language, name, said) in cases {
            assert_eq!(the(language, name), said, "{name}");
        }
    }

    #[test]
    fn sentences_agree() {
        let (pack, _) = own::pack("fr").unwrap();
        let voice = Voice::new(&pack.words);
        let cases = [
            ("Lampe", "La lampe est allumée."),
            ("Lampes", "Les lampes sont allumées."),
            ("Volet", "Le volet est allumé."),
        ];
        for (name, said) in cases {
            let what = voice.the(&voice.noun(name, None));
            let state = Phrase::plain(voice.state("on", None, &what));
            assert_eq!(voice.say("answer", "one", &[("what", &what), ("state", &state)]), said);
        }
    }

    #[test]
    fn lists_are_cut_and_numbers_written() {
        let (pack, _) = own::pack("en").unwrap();
        let voice = Voice::new(&pack.words);
        let items: Vec<Phrase> = ["a", "b", "c", "d", "e", "f"].map(Phrase::plain).into();
        assert_eq!(voice.list(&items[..1]).text, "a");
        assert_eq!(voice.list(&items[..2]).text, "a and b");
        assert_eq!(voice.list(&items[..4]).text, "a, b, c and d");
        assert_eq!(voice.list(&items).text, "a, b, c and 3 more");
        assert_eq!(voice.measured("21.50", Some("°C")), "21.5 °C");
        assert_eq!(voice.measured("inf", None), "inf");
    }
}
