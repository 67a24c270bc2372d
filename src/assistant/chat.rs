//! What is said to the house and is not about it: "who wrote the Moonlight Sonata". A language model may answer, in words
//! of its own, and they are told as the model's: nothing is done, and nothing that it says of the house would be known.
//! So only what names no device, room, state or deed comes to it.

use crate::home::Home;
use crate::home::target;
use crate::intent::meaning::{Memory, Reading, Way};
use crate::intent::response::Phrase;
use crate::intent::words::Situation;

use super::{Assistant, Said, Turn};

/// Letters of an answer: what is read aloud in half a minute.
const MOST_LETTERS: usize = 400;
const MOST_SENTENCES: usize = 2;

impl Assistant {
    /// Whether an utterance that nobody understood is about something else than the house. In a language whose words are
    /// not known nobody can tell.
    pub fn is_chat(&self, said: &Said<'_>, home: &Home) -> bool {
        let here = said.area.and_then(|area| target::area_named(area, home));
        let language = self.languages.get(self.language_of(said));
        let is_of_house = language.and_then(|language| {
            let vocabulary = language.vocabulary.as_ref()?;
            let names = self.indices.get(&language.code)?;
            let names = names.get_or_init(|| vocabulary.learn(home));
            let situation = Situation { home, names, here, memory: &Memory::default() };
            Some(vocabulary.is_of_house(said.text, &situation))
        });
        is_of_house == Some(false)
    }

    /// What was said before of what is not about the house, and what a model answered to it; oldest first.
    pub fn small_talk(&mut self, said: &Said<'_>) -> Vec<(String, String)> {
        self.talk(said).chat().to_vec()
    }

    /// What a model answered, told as its words; `None` where it said nothing.
    pub fn relay(&mut self, words: &str, said: &Said<'_>) -> Option<Turn> {
        let words = readable(words)?;
        self.talk(said).chatted(said.text, &words);
        let language = self.languages.get(self.language_of(said))?;
        let speaker = language.speaker();
        let text = speaker.voice.find("talk", "model")?;
        let reading = Reading {
            utterance: said.text.to_owned(),
            language: language.code.clone(),
            way: Way::Model,
            why: vec!["nothing of the house is in it: the model's own words".to_owned()],
            ..Reading::default()
        };
        let text = speaker.voice.fill(text, &[("words", &Phrase::plain(words))]);
        Some(Turn::Answer(speaker.answer(text, &reading)))
    }
}

/// Whole sentences of plain words: without marks of layout, and without what was cut off.
fn readable(words: &str) -> Option<String> {
    let plain: String = words
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| !matches!(c, '*' | '#' | '`' | '_' | '|' | '<' | '>' | '{' | '}' | '\u{fffd}'))
        .take(MOST_LETTERS)
        .collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let ends = |word: &&str| word.ends_with(['.', '!', '?', '…']);
    let words: Vec<&str> = plain.split(' ').collect();
    let n_sentences = words.iter().filter(|word| ends(word)).count().min(MOST_SENTENCES);
    let mut sentences = words.split_inclusive(ends).take(n_sentences);
    let whole = sentences.by_ref().map(|words| words.join(" ")).collect::<Vec<_>>().join(" ");
    whole.chars().any(char::is_alphabetic).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_sentences_of_plain_words() {
        let check = |words: &str, expected: Option<&str>| {
            assert_eq!(readable(words).as_deref(), expected, "{words}");
        };
        check("Beethoven wrote it.", Some("Beethoven wrote it."));
        check("**Beethoven** wrote it. He was born in", Some("Beethoven wrote it."));
        check("One. Two. Three.", Some("One. Two."));
        check("<script>alert(1)</script> Hello!", Some("scriptalert(1)/script Hello!"));
        check("no end of it", None);
        check("...", None);
        check("", None);
        assert!(readable(&"Word. ".repeat(10_000)).is_some_and(|text| text.len() <= MOST_LETTERS));
    }
}
