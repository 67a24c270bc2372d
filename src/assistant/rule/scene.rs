//! "Save this as movie night": the present state of a room becomes a scene of the house. What could let people in, and what
//! nobody knows the state of, is left out.

use std::sync::Arc;

use crate::assistant::{Answer, Assistant, Code, Speaker};
use crate::automation::rule::engine::Stand;
use crate::automation::rule::kept::RuleEdit;
use crate::automation::rule::{Kind as RuleKind, RuleKey};
use crate::home::Home;
use crate::home::domain::Domain;
use crate::home::entity::Entity;
use crate::home::guard;
use crate::home::id::EntityId;
use crate::home::place::Area;
use crate::home::target;
use crate::home::value::Value;
use crate::intent::response::Phrase;
use crate::text;

use super::{Draft, RuleTurn, write};

/// What belongs to the mood of a room.
const KINDS: [Domain; 6] = [
    Domain::Light,
    Domain::Switch,
    Domain::Cover,
    Domain::Fan,
    Domain::Climate,
    Domain::Humidifier,
];
/// Attributes that a scene brings about, beside the state.
const KEPT: [&str; 7] = [
    "brightness",
    "color_temp_kelvin",
    "hs_color",
    "rgb_color",
    "effect",
    "current_position",
    "percentage",
];

impl Assistant {
    /// Makes a scene of how things are now.
    pub(super) fn keep_scene(
        &mut self,
        turn: &RuleTurn,
        name: &str,
        place: Option<&str>,
        is_all: bool,
        known: &[Stand],
        home: &Home,
    ) -> (Answer, Vec<RuleEdit>) {
        let speaker = turn.language.speaker();
        let place = place.or(turn.area.as_deref());
        let area = place.and_then(|place| target::area_named(place, home));
        if area.is_none() && !is_all {
            return (speaker.scene_trouble("which_room", "", turn), Vec::new());
        }
        let members: Vec<&Entity> = home
            .entities()
            .filter(|entity| belongs(entity, area.filter(|_| !is_all), home))
            .collect();
        let states: Vec<(Arc<str>, Value)> = members
            .iter()
            .filter_map(|entity| Some((entity.id.shared(), state(entity)?)))
            .collect();
        if states.is_empty() {
            return (speaker.scene_trouble("nothing_to_keep", "", turn), Vec::new());
        }
        let is_it = |stand: &&Stand| {
            stand.rule.key.kind() == RuleKind::Scene
                && text::key(&stand.rule.alias) == text::key(name)
        };
        let old = known.iter().find(is_it);
        let key = match old {
            Some(stand) => stand.rule.key.clone(),
            None => RuleKey::new(RuleKind::Scene, &format!("{}", turn.at)),
        };
        let ids: Vec<EntityId> = states.iter().map(|(id, _)| EntityId::new(id)).collect();
        let source = write::map(&[("name", name.into()), ("entities", Value::Map(states))]);
        let what = speaker.named(&ids, ids.len(), home);
        let name = Phrase::plain(name);
        let gaps = [("name", &name), ("what", &what)];
        let text = speaker.voice.say("rule", "scene_kept", &gaps);
        let edit = RuleEdit::Put(key, source);
        if old.is_some() {
            // What somebody made before is not lost by a word.
            let question = speaker.voice.say("rule", "scene_again", &gaps);
            self.wait_for_yes(Draft::Edit(edit, text), turn);
            let answer = speaker.noted(question, &turn.reading);
            return (Answer { continues: true, ..answer }, Vec::new());
        }
        (speaker.noted(text, &turn.reading), vec![edit])
    }
}

impl Speaker<'_> {
    fn scene_trouble(&self, key: &'static str, what: &str, turn: &RuleTurn) -> Answer {
        let text = self.voice.say("rule_trouble", key, &[("what", &Phrase::plain(what))]);
        Answer::error(Code::NoValidTargets, text, self.code).of(&turn.reading)
    }
}

fn belongs(entity: &Entity, area: Option<&Area>, home: &Home) -> bool {
    let is_there =
        area.is_none_or(|area| home.area_of(entity).is_some_and(|there| there.id == area.id));
    is_there
        && entity.is_enabled()
        && entity.is_available()
        && entity.traits.category.is_none()
        && KINDS.contains(&entity.domain)
        && !guard::is_guarded(entity, home)
}

/// The state of a thing as a scene has it.
fn state(entity: &Entity) -> Option<Value> {
    let view = entity.view()?;
    let word = &*view.word;
    let word = match (entity.domain, word) {
        (_, "unknown" | "unavailable") => return None,
        (Domain::Cover, "opening") => "open",
        (Domain::Cover, "closing") => "closed",
        (Domain::Light | Domain::Switch | Domain::Fan | Domain::Humidifier, "on" | "off")
        | (Domain::Cover, "open" | "closed")
        | (Domain::Climate, _) => word,
        _ => return None,
    };
    let mut fields = vec![("state", Value::from(word))];
    if word == "off" {
        return Some(write::map(&fields));
    }
    let mode = view.attributes.named("color_mode").and_then(Value::as_str);
    for name in KEPT {
        // Of a color only what makes it: the others follow.
        let is_shown = match name {
            "color_temp_kelvin" => mode == Some("color_temp"),
            "hs_color" => mode == Some("hs"),
            "rgb_color" => {
                !matches!(mode, None | Some("hs" | "color_temp" | "brightness" | "onoff"))
            }
            _ => true,
        };
        let value = view.attributes.named(name).filter(|value| **value != Value::Null);
        fields.extend(value.filter(|_| is_shown).map(|value| (name, value.clone())));
    }
    if entity.domain == Domain::Climate || entity.domain == Domain::Humidifier {
        for name in ["temperature", "humidity"] {
            let value = view.attributes.named(name).filter(|value| **value != Value::Null);
            fields.extend(value.map(|value| (name, value.clone())));
        }
    }
    Some(write::map(&fields))
}
