//! "Clean the kitchen": the one robot that can, and what it is to do there.

use std::sync::Arc;

use crate::home::Home;
use crate::home::action::Refusal;
use crate::home::domain::{Action, Caps, Domain, vacuum};
use crate::home::entity::Entity;
use crate::home::place::Area;
use crate::home::service::Fields;
use crate::home::target::{self, By, Target, TargetWords};
use crate::home::value::Value;
use crate::intent::meaning::{Command, Reading, What};
use crate::text;

use super::plan::{Part, Told};
use super::{Answer, Assistant, Language, Said, Turn};

impl Assistant {
    /// "Clean the kitchen": the one robot that can.
    pub(super) fn clean(
        &mut self,
        name: Option<&str>,
        area: &str,
        reading: Reading,
        language: &Arc<Language>,
        said: &Said<'_>,
        home: &Home,
    ) -> Turn {
        let words = TargetWords {
            name: name.map(str::to_owned),
            area: Some(area.to_owned()),
            domains: vec![Domain::Vacuum],
            ..TargetWords::default()
        };
        let found = match target::area_named(area, home) {
            Some(area) => cleaner(name, area, home),
            None => {
                let nearest = text::nearest(area, home.areas().map(|area| area.name.as_str()));
                Err(Refusal::NoSuchPlace { said: area.to_owned(), nearest })
            }
        };
        let command = Command::new(What::Start, words.clone());
        let (entity, action) = match found {
            Ok(found) => found,
            Err(refusal) => {
                let speaker = language.speaker();
                let mut command = command;
                if let (Refusal::CannotDo(_), None) = (&refusal, name) {
                    let robot = home.entities().find(|e| e.domain == Domain::Vacuum);
                    command.target.name = robot.map(|robot| robot.friendly_name.to_string());
                }
                let answer = speaker.no_target(&refusal, &command, &reading, home);
                return Turn::Answer(Answer { continues: false, ..answer });
            }
        };
        let ids = vec![entity.id.clone()];
        let mut plan = self.planner(language, said, None, home, false).empty(reading);
        plan.calls.push((entity.id.clone(), action));
        plan.parts.push(Part {
            command,
            found: vec![(words, Target { entities: ids.clone(), by: By::Name })],
            except: Vec::new(),
            entities: ids,
            calls: 0..1,
            refused: Vec::new(),
            asked: Vec::new(),
            told: Told::Outcomes,
        });
        self.keep(Box::new(plan), said, home)
    }
}

/// The robot that can clean a room, and what it is to do.
fn cleaner<'h>(
    name: Option<&str>,
    area: &Area,
    home: &'h Home,
) -> Result<(&'h Entity, Action), Refusal> {
    let named = |entity: &&Entity| match name {
        Some(name) => entity.names().any(|known| text::key(known) == text::key(name)),
        None => true,
    };
    let action = |entity: &Entity| {
        let Some(Caps::Vacuum(vacuum)) = &entity.caps else { return None };
        let ids = Value::List(vec![Value::Text(area.name.as_str().into())]);
        let fields = Fields::new([("cleaning_area_id".into(), ids)]);
        if vacuum.can_clean_segments {
            let action = entity.domain.action("clean_area", fields).ok()?;
            return home.accept(entity.id.as_str(), action.clone()).is_ok().then_some(action);
        }
        // It is the only room that it knows.
        let is_there = home.area_of(entity).is_some_and(|there| there.id == area.id);
        entity.domain.action("start", Fields::default()).ok().filter(|_| is_there)
    };
    let vacuums: Vec<&Entity> = home
        .entities()
        .filter(|entity| entity.is_enabled() && entity.domain == Domain::Vacuum)
        .filter(named)
        .collect();
    let able: Vec<(&Entity, Action)> =
        vacuums.iter().filter_map(|entity| Some((*entity, action(entity)?))).collect();
    match (&able[..], &vacuums[..]) {
        ([(entity, action)], _) => Ok((entity, action.clone())),
        ([], []) => Err(Refusal::NothingThere),
        ([], [only, ..]) => Err(match home.accept(only.id.as_str(), start()) {
            Err(refusal) => refusal,
            Ok(_) => Refusal::CannotDo("clean_area"),
        }),
        (several, _) => {
            Err(Refusal::Ambiguous(several.iter().map(|(entity, _)| entity.id.clone()).collect()))
        }
    }
}

/// Whether a robot can clean this room alone.
pub(super) fn can_clean(name: Option<&str>, area: &str, home: &Home) -> bool {
    target::area_named(area, home).is_some_and(|area| cleaner(name, area, home).is_ok())
}

fn start() -> Action {
    Action::Vacuum(vacuum::Action::Start)
}
