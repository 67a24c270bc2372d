//! What is wished for another time: from a plan's later steps to entries of the agenda, and back to
//! steps when their time has come. Whether they may be done is asked both times, by the same
//! planner. What is to be done is written down in words of its own, so that it outlives a restart.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, Zoned};

use crate::automation::{
    Agenda, Asker, Calendar, Check, Deed, Due, EntryId, Fate, Moment, Ripe, Task, Unable, Wish,
    when,
};
use crate::home::Home;
use crate::home::domain::State;
use crate::home::entity::Entity;
use crate::home::id::EntityId;
use crate::home::person::Means;

use crate::home::target::{self, TargetWords};
use crate::home::value::Value;
use crate::intent::meaning::{Amount, Asked, Command, Condition, Reading, Step, What, When};
use crate::intent::response::Phrase;

use super::plan::{Instead, Plan, Told};
use super::{Answer, Assistant, Code, Kind, Language, Said, Speaker, Turn, ahead, condition};

/// The intent of what is done because its time has come.
pub(super) const PLANNED: &str = "HomardPlanned";

impl Assistant {
    /// Puts what a plan has for later into the agenda. What it says about it is part of
    /// [`Plan::conclude`] then.
    pub fn keep_later(
        &mut self,
        plan: &mut Plan,
        from: &Asker,
        agenda: &mut Agenda,
        home: &Home,
        now: Moment,
    ) {
        let language = Arc::clone(&plan.language);
        let speaker = language.speaker();
        let zoned = now.wall.to_zoned(self.zone.clone());
        let from = Asker { language: plan.reading.language.clone(), ..from.clone() };
        let mut notes: Vec<String> = Vec::new();
        let mut failed: Option<Unable> = None;
        for id in std::mem::take(&mut plan.forgets) {
            agenda.cancel(id);
        }
        for (id, what) in plan.wished_anew() {
            let word = wish(&what, Vec::new());
            let is_value = !word.fields.is_empty();
            agenda.release(&id, |booked| !is_value || booked.what == word.what);
        }
        let mut planned: Vec<EntryId> = Vec::new();
        for step in std::mem::take(&mut plan.later) {
            let said = plan.reading.utterance.as_str();
            let kept = self.keep_step(&step, &from, said, agenda, home, (now, &zoned));
            match kept {
                Ok((due, id)) => {
                    planned.push(id);
                    let key = if step.when == When::Now { "back" } else { "noted" };
                    let time = match step.when {
                        When::Every(rhythm) => speaker.rhythm(rhythm),
                        _ => speaker.due(due, now, &zoned),
                    };
                    let time = Phrase::plain(time);
                    let note = speaker.voice.say("later", key, &[("time", &time)]);
                    if !notes.contains(&note) {
                        notes.push(note);
                    }
                }
                Err(unable) => failed = Some(unable),
            }
        }
        if let Some(unable) = failed {
            let text = speaker.unable(unable);
            let waits = plan.parts.iter_mut().filter(|part| part.told == Told::Later);
            let mut is_told = false;
            for part in waits {
                part.told = Told::Instead(Instead::NotKept(std::mem::take(&mut notes).join(" ")));
                if !is_told {
                    part.told = Told::Instead(Instead::NotKept(text.clone()));
                }
                is_told = true;
            }
            if !is_told {
                notes.push(text);
            }
        }
        plan.notes = notes;
        if !planned.is_empty() {
            self.remember_planned(&from, &planned, plan.calls.is_empty(), now);
        }
    }

    /// Remembers what was put in the agenda, for "cancel that"; `is_only` if nothing else was done.
    pub(super) fn remember_planned(
        &mut self,
        from: &Asker,
        planned: &[EntryId],
        is_only: bool,
        now: Moment,
    ) {
        let room = from.area.as_ref().filter(|_| from.means == Means::Spoken);
        let room = room.map(|area| format!("room {area}"));
        let at = now.wall.as_second();
        for key in std::iter::once(from.conversation.as_str()).chain(room.as_deref()) {
            self.talks.open(key, None, at).planned(planned, is_only, at);
        }
    }

    /// Puts one step into the agenda; its time.
    fn keep_step(
        &self,
        step: &Step,
        from: &Asker,
        said: &str,
        agenda: &mut Agenda,
        home: &Home,
        (now, zoned): (Moment, &Zoned),
    ) -> Result<(Due, EntryId), Unable> {
        let entities = &step.command.target.entities;
        let (due, deed) = match (step.when, step.lasting_s) {
            // It is done now; what is left to do is to end it.
            (When::Now, Some(seconds)) => {
                let wishes = ending(&step.command.what, entities, home);
                if wishes.is_empty() {
                    return Err(Unable::NoEnd);
                }
                (ahead::after(seconds, now)?, Deed { wishes, is_end: true, ..Deed::default() })
            }
            (When::Now, None) => return Err(Unable::BadTime),
            (when, lasting_s) => {
                let due = ahead::due(when, now, zoned, &self.calendar())?;
                if let Some(seconds) = lasting_s {
                    when::ahead(seconds)?;
                }
                let here = from.area.as_ref().and_then(|area| home.area(area.as_str()));
                let only_if = step
                    .only_if
                    .iter()
                    .map(|condition| {
                        let words = condition::about(&condition.target, &step.command, home);
                        let found = target::to_ask(&words, here, home);
                        let entities = found.map_err(|_| Unable::NoSuch)?.entities;
                        Ok(check(condition, entities, words.classes))
                    })
                    .collect::<Result<Vec<Check>, Unable>>()?;
                let wishes = vec![wish(&step.command.what, entities.clone())];
                (due, Deed { wishes, only_if, lasting_s, is_end: false })
            }
        };
        let (from, task) = (from.clone(), Task::Deed(deed));
        let id = match step.when {
            When::Every(rhythm) => agenda.add_standing(from, said, rhythm, task, now)?,
            _ => agenda.add(from, said, due, task, now)?,
        };
        Ok((due, id))
    }

    /// By which calendar things come again.
    pub fn calendar(&self) -> Calendar {
        Calendar { zone: self.zone.clone(), place: self.place }
    }

    /// What is to be done about an entry of the agenda whose time has come.
    pub fn due(&mut self, ripe: &Ripe, home: &Home, now: Timestamp) -> Turn {
        let Ripe { entry, late_s, fate } = ripe;
        let from = &entry.from;
        let said = Said {
            text: "",
            language: Some(&from.language),
            area: from.area.as_ref().map(|area| area.as_str()),
            conversation: &from.conversation,
            now,
            role: from.role,
            means: from.means,
            speaker: None,
        };
        let Some(language) = self.languages.get(self.language_of(&said)).cloned() else {
            return Turn::Answer(Answer::error(Code::NoIntentMatch, entry.said.as_str(), ""));
        };
        let speaker = language.speaker();
        let zoned = now.to_zoned(self.zone.clone());
        let of = match &entry.task {
            Task::Timer { then: Some(then), .. } => then,
            _ => &entry.said,
        };
        let told = |text: String| {
            let reading = Reading {
                utterance: entry.said.clone(),
                language: from.language.clone(),
                ..Reading::default()
            };
            let answer = speaker.answer(text, &reading);
            let kind = match fate {
                // Something that should have been is not.
                Fate::Missed | Fate::Interrupted => Kind::Error(Code::FailedToHandle),
                Fate::ToldLate if matches!(entry.task, Task::Remind(_)) => {
                    Kind::Error(Code::FailedToHandle)
                }
                Fate::Happens | Fate::ToldLate => answer.kind,
            };
            Turn::Answer(Answer { intent: None, by: None, kind, ..answer })
        };
        match (&entry.task, fate) {
            (Task::Timer { then: Some(then), .. }, Fate::Happens) => {
                self.hear(&Said { text: then, ..said }, home)
            }
            (Task::Deed(deed), Fate::Happens) => {
                let steps: Vec<Step> = deed.wishes.iter().filter_map(|w| step(w, deed)).collect();
                let reading = Reading {
                    utterance: entry.said.clone(),
                    language: language.code.clone(),
                    intent: PLANNED.to_owned(),
                    ..Reading::default()
                };
                let area = from.area.as_ref().and_then(|area| home.area(area.as_str()));
                // Who could say yes was asked when it was planned.
                self.act(&steps, reading, &language, &said, area, home, true)
            }
            (Task::Timer { name, .. }, Fate::Happens | Fate::ToldLate) => {
                told(speaker.timer_over(name.as_deref(), *late_s, *fate))
            }
            (Task::Timer { name, then: None, .. }, Fate::Interrupted) => {
                let timer = speaker.timer_named(name.as_deref());
                told(speaker.voice.say("timer", "over_unsure", &[("timer", &timer)]))
            }
            (Task::Say(text) | Task::Remind(text), Fate::Interrupted) => {
                let text = Phrase::plain(text.as_str());
                told(speaker.voice.say("later", "said_unsure", &[("text", &text)]))
            }
            (Task::Say(text) | Task::Remind(text), Fate::ToldLate) => {
                let ago = speaker.ago(*late_s);
                let text = Phrase::plain(text.as_str());
                told(speaker.voice.say("later", "said_late", &[("ago", &ago), ("text", &text)]))
            }
            (Task::Remind(text), _) => {
                let text = Phrase::plain(text.as_str());
                told(speaker.voice.say("remind", "now", &[("text", &text)]))
            }
            (Task::Say(text), _) => told(text.clone()),
            (_, Fate::Missed | Fate::ToldLate) => {
                let at = now.saturating_sub(SignedDuration::from_secs_f64(*late_s));
                let at = at.unwrap_or(now);
                let when = Phrase::plain(speaker.when(at, &zoned));
                let what = Phrase::plain(of.as_str());
                told(speaker.voice.say("later", "missed", &[("time", &when), ("text", &what)]))
            }
            (_, Fate::Interrupted) => {
                let what = Phrase::plain(of.as_str());
                told(speaker.voice.say("later", "interrupted", &[("text", &what)]))
            }
        }
    }
}

impl Speaker<'_> {
    /// "1 hour and 5 minutes", in whole seconds; of long times only the larger units.
    pub(super) fn length(&self, seconds: f64) -> String {
        let whole = seconds.max(0.0).round() as u64;
        let days = whole / 86_400;
        let (hours, minutes) = (whole % 86_400 / 3_600, whole % 3_600 / 60);
        let parts = [("day", days), ("hour", hours), ("minute", minutes), ("second", whole % 60)];
        let mut said: Vec<Phrase> = parts
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(unit, count)| self.count(unit, count))
            .collect();
        said.truncate(if days > 0 { 2 } else { 3 });
        if said.is_empty() {
            said.push(self.count("second", 0));
        }
        self.voice.list(&said).text
    }

    /// "5 minutes", "1 minute".
    fn count(&self, unit: &str, count: u64) -> Phrase {
        let plural = Phrase { is_plural: count > 1, ..Phrase::plain(count.to_string()) };
        Phrase::plain(self.voice.fill(&format!("{{n}} {{{unit}:n}}"), &[("n", &plural)]))
    }

    /// "3 minutes ago".
    pub(super) fn ago(&self, seconds: f64) -> Phrase {
        // Nobody wants to know the seconds of a quarter of an hour.
        let coarse = if seconds >= 600.0 { (seconds / 60.0).round() * 60.0 } else { seconds };
        let length = Phrase::plain(self.length(coarse));
        Phrase::plain(self.voice.fill(self.voice.word("later", "ago"), &[("length", &length)]))
    }

    fn timer_over(&self, name: Option<&str>, late_s: f64, fate: Fate) -> String {
        let timer = self.timer_named(name);
        let is_late = fate == Fate::ToldLate;
        let ago = self.ago(late_s);
        let key = if is_late { "over_late" } else { "over" };
        self.voice.say("timer", key, &[("timer", &timer), ("ago", &ago)])
    }

    /// "the timer", "the pizza timer".
    pub(super) fn timer_named(&self, name: Option<&str>) -> Phrase {
        match name {
            Some(name) => {
                let name = Phrase::plain(name);
                Phrase::plain(
                    self.voice.fill(self.voice.word("timer", "named"), &[("name", &name)]),
                )
            }
            None => Phrase::plain(self.voice.word("timer", "plain")),
        }
    }

    /// Why something cannot be kept or found, in words.
    pub(super) fn unable(&self, unable: Unable) -> String {
        let key = match unable {
            Unable::TooMany => "too_many",
            Unable::TooLong => "too_long",
            Unable::BadTime => "bad_time",
            Unable::NoPosition => "no_position",
            Unable::NoSun => "no_sun",
            Unable::NoSuch => "no_such",
            Unable::NoSuchList => "no_such_list",
            Unable::Ambiguous => "ambiguous",
            Unable::NoEnd => "no_end",
        };
        self.voice.say("unable", key, &[])
    }

    /// The answer when something cannot be kept or found.
    pub(super) fn cannot(&self, unable: Unable, reading: &Reading) -> Answer {
        let answer = Answer::error(Code::FailedToHandle, self.unable(unable), self.code);
        answer.of(reading)
    }

    /// The answer when something was noted.
    pub(super) fn noted(&self, text: String, reading: &Reading) -> Answer {
        Answer { kind: Kind::ActionDone, ..self.answer(text, reading) }
    }
}

impl Language {
    /// Who asked, as the agenda keeps it.
    pub(super) fn asker(&self, said: &Said<'_>, home: &Home) -> Asker {
        let area = said.area.and_then(|area| target::area_named(area, home));
        Asker {
            language: self.code.clone(),
            area: area.map(|area| area.id.clone()),
            conversation: said.conversation.to_owned(),
            person: None,
            role: said.role,
            means: said.means,
        }
    }
}

fn check(condition: &Condition, entities: Vec<EntityId>, classes: Vec<String>) -> Check {
    let (is_all, test) = (condition.kind == Asked::All, condition.test.clone());
    Check { entities, classes, is_all, test }
}

/// The step of a wish that was kept; `None` for a word of a later version.
fn step(wish: &Wish, deed: &Deed) -> Option<Step> {
    let words = TargetWords { entities: wish.entities.clone(), ..TargetWords::default() };
    let condition = |check: &Check| Condition {
        target: TargetWords {
            entities: check.entities.clone(),
            classes: check.classes.clone(),
            ..TargetWords::default()
        },
        kind: if check.is_all { Asked::All } else { Asked::Any },
        test: check.test.clone(),
    };
    Some(Step {
        lasting_s: deed.lasting_s,
        only_if: deed.only_if.iter().map(condition).collect(),
        ..Step::now(Command::new(meant(wish)?, words))
    })
}

/// A wish as it is written down.
fn wish(what: &What, entities: Vec<EntityId>) -> Wish {
    let amount = |amount: &Amount| match amount {
        Amount::To(number) => vec![("to".into(), Value::Float(*number))],
        Amount::By(number) => vec![("by".into(), Value::Float(*number))],
    };
    let name = |name: &Arc<str>| vec![("name".into(), Value::Text(Arc::clone(name)))];
    let (word, fields) = match what {
        What::TurnOn => ("turn_on", Vec::new()),
        What::TurnOff => ("turn_off", Vec::new()),
        What::Toggle => ("toggle", Vec::new()),
        What::Open => ("open", Vec::new()),
        What::Close => ("close", Vec::new()),
        What::Lock => ("lock", Vec::new()),
        What::Unlock => ("unlock", Vec::new()),
        What::Stop => ("stop", Vec::new()),
        What::Start => ("start", Vec::new()),
        What::Dock => ("dock", Vec::new()),
        What::Pause => ("pause", Vec::new()),
        What::Resume => ("resume", Vec::new()),
        What::Locate => ("locate", Vec::new()),
        What::Activate => ("activate", Vec::new()),
        What::Disarm => ("disarm", Vec::new()),
        What::Brightness(to) => ("brightness", amount(to)),
        What::Kelvin(to) => ("kelvin", amount(to)),
        What::Position(to) => ("position", amount(to)),
        What::Tilt(to) => ("tilt", amount(to)),
        What::Temperature(to) => ("temperature", amount(to)),
        What::Humidity(to) => ("humidity", amount(to)),
        What::Speed(to) => ("speed", amount(to)),
        What::Number(to) => ("number", amount(to)),
        What::Color(to) => ("color", name(to)),
        What::Effect(to) => ("effect", name(to)),
        What::Mode(to) => ("mode", name(to)),
        What::FanMode(to) => ("fan_mode", name(to)),
        What::Arm(to) => ("arm", name(to)),
    };
    Wish { entities, what: word.into(), fields }
}

/// What a wish that was written down means.
pub(super) fn meant(wish: &Wish) -> Option<What> {
    let field = |name: &str| wish.fields.iter().find(|(known, _)| &**known == name);
    let number = |name: &str| field(name).and_then(|(_, value)| value.as_f64());
    let amount = || number("to").map(Amount::To).or_else(|| number("by").map(Amount::By));
    let name = || match field("name") {
        Some((_, Value::Text(name))) => Some(Arc::clone(name)),
        _ => None,
    };
    Some(match &*wish.what {
        "turn_on" => What::TurnOn,
        "turn_off" => What::TurnOff,
        "toggle" => What::Toggle,
        "open" => What::Open,
        "close" => What::Close,
        "lock" => What::Lock,
        "unlock" => What::Unlock,
        "stop" => What::Stop,
        "start" => What::Start,
        "dock" => What::Dock,
        "pause" => What::Pause,
        "resume" => What::Resume,
        "locate" => What::Locate,
        "activate" => What::Activate,
        "disarm" => What::Disarm,
        "brightness" => What::Brightness(amount()?),
        "kelvin" => What::Kelvin(amount()?),
        "position" => What::Position(amount()?),
        "tilt" => What::Tilt(amount()?),
        "temperature" => What::Temperature(amount()?),
        "humidity" => What::Humidity(amount()?),
        "speed" => What::Speed(amount()?),
        "number" => What::Number(amount()?),
        "color" => What::Color(name()?),
        "effect" => What::Effect(name()?),
        "mode" => What::Mode(name()?),
        "fan_mode" => What::FanMode(name()?),
        "arm" => What::Arm(name()?),
        _ => return None,
    })
}

/// What ends a wish: its opposite, or for a value what it was before. Nothing for what has no end.
pub(super) fn ending(what: &What, entities: &[EntityId], home: &Home) -> Vec<Wish> {
    let same = |what: What| vec![wish(&what, entities.to_vec())];
    match what {
        What::TurnOn => same(What::TurnOff),
        What::TurnOff => same(What::TurnOn),
        What::Open => same(What::Close),
        What::Close => same(What::Open),
        What::Lock => same(What::Unlock),
        What::Unlock => same(What::Lock),
        What::Start | What::Resume => same(What::Dock),
        What::Pause => same(What::Resume),
        What::Toggle => same(What::Toggle),
        What::Arm(_) => same(What::Disarm),
        What::Stop
        | What::Dock
        | What::Locate
        | What::Activate
        | What::Disarm
        | What::Number(_)
        | What::Mode(_)
        | What::FanMode(_) => Vec::new(),
        What::Brightness(_)
        | What::Color(_)
        | What::Kelvin(_)
        | What::Effect(_)
        | What::Position(_)
        | What::Tilt(_)
        | What::Temperature(_)
        | What::Humidity(_)
        | What::Speed(_) => entities
            .iter()
            .filter_map(|id| {
                let entity = home.entity(id.as_str())?;
                Some(wish(&before(what, entity)?, vec![id.clone()]))
            })
            .collect(),
    }
}

/// What brings a value back to what it is now.
fn before(what: &What, entity: &Entity) -> Option<What> {
    let number = |name: &str| entity.view()?.attributes.named(name)?.as_f64();
    match (what, entity.state.as_ref()?) {
        (
            What::Brightness(_) | What::Color(_) | What::Kelvin(_) | What::Effect(_),
            State::Light(light),
        ) => match (what, light.on) {
            (_, Some(true)) => match what {
                What::Kelvin(_) => number("color_temp_kelvin").map(|k| What::Kelvin(Amount::To(k))),
                What::Color(_) | What::Effect(_) => Some(What::TurnOff),
                _ => number("brightness")
                    .map(|level| What::Brightness(Amount::To((level / 2.55).round()))),
            },
            _ => Some(What::TurnOff),
        },
        (What::Position(_), _) => {
            number("current_position").map(|at| What::Position(Amount::To(at)))
        }
        (What::Tilt(_), _) => number("current_tilt_position").map(|at| What::Tilt(Amount::To(at))),
        (What::Temperature(_), _) => {
            number("temperature").map(|to| What::Temperature(Amount::To(to)))
        }
        (What::Humidity(_), _) => number("humidity").map(|to| What::Humidity(Amount::To(to))),
        (What::Speed(_), State::Fan(fan)) if fan.on == Some(false) => Some(What::TurnOff),
        (What::Speed(_), _) => number("percentage").map(|to| What::Speed(Amount::To(to))),
        _ => None,
    }
}
