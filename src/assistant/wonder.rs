//! Questions of the house in words that nobody knows: "do I have to fear burglars". Whoever can tell what such words are
//! about (a model) is given the questions that this house can answer, by their plain forms, and names one of them. The
//! answer is that of the plain form: of the house's own facts, in our own words, with its numbers; and nothing is done.

use crate::home::Home;
use crate::home::target;
use crate::intent::meaning::{Memory, Understanding, Way};
use crate::intent::response::Voice;

use super::answer::asked_about;
use super::{Assistant, Kind, Need, Said, Turn};

/// All of them, by the keys of the packs' group `wondered`.
const QUESTIONS: [&str; 6] =
    ["which_open", "lights_on", "unlocked", "temperature", "batteries", "who"];

impl Assistant {
    /// The questions that this house can answer now.
    pub fn questions(&self, said: &Said<'_>, home: &Home) -> Vec<Need> {
        let question = |key: &'static str| {
            Some(Need { key, meant: self.plain_question(key, said, home)?.to_owned() })
        };
        QUESTIONS.iter().copied().filter_map(question).collect()
    }

    /// Answers a question of [`Assistant::questions`] for which a model takes what was said; `None` where it is none.
    pub fn answer_as(&mut self, key: &str, said: &Said<'_>, home: &Home) -> Option<Turn> {
        let meant = self.plain_question(key, said, home)?.to_owned();
        let before = self.talks.clone();
        let turn = self.hear(&Said { text: &meant, ..*said }, home);
        let Turn::Answer(mut answer) = turn else {
            self.talks = before;
            return None;
        };
        if answer.kind != Kind::QueryAnswer {
            self.talks = before;
            return None;
        }
        answer.by = Some(Way::Model.word());
        answer.why.push(format!("the model takes it for the question `{meant}`"));
        Some(Turn::Answer(answer))
    }

    /// Its plain form in the speaker's language, where something of the house is meant by it.
    fn plain_question(&self, key: &str, said: &Said<'_>, home: &Home) -> Option<&str> {
        let key = QUESTIONS.iter().find(|known| **known == key)?;
        let index = self.language_of(said);
        let meant = Voice::new(&self.languages.get(index)?.words).find("wondered", key)?;
        let here = said.area.and_then(|area| target::area_named(area, home));
        let plain = Said { text: meant, ..*said };
        let (understood, found) = self.understand(&plain, home, here, &Memory::default());
        let Understanding::Question(question, _) = understood else { return None };
        let has_some = asked_about(&question, here, home).is_ok_and(|about| !about.is_empty());
        (has_some && found == index).then_some(meant)
    }
}
