//! What a house would understand of what was said: a search among the sentences that its own words and names make, by
//! how likely Whisper finds each after the sound. What it writes by itself is English or French at large, in which
//! "Mac door" is as good as "back door"; the encoder's view of the recording knows better, and is still there. Each step
//! is one of the decoder's, and sentences share their beginnings, so that some dozens of steps settle it.
//! (Best-first search in a word loop; what may follow is matched by letters, so that all ways to write a word count.)

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::ffi::c_int;
use std::time::Instant;

use whisper_rs::{WhisperContext, WhisperState};

use super::rivals::log_sum;
use super::whisper::{SpeechError, failed, now, text};
use crate::text::{Letter, Likely};

/// What a word, a phrase or a name is to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What is to be done.
    Deed,
    /// With what.
    Thing,
    /// How, where, or said out of politeness.
    Other,
    /// Joins the others.
    Glue,
}

/// A word, a phrase or a name that means something in this house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// Lower case without accents, with spaces between words.
    pub text: String,
    /// What it is to an order.
    pub part: Part,
}

/// Steps of the decoder at most; each takes some milliseconds.
const MOST_STEPS: usize = 64;
/// Sentences that are told at most.
const MOST_FOUND: usize = 12;
/// So much less likely than the best, as a logarithm, a sentence is not looked for any more.
const WINDOW: f32 = 5.0;
/// What a letter may cost in a sentence that was said: longer beginnings are not less likely ones.
const LETTER: f32 = 0.25;
/// By how much each word makes an order less likely, and that it has no deed or no thing.
const WORD: f32 = 0.3;
const HALF: f32 = 1.5;
/// Letters of which nobody says the same twice in one breath.
const TWICE: usize = 8;
/// Joining words side by side: "in all of the".
const MOST_GLUE: u8 = 4;

/// The words of a house by their letters.
#[derive(Debug)]
pub(super) struct Words {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    next: Vec<(u8, u32)>,
    /// A bit for each part of an order that ends here.
    ends: u8,
}

/// Where in a word a sentence is, and what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    node: u32,
    has_deed: bool,
    has_thing: bool,
    n_glue: u8,
    /// Words and names so far.
    n_words: u8,
}

const START: Place = Place { node: 0, has_deed: false, has_thing: false, n_glue: 0, n_words: 0 };

impl Place {
    /// It comes to the same.
    fn is_like(self, other: Place) -> bool {
        Place { n_words: 0, ..self } == Place { n_words: 0, ..other }
    }
}

impl Words {
    pub(super) fn new(phrases: &[Phrase]) -> Self {
        let mut words = Self { nodes: vec![Node::default()] };
        for phrase in phrases {
            let mut at = 0;
            for letter in phrase.text.bytes() {
                at = words.child(at, letter).unwrap_or_else(|| {
                    let new = words.nodes.len() as u32;
                    words.nodes.push(Node::default());
                    words.nodes[at as usize].next.push((letter, new));
                    new
                });
            }
            if at != 0 {
                words.nodes[at as usize].ends |= 1 << phrase.part as u8;
            }
        }
        words
    }

    fn child(&self, at: u32, letter: u8) -> Option<u32> {
        let next = &self.nodes[at as usize].next;
        next.iter().find(|(known, _)| *known == letter).map(|(_, node)| *node)
    }

    /// With the word done that it is at the end of.
    fn done(&self, place: Place) -> Option<Place> {
        let ends = self.nodes[place.node as usize].ends;
        let is = |part: Part| ends & (1 << part as u8) != 0;
        let n_glue = if ends == 1 << Part::Glue as u8 { place.n_glue + 1 } else { 0 };
        (ends != 0 && n_glue <= MOST_GLUE).then_some(Place {
            node: 0,
            has_deed: place.has_deed || is(Part::Deed),
            has_thing: place.has_thing || is(Part::Thing),
            n_glue,
            n_words: place.n_words.saturating_add(1),
        })
    }

    /// Where it may be after more letters.
    fn after(&self, places: &[Place], letters: &[u8]) -> Vec<Place> {
        let mut here = places.to_vec();
        for &letter in letters {
            let mut next = Vec::with_capacity(here.len() + 1);
            let mut add = |place: Place| match next
                .iter_mut()
                .find(|known: &&mut Place| known.is_like(place))
            {
                Some(known) => known.n_words = known.n_words.min(place.n_words),
                None => next.push(place),
            };
            for &place in &here {
                if letter == PAUSE[0] || letter == STOP[0] {
                    if let Some(done) = self.done(place) {
                        add(done);
                    }
                    continue;
                }
                if let Some(node) = self.child(place.node, letter) {
                    add(Place { node, ..place });
                }
                if letter == b' ' {
                    if place.node == 0 {
                        add(place);
                    } else if let Some(done) = self.done(place) {
                        add(done);
                    }
                }
            }
            here = next;
            if here.is_empty() {
                break;
            }
        }
        here
    }

    /// A text says nothing but these words, and is an order.
    pub(super) fn explain(&self, text: &str) -> bool {
        self.order(&self.after(&[START], &spelled_text(text))).is_some()
    }

    /// What an order is less likely by for what it is made of, if it is one as it stands: few words that were put
    /// together, the deed and the thing among them.
    fn order(&self, places: &[Place]) -> Option<f32> {
        let done = places.iter().filter_map(|&place| match place.node {
            0 => Some(place),
            _ => self.done(place),
        });
        let cost = |place: Place| match (place.has_deed, place.has_thing) {
            (true, true) => Some(WORD * f32::from(place.n_words)),
            (true, false) | (false, true) => Some(WORD * f32::from(place.n_words) + HALF),
            (false, false) => None,
        };
        done.filter_map(cost).min_by(f32::total_cmp)
    }
}

/// How a model's tokens are spelled, in the letters of [`Phrase`]; empty where a token is no part of a word.
pub(super) struct Spelling {
    tokens: Vec<Box<[u8]>>,
}

/// A pause within a sentence, and a sign at its end; letters are none of these.
const PAUSE: &[u8] = b",";
const STOP: &[u8] = b".";

impl Spelling {
    pub(super) fn new(context: &WhisperContext) -> Self {
        let end = context.token_eot();
        let bytes = |token| context.token_to_bytes(token).unwrap_or_default();
        let letters = |token| match bytes(token) {
            b"," => PAUSE.to_vec(),
            b"." | b"!" | b"?" | b"..." => STOP.to_vec(),
            bytes => spelled(bytes),
        };
        Self { tokens: (0..end).map(|token| letters(token).into()).collect() }
    }
}

/// Letters without accents in lower case; signs that stand between words are spaces.
fn spelled(bytes: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Vec::new() };
    let mut out = String::new();
    let mut last = ' ';
    for Letter { plain, .. } in crate::text::letters(text) {
        let is_number = last.is_ascii_digit() && plain.is_alphabetic();
        if is_number || last.is_alphabetic() && plain.is_ascii_digit() {
            out.push(' ');
        }
        match plain {
            ' ' | '\'' | '-' => out.push(' '),
            '%' | '°' => out.extend([' ', plain]),
            _ if plain.is_alphanumeric() => out.push(plain),
            _ => return Vec::new(),
        }
        last = plain;
    }
    out.into_bytes()
}

/// The same of a whole text, without its commas and stops.
fn spelled_text(text: &str) -> Vec<u8> {
    let is_mark = |c: char| matches!(c, ',' | '.' | '!' | '?');
    let plain: String = text.chars().map(|c| if is_mark(c) { ' ' } else { c }).collect();
    spelled(plain.as_bytes())
}

/// A sentence without the sign at its end, in lower case.
fn end_bare(text: &str) -> String {
    text.trim_end_matches(['.', ',', '!', '?']).to_lowercase()
}

/// It leaves out the end of a likelier sentence: "turn it off" where "turn it off no leave it" was said.
fn is_cut_short(text: &str, likelier: &str) -> bool {
    let likelier = end_bare(&likelier.replace(',', ""));
    let rest = likelier.strip_prefix(&end_bare(text));
    rest.is_some_and(|rest| rest.starts_with(' '))
}

/// A beginning of a sentence.
struct Way {
    tokens: Vec<c_int>,
    letters: Vec<u8>,
    places: Vec<Place>,
    likely: f32,
}

impl Way {
    fn start() -> Self {
        Self { tokens: Vec::new(), letters: Vec::new(), places: vec![START], likely: 0.0 }
    }

    /// These letters may follow, for all that is known without the words.
    fn may_go_on(&self, letters: &[u8]) -> bool {
        let last = self.letters.last();
        let is_gap = last == Some(&b' ') && letters.iter().all(|letter| *letter == b' ');
        let is_pause = letters == PAUSE && last == PAUSE.first();
        let is_over = last == STOP.first() || self.is_twice();
        !letters.is_empty() && !is_gap && !is_pause && !is_over
    }

    /// The same is said once more.
    fn is_twice(&self) -> bool {
        let said: Vec<u8> =
            self.letters.iter().copied().filter(|letter| *letter != PAUSE[0]).collect();
        let (first, second) = said.split_at(said.len() / 2);
        first.len() >= TWICE && first == second
    }

    fn promise(&self) -> f32 {
        self.likely + LETTER * self.letters.len() as f32
    }
}

impl PartialEq for Way {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Way {}
impl PartialOrd for Way {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Way {
    fn cmp(&self, other: &Self) -> Ordering {
        self.promise().total_cmp(&other.promise())
    }
}

/// A decoder, what it was told before, and what may come.
pub(super) struct Search<'a> {
    pub(super) context: &'a WhisperContext,
    pub(super) state: &'a mut WhisperState,
    pub(super) spelling: &'a Spelling,
    pub(super) n_threads: usize,
    /// All that comes before the first word.
    pub(super) prompt: &'a [c_int],
    /// The decoder has read the prompt of this recording, and remembers it.
    pub(super) is_told: bool,
}

impl Search<'_> {
    /// The likeliest sentences that are at least so likely, the likeliest first.
    pub(super) fn run(
        &mut self,
        words: &Words,
        heard: &str,
        mut least: f32,
        deadline: Instant,
    ) -> Result<Vec<Likely>, SpeechError> {
        // What leaves out much of what was heard is another order.
        let n = spelled_text(heard).len();
        let lengths = n * 7 / 10..=n * 14 / 10 + 2;
        let mut found: Vec<(Vec<c_int>, f32)> = Vec::new();
        // How likely the ways to the same letters are: only the likeliest is followed.
        let mut seen: HashMap<Vec<u8>, f32> = HashMap::new();
        let mut ways = BinaryHeap::from([Way::start()]);
        let mut known: Option<Vec<c_int>> = self.is_told.then(Vec::new);
        let mut n_steps = 0;
        while let Some(way) = ways.pop() {
            let is_beaten = seen.get(&way.letters).is_some_and(|best| *best > way.likely);
            if way.likely < least || is_beaten {
                continue;
            }
            if n_steps == MOST_STEPS || now() >= deadline {
                break;
            }
            n_steps += 1;
            self.tell(known.as_deref(), &way.tokens)?;
            let end = self.context.token_eot();
            let n = usize::try_from(end).unwrap_or(0) + 1;
            let logits = self.state.get_logits().map_err(failed)?.get(..n).unwrap_or_default();
            let sum = log_sum(logits);
            let likely = |logit: &f32| way.likely + logit - sum;
            if let Some(likely) = logits.last().map(likely)
                && likely >= least
                && let Some(cost) = words.order(&way.places)
                && lengths.contains(&way.letters.len())
                && !way.is_twice()
            {
                found.push((way.tokens.clone(), likely - cost));
                least = least.max(likely - cost - WINDOW);
            }
            for ((token, letters), logit) in (0..).zip(&self.spelling.tokens).zip(logits) {
                let likely = likely(logit);
                if likely < least || !way.may_go_on(letters) {
                    continue;
                }
                let places = words.after(&way.places, letters);
                if places.is_empty() {
                    continue;
                }
                let letters = [&way.letters, &**letters].concat();
                let best = seen.entry(letters.clone()).or_insert(f32::NEG_INFINITY);
                if likely > *best {
                    *best = likely;
                    let tokens = [&*way.tokens, &[token]].concat();
                    ways.push(Way { tokens, letters, places, likely });
                }
            }
            known = Some(way.tokens);
        }
        found.sort_by(|one, other| other.1.total_cmp(&one.1));
        let best = found.first().map_or(0.0, |(_, likely)| *likely);
        let mut out: Vec<Likely> = Vec::new();
        for (tokens, likely) in found {
            // Whisper hears pauses in the middle of names.
            let text = text(self.context, tokens.into_iter()).replace(',', "");
            let is_same = |other: &str| end_bare(other) == end_bare(&text);
            let is_known = is_same(heard) || out.iter().any(|known| is_same(&known.text));
            let is_less = is_cut_short(&text, heard)
                || out.iter().any(|known| is_cut_short(&text, &known.text));
            if out.len() < MOST_FOUND && !is_known && !is_less && likely >= best - WINDOW {
                out.push(Likely { text, behind: best - likely });
            }
        }
        Ok(out)
    }

    /// Has the decoder read these tokens after the prompt; it remembers that and what it was told last.
    fn tell(&mut self, known: Option<&[c_int]>, tokens: &[c_int]) -> Result<(), SpeechError> {
        let all = [self.prompt, tokens].concat();
        let is_same = |(one, other): &(&c_int, &c_int)| one == other;
        let same = |known: &[c_int]| known.iter().zip(tokens).take_while(is_same).count();
        let n_known = known.map_or(0, |known| self.prompt.len() + same(known));
        // It answers what it read last.
        let last = all.len().saturating_sub(1);
        let from = n_known.min(last);
        // What whisper.cpp tells of a token it keeps in the row of its number; only the first row can be read.
        for (at, piece) in [(from, &all[from..last]), (last, &all[last..])] {
            if !piece.is_empty() {
                self.state.decode(piece, at, self.n_threads).map_err(failed)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        let phrase = |(text, part): &(&str, Part)| Phrase { text: (*text).to_owned(), part: *part };
        let phrases = [
            ("turn on", Part::Deed),
            ("turn", Part::Deed),
            ("off", Part::Deed),
            ("the", Part::Glue),
            ("kitchen light", Part::Thing),
            ("lampe", Part::Thing),
            ("l", Part::Glue),
            ("entree", Part::Other),
            ("30", Part::Other),
            ("%", Part::Other),
        ];
        Words::new(&phrases.iter().map(phrase).collect::<Vec<_>>())
    }

    #[test]
    fn what_leaves_out_the_end_is_told_from_what_says_the_same() {
        let said = "Turn the hall light off, actually, no leave it.";
        assert!(is_cut_short("Turn the hall light off actually.", said));
        assert!(is_cut_short("turn the hall light off", said));
        assert!(!is_cut_short("Turn the hall light off actually no leave it.", said));
        assert!(!is_cut_short("Turn the hall light off act", said));
        assert!(!is_cut_short(said, "Turn the hall light off."));
    }

    #[test]
    fn what_is_made_of_the_houses_words_is_known_however_it_is_written() {
        let words = words();
        for text in [
            "Turn on the kitchen light.",
            "turn on the Kitchen Light, off!",
            "Lampe l'entrée 30%",
            "turn  on the kitchen-light",
            "Turn.",
        ] {
            assert!(words.explain(text), "{text}");
        }
        for text in [
            "",
            "Turn on the chicken light.",
            "Turn on the kitchen",
            "Kitchen lights off",
            "The entrée",
            "Turn the the the the the kitchen light",
            "Turn on the kitchen light (please)",
        ] {
            assert!(!words.explain(text), "{text}");
        }
    }

    #[test]
    fn tokens_are_followed_letter_by_letter_across_words() {
        let words = words();
        let after = |pieces: &[&str]| {
            pieces.iter().fold(vec![START], |places, piece| words.after(&places, piece.as_bytes()))
        };
        assert!(words.order(&after(&[" turn", " o", "n the kit", "chen light"])).is_some());
        assert_eq!(words.order(&after(&[" turn", " on the kit"])), None);
        assert_eq!(after(&[" tur", "key"]), []);
        // A pause only stands behind a word.
        assert!(!after(&[" turn", ",", " the"]).is_empty());
        assert_eq!(after(&[" tur", ","]), []);
    }

    #[test]
    fn few_words_and_whole_orders_are_likelier() {
        let words = words();
        let cost = |text: &str| words.order(&words.after(&[START], text.as_bytes())).unwrap();
        assert!(cost("turn on kitchen light") < cost("turn on the kitchen light"));
        assert!(cost("turn on the kitchen light") < cost("turn on off turn"));
        assert!(cost("turn kitchen light off") < cost("kitchen light"));
    }

    #[test]
    fn what_is_said_once_more_leads_nowhere() {
        let way = |letters: &str| Way { letters: letters.into(), ..Way::start() };
        assert!(way(" turn it on").may_go_on(b" now"));
        assert!(!way(" turn it on, turn it on").may_go_on(b" now"));
        assert!(!way(" turn it on turn it on").may_go_on(b","));
        assert!(way(" no no").may_go_on(b" no"));
        assert!(!way(" turn it on.").may_go_on(b" now") && !way(" on,").may_go_on(b","));
        assert!(!way(" on ").may_go_on(b" ") && !way(" on").may_go_on(b""));
    }

    #[test]
    fn letters_are_without_accents_and_signs_are_spaces() {
        let check = |text: &str, expected: &str| {
            assert_eq!(String::from_utf8(spelled(text.as_bytes())).unwrap(), expected, "{text}");
        };
        check(" Éteins", " eteins");
        check("l'entrée", "l entree");
        check("30%", "30 %");
        check("7h30", "7 h 30");
        check("[Music]", "");
        assert_eq!(spelled(b"\xc3"), b"");
    }
}
