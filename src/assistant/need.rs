//! Needs that are told in words which no sentence and no vocabulary knows: "my toes are like ice". Whoever can tell what
//! such an utterance is about (a model) is given the needs that this house can do something about, here and now, and
//! names one of them or none. What is done about a need is what is done about its plain form ("it is too cold in here"),
//! by the same road, and never without a yes: a model may be wrong.

use crate::home::Home;
use crate::home::domain::Domain;
use crate::home::entity::Entity;
use crate::home::guard::{self, Risk};
use crate::home::target::{self, TargetWords};
use crate::intent::meaning::{Command, Memory, Reading, Step, Understanding, Way, What};
use crate::intent::response::{Phrase, Voice};
use crate::text;

use super::conversation::YES_WITHIN_S;
use super::memory::{Ask, Open, Slot};
use super::plan::Planned;
use super::{Answer, Assistant, Code, Kind, Said, Turn};

/// All needs that a model may be asked about, by the keys of the packs' groups `offer` and `meant`.
const NEEDS: [&str; 13] = [
    "light", "dim", "warm", "cool", "humid", "night", "clean", "mow", "water", "leave", "close",
    "open", FILM,
];
/// The one that is not told by a sentence but by a scene of the house.
const FILM: &str = "film";
/// How a scene for films is called, or begins to be.
const FILM_WORDS: [&str; 5] = ["movie", "film", "cinema", "cine", "kino"];

/// How likely a need must be to be asked about: more likely than all else together. Of sentences that the chooser did not
/// learn from it names half of the needs so surely, and one in thirty that is no need (`tests/needs/free`); too often to
/// act on it, and seldom enough to ask.
pub const SURE: f64 = 0.5;

/// A need that this house can do something about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Its key in the packs.
    pub key: &'static str,
    /// Its plain form, in the speaker's language.
    pub meant: String,
}

/// What is done about a need.
pub(super) struct Remedy {
    pub(super) steps: Vec<Step>,
    reading: Reading,
    language: usize,
    /// The scene, where it is one.
    scene: Option<String>,
}

impl Assistant {
    /// Whether nobody understood an utterance that gave this turn, and no question waits.
    pub fn is_lost(&mut self, turn: &Turn, said: &Said<'_>) -> bool {
        let Turn::Answer(answer) = turn else { return false };
        let is_lost = answer.kind == Kind::Error(Code::NoIntentMatch) && !answer.continues;
        is_lost && self.talk(said).open.is_none()
    }

    /// Whether an utterance that gave this turn was not done, as there is nothing like what it names, and no question waits.
    pub fn is_vain(&mut self, turn: &Turn, said: &Said<'_>) -> bool {
        let Turn::Answer(answer) = turn else { return false };
        let is_vain = answer.kind == Kind::Error(Code::NoValidTargets) && !answer.continues;
        is_vain && self.talk(said).open.is_none()
    }

    /// The needs that this house can do something about, at once, for this speaker and without harm.
    pub fn needs(&self, said: &Said<'_>, home: &Home) -> Vec<Need> {
        let Some(language) = self.languages.get(self.language_of(said)) else { return Vec::new() };
        let voice = Voice::new(&language.words);
        let can = |key: &&'static str| self.remedy(key, said, home).is_some();
        let need =
            |key: &'static str| Some(Need { key, meant: voice.find("meant", key)?.to_owned() });
        NEEDS.iter().copied().filter(can).filter_map(need).collect()
    }

    /// What is answered where a model says that something of the house is meant, and not what.
    pub fn unclear(&self, said: &Said<'_>) -> Option<Turn> {
        let language = self.languages.get(self.language_of(said))?;
        let speaker = language.speaker();
        let text = speaker.voice.find("talk", "unclear")?;
        let reading = Reading {
            utterance: said.text.to_owned(),
            language: language.code.clone(),
            way: Way::Model,
            why: vec!["the model does not know what of the house is meant".to_owned()],
            ..Reading::default()
        };
        let answer = speaker.answer(text.to_owned(), &reading);
        Some(Turn::Answer(Answer {
            kind: Kind::Error(Code::NoIntentMatch),
            continues: true,
            ..answer
        }))
    }

    /// Asks whether a need is what was meant: what a model takes an utterance for, and how surely, if it says so. Nothing
    /// is done before a yes.
    pub fn offer(
        &mut self,
        need: &str,
        share: Option<f64>,
        said: &Said<'_>,
        home: &Home,
    ) -> Option<Turn> {
        let Remedy { steps, reading, language, scene } = self.remedy(need, said, home)?;
        let language = std::sync::Arc::clone(self.languages.get(language)?);
        let meant = reading.utterance.clone();
        let surely = share.map_or_else(String::new, |share| format!(" ({share:.2})"));
        let why = format!("the model takes it for `{need}`{surely}: `{meant}`");
        let reading = Reading {
            utterance: said.text.to_owned(),
            way: Way::Model,
            score: share.unwrap_or(1.0),
            template: String::new(),
            why: vec![why],
            ..reading
        };
        let what = Phrase::plain(scene.unwrap_or_default());
        let speaker = language.speaker();
        let text = speaker.voice.find("offer", need)?;
        let answer = speaker.answer(speaker.voice.fill(text, &[("what", &what)]), &reading);
        let until = said.now.as_second() + YES_WITHIN_S;
        self.talk(said).open = Some(Open { ask: Ask::Really, steps, reading, until });
        Some(Turn::Answer(Answer { continues: true, ..answer }))
    }

    pub(super) fn remedy(&self, need: &str, said: &Said<'_>, home: &Home) -> Option<Remedy> {
        let index = self.language_of(said);
        let language = self.languages.get(index)?;
        let here = said.area.and_then(|area| target::area_named(area, home));
        let scene = (need == FILM).then(|| film(home)).flatten();
        let (steps, reading) = match &scene {
            Some((id, _)) => {
                let target = TargetWords { entities: vec![id.clone()], ..TargetWords::default() };
                let reading = Reading {
                    utterance: said.text.to_owned(),
                    language: language.code.clone(),
                    intent: "HassTurnOn".to_owned(),
                    ..Reading::default()
                };
                (vec![Step::now(Command::new(What::Activate, target))], reading)
            }
            None => {
                let meant = Voice::new(&language.words).find("meant", need)?;
                let plain = Said { text: meant, ..*said };
                let (meant, found) = self.understand(&plain, home, here, &Memory::default());
                let Understanding::Wish(steps, reading) = meant else { return None };
                if found != index {
                    return None;
                }
                (steps, reading)
            }
        };
        let steps = self.harmless(steps, &reading, said, home)?;
        let scene = scene.map(|(_, name)| name);
        Some(Remedy { steps, reading, language: index, scene })
    }

    /// Steps that are done at once and by which nothing can go wrong; where the only thing that it can be would be asked
    /// about, that one is meant.
    pub(super) fn harmless(
        &self,
        mut steps: Vec<Step>,
        reading: &Reading,
        said: &Said<'_>,
        home: &Home,
    ) -> Option<Vec<Step>> {
        let language = self.languages.get(self.language_of(said))?;
        let here = said.area.and_then(|area| target::area_named(area, home));
        let planner = self.planner(language, said, here, home, false);
        let mut planned = planner.plan(&steps, reading.clone(), None);
        // The only one that it can be is asked about anyway.
        if let Planned::Which { candidates, step, slot: Slot::Target, .. } = &planned
            && let ([only], Some(step)) = (&candidates[..], steps.get_mut(*step))
        {
            step.command.target =
                TargetWords { entities: vec![only.clone()], ..TargetWords::default() };
            planned = planner.plan(&steps, reading.clone(), None);
        }
        let Planned::Plan(plan) = planned else { return None };
        let is_harmless = plan.calls.iter().all(|(id, action)| {
            home.entity(id.as_str()).is_some_and(|entity| {
                // A degree or two, after a yes.
                let risk = guard::risk(entity, action, home);
                matches!(risk, Risk::Harmless | Risk::Heating) && !guard::is_guarded(entity, home)
            })
        });
        let does_it = !plan.calls.is_empty() && plan.asks.is_empty() && plan.is_all_now();
        (does_it && is_harmless).then_some(steps)
    }
}

/// The only scene of the house that is for films, and its name.
fn film(home: &Home) -> Option<(crate::home::id::EntityId, String)> {
    let is_film = |name: &str| {
        let key = text::key(name);
        key.split(' ').any(|word| FILM_WORDS.iter().any(|film| word.starts_with(film)))
    };
    let scene = only_scene(home, is_film)?;
    Some((scene.id.clone(), scene.friendly_name.to_string()))
}

/// The scene that is called so, if there is just one.
pub(super) fn only_scene(home: &Home, is_called: impl Fn(&str) -> bool) -> Option<&Entity> {
    let mut scenes = home.entities().filter(|entity| {
        entity.is_enabled() && entity.domain == Domain::Scene && entity.names().any(&is_called)
    });
    scenes.next().filter(|_| scenes.next().is_none())
}
