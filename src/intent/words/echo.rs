//! What was heard may sound like a sentence that means something here: the words of the language and the names of the
//! home, put together so that they sound most like it. A recogniser writes "mais la langue" where "mets la lampe" was
//! said; nobody who listens for lamps hears that. (The noisy channel of C. Shannon, with the recogniser as the channel.)
//! It only proposes: whether a proposal makes sense and may be done, others decide.

use std::collections::{BTreeSet, HashMap};

use super::ground::Ground;
use super::lexicon::Lexicon;
use super::sound::Sound;
use super::token::{self, Token};

/// Proposals, the nearest first.
const MOST: usize = 40;
/// Ways that are followed from each place of the sentence.
const BEAM: usize = 16;
/// Sounds of a sentence that is looked at; shorter ones are like everything.
const SOUNDS: std::ops::RangeInclusive<usize> = 4..=120;
/// How far a proposal may be from what was heard, by each sound of it and in all.
const MOST_AWAY_OF_SOUND: f32 = 0.15;
const MOST_AWAY: f32 = 0.95;
/// The same of each of its words, and what is forgiven however short a word is.
const MOST_AWAY_OF_WORD: f32 = 0.35;
const FORGIVEN: f32 = 0.2;
/// What each word costs, so that one that fits is taken before two that do.
const WORD: f32 = 0.25;
/// How far a word may be away that only joins others, and how many of them stand side by side ("dans toutes les").
const MOST_AWAY_OF_GLUE: f32 = 0.41;
const MOST_GLUE: u8 = 3;
/// Below this a proposal is what was heard, only written otherwise.
const SAME: f32 = 0.05;

/// A sentence that may have been meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Echo {
    /// The sentence.
    pub text: String,
    /// How far it is from what was heard: 0 sounds the same, 1 has another sound somewhere.
    pub away: f32,
}

impl Echo {
    /// It is what was heard, only written otherwise.
    pub fn is_same(&self) -> bool {
        self.away < SAME
    }
}

/// The words and names to listen for, in the order of their sounds.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    entries: Vec<Entry>,
    /// Whole numbers in digits, and as they are said first of all.
    numbers: HashMap<String, String>,
}

/// What a word, a phrase or a name is to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What is to be done.
    Deed,
    /// With what.
    Thing,
    /// How, or where.
    Other,
    /// Joins the others.
    Glue,
}

/// A word, a phrase or a name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    sound: Box<[u8]>,
    text: Box<str>,
    part: Part,
}

impl Entry {
    /// It does not fit everywhere.
    fn is_distinct(&self) -> bool {
        self.sound.len() > usize::from(self.part != Part::Glue)
    }
}

/// A way to come to a place of the sentence.
#[derive(Debug, Clone, Copy)]
struct Way {
    away: f32,
    cost: f32,
    entry: u32,
    /// Where its last word began, and which way it was there.
    from: (u32, u32),
    /// It says what is to be done, and with what.
    has_deed: bool,
    has_thing: bool,
    /// Words at its end that only join others.
    n_glue: u8,
}

impl Echoes {
    pub(super) fn new(ground: &Ground, lexicon: &Lexicon) -> Self {
        let sound = &lexicon.echo;
        let names = ground.names().map(|(name, is_place)| {
            (name.join(" "), if is_place { Part::Other } else { Part::Thing })
        });
        let phrases = lexicon.spoken_phrases().map(|(text, part)| (text.to_owned(), part));
        let spelled: Vec<(String, String)> = lexicon.spoken_numbers().collect();
        let entry = |text: &str, said: &str, part: Part| Entry {
            sound: sounds(said, sound).into(),
            text: text.into(),
            part,
        };
        let spoken = names.chain(phrases).map(|(text, part)| entry(&text, &text, part));
        let digits = spelled.iter().map(|(text, said)| entry(text, said, Part::Other));
        let entries: BTreeSet<Entry> = spoken.chain(digits).filter(Entry::is_distinct).collect();
        let mut numbers = HashMap::new();
        for (text, said) in spelled {
            numbers.entry(text).or_insert(said);
        }
        Self { entries: entries.into_iter().collect(), numbers }
    }

    /// What may have been meant, the nearest first; never what was heard itself.
    pub(super) fn of(&self, heard: &[Token], lexicon: &Lexicon) -> Vec<Echo> {
        let words = heard.iter().map(|token| self.numbers.get(&token.key).unwrap_or(&token.key));
        let words: Vec<&str> = words.map(String::as_str).collect();
        let said = sounds(&words.join(" "), &lexicon.echo);
        if !SOUNDS.contains(&said.len()) {
            return Vec::new();
        }
        let n = said.len();
        let most_away = MOST_AWAY.min(MOST_AWAY_OF_SOUND * n as f32);
        let mut ways: Vec<Vec<Way>> = vec![Vec::new(); n + 1];
        ways[0].push(Way {
            away: 0.0,
            cost: 0.0,
            entry: 0,
            from: (0, 0),
            has_deed: false,
            has_thing: false,
            n_glue: 0,
        });
        for at in 0..n {
            thin_out(&mut ways[at]);
            if ways[at].is_empty() {
                continue;
            }
            let here = ways[at].clone();
            let nearest = here.iter().map(|way| way.away).fold(f32::INFINITY, f32::min);
            self.fitting(&said[at..], most_away - nearest, |entry, length, away| {
                let next = &mut ways[at + length];
                let part = self.entries[entry as usize].part;
                for (number, way) in (0..).zip(&here) {
                    let n_glue = if part == Part::Glue { way.n_glue + 1 } else { 0 };
                    if way.away + away <= most_away && n_glue <= MOST_GLUE {
                        next.push(Way {
                            away: way.away + away,
                            cost: way.cost + away + WORD,
                            entry,
                            from: (at as u32, number),
                            has_deed: way.has_deed || part == Part::Deed,
                            has_thing: way.has_thing || part == Part::Thing,
                            n_glue,
                        });
                    }
                }
                if next.len() > BEAM * 40 {
                    thin_out(next);
                }
            });
        }
        let amounts_heard = lexicon.amounts(heard);
        let heard: Vec<&str> = heard.iter().map(|token| token.key.as_str()).collect();
        let heard = heard.join(" ");
        let mut last = std::mem::take(&mut ways[n]);
        // "Allume là-bas" sounds like many things.
        last.retain(|way| way.has_deed && (way.has_thing || way.away < SAME));
        last.sort_by(|one, other| one.cost.total_cmp(&other.cost));
        let mut out: Vec<Echo> = Vec::new();
        for way in last {
            let text = self.text(&ways, way);
            // Numbers are too much alike: none is guessed that was not heard as one.
            let amounts = lexicon.amounts(&token::cut(&text).0);
            if amounts != amounts_heard {
                continue;
            }
            if out.len() < MOST && text != heard && out.iter().all(|known| known.text != text) {
                out.push(Echo { text, away: way.away });
            }
        }
        out
    }

    /// Tells what fits to the beginning of what was said and is not too far away: the entry, how many sounds it takes,
    /// and how far away it is.
    fn fitting(&self, said: &[u8], most_away: f32, mut tell: impl FnMut(u32, usize, f32)) {
        // The rows of the edit distance, one for each sound of the entry so far: neighbours share their beginnings.
        let mut rows: Vec<Vec<f32>> = Vec::new();
        let width = |length: usize| (length + 4).min(said.len());
        let mut first = Vec::with_capacity(said.len() + 1);
        let mut sum = 0.0;
        first.push(sum);
        for one in said.iter().take(width(24)) {
            sum += alone(*one);
            first.push(sum);
        }
        rows.push(first);
        let mut before: &[u8] = &[];
        // So many sounds from the beginning on no entry can be near any more.
        let mut hopeless = usize::MAX;
        for (number, entry) in (0..).zip(&self.entries) {
            let shared = entry.sound.iter().zip(before).take_while(|(a, b)| a == b).count();
            before = &entry.sound;
            if shared >= hopeless {
                continue;
            }
            hopeless = usize::MAX;
            rows.truncate(shared + 1);
            for (depth, sound) in entry.sound.iter().enumerate().skip(shared) {
                let above = &rows[depth];
                let mut row = Vec::with_capacity(above.len());
                row.push(above[0] + alone(*sound));
                for (at, other) in said.iter().enumerate().take(above.len() - 1) {
                    let replaced = above[at] + apart(*sound, *other);
                    let dropped = above[at + 1] + alone(*sound);
                    let added = row[at] + alone(*other);
                    row.push(replaced.min(dropped).min(added));
                }
                let least = row.iter().copied().fold(f32::INFINITY, f32::min);
                rows.push(row);
                if least > most_away {
                    hopeless = depth + 1;
                    break;
                }
            }
            if hopeless != usize::MAX {
                continue;
            }
            let n = entry.sound.len();
            let most = match entry.part {
                Part::Glue => MOST_AWAY_OF_GLUE,
                Part::Deed | Part::Thing | Part::Other => MOST_AWAY_OF_WORD * n as f32 + FORGIVEN,
            };
            let most = most.min(most_away);
            for length in n.saturating_sub(3).max(1)..=width(n) {
                if let Some(away) = rows[n].get(length).filter(|away| **away <= most) {
                    tell(number, length, *away);
                }
            }
        }
    }

    fn text(&self, ways: &[Vec<Way>], last: Way) -> String {
        let mut words = Vec::new();
        let mut way = last;
        loop {
            words.push(&*self.entries[way.entry as usize].text);
            let (at, number) = way.from;
            if at == 0 {
                break;
            }
            way = ways[at as usize][number as usize];
        }
        words.reverse();
        words.join(" ")
    }
}

/// All words and names of which orders of a home are made, and what they are to one.
pub(super) fn said(lexicon: &Lexicon, ground: &Ground) -> Vec<(String, Part)> {
    let phrases = lexicon.said_phrases().map(|(text, part)| (text.to_owned(), part));
    let part = |is_place| if is_place { Part::Other } else { Part::Thing };
    let names = || ground.names().map(|(name, is_place)| (name, part(is_place)));
    let whole = names().map(|(name, part)| (name.join(" "), part));
    // "The lamp in the corner" for the corner lamp.
    let single = names().flat_map(|(name, part)| {
        let words = name.iter().filter(|word| word.chars().count() > 2);
        words.map(move |word| (word.clone(), part))
    });
    let offers = ground.offers().map(|words| (words.join(" "), Part::Other));
    let numbers = lexicon.spoken_numbers();
    let numbers = numbers.flat_map(|(digits, said)| [(digits, Part::Other), (said, Part::Other)]);
    phrases.chain(whole).chain(single).chain(offers).chain(numbers).collect()
}

/// Leaves the best ways, and of those that end with the same word and say as much of what an order needs one.
fn thin_out(ways: &mut Vec<Way>) {
    ways.sort_by(|one, other| {
        one.cost.total_cmp(&other.cost).then_with(|| one.entry.cmp(&other.entry))
    });
    let mut seen: Vec<(u32, bool, bool)> = Vec::new();
    ways.retain(|way| {
        let kind = (way.entry, way.has_deed, way.has_thing);
        let is_new = seen.len() < BEAM && !seen.contains(&kind);
        if is_new {
            seen.push(kind);
        }
        is_new
    });
}

/// A text as it sounds, without pauses.
fn sounds(text: &str, sound: &Sound) -> Vec<u8> {
    let words = text.split(' ').map(|word| sound.key(word));
    words.flat_map(String::into_bytes).filter(u8::is_ascii).collect()
}

/// What a sound costs that is said and not meant, or meant and not said.
fn alone(sound: u8) -> f32 {
    match sound {
        b'e' => 0.4,
        _ if is_vowel(sound) => 0.6,
        b'h' | b'r' | b'n' | b'm' | b'l' | b'w' | b'j' => 0.6,
        _ => 0.8,
    }
}

/// How far two sounds are apart.
fn apart(one: u8, other: u8) -> f32 {
    /// Sounds made at the same place, or in the same way.
    const NEAR: [&[u8]; 13] = [
        b"pb", b"td", b"kg", b"fv", b"sSZJC", b"mn", b"nN", b"lr", b"Tfs", b"Td", b"Ct", b"Jdg",
        b"wvj",
    ];
    if one == other {
        return 0.0;
    }
    match (is_vowel(one), is_vowel(other)) {
        (true, true) => 0.4,
        (false, false) if NEAR.iter().any(|near| near.contains(&one) && near.contains(&other)) => {
            0.45
        }
        (false, false) => 0.9,
        // A vowel spoken through the nose, and the consonant that it swallowed.
        _ => 1.0,
    }
}

fn is_vowel(sound: u8) -> bool {
    matches!(sound, b'a' | b'e' | b'i' | b'o' | b'u' | b'y' | b'A' | b'I' | b'O' | b'U')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::Home;
    use crate::intent::words::Vocabulary;

    fn echoes(language: &str, heard: &str) -> Vec<Echo> {
        let (vocabulary, _) = Vocabulary::own(language).unwrap();
        let home = Home::default();
        vocabulary.echoes(heard, &vocabulary.learn(&home))
    }

    #[test]
    fn what_was_said_is_among_what_sounds_like_it() {
        for (language, heard, said) in [
            ("fr", "Éteint, toutes les langues.", "eteins toutes les lampes"),
            ("fr", "Fermez-vous les.", "fermez volets"),
            ("fr", "Mais la lampe en rouge.", "mets la lampe en rouge"),
            ("fr", "Mais le chauffage à 21.", "mets le chauffage a 21"),
            ("fr", "Mais le ventilateur a fond.", "mets le ventilateur a fond"),
            ("en", "Turn of the lamb.", "turn off the lamp"),
        ] {
            let sound = |text: &str| {
                let (vocabulary, _) = Vocabulary::own(language).unwrap();
                sounds(text, &vocabulary.lexicon.echo)
            };
            let found = echoes(language, heard);
            let is_there = found.iter().any(|echo| sound(&echo.text) == sound(said));
            assert!(is_there, "{heard}: {found:#?}");
        }
    }

    #[test]
    fn no_number_is_guessed_and_nothing_is_made_of_noise() {
        for (language, heard) in [
            ("fr", "Et un dans la lampe."),
            ("fr", "Desson de la lampe."),
            ("en", "Dim the lamp to free percent."),
        ] {
            for echo in echoes(language, heard) {
                let has_number = echo.text.contains(|c: char| c.is_ascii_digit());
                assert!(!has_number, "{heard}: {echo:?}");
            }
        }
        for heard in ["", "Mm.", "What a lovely afternoon it was by the sea with all of them."] {
            assert_eq!(echoes("en", heard), [], "{heard}");
        }
        // However long it is, it ends.
        echoes("en", &"turn the lamb on ".repeat(40));
    }

    #[test]
    fn sounds_that_are_made_alike_are_near() {
        assert!(apart(b'p', b'b') < apart(b'p', b's') && apart(b'a', b'e') < apart(b'a', b's'));
        assert_eq!(apart(b't', b't').to_bits(), 0.0_f32.to_bits());
    }
}
