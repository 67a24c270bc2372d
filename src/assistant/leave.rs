//! "I'm leaving": the house's own scene for it is applied; a house without one offers to turn off the lights, and waits for
//! a yes, for others may still be at home.

use std::sync::Arc;

use crate::home::Home;
use crate::home::id::EntityId;
use crate::home::place::Area;
use crate::home::target::TargetWords;
use crate::intent::meaning::{Command, Reading, Step, Way, What};
use crate::intent::response::Voice;
use crate::text;

use super::need::only_scene;
use super::{Assistant, Said, Turn};

/// The need that is offered, by the keys of the packs' groups `offer` and `meant`.
const NEED: &str = "leave";

impl Assistant {
    /// What comes of somebody's saying that they leave; `key` is what was said, as words are compared.
    pub(super) fn leaving(
        &mut self,
        key: &str,
        said: &Said<'_>,
        here: Option<&Area>,
        home: &Home,
    ) -> Option<Turn> {
        let (_, language) = self
            .spoken(said)
            .find(|(_, language)| Voice::new(&language.words).find("leaving", key).is_some())?;
        let language = Arc::clone(language);
        let scene = scene(home, &Voice::new(&language.words));
        let Some(scene) = scene else { return self.offer(NEED, None, said, home) };
        let target = TargetWords { entities: vec![scene], ..TargetWords::default() };
        let reading = Reading {
            utterance: said.text.to_owned(),
            language: language.code.clone(),
            intent: "HassTurnOn".to_owned(),
            way: Way::Words,
            score: 1.0,
            ..Reading::default()
        };
        let steps = [Step::now(Command::new(What::Activate, target))];
        Some(self.act(&steps, reading, &language, said, here, home, false))
    }
}

/// The only scene of the whole house that is called as one says that one leaves, or as that is called.
fn scene(home: &Home, voice: &Voice<'_>) -> Option<EntityId> {
    let is_called = |name: &str| {
        let key = text::key(name);
        voice.find("leaving", &key).or_else(|| voice.find("leaving_names", &key)).is_some()
    };
    only_scene(home, is_called).map(|scene| scene.id.clone())
}
