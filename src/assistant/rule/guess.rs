//! A rule of which one half is told in words that nobody knows. Where it is the deed ("when somebody comes home get the crumbs
//! off the floor"), whoever can tell which need that is about (a model) names it: the rule is shown back as a sentence, with
//! what is done about the need in it, and is armed after a yes, as any other. Otherwise it is told which half it is.

use crate::home::Home;
use crate::home::target;
use crate::intent::meaning::{Understanding, Way};
use crate::intent::response::Phrase;
use crate::intent::rule::{HalfRule, RuleWords};

use super::super::need::Remedy;
use super::super::weigh;
use super::{Answer, Arc, Area, Assistant, Code, Language, Said, Turn};

impl Assistant {
    /// The words of a rule's deed, where all but these is understood.
    pub fn unknown_deed(&mut self, said: &Said<'_>, home: &Home) -> Option<String> {
        let here = said.area.and_then(|area| target::area_named(area, home));
        self.without_deed(said, here, home)?.0.deeds.pop()
    }

    /// Whether it is a rule of which only the deed is understood. Nobody is asked what the whole of it may be about: the deed
    /// alone is not what was said.
    pub fn lacks_event(&self, said: &Said<'_>, home: &Home) -> bool {
        let here = said.area.and_then(|area| target::area_named(area, home));
        matches!(self.half_rule(said, here, home), Some((HalfRule::Event { .. }, _)))
    }

    /// Which half of a rule is understood and which is not, where nothing was `understood`.
    pub(in super::super) fn half_understood(
        &self,
        understood: &Understanding,
        said: &Said<'_>,
        here: Option<&Area>,
        home: &Home,
    ) -> Option<Answer> {
        let (half, language) = self.half_rule(said, here, home)?;
        let (known, unknown) = match half {
            HalfRule::Event { deed, event } => (deed, event),
            HalfRule::Deed(words) => {
                let has_verb = self.rule_words(said, here, home).is_some();
                if has_verb && matches!(understood, Understanding::UnknownName(..)) {
                    // What is done to it is known, and its name tells more.
                    return None;
                }
                let [deed] = <[String; 1]>::try_from(words.deeds).ok()?;
                let (before, after) = said.text.split_once(&*deed)?;
                let known = format!("{} {}", before.trim(), after.trim());
                let known = known.trim_matches(|c: char| !c.is_alphanumeric());
                (known.to_owned(), deed)
            }
        };
        let (known, unknown) = (Phrase::plain(known), Phrase::plain(unknown));
        let parts = [("known", &known), ("unknown", &unknown)];
        let text = language.speaker().voice.say("rule_trouble", "half", &parts);
        Some(Answer::error(Code::NoIntentMatch, text, &language.code))
    }

    /// Shows the rule back, with what is done about this need for its deed; how surely that is meant, if anybody says so.
    pub fn offer_rule(
        &mut self,
        need: &str,
        share: Option<f64>,
        said: &Said<'_>,
        home: &Home,
    ) -> Option<Turn> {
        let here = said.area.and_then(|area| target::area_named(area, home));
        let (mut words, language) = self.without_deed(said, here, home)?;
        let Remedy { steps, .. } = self.remedy(need, said, home)?;
        words.reading.way = Way::Model;
        words.reading.score = share.unwrap_or(1.0);
        words.reading.why.push(format!("the model takes what is to be done for `{need}`"));
        Some(self.propose(words, Some(steps), &language, said, here, home))
    }

    /// A rule whose deed nobody understands.
    fn without_deed(
        &mut self,
        said: &Said<'_>,
        here: Option<&Area>,
        home: &Home,
    ) -> Option<(RuleWords, Arc<Language>)> {
        let found = self.rule_words(said, here, home);
        let (words, language) = found.or_else(|| match self.half_rule(said, here, home)? {
            (HalfRule::Deed(words), language) => Some((*words, language)),
            (HalfRule::Event { .. }, _) => None,
        })?;
        let (unknown, _) = self.deed_steps(&words, said, here, home).err()?;
        weigh::is_lost(&unknown).then_some((words, language))
    }
}
