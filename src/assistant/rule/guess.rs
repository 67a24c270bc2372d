//! A rule of which only the deed is told in words that nobody knows: "when somebody comes home get the crumbs off the floor".
//! Whoever can tell which need that is about (a model) names it. The rule is shown back as a sentence, with what is done about
//! the need in it, and is armed after a yes, as any other.

use crate::home::Home;
use crate::home::target;
use crate::intent::meaning::{Understanding, Way};
use crate::intent::rule::RuleWords;

use super::super::need::Remedy;
use super::{Arc, Area, Assistant, Language, Said, Turn};

impl Assistant {
    /// The words of a rule's deed, where all but these is understood.
    pub fn unknown_deed(&mut self, said: &Said<'_>, home: &Home) -> Option<String> {
        let here = said.area.and_then(|area| target::area_named(area, home));
        self.half_rule(said, here, home)?.0.deeds.pop()
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
        let (mut words, language) = self.half_rule(said, here, home)?;
        let Remedy { steps, .. } = self.remedy(need, said, home)?;
        words.reading.way = Way::Model;
        words.reading.score = share.unwrap_or(1.0);
        words.reading.why.push(format!("the model takes what is to be done for `{need}`"));
        Some(self.propose(words, Some(steps), &language, said, here, home))
    }

    /// A rule whose deed nobody understands.
    fn half_rule(
        &mut self,
        said: &Said<'_>,
        here: Option<&Area>,
        home: &Home,
    ) -> Option<(RuleWords, Arc<Language>)> {
        let (words, language) = self.rule_words(said, here, home)?;
        let (unknown, _) = self.deed_steps(&words, said, here, home).err()?;
        let is_unknown =
            matches!(*unknown, Understanding::Nothing | Understanding::UnknownName(..));
        is_unknown.then_some((words, language))
    }
}
