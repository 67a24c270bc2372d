//! Plays one test: a fresh house behind the very hub and ear of the daemon, with a clock that stands
//! still unless the test moves it, and simulated devices in place of the broker.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Zoned};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::case::{Asked, Expected, Test, Turn};
use super::device::Manner;
use super::house::{Devices, House, report};
use super::judge::{self, Verdict, Views};
use super::keys::Wrong;
use super::obey::obey;
use crate::app::ears;
use crate::assistant::Assistant;
use crate::automation::rule::RuleKey;
use crate::automation::rule::kept::KeptRules;
use crate::automation::{Agenda, Ripe};
use crate::clock::Clock;
use crate::home::Home;
use crate::home::entity::Source;
use crate::home::person::Rights;
use crate::home::value::Value;
use crate::hub::Thought;
use crate::hub::event::{Effect, Event, Origin, Query, Reply, ReplyKind, RuleView, Utterance};
use crate::hub::{Ear, Heard, Hub, HubHandle, Setup, Stopped};
use crate::storage::Writer;

/// How often the agenda is looked at until it is written down, and how long after the last look.
const MOST_LOOKS: u32 = 1_000;
const LOOK: Duration = Duration::from_micros(200);
/// How long a reply waits for devices that never answer: they are simulated, so all others have.
const PATIENCE: Duration = Duration::from_millis(400);
/// The clock moves on in steps, as real time does for whoever looks at it now and then.
const STEP: Duration = Duration::from_secs(30);
/// Most steps of one move; a longer one has longer steps.
const MOST_STEPS: u32 = 400;

/// How one test went.
#[derive(Debug, Clone)]
pub(super) struct Played {
    pub(super) verdict: Verdict,
    /// The turn that decided it.
    pub(super) turn: usize,
    /// What was said back in that turn.
    pub(super) reply: String,
    /// How long understanding took, milliseconds, each turn.
    pub(super) understood_ms: Vec<f64>,
}

/// Plays a test to its end or its first failure.
pub(super) async fn play(
    test: &Test,
    house: &House,
    assistant: &Assistant,
    minds: &ears::Minds,
    writer: &Writer,
) -> Result<Played, Wrong> {
    let wrong = |what: String| Wrong { place: test.place.clone(), what };
    let now = match test.at {
        None => house.now.clone(),
        Some(at) => house.now.with().time(at).build().map_err(|error| wrong(error.to_string()))?,
    };
    let (home, devices) = house.build(&now, &test.state)?;
    let language = test.turns.first().and_then(|turn| turn.language.as_deref());
    let language = language.or(house.settings.languages.first().map(String::as_str));
    let yes = if language == Some("fr") { "oui" } else { "yes" };
    let mut stage =
        Stage::set(home, devices, &now, assistant.clone(), minds.clone(), writer.clone(), yes);
    let mut played =
        Played { verdict: Verdict::Right, turn: 0, reply: String::new(), understood_ms: vec![] };
    for (n, turn) in test.turns.iter().enumerate() {
        played.turn = n;
        let taken = stage.turn(turn, &mut played).await;
        played.verdict = taken.map_err(|Stopped| wrong("the hub has stopped".to_owned()))?;
        if played.verdict != Verdict::Right {
            break;
        }
    }
    stage.task.abort();
    Ok(played)
}

/// A house that runs.
struct Stage {
    hub: HubHandle,
    task: JoinHandle<Result<(), String>>,
    effects: mpsc::Receiver<Vec<Effect>>,
    devices: Devices,
    clock: Clock,
    now: Timestamp,
    /// Actions that came to the devices.
    n_acts: u64,
    /// What slow devices will say.
    late: Vec<Event>,
    /// What is said to arm a rule.
    yes: &'static str,
}

/// What was not among the rules before.
fn new_rules(before: &[(RuleKey, Value)], now: &[(RuleKey, Value)]) -> Vec<Value> {
    let is_new = |rule: &&(RuleKey, Value)| !before.contains(rule);
    now.iter().filter(is_new).map(|(_, source)| source.clone()).collect()
}

impl Stage {
    fn set(
        home: Home,
        devices: Devices,
        now: &Zoned,
        assistant: Assistant,
        minds: ears::Minds,
        writer: Writer,
        yes: &'static str,
    ) -> Self {
        let clock = Clock::movable(now);
        let (outbox, effects) = mpsc::channel(64);
        let mut agenda = Agenda::default();
        let calendar = assistant.calendar();
        agenda.set_calendar(calendar.clone());
        let ear = Box::new(Hasty(ears::attentive(assistant, minds)));
        let (hub, handle) =
            Hub::new(Setup { home, agenda, writer, clock: clock.clone(), ear, outbox });
        let hub = hub.ruled(KeptRules::default(), calendar);
        let task = tokio::spawn(hub.run(std::future::pending()));
        let now = now.timestamp();
        Self { hub: handle, task, effects, devices, clock, now, n_acts: 0, late: Vec::new(), yes }
    }

    async fn turn(&mut self, turn: &Turn, played: &mut Played) -> Result<Verdict, Stopped> {
        self.move_on(turn.wait).await?;
        let before = self.views();
        let rules_before = self.rules().await?;
        let reply = self.hear(turn).await?;
        self.settle().await?;
        played.reply.clone_from(&reply.text);
        let armed_at_once = new_rules(&rules_before, &self.rules().await?);
        let mut armed = armed_at_once.clone();
        if turn.expected.iter().any(|e| e.rule.as_ref().is_some_and(|rule| rule.needs_yes)) {
            let say = self.yes.to_owned();
            self.hear(&Turn { say, ..turn.clone() }).await?;
            self.settle().await?;
            armed = new_rules(&rules_before, &self.rules().await?);
        }
        let understood = reply.elapsed_ms.iter().find(|(step, _)| *step == "understand");
        played.understood_ms.extend(understood.map(|(_, millis)| *millis));
        let after = self.views();
        let mut best: Option<(Verdict, &Expected)> = None;
        for expected in &turn.expected {
            let verdict = match judge::rules(expected, &armed_at_once, &armed, &reply) {
                Verdict::Right => judge_now(expected, &before, &after, &reply),
                verdict => verdict,
            };
            if best.as_ref().is_none_or(|(known, _)| verdict < *known) {
                best = Some((verdict, expected));
            }
        }
        let Some((verdict, expected)) = best else { return Ok(Verdict::Right) };
        if verdict != Verdict::Right {
            return Ok(verdict);
        }
        let mut passed = Duration::ZERO;
        let mut before = after;
        for later in &expected.later {
            self.move_on(later.after.saturating_sub(passed)).await?;
            passed = passed.max(later.after);
            let after = self.views();
            match judge::changes(&later.changes, &before, &after) {
                Verdict::Right => {}
                verdict => return Ok(verdict.at(later.after)),
            }
            before = after;
        }
        Ok(Verdict::Right)
    }

    /// The sources of all rules.
    async fn rules(&self) -> Result<Vec<(RuleKey, Value)>, Stopped> {
        let views = self.hub.ask(Query::Rules).await?;
        let rule = |view: RuleView| (view.stand.rule.key.clone(), view.stand.rule.source.clone());
        Ok(views.into_iter().map(rule).collect())
    }

    async fn hear(&mut self, turn: &Turn) -> Result<Reply, Stopped> {
        let utterance = Utterance {
            text: turn.say.clone(),
            others: turn.others.clone(),
            language: turn.language.clone(),
            origin: Origin {
                area: turn.area.clone(),
                conversation: Some("eval".to_owned()),
                means: turn.by.means,
                ..Origin::default()
            },
        };
        let by = Rights { name: turn.by.name.clone(), ..Rights::of(turn.by.role) };
        let hub = self.hub.by(by);
        let answer = hub.ask(|reply| Query::Hear(utterance, reply));
        tokio::pin!(answer);
        loop {
            tokio::select! {
                reply = &mut answer => return reply,
                Some(effects) = self.effects.recv() => self.obey(effects).await?,
            }
        }
    }

    /// Waits until the devices have done and said everything.
    async fn settle(&mut self) -> Result<(), Stopped> {
        let mut n_looks = 0;
        loop {
            let counters = self.hub.ask(Query::Counters).await?;
            if counters.n_booking > 0 && n_looks < MOST_LOOKS {
                // What is due is written down before it is done.
                n_looks += 1;
                tokio::time::sleep(LOOK).await;
                continue;
            }
            while let Ok(effects) = self.effects.try_recv() {
                self.obey(effects).await?;
            }
            if self.n_acts >= counters.n_actions {
                break;
            }
            // Something is on its way; the hub has counted it already.
            if let Some(effects) = self.effects.recv().await {
                self.obey(effects).await?;
            }
        }
        let late = std::mem::take(&mut self.late);
        self.hub.send(late).await?;
        self.hub.ask(Query::Counters).await?;
        Ok(())
    }

    async fn obey(&mut self, effects: Vec<Effect>) -> Result<(), Stopped> {
        let mut events = Vec::new();
        for effect in effects {
            let Effect::Act { handle, action, .. } = effect else { continue };
            self.n_acts += 1;
            let Some((_, device)) = self.devices.get_mut(&handle) else { continue };
            obey(device, &action, self.now);
            let says = |source| {
                Event::StateReported(handle, Box::new(report(device.state.clone(), source)))
            };
            match device.manner {
                Manner::Good => events.push(says(Source::Live)),
                Manner::Assumed => events.push(says(Source::Assumed)),
                Manner::Slow => self.late.push(says(Source::Live)),
                Manner::Silent | Manner::Offline => {}
            }
        }
        self.hub.send(events).await
    }

    /// Time passes.
    async fn move_on(&mut self, time: Duration) -> Result<(), Stopped> {
        let step = STEP.max(time / MOST_STEPS);
        let mut left = time;
        while !left.is_zero() {
            let part = left.min(step);
            left -= part;
            self.now = self.now.checked_add(part).unwrap_or(self.now);
            self.clock.pass(SignedDuration::try_from(part).unwrap_or(SignedDuration::ZERO));
            self.settle().await?;
        }
        Ok(())
    }

    fn views(&self) -> Views {
        self.devices.values().map(|(id, device)| (id.clone(), device.view())).collect()
    }
}

fn judge_now(expected: &Expected, before: &Views, after: &Views, reply: &Reply) -> Verdict {
    match judge::changes(&expected.changes, before, after) {
        Verdict::Right => {}
        verdict => return verdict,
    }
    if let Err(what) = judge::reply(expected, reply) {
        return Verdict::Missed(what);
    }
    // Where all is as wished already, only the reply tells whether it was understood.
    let is_action = !expected.changes.is_empty() || !expected.later.is_empty();
    let is_error = matches!(reply.kind, ReplyKind::Error(_));
    if is_action && is_error && expected.reply == Asked::Any && before == after {
        return Verdict::Missed("refused".to_owned());
    }
    Verdict::Right
}

impl Verdict {
    /// The same of some time later.
    fn at(self, after: Duration) -> Self {
        let say = |what| format!("after {} s: {what}", after.as_secs());
        match self {
            Self::Right => Self::Right,
            Self::Missed(what) => Self::Missed(say(what)),
            Self::WrongAction(what) => Self::WrongAction(say(what)),
        }
    }
}

/// The daemon's ear, that waits less long for devices which never answer.
struct Hasty(Box<dyn Ear>);

impl Ear for Hasty {
    fn ready(&self) -> tokio::sync::watch::Receiver<bool> {
        self.0.ready()
    }

    fn hear(&mut self, utterance: &Utterance, home: &Home, now: Timestamp) -> Heard {
        hasten(self.0.hear(utterance, home, now))
    }

    fn due(&mut self, ripe: &Ripe, home: &Home, now: Timestamp) -> Heard {
        hasten(self.0.due(ripe, home, now))
    }
}

fn hasten(heard: Heard) -> Heard {
    match heard {
        Heard::Acts { wishes, patience, finish } => {
            Heard::Acts { wishes, patience: patience.min(PATIENCE), finish }
        }
        Heard::Books(book) => {
            Heard::Books(Box::new(move |agenda, home, now| hasten(book(agenda, home, now))))
        }
        Heard::Tries { key, source, then } => Heard::Tries {
            key,
            source,
            then: Box::new(move |home, now, trial| hasten(then(home, now, trial))),
        },
        Heard::Thinks(thinking) => Heard::Thinks(Box::pin(async move {
            let thought = thinking.await;
            let hasty: Thought = Box::new(move |home, now| hasten(thought(home, now)));
            hasty
        })),
        other @ (Heard::Reply(_) | Heard::Rules(_) | Heard::NotYet) => other,
    }
}
