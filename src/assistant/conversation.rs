//! The course of a conversation: what an utterance answers, what it goes on with, what is asked back
//! and what is remembered. What a wish comes to is `plan`'s business.

use std::sync::{Arc, OnceLock};

use crate::home::Home;
use crate::home::action::Refusal;
use crate::home::domain::Domain;
use crate::home::entity::Entity;
use crate::home::guard;
use crate::home::id::EntityId;
use crate::home::person::Means;
use crate::home::place::Area;
use crate::home::rhythm::Rhythm;
use crate::home::target::{self, TargetWords};
use crate::intent::lists::{HomeLists, Names};
use crate::intent::meaning::{Reading, Step, Talk, Understanding, When};
use crate::intent::response::Voice;
use crate::intent::rule::RuleWords;
use crate::text;

use super::choose::{self, Chosen};
use super::condition;
use super::halt;
use super::memory::{self, Ask, Changed, Choice, Open, Slot};
use super::plan::{Plan, Planned, Planner};
use super::policy::Voucher;
use super::script::{self, Permit};
use super::weigh;
use super::{Answer, Assistant, Code, Language, Said, Turn, is_same_language};

/// How long "which one?" waits for its answer, in seconds.
pub(super) const PATIENCE_S: i64 = 120;
/// How long "shall I really?" waits for a yes, in seconds.
pub(super) const YES_WITHIN_S: i64 = 60;

impl Assistant {
    /// Understands an utterance. Nothing happens by this: a plan is only a proposal. It is always
    /// the same home: another's names may not be noticed.
    pub fn hear(&mut self, said: &Said<'_>, home: &Home) -> Turn {
        self.know(home);
        let here = said.area.and_then(|area| target::area_named(area, home));
        // Whoever speaks in a room goes on with what was said in it.
        let room =
            here.filter(|_| said.means == Means::Spoken).map(|area| format!("room {}", area.id));
        self.talks.open(said.conversation, room.as_deref(), said.now.as_second());
        let turn = self.turn(said, here, home);
        if let Some(room) = room {
            self.talks.copy(said.conversation, &room);
        }
        turn
    }

    /// Learns the names of the home, where they are not those that it knows.
    pub(super) fn know(&mut self, home: &Home) {
        let names = Some(home.names_version());
        if names != self.names {
            self.lists = HomeLists::new(&Names::of(home).with_lists(&self.book_lists));
            self.names = names;
            self.indices.clear();
        }
        for language in self.languages.iter().filter(|language| language.vocabulary.is_some()) {
            if !self.indices.contains_key(&language.code) {
                self.indices.insert(language.code.clone(), OnceLock::new());
            }
        }
    }

    fn turn(&mut self, said: &Said<'_>, here: Option<&Area>, home: &Home) -> Turn {
        let first = self.language_of(said);
        let wanted = self.languages.get(first).map_or("", |language| &*language.code).to_owned();
        let key = text::key(said.text);
        let word = halt::word(&key, &wanted);
        let open = self.talk(said).open.take();
        if let Some((
            word @ (halt::Word::Stop | halt::Word::Nevermind | halt::Word::Cancel),
            code,
        )) = word
        {
            let index = self.languages.iter().position(|l| is_same_language(&l.code, code));
            return self.halt(word, open.is_some(), index.unwrap_or(first), said, here, home);
        }
        if let Some(open) = &open
            && let Some(turn) = self.answered(open, word.map(|(word, _)| word), said, here, home)
        {
            return turn;
        }
        if let Some(turn) = self.other_one(&key, said, here, home) {
            return turn;
        }
        if let Some(turn) = self.scripted(said, here, home) {
            return turn;
        }
        if let Some(turn) = self.ruled(said, here, home) {
            return turn;
        }
        if let Some(turn) = self.leaving(&key, said, here, home) {
            return turn;
        }
        let memory = match self.says_them(said) {
            true => self.talk(said).memory_of_them(),
            false => self.talk(said).memory().clone(),
        };
        if memory.command.is_some()
            && let Some(text) = self.without_rejected(said)
        {
            let (meant, index) =
                self.understand(&Said { text: &text, ..*said }, home, here, &memory);
            if let Understanding::Wish(steps, _) = &meant
                && steps.first().is_some_and(|step| step.instead_of_last)
            {
                return self.respond(meant, index, said, here, home);
            }
        }
        let (understanding, index) = self.understand(said, home, here, &memory);
        let is_lost = weigh::is_lost(&understanding);
        if let Some(open) =
            open.filter(|open| is_lost && !matches!(open.ask, Ask::Really | Ask::Arm(_)))
        {
            // One word misheard must not cost the question; another command does.
            self.talk(said).open = Some(open);
        }
        self.respond(understanding, index, said, here, home)
    }

    /// What comes of something that is understood already, in the language of its index.
    pub(super) fn respond(
        &mut self,
        understanding: Understanding,
        index: usize,
        said: &Said<'_>,
        here: Option<&Area>,
        home: &Home,
    ) -> Turn {
        let Some(language) = self.languages.get(index).cloned() else {
            return Turn::Answer(Answer::error(Code::NoIntentMatch, "", ""));
        };
        let speaker = language.speaker();
        let now = said.now.to_zoned(self.zone.clone());
        if weigh::is_lost(&understanding)
            && let Some(answer) = self.half_understood(&understanding, said, here, home)
        {
            return Turn::Answer(answer);
        }
        match understanding {
            Understanding::Wish(steps, reading)
                if self.has_rules && steps.iter().any(|step| is_for_rule(step.when)) =>
            {
                let words = RuleWords { reading, ..RuleWords::default() };
                self.propose(words, Some(steps), &language, said, here, home)
            }
            Understanding::Wish(steps, reading) => {
                self.act(&steps, reading, &language, said, here, home, false)
            }
            Understanding::Question(question, reading) => {
                let (answer, entities) = speaker.question(&question, &reading, here, home, &now);
                if !entities.is_empty() {
                    let entities = steered(entities, home);
                    self.talk(said).asked(*question, entities);
                }
                Turn::Answer(answer)
            }
            Understanding::Talk(talk @ (Talk::Stop | Talk::Nevermind), _) => {
                let word = match talk {
                    Talk::Stop => halt::Word::Stop,
                    _ => halt::Word::Nevermind,
                };
                self.halt(word, false, index, said, here, home)
            }
            Understanding::Talk(Talk::Undo, reading) => {
                let last = self.talk(said).take_changed();
                let planner = self.planner(&language, said, here, home, false);
                let plan = planner.undoing(last.as_ref(), reading);
                self.keep(plan, said, home)
            }
            Understanding::Talk(talk, reading) => Turn::Answer(speaker.talk(talk, &reading, &now)),
            Understanding::UnknownName(unknown, reading) => {
                Turn::Answer(speaker.unknown(&unknown, &reading, home))
            }
            Understanding::Unexplained(words, reading) => {
                Turn::Answer(speaker.unexplained(&words, &reading))
            }
            Understanding::Errand(errand, reading) => {
                self.errand(errand, reading, &language, said, home)
            }
            Understanding::Nothing => Turn::Answer(speaker.not_understood()),
        }
    }

    /// What comes of something that was understood before, said again as it was meant then: a step
    /// that waited for its time. `said` tells by whom and where.
    pub fn meant(&mut self, meant: Understanding, said: &Said<'_>, home: &Home) -> Turn {
        let here = said.area.and_then(|area| target::area_named(area, home));
        let index = self.language_of(said);
        self.respond(meant, index, said, here, home)
    }

    pub(super) fn talk(&mut self, said: &Said<'_>) -> &mut memory::Talk {
        self.talks.open(said.conversation, None, said.now.as_second())
    }

    /// What the owner wrote for the utterance, before anything else is tried.
    fn scripted(&mut self, said: &Said<'_>, here: Option<&Area>, home: &Home) -> Option<Turn> {
        let area = here.map(|area| area.name.as_str());
        let (reading, language) = self.spoken(said).find_map(|(_, language)| {
            Some((language.scripted(said.text, area, &self.lists)?, Arc::clone(language)))
        })?;
        self.run_script(reading, &language, said, home, false)
    }

    fn run_script(
        &mut self,
        reading: Reading,
        language: &Arc<Language>,
        said: &Said<'_>,
        home: &Home,
        is_confirmed: bool,
    ) -> Option<Turn> {
        let permit = Permit {
            policy: self.policy,
            voucher: Voucher { role: said.role, means: said.means },
            is_confirmed,
        };
        let now = said.now.to_zoned(self.zone.clone());
        let turn = script::run(reading.clone(), language, home, &now, permit)?;
        if let Turn::Answer(answer) = &turn
            && answer.continues
        {
            // A question of this kind without steps is about a script.
            let until = said.now.as_second() + YES_WITHIN_S;
            let open = Open { ask: Ask::Really, steps: Vec::new(), reading, until };
            self.talk(said).open = Some(open);
        }
        Some(turn)
    }

    /// The languages in which an utterance is tried: the one that was named, else the home's first; then the home's
    /// others.
    pub(super) fn spoken<'a>(
        &'a self,
        said: &Said<'_>,
    ) -> impl Iterator<Item = (usize, &'a Arc<Language>)> + use<'a> {
        let first = self.language_of(said);
        let all = || self.languages.iter().enumerate();
        let others =
            all().filter(move |(index, language)| *index != first && !language.is_on_demand);
        all().skip(first).take(1).chain(others)
    }

    /// Index of the language in which the speaker is understood first.
    pub(super) fn language_of(&self, said: &Said<'_>) -> usize {
        let wanted = said.language.and_then(|wanted| {
            let exact = self.languages.iter().position(|l| l.code.eq_ignore_ascii_case(wanted));
            exact.or_else(|| self.languages.iter().position(|l| is_same_language(&l.code, wanted)))
        });
        wanted.unwrap_or(0)
    }

    pub(super) fn planner<'a>(
        &'a self,
        language: &'a Arc<Language>,
        said: &Said<'_>,
        here: Option<&'a Area>,
        home: &'a Home,
        is_confirmed: bool,
    ) -> Planner<'a> {
        let voucher = Voucher { role: said.role, means: said.means };
        let (policy, has_agenda) = (&self.policy, self.has_agenda);
        Planner { home, here, language, policy, voucher, has_agenda, is_confirmed }
    }

    /// Plans steps, asks back where that is needed, and remembers.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn act(
        &mut self,
        steps: &[Step],
        reading: Reading,
        language: &Arc<Language>,
        said: &Said<'_>,
        here: Option<&Area>,
        home: &Home,
        is_confirmed: bool,
    ) -> Turn {
        let is_instead = steps.iter().any(|step| step.instead_of_last);
        let last = if is_instead { self.talk(said).take_changed() } else { None };
        let planner = self.planner(language, said, here, home, is_confirmed);
        match planner.plan(steps, reading.clone(), last.as_ref()) {
            Planned::Plan(plan) => self.keep(plan, said, home),
            Planned::Which { candidates, step, slot, answer } => {
                let near = steps.get(step).filter(|_| slot == Slot::Target);
                let near = near.and_then(|step| condition::in_its_room(step, &candidates, home));
                if let (Some(one), None) = (near, &last) {
                    let steps = with_chosen(steps, step, slot, vec![one]);
                    return self.act(&steps, reading, language, said, here, home, is_confirmed);
                }
                let is_guarded = candidates.iter().any(|id| {
                    home.entity(id.as_str()).is_some_and(|entity| guard::is_guarded(entity, home))
                });
                let until = said.now.as_second() + PATIENCE_S;
                let talk = self.talk(said);
                if let Some(last) = last {
                    talk.changed(last);
                }
                let ask = Ask::Which { candidates, step, slot, is_guarded, rule: None };
                talk.open = Some(Open { ask, steps: steps.to_vec(), reading, until });
                Turn::Answer(*answer)
            }
        }
    }

    /// Remembers a plan before it is carried out.
    pub(super) fn keep(&mut self, mut plan: Box<Plan>, said: &Said<'_>, home: &Home) -> Turn {
        let now = said.now.as_second();
        let talk = self.talk(said);
        let entities = plan.entities();
        if let (Some(part), false) = (plan.parts.last(), entities.is_empty()) {
            talk.wished(part.command.clone(), entities);
        }
        let before = plan.before(home);
        if !before.is_empty() {
            talk.changed(Changed { at: now, before, planned: Vec::new() });
        }
        talk.moves(plan.moving(), now);
        if !plan.asks.is_empty() {
            let steps = plan.asks.clone();
            let reading = plan.reading.clone();
            talk.open = Some(Open { ask: Ask::Really, steps, reading, until: now + YES_WITHIN_S });
        }
        plan.later.shrink_to_fit();
        match plan.is_idle() {
            true => Turn::Answer(plan.conclude(&[], home)),
            false => Turn::Act(plan),
        }
    }

    /// "Stop": what was set moving stands still, what was planned last is dropped unless it was an
    /// open question that is meant; and what was asked is forgotten, which it is already.
    fn halt(
        &mut self,
        word: halt::Word,
        was_asked: bool,
        index: usize,
        said: &Said<'_>,
        here: Option<&Area>,
        home: &Home,
    ) -> Turn {
        let Some(language) = self.languages.get(index).cloned() else {
            return Turn::Answer(Answer::error(Code::NoIntentMatch, "", ""));
        };
        let is_stop = word == halt::Word::Stop;
        let reading = Reading {
            utterance: said.text.to_owned(),
            language: language.code.clone(),
            intent: if is_stop { "HassStopMoving" } else { "HassNevermind" }.to_owned(),
            ..Reading::default()
        };
        let moving = if is_stop { self.moving(said, here, home) } else { Vec::new() };
        let now = said.now.to_zoned(self.zone.clone());
        let planned = if was_asked { Vec::new() } else { self.talk(said).take_planned() };
        if moving.is_empty() && planned.is_empty() {
            // Only what was said just now: after a question nobody means what was done before it.
            let is_meant = word == halt::Word::Cancel && !was_asked;
            let talk = self.talk(said);
            let goes_on = talk.memory().command.is_some();
            if let Some(last) = (is_meant && goes_on).then(|| talk.take_changed()).flatten() {
                let planner = self.planner(&language, said, here, home, false);
                let plan = planner.undoing(Some(&last), reading);
                return self.keep(plan, said, home);
            }
            return Turn::Answer(language.speaker().talk(Talk::Nevermind, &reading, &now));
        }
        let plan = self.planner(&language, said, here, home, true);
        let plan = plan.dropping(planned, &moving, reading);
        self.keep(plan, said, home)
    }

    /// What "stop" means: what this conversation set moving and still may move, else what moves in
    /// this room, else the only thing that moves at all.
    fn moving(&mut self, said: &Said<'_>, here: Option<&Area>, home: &Home) -> Vec<EntityId> {
        let moves = |entity: &Entity| {
            let word = entity.view().map(|view| view.word);
            let word = word.as_deref();
            matches!(word, Some("opening" | "closing" | "cleaning" | "mowing" | "returning"))
        };
        let set = self.talk(said).take_moving();
        // A cover that does not tell that it moves may well do.
        let may_move = |id: &EntityId| {
            home.entity(id.as_str()).is_some_and(|entity| {
                let word = entity.view().map(|view| view.word);
                moves(entity) || matches!(word.as_deref(), Some("open" | "closed" | "unknown"))
            })
        };
        let set: Vec<EntityId> = set.into_iter().filter(|id| may_move(id)).collect();
        if !set.is_empty() {
            return set;
        }
        let moving = home.entities().filter(|entity| entity.is_enabled() && moves(entity));
        let moving: Vec<&Entity> = moving.collect();
        let ids = |entities: Vec<&Entity>| entities.into_iter().map(|e| e.id.clone()).collect();
        let is_here = |entity: &&&Entity| {
            here.is_some_and(|here| home.area_of(entity).is_some_and(|area| area.id == here.id))
        };
        let near: Vec<&Entity> = moving.iter().filter(is_here).copied().collect();
        match (near.is_empty(), moving.len()) {
            (false, _) => ids(near),
            (true, 1) => ids(moving),
            (true, _) => Vec::new(),
        }
    }

    /// Takes an utterance as the answer to an open question, if it is one.
    fn answered(
        &mut self,
        open: &Open,
        word: Option<halt::Word>,
        said: &Said<'_>,
        here: Option<&Area>,
        home: &Home,
    ) -> Option<Turn> {
        if said.now.as_second() > open.until {
            return None;
        }
        let language =
            self.languages.iter().find(|language| language.code == open.reading.language)?;
        let language = Arc::clone(language);
        let voice = Voice::new(&language.words);
        let key = text::key(said.text);
        let is_no = word == Some(halt::Word::No) || voice.find("no", &key).is_some();
        let is_yes = word == Some(halt::Word::Yes) || voice.find("yes", &key).is_some();
        if is_no {
            let now = said.now.to_zoned(self.zone.clone());
            let answer = language.speaker().talk(Talk::Nevermind, &open.reading, &now);
            return Some(Turn::Answer(answer));
        }
        let reading = open.reading.clone();
        let (candidates, step, slot, is_guarded, rule) = match &open.ask {
            Ask::Really if is_yes && open.steps.is_empty() => {
                return self.run_script(reading, &language, said, home, true);
            }
            Ask::Really if is_yes => {
                return Some(self.act(&open.steps, reading, &language, said, here, home, true));
            }
            Ask::Really => return None,
            Ask::Reminder => return self.reminded(open, &language, said, here, home),
            Ask::Timer { candidates, booking } => {
                let timer = choose::choose_timer(said.text, candidates, &voice)?;
                return Some(Turn::Book(Box::new(booking.about(timer))));
            }
            Ask::Arm(draft) if is_yes => return Some(self.arm(draft, reading, &language, said)),
            Ask::Arm(_) => return None,
            Ask::Which { candidates, step, slot, is_guarded, rule } => {
                (candidates, *step, *slot, *is_guarded, rule)
            }
        };
        let chosen = match (is_yes, &candidates[..]) {
            (true, [only]) => Chosen::These(vec![only.clone()]),
            (true, _) => return None,
            (false, _) => choose::choose(said.text, candidates, is_guarded, &voice, home)?,
        };
        match chosen {
            Chosen::These(chosen) if rule.is_some() => {
                let words = rule.as_deref().cloned()?;
                let steps = with_chosen(&open.steps, step, slot, chosen);
                Some(self.propose(words, Some(steps), &language, said, here, home))
            }
            Chosen::These(chosen) => {
                let choice = Choice {
                    candidates: candidates.clone(),
                    chosen: chosen.clone(),
                    steps: open.steps.clone(),
                    step,
                    slot,
                    reading: reading.clone(),
                    until: said.now.as_second() + PATIENCE_S,
                };
                self.talk(said).choice = Some(choice);
                let steps = with_chosen(&open.steps, step, slot, chosen);
                Some(self.act(&steps, reading, &language, said, here, home, false))
            }
            Chosen::Fewer(fewer) => {
                let command = open.steps.get(step)?.command.clone();
                let refusal = Refusal::Ambiguous(fewer.clone());
                let answer = language.speaker().no_target(&refusal, &command, &reading, home);
                let until = said.now.as_second() + PATIENCE_S;
                let rule = rule.clone();
                let ask = Ask::Which { candidates: fewer, step, slot, is_guarded, rule };
                let steps = open.steps.clone();
                self.talk(said).open = Some(Open { ask, steps, reading, until });
                Some(Turn::Answer(answer))
            }
        }
    }

    /// Whether "them" is said: of what was spoken of, several are meant.
    fn says_them(&self, said: &Said<'_>) -> bool {
        let words: Vec<&str> = said.text.split_whitespace().collect();
        self.spoken(said).any(|(_, language)| {
            let voice = Voice::new(&language.words);
            words.iter().enumerate().any(|(at, word)| {
                let end = word.rsplit('-').next().unwrap_or(word);
                match voice.find("them", &text::key(end)) {
                    // "Rouvre-les": elsewhere it is an article.
                    Some("last") => end.len() < word.len() || at + 1 == words.len(),
                    other => other.is_some(),
                }
            })
        })
    }

    /// "Not that one, the bedroom lamp" without what is not meant: "no, the bedroom lamp".
    fn without_rejected(&self, said: &Said<'_>) -> Option<String> {
        let rejects = |voice: &Voice<'_>, head: &str| {
            let key = text::key(head);
            let ends = key.match_indices(' ').map(|(at, _)| at).chain([key.len()]);
            ends.filter_map(|end| voice.find("rejects", &key[..end])).next_back().map(str::to_owned)
        };
        self.spoken(said).find_map(|(_, language)| {
            let voice = Voice::new(&language.words);
            let after_comma = said.text.match_indices(',').find_map(|(at, _)| {
                let (head, rest) = (&said.text[..at], said.text[at + 1..].trim());
                let no = rejects(&voice, head).filter(|_| !rest.is_empty())?;
                Some(format!("{no}, {rest}"))
            });
            // Speech has no commas: only where the words say where it ends.
            let after_words = said.text.match_indices(' ').rev().find_map(|(at, _)| {
                let (head, rest) = (&said.text[..at], said.text[at + 1..].trim());
                let no = rejects(&voice, head)?;
                voice.find("other", &text::key(head))?;
                Some(format!("{no}, {rest}"))
            });
            after_comma.or(after_words)
        })
    }

    /// "No, the other one", after one of two was chosen.
    fn other_one(
        &mut self,
        key: &str,
        said: &Said<'_>,
        here: Option<&Area>,
        home: &Home,
    ) -> Option<Turn> {
        let choice = self.talk(said).choice.clone()?;
        let language =
            self.languages.iter().find(|language| language.code == choice.reading.language)?;
        let language = Arc::clone(language);
        Voice::new(&language.words).find("other", key)?;
        let others = choice.candidates.iter().filter(|id| !choice.chosen.contains(id));
        let others: Vec<EntityId> = others.cloned().collect();
        let [other] = &others[..] else { return None };
        let mut steps = with_chosen(&choice.steps, choice.step, choice.slot, vec![other.clone()]);
        if let Some(step) = steps.first_mut() {
            step.instead_of_last = true;
        }
        self.talk(said).choice = Some(Choice { chosen: vec![other.clone()], ..choice.clone() });
        Some(self.act(&steps, choice.reading, &language, said, here, home, false))
    }
}

/// "What is the temperature of the nursery?" – "Make it 21": of what is measured, what is set is
/// the only thermostat of that room.
fn steered(entities: Vec<EntityId>, home: &Home) -> Vec<EntityId> {
    let [only] = &entities[..] else { return entities };
    let Some(sensor) = home.entity(only.as_str()) else { return entities };
    let is_temperature = sensor.traits.device_class.as_deref() == Some("temperature");
    let Some(area) = home.area_of(sensor).filter(|_| is_temperature) else { return entities };
    let mut there = home.entities().filter(|entity| {
        entity.is_enabled()
            && entity.domain == Domain::Climate
            && home.area_of(entity).is_some_and(|there| there.id == area.id)
    });
    match (there.next(), there.next()) {
        (Some(thermostat), None) => vec![thermostat.id.clone()],
        _ => entities,
    }
}

/// What comes again with the clock or the sun is a rule; "every 7 minutes" the agenda counts.
fn is_for_rule(when: When) -> bool {
    matches!(when, When::Every(Rhythm::Clock { .. } | Rhythm::Sun { .. }))
}

/// The steps with the words of a slot replaced by what was chosen.
fn with_chosen(steps: &[Step], step: usize, slot: Slot, chosen: Vec<EntityId>) -> Vec<Step> {
    let mut steps = steps.to_vec();
    if let Some(step) = steps.get_mut(step) {
        let words = match slot {
            Slot::Target => Some(&mut step.command.target),
            Slot::And(n) => step.command.and.get_mut(n),
            Slot::Except(n) => step.command.except.get_mut(n),
        };
        if let Some(words) = words {
            *words = TargetWords { entities: chosen, ..TargetWords::default() };
        }
    }
    steps
}
