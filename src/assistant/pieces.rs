//! Several wishes in one utterance, one of them in words that nobody knows: "turn off the lamp, and then my toes are like
//! ice". Each piece is understood for itself, or a model says which need it is about. Only where all of them are clear and
//! harmless are they asked about, all together and in their order; nothing is done before a yes.

use crate::home::Home;
use crate::home::target;
use crate::intent::meaning::{Memory, Reading, Step, Understanding, Way};
use crate::intent::response::{Phrase, Voice};

use super::conversation::YES_WITHIN_S;
use super::memory::{Ask, Open};
use super::plan::Planned;
use super::{Answer, Assistant, Said, Turn};

/// Wishes that anybody has at once.
const MOST: usize = 3;

/// One wish of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its words.
    pub text: String,
    /// What it is about: understood as it stands, or the key of a need that a model named, or neither.
    pub meant: Meant,
}

/// How a piece is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// By its own words.
    Plainly,
    /// As this need.
    Need(&'static str),
    /// Not at all.
    Unknown,
}

impl Assistant {
    /// The wishes of an utterance that nobody understood as a whole. Empty where it is one, where they are too many, or where
    /// each is plain: then it is something else that nobody understands.
    pub fn pieces(&self, said: &Said<'_>, home: &Home) -> Vec<Piece> {
        let language = self.languages.get(self.language_of(said));
        let vocabulary = language.and_then(|language| language.vocabulary.as_ref());
        let pieces = vocabulary.map(|vocabulary| vocabulary.pieces(said.text)).unwrap_or_default();
        if !(2..=MOST).contains(&pieces.len()) {
            return Vec::new();
        }
        let piece = |text: &str| {
            let is_plain = self.plain_piece(text, said, home).is_some();
            let meant = if is_plain { Meant::Plainly } else { Meant::Unknown };
            Piece { text: text.to_owned(), meant }
        };
        let pieces: Vec<Piece> = pieces.into_iter().map(piece).collect();
        match pieces.iter().all(|piece| piece.meant == Meant::Plainly) {
            true => Vec::new(),
            false => pieces,
        }
    }

    /// Asks whether all these are what was meant, one after the other.
    pub fn offer_pieces(&mut self, pieces: &[Piece], said: &Said<'_>, home: &Home) -> Option<Turn> {
        let language = std::sync::Arc::clone(self.languages.get(self.language_of(said))?);
        let voice = Voice::new(&language.words);
        let (mut steps, mut told) = (Vec::new(), Vec::new());
        for piece in pieces {
            let (more, words) = match piece.meant {
                Meant::Plainly => (self.plain_piece(&piece.text, said, home)?, &*piece.text),
                Meant::Need(need) => {
                    (self.remedy(need, said, home)?.steps, voice.find("meant", need)?)
                }
                Meant::Unknown => return None,
            };
            steps.extend(more);
            told.push(
                voice.fill(voice.find("offer", "piece")?, &[("what", &Phrase::plain(words))]),
            );
        }
        let reading = Reading {
            utterance: said.text.to_owned(),
            language: language.code.clone(),
            way: Way::Model,
            why: vec![format!("the model takes it for {}", told.join(", "))],
            ..Reading::default()
        };
        let here = said.area.and_then(|area| target::area_named(area, home));
        let planner = self.planner(&language, said, here, home, false);
        let Planned::Plan(_) = planner.plan(&steps, reading.clone(), None) else { return None };
        let speaker = language.speaker();
        let what = Phrase::plain(told.join(", "));
        let text = speaker.voice.fill(voice.find("offer", "pieces")?, &[("what", &what)]);
        let answer = speaker.answer(text, &reading);
        let until = said.now.as_second() + YES_WITHIN_S;
        self.talk(said).open = Some(Open { ask: Ask::Really, steps, reading, until });
        Some(Turn::Answer(Answer { continues: true, ..answer }))
    }

    /// What is done about a piece that needs no model, if it is done at once and harmless.
    fn plain_piece(&self, text: &str, said: &Said<'_>, home: &Home) -> Option<Vec<Step>> {
        let here = said.area.and_then(|area| target::area_named(area, home));
        let plain = Said { text, ..*said };
        let (meant, found) = self.understand(&plain, home, here, &Memory::default());
        let Understanding::Wish(steps, reading) = meant else { return None };
        if found != self.language_of(said) {
            return None;
        }
        self.harmless(steps, &reading, said, home)
    }
}
