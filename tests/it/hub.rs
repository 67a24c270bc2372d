//! The loop of the house, with a real storage, a fixed clock and a port made of two channels.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use homard::automation::{Agenda, Moment};
use homard::clock::Clock;
use homard::home::action::{Outcome, Refusal};
use homard::home::device::DeviceFacts;
use homard::home::domain::{Action, Caps, State, switch};
use homard::home::entity::{Announcement, Availability, Naming, Producer, Source, Traits};
use homard::home::id::{AreaId, EntityId, FloorId, Handle};
use homard::home::person::{Rights, Role};
use homard::home::place::{Area, Floor};
use homard::home::{EntityEdit, Home, Report};
use homard::hub::event::{
    Done, EditError, Effect, Event, Place, Problem, Query, Reply, ReplyKind, Shown, Trigger,
    Utterance, Wish,
};
use homard::hub::{Ear, Heard, Hub, HubHandle, Setup, Stopped};
use homard::storage::{Budget, Settings, Storage, Writer};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// A directory of its own, gone at the end.
pub(crate) struct Dir(pub(crate) PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static N: AtomicU32 = AtomicU32::new(0);
        let n = N.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("homard-it-{}-{n}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        Self(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) const NOON: &str = "2026-11-22T12:00:00+01:00[Europe/Paris]";

fn now() -> Timestamp {
    Clock::fixed(NOON.parse().unwrap()).now()
}

pub(crate) struct House {
    pub(crate) hub: HubHandle,
    storage: Storage,
    effects: mpsc::Receiver<Vec<Effect>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), String>>,
    dir: Arc<Dir>,
}

impl House {
    fn start() -> Self {
        Self::start_in(Arc::new(Dir::new()), Settings::default(), NOON)
    }

    pub(crate) fn start_in(dir: Arc<Dir>, settings: Settings, at: &str) -> Self {
        Self::start_with(dir, settings, at, Box::new(Parrot))
    }

    fn start_with(dir: Arc<Dir>, settings: Settings, at: &str, ear: Box<dyn Ear>) -> Self {
        let clock = Clock::fixed(at.parse().unwrap());
        let storage = Storage::open(&dir.0).unwrap();
        let loaded = storage.load().unwrap();
        assert_eq!(loaded.problems, [""; 0]);
        let home = Home::restore(
            loaded.floors,
            loaded.areas,
            loaded.devices,
            loaded.entities,
            clock.now(),
        );
        let writer = Writer::start(storage.clone(), settings).unwrap();
        let (outbox, effects) = mpsc::channel(4);
        let now = Moment { wall: clock.now(), steady: SignedDuration::ZERO };
        let agenda = Agenda::restore(loaded.agenda, loaded.lists, now);
        let (hub, handle) = Hub::new(Setup { home, agenda, writer, clock, ear, outbox });
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(hub.run(async move {
            let _ = stopped.await;
        }));
        Self { hub: handle, storage, effects, stop: Some(stop), task, dir }
    }

    pub(crate) async fn stop(mut self) -> Arc<Dir> {
        drop(self.stop.take());
        (&mut self.task).await.unwrap().unwrap();
        assert_eq!(self.hub.send(vec![Event::BrokerConnected(true)]).await, Err(Stopped));
        self.dir
    }

    pub(crate) async fn send(&self, events: Vec<Event>) {
        self.hub.send(events).await.unwrap();
    }

    /// Waits until everything sent so far has been taken in.
    pub(crate) async fn settle(&self) {
        self.hub.ask(Query::Counters).await.unwrap();
    }

    pub(crate) async fn announce(&mut self, handle: u32, name: &str) {
        self.send(vec![announced(handle, name)]).await;
        let effects = self.effects.recv().await.unwrap();
        let id = EntityId::new(&format!("switch.{name}"));
        assert_eq!(effects, [Effect::Bind { handle: Handle(handle), id, is_enabled: true }]);
    }

    /// Starts an action; its answer, and the effects it had.
    async fn act(
        &mut self,
        wishes: &[(&str, switch::Action)],
        patience: u64,
    ) -> (JoinHandle<Vec<Done>>, Vec<Effect>) {
        let wishes = wishes
            .iter()
            .map(|(id, action)| Wish {
                entity: EntityId::new(id),
                action: Action::Switch(action.clone()),
            })
            .collect();
        let hub = self.hub.clone();
        let patience = Duration::from_secs(patience);
        let answer = tokio::spawn(async move {
            hub.ask(|reply| Query::Act { wishes, patience, reply }).await.unwrap()
        });
        tokio::task::yield_now().await;
        self.settle().await;
        (answer, self.effects.try_recv().unwrap_or_default())
    }

    /// Waits until so many states are on the disk; the records.
    async fn states_on_disk(&self, n: usize) -> Vec<String> {
        let begun = std::time::Instant::now();
        loop {
            let dump = self.storage.dump().unwrap();
            let states = dump.lines().filter(|line| line.starts_with("state "));
            let states: Vec<String> = states.map(str::to_owned).collect();
            if states.len() >= n {
                return states;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "only {states:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn word(&self, id: &str) -> Option<String> {
        self.hub.read(|home| Some(home.entity(id)?.view()?.word.into_owned()))
    }
}

pub(crate) fn announced(handle: u32, name: &str) -> Event {
    Event::Announced(
        Handle(handle),
        Box::new(Announcement {
            key: name.into(),
            unique_id: Some(name.into()),
            caps: Caps::Switch(Box::default()),
            naming: Naming::Named(name.into()),
            wished_object: None,
            device: Some(Arc::new(DeviceFacts {
                identifiers: vec![format!("device {name}").into()],
                suggested_area: Some("Kitchen".into()),
                ..DeviceFacts::default()
            })),
            traits: Arc::new(Traits::default()),
            enabled_by_default: true,
            always_available: true,
            producer: Producer { name: Some("test".into()), topic: "t".into() },
        }),
    )
}

pub(crate) fn reported(handle: u32, on: bool, source: Source) -> Event {
    let state = Some(State::Switch(switch::State { on: Some(on) }));
    Event::StateReported(
        Handle(handle),
        Box::new(Report { state, extra: None, source, force: false, said_at: None }),
    )
}

fn outcomes(done: &[Done]) -> Vec<Outcome> {
    done.iter().map(|done| done.outcome.clone()).collect()
}

/// Switches on what is said to it, and says what became of it.
struct Parrot;

impl Ear for Parrot {
    fn hear(&mut self, utterance: &Utterance, _: &Home, _: Timestamp) -> Heard {
        let reply = |text: String| Reply {
            text,
            language: "en".into(),
            kind: ReplyKind::ActionDone,
            success: Vec::new(),
            failed: Vec::new(),
            intent: None,
            slots: Vec::new(),
            conversation: String::new(),
            continues: false,
            asks: None,
            elapsed_ms: Vec::new(),
            explained: Default::default(),
        };
        if utterance.text.ends_with('?') {
            return Heard::Reply(reply("yes".into()));
        }
        let entity = EntityId::new(&utterance.text);
        Heard::Acts {
            wishes: vec![Wish { entity, action: Action::Switch(switch::Action::TurnOn) }],
            patience: Duration::from_secs(3),
            finish: Box::new(move |home, done| {
                let word = home.entity(done[0].entity.as_str()).and_then(|e| e.view());
                let word = word.map(|view| view.word.into_owned());
                reply(format!("{:?}, now {word:?}", done[0].outcome))
            }),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_devices_own_live_report_confirms() {
    let mut house = House::start();
    for (n, (source, on, after, expected)) in (1..).zip([
        (Source::Live, true, 0, Outcome::Confirmed),
        (Source::Assumed, true, 0, Outcome::Sent),
        // Of these the wait knows nothing, and ends in time.
        (Source::Retained, true, 5, Outcome::Sent),
        (Source::Restored, true, 5, Outcome::Sent),
        (Source::Live, false, 5, Outcome::Sent),
    ]) {
        house.announce(n, &format!("s{n}")).await;
        let begun = tokio::time::Instant::now();
        let id = format!("switch.s{n}");
        let (answer, effects) = house.act(&[(&id, switch::Action::TurnOn)], 5).await;
        assert!(
            matches!(effects[..], [Effect::Act { handle, .. }] if handle == Handle(n)),
            "{effects:?}"
        );
        house.send(vec![reported(n, on, source)]).await;
        let done = answer.await.unwrap();
        assert_eq!(outcomes(&done), [expected], "{source:?} {on}");
        assert_eq!(begun.elapsed().as_secs(), after, "{source:?} {on}");
    }
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_program_waits_long_only_once_for_a_device_that_does_not_answer() {
    let mut house = House::start();
    house.announce(1, "a").await;
    let mut on = false;
    let wait = async |house: &mut House, on: bool, says: Option<bool>| {
        let action = if on { switch::Action::TurnOn } else { switch::Action::TurnOff };
        let begun = tokio::time::Instant::now();
        let (answer, _) = house.act(&[("switch.a", action)], 1).await;
        if let Some(on) = says {
            house.send(vec![reported(1, on, Source::Live)]).await;
        }
        answer.await.unwrap();
        begun.elapsed().as_millis()
    };
    for (n, expected) in [1_000, 100, 100].into_iter().enumerate() {
        on = !on;
        assert_eq!(wait(&mut house, on, None).await, expected, "{n}");
    }
    // It answered at last, later than it was waited for: it is worth waiting again.
    house.send(vec![reported(1, on, Source::Live)]).await;
    assert_eq!(wait(&mut house, !on, Some(!on)).await, 0);
    // On its way and saying so, though not there yet: that is no silence.
    for _ in 0..2 {
        assert_eq!(wait(&mut house, on, Some(!on)).await, 1_000);
    }
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_as_wished_already_need_not_say_so_again() {
    let mut house = House::start();
    house.announce(1, "a").await;
    for (last, says, expected) in [
        (Source::Live, None, Outcome::Confirmed),
        (Source::Live, Some(false), Outcome::Sent),
        (Source::Retained, None, Outcome::Sent),
        (Source::Assumed, None, Outcome::Sent),
    ] {
        house.send(vec![reported(1, false, Source::Live), reported(1, true, last)]).await;
        let (answer, effects) = house.act(&[("switch.a", switch::Action::TurnOn)], 2).await;
        assert_eq!(effects.len(), 1, "the command is sent all the same");
        if let Some(on) = says {
            house.send(vec![reported(1, on, Source::Live)]).await;
        }
        assert_eq!(outcomes(&answer.await.unwrap()), [expected], "{last:?} {says:?}");
    }
    house.stop().await;
}

#[tokio::test]
async fn what_a_person_was_told_is_on_the_disk_before_what_devices_say() {
    let later = Duration::from_secs(3_600);
    let settings = Settings { gather: later, quiet: later, ..Settings::default() };
    let mut house = House::start_in(Arc::new(Dir::new()), settings, NOON);
    for (handle, name) in [(1, "a"), (2, "b"), (3, "c")] {
        house.announce(handle, name).await;
        house.send(vec![reported(handle, false, Source::Live)]).await;
    }
    let (answer, _) = house.act(&[("switch.a", switch::Action::TurnOn)], 5).await;
    assert_eq!(house.states_on_disk(0).await, [""; 0]);
    house.send(vec![reported(1, true, Source::Live)]).await;
    assert_eq!(outcomes(&answer.await.unwrap()), [Outcome::Confirmed]);
    let states = house.states_on_disk(1).await;
    assert!(states[0].contains("switch.a") && states[0].contains("on"), "{states:?}");
    assert_eq!(states.len(), 1, "{states:?}");
    // Who does not wait sees it a moment later; then it is on the disk too.
    let (answer, _) = house.act(&[("switch.b", switch::Action::TurnOn)], 0).await;
    assert_eq!(outcomes(&answer.await.unwrap()), [Outcome::Sent]);
    let before = house.states_on_disk(1).await.len();
    house.send(vec![reported(3, true, Source::Live), reported(2, true, Source::Live)]).await;
    let states = house.states_on_disk(before + 1).await;
    assert!(states.iter().any(|state| state.contains("switch.b") && state.contains("on")));
    assert!(!states.iter().any(|state| state.contains("switch.c")), "{states:?}");
    house.stop().await;
}

/// Hears only when it is told to.
struct Sleepy(tokio::sync::watch::Receiver<bool>);

impl Ear for Sleepy {
    fn ready(&self) -> tokio::sync::watch::Receiver<bool> {
        self.0.clone()
    }

    fn hear(&mut self, utterance: &Utterance, home: &Home, now: Timestamp) -> Heard {
        Parrot.hear(utterance, home, now)
    }
}

#[tokio::test]
async fn the_loop_goes_on_while_the_ear_is_not_ready() {
    for is_ready_at_last in [true, false] {
        let (wake, is_ready) = tokio::sync::watch::channel(false);
        let ear = Box::new(Sleepy(is_ready));
        let mut house = House::start_with(Arc::new(Dir::new()), Settings::default(), NOON, ear);
        let said = |text: &str| {
            let text = text.to_owned();
            let hub = house.hub.clone();
            tokio::spawn(async move {
                let utterance = Utterance { text, ..Utterance::default() };
                hub.ask(|reply| Query::Hear(utterance, reply)).await.unwrap().text
            })
        };
        let (first, second) = (said("well?"), said("and?"));
        tokio::task::yield_now().await;
        house.announce(1, "a").await;
        house.settle().await;
        assert!(!first.is_finished() && !second.is_finished());
        // One that ends without ever being ready is asked all the same.
        if is_ready_at_last {
            wake.send_replace(true);
        } else {
            drop(wake);
        }
        assert_eq!((first.await.unwrap(), second.await.unwrap()), ("yes".into(), "yes".into()));
        let utterance = Utterance { text: "now?".into(), ..Utterance::default() };
        let reply = house.hub.ask(|reply| Query::Hear(utterance, reply)).await.unwrap();
        assert_eq!(reply.text, "yes");
        house.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn many_wishes_each_have_their_outcome() {
    let mut house = House::start();
    for (handle, name) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        house.announce(handle, name).await;
    }
    house.send(vec![Event::AvailabilityReported(Handle(4), Availability::Offline)]).await;
    let (answer, effects) = house
        .act(
            &[
                ("switch.a", switch::Action::TurnOn),
                ("switch.b", switch::Action::TurnOn),
                ("switch.c", switch::Action::TurnOn),
                ("switch.d", switch::Action::TurnOn),
                ("switch.aa", switch::Action::TurnOn),
                ("switch.a", switch::Action::TurnOff),
            ],
            5,
        )
        .await;
    let ids: Vec<_> = effects
        .iter()
        .map(|effect| match effect {
            Effect::Act { id, handle, .. } => (handle.0, *id),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids.iter().map(|(handle, _)| *handle).collect::<Vec<_>>(), [1, 2, 3, 1]);
    house
        .send(vec![
            reported(1, true, Source::Live),
            reported(1, false, Source::Live),
            Event::ActionFailed(ids[1].1, Refusal::TemplateFailed("x".into())),
        ])
        .await;
    let done = answer.await.unwrap();
    let nearest = vec!["switch.a".to_owned(), "switch.b".to_owned(), "switch.c".to_owned()];
    let said = "switch.aa".to_owned();
    assert_eq!(
        outcomes(&done),
        [
            Outcome::Confirmed,
            Outcome::Refused(Refusal::TemplateFailed("x".into())),
            Outcome::Sent,
            Outcome::Refused(Refusal::Unreachable),
            Outcome::Refused(Refusal::NoSuchName { said, nearest }),
            Outcome::Confirmed,
        ]
    );
    let changed: Vec<bool> = done.iter().map(|done| done.changed.is_some()).collect();
    assert_eq!(changed, [true, false, false, false, false, true]);
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_patience_or_reports_nobody_waits() {
    let mut house = House::start();
    house.announce(1, "a").await;
    let (answer, effects) = house.act(&[("switch.a", switch::Action::TurnOn)], 0).await;
    assert_eq!(effects.len(), 1);
    assert_eq!(outcomes(&answer.await.unwrap()), [Outcome::Sent]);
    house.send(vec![Event::BrokerConnected(false)]).await;
    assert_eq!(house.word("switch.a").as_deref(), Some("unknown"));
    house.settle().await;
    assert_eq!(house.word("switch.a").as_deref(), Some("unavailable"));
    let (answer, effects) = house.act(&[("switch.a", switch::Action::TurnOn)], 5).await;
    assert_eq!(effects, []);
    assert_eq!(outcomes(&answer.await.unwrap()), [Outcome::Refused(Refusal::NoBroker)]);
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_port_never_took_is_refused_and_not_sent_later() {
    let mut house = House::start();
    house.announce(1, "a").await;
    // The port stops taking effects: four groups fill its queue.
    let mut answers = Vec::new();
    for _ in 0..5 {
        let hub = house.hub.clone();
        answers.push(tokio::spawn(async move {
            let wish = Wish {
                entity: EntityId::new("switch.a"),
                action: Action::Switch(switch::Action::TurnOn),
            };
            let patience = Duration::from_secs(2);
            hub.ask(|reply| Query::Act { wishes: vec![wish], patience, reply }).await.unwrap()
        }));
        tokio::task::yield_now().await;
        house.settle().await;
    }
    let mut all = Vec::new();
    for answer in answers {
        all.extend(outcomes(&answer.await.unwrap()));
    }
    let mut expected = vec![Outcome::Sent; 4];
    expected.push(Outcome::Refused(Refusal::NoBroker));
    assert_eq!(all, expected);
    let mut n = 0;
    while house.effects.try_recv().is_ok() {
        n += 1;
        house.settle().await;
    }
    assert_eq!(n, 4);
    // The port ends: a wish is refused at once.
    let (_, effects) = mpsc::channel(1);
    house.effects = effects;
    let (answer, _) = house.act(&[("switch.a", switch::Action::TurnOn)], 60).await;
    assert_eq!(outcomes(&answer.await.unwrap()), [Outcome::Refused(Refusal::NoBroker)]);
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_utterance_is_answered_when_its_outcome_is_known() {
    let mut house = House::start();
    house.announce(1, "a").await;
    let say = |text: &str| {
        let text = text.to_owned();
        let utterance = Utterance { text, ..Utterance::default() };
        let hub = house.hub.clone();
        tokio::spawn(
            async move { hub.ask(|reply| Query::Hear(utterance, reply)).await.unwrap().text },
        )
    };
    assert_eq!(say("is it?").await.unwrap(), "yes");
    let answer = say("switch.a");
    let effects = house.effects.recv().await.unwrap();
    assert!(matches!(effects[..], [Effect::Act { .. }]));
    house.hub.send(vec![reported(1, true, Source::Live)]).await.unwrap();
    assert_eq!(answer.await.unwrap(), r#"Confirmed, now Some("on")"#);
    house.hub.send(vec![reported(1, false, Source::Live)]).await.unwrap();
    assert_eq!(say("switch.a").await.unwrap(), r#"Sent, now Some("off")"#);
    let said = say("light.x").await.unwrap();
    assert!(said.starts_with("Refused(NoSuchName"), "{said}");
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_shown_comes_in_order_and_in_groups() {
    let mut house = House::start();
    house.announce(1, "a").await;
    let trigger = Arc::new(Trigger {
        device: Arc::new(DeviceFacts {
            identifiers: vec!["remote".into()],
            ..DeviceFacts::default()
        }),
        kind: "action".into(),
        subtype: "on".into(),
        topic: "t".into(),
    });
    let announce = || Event::TriggerAnnounced(Handle(9), Box::new((*trigger).clone()));
    house.send(vec![announce()]).await;
    house.settle().await;
    let mut watch = house.hub.watch();
    house
        .send(vec![
            reported(1, true, Source::Live),
            Event::TriggerFired(Handle(9)),
            Event::TriggerFired(Handle(8)),
            reported(1, true, Source::Live),
            reported(1, false, Source::Live),
            Event::TagScanned { handle: Handle(9), tag: "tag".into() },
            announced(2, "b"),
        ])
        .await;
    let mut seen = Vec::new();
    for shown in &watch.recv().await.unwrap().shown {
        seen.push(match shown {
            Shown::Changed(change, at) => {
                assert_eq!(*at, now());
                let word = |record: &Option<homard::home::entity::Record>| {
                    record.as_ref().map(|record| record.view.word.to_string()).unwrap_or_default()
                };
                format!("{}: {}→{}", change.id, word(&change.before), word(&change.after))
            }
            Shown::TriggerFired(trigger, device, _) => {
                format!("{} {}", device.as_ref().unwrap(), trigger.subtype)
            }
            Shown::TagScanned(tag, device, _) => format!("{} {tag}", device.as_ref().unwrap()),
            Shown::RegistryChanged(_) => "registry".to_owned(),
            Shown::Said(said, _) => said.reply.text.clone(),
            Shown::Fired(name, ..) => name.to_string(),
        });
    }
    assert_eq!(
        seen,
        [
            "switch.a: unknown→on",
            "remote on",
            "switch.a: on→off",
            "remote tag",
            "switch.b: →unknown",
            "registry",
        ]
    );
    house.send(vec![Event::Withdrawn { handle: Handle(9), forget: true }]).await;
    house.send(vec![Event::TriggerFired(Handle(9)), reported(1, true, Source::Live)]).await;
    assert_eq!(watch.recv().await.unwrap().shown.len(), 1);
    // A flood comes in groups of a bounded size.
    let flood = (0..300).map(|n| reported(1, n % 2 == 1, Source::Live)).collect();
    house.send(flood).await;
    let mut n = 0;
    while n < 300 {
        let group = watch.recv().await.unwrap();
        assert!(group.shown.len() <= 64);
        n += group.shown.len();
    }
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn edits_are_on_the_disk_when_they_are_answered_and_outlive_a_restart() {
    let mut house = House::start();
    house.announce(1, "a").await;
    house.send(vec![reported(1, true, Source::Live)]).await;
    let hub = house.hub.clone();
    let floor = Floor {
        id: FloorId::new("up"),
        name: "Up".into(),
        aliases: vec!["oben".into()],
        level: Some(1),
    };
    let area = |id: &str, floor: &str| Area {
        id: AreaId::new(id),
        name: id.into(),
        aliases: Vec::new(),
        floor: Some(FloorId::new(floor)),
    };
    assert_eq!(hub.ask(|r| Query::PutFloor(floor.clone(), r)).await, Ok(Ok(())));
    assert_eq!(hub.ask(|r| Query::PutArea(area("attic", "up"), r)).await, Ok(Ok(())));
    let refused = hub.ask(|r| Query::PutArea(area("cellar", "down"), r)).await.unwrap();
    assert!(matches!(refused, Err(EditError::Refused(Refusal::NoSuchPlace { .. }))), "{refused:?}");
    let edit = EntityEdit {
        name: Some(Some("Lamp".into())),
        area: Some(Some(AreaId::new("attic"))),
        aliases: Some(vec!["Funzel".into()]),
        enabled: None,
    };
    let id = EntityId::new("switch.a");
    let edited = hub.ask(|r| Query::EditEntity(id.clone(), edit.clone(), r)).await;
    assert_eq!(edited, Ok(Ok(())));
    for (id, edit) in [
        ("switch.x", EntityEdit::default()),
        ("switch.a", EntityEdit { area: Some(Some(AreaId::new("moon"))), ..edit.clone() }),
    ] {
        let refused = hub.ask(|r| Query::EditEntity(EntityId::new(id), edit, r)).await.unwrap();
        assert!(matches!(refused, Err(EditError::Refused(_))), "{refused:?}");
    }
    let dir = house.stop().await;

    // A year earlier, says the clock: it has no battery. Nothing minds.
    let mut house = House::start_in(dir, Settings::default(), "2025-11-22T12:00:00Z[UTC]");
    house.hub.read(|home| {
        let entity = home.entity("switch.a").unwrap();
        assert_eq!((&*entity.friendly_name, entity.given.aliases.len()), ("Lamp", 1));
        assert_eq!(home.area_of(entity).unwrap().name, "attic");
        assert_eq!(home.floor_of(entity).unwrap(), &floor);
        assert_eq!(home.area("kitchen").unwrap().name, "Kitchen");
        let view = entity.view().unwrap();
        assert_eq!((&*view.word, entity.heard_at), ("on", Some(now())));
        assert!(view.attributes.named("restored").is_some());
    });
    let (answer, effects) = house.act(&[("switch.a", switch::Action::TurnOff)], 5).await;
    assert_eq!((effects.len(), outcomes(&answer.await.unwrap()).len()), (0, 1));
    house.announce(7, "a").await;
    assert_eq!(house.word("switch.a").as_deref(), Some("on"));
    house.send(vec![reported(7, false, Source::Live)]).await;
    house.settle().await;
    assert_eq!(house.word("switch.a").as_deref(), Some("off"));
    let changed_at = house.hub.read(|home| home.entity("switch.a").unwrap().changed_at);
    assert!(changed_at < now());

    // Off, on, and away.
    let hub = house.hub.clone();
    for enabled in [false, true] {
        let edit = EntityEdit { enabled: Some(Some(enabled)), ..EntityEdit::default() };
        assert_eq!(hub.ask(|r| Query::EditEntity(id.clone(), edit, r)).await, Ok(Ok(())));
        let bind = Effect::Bind { handle: Handle(7), id: id.clone(), is_enabled: enabled };
        assert_eq!(house.effects.recv().await.unwrap(), [bind]);
        assert_eq!(house.word("switch.a").is_some(), enabled);
    }
    assert_eq!(hub.ask(|r| Query::RemoveFloor(FloorId::new("up"), r)).await, Ok(Ok(())));
    assert_eq!(hub.ask(|r| Query::RemoveArea(AreaId::new("kitchen"), r)).await, Ok(Ok(())));
    let dir = house.stop().await;

    let mut house = House::start_in(dir, Settings::default(), NOON);
    house.hub.read(|home| {
        assert_eq!((home.floors().count(), home.areas().count()), (0, 1));
        assert_eq!(home.area("attic").unwrap().floor, None);
        assert_eq!(home.devices().next().unwrap().area, None);
    });
    house.announce(3, "a").await;
    let hub = house.hub.clone();
    assert_eq!(hub.ask(|r| Query::RemoveEntity(id.clone(), r)).await, Ok(Ok(())));
    assert_eq!(house.effects.recv().await.unwrap(), [Effect::Discard(Handle(3))]);
    // What the producer says about it from now on is nobody's.
    house.send(vec![reported(3, true, Source::Live)]).await;
    let dir = house.stop().await;
    let storage = Storage::open(&dir.0).unwrap();
    let dump = storage.dump().unwrap();
    assert_eq!(dump.lines().count(), 2, "only the format and the attic: {dump}");
}

#[tokio::test(start_paused = true)]
async fn problems_are_kept_once_and_counted() {
    let mut house = House::start();
    house.announce(1, "a").await;
    let found = |place: Place| {
        let producer = Some("z2m".into());
        Event::ProblemFound(Problem { place, producer, text: "broken".into() })
    };
    let topic = Place::Topic("x/config".into());
    house
        .send(vec![found(Place::Handle(Handle(1))), found(topic.clone()), found(topic.clone())])
        .await;
    let problems = house.hub.ask(Query::Problems).await.unwrap();
    let seen: Vec<_> = problems
        .iter()
        .map(|kept| {
            let entity = kept.entity.as_ref().map(|id| id.to_string());
            (kept.count, entity, kept.topic.as_deref())
        })
        .collect();
    let of_the_entity = (1, Some("switch.a".to_owned()), Some("t"));
    assert_eq!(seen, [(2, None, Some("x/config")), of_the_entity]);
    house.send(vec![Event::ProblemSolved { place: topic }]).await;
    assert_eq!(house.hub.ask(Query::Problems).await.unwrap().len(), 1);
    let counters = house.hub.ask(Query::Counters).await.unwrap();
    assert_eq!((counters.n_events, counters.n_problems), (5, 1));
    house.stop().await;
}

/// Not a bar, which is for a release build and a real broker: a loop that became slow by ten is
/// seen here.
#[tokio::test]
async fn a_flood_passes_and_its_last_word_stays() {
    let quick = Settings {
        budget: Budget::new(u64::MAX, Duration::ZERO, Duration::ZERO),
        gather: Duration::from_millis(20),
        quiet: Duration::ZERO,
        retry: Duration::from_secs(1),
        ..Settings::default()
    };
    let mut house = House::start_in(Arc::new(Dir::new()), quick, NOON);
    for n in 0..100 {
        house.announce(n, &format!("s{n}")).await;
    }
    let mut watch = house.hub.watch();
    let watcher = tokio::spawn(async move {
        let mut n = 0;
        loop {
            match watch.recv().await {
                Ok(showing) => n += showing.shown.len(),
                Err(RecvError::Lagged(n)) => panic!("a watcher that keeps up missed {n} showings"),
                Err(RecvError::Closed) => return n,
            }
        }
    });
    let mut stuck = house.hub.watch();
    let stuck_until = Arc::new(tokio::sync::Notify::new());
    let go_on = Arc::clone(&stuck_until);
    let late = tokio::spawn(async move {
        go_on.notified().await;
        let (mut n, mut n_lost, mut next) = (0, 0, None);
        loop {
            match stuck.recv().await {
                Ok(showing) => {
                    n_lost += showing.first - next.unwrap_or(0);
                    n += showing.shown.len();
                    next = Some(showing.first + showing.shown.len() as u64);
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return (n, n_lost),
            }
        }
    });
    let begun = tokio::time::Instant::now();
    const N: u32 = 40_000;
    for batch in 0..N / 100 {
        let on = batch % 2 == 0;
        house.send((0..100).map(|n| reported(n, on, Source::Live)).collect()).await;
    }
    house.settle().await;
    let elapsed = begun.elapsed();
    println!("hub: {:.0} events/s (test build)", f64::from(N) / elapsed.as_secs_f64());
    assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
    let counters = house.hub.ask(Query::Counters).await.unwrap();
    assert_eq!(counters.n_changes, u64::from(N) + 100);
    stuck_until.notify_one();
    let dir = house.stop().await;
    assert_eq!(watcher.await.unwrap(), N as usize);
    // Who is stuck holds the house up for a moment only, and can tell how much it missed.
    let (n, n_lost) = late.await.unwrap();
    assert!(n > 0 && n_lost > 0);
    assert_eq!(n as u64 + n_lost, u64::from(N));
    let storage = Storage::open(&dir.0).unwrap();
    let loaded = storage.load().unwrap();
    assert_eq!(loaded.entities.len(), 100);
    assert!(loaded.entities.iter().all(|(_, last)| last.as_ref().unwrap().view.word == "off"));
}

#[tokio::test]
async fn whoever_asks_and_however_does_and_sees_what_they_may() {
    let mut house = House::start();
    for (handle, name) in [(1, "lamp"), (2, "boiler")] {
        house.announce(handle, name).await;
    }
    let area =
        |id: &str| Area { id: AreaId::new(id), name: id.into(), aliases: Vec::new(), floor: None };
    for (id, entity) in [("attic", "switch.lamp"), ("cellar", "switch.boiler")] {
        assert_eq!(house.hub.ask(|r| Query::PutArea(area(id), r)).await, Ok(Ok(())));
        let edit = EntityEdit { area: Some(Some(AreaId::new(id))), ..EntityEdit::default() };
        let edited = house.hub.ask(|r| Query::EditEntity(EntityId::new(entity), edit, r)).await;
        assert_eq!(edited, Ok(Ok(())));
    }
    let guest = Rights { areas: Some([AreaId::new("attic")].into()), ..Rights::of(Role::Guest) };
    for (rights, seen, done, edits) in [
        (Rights::all(), "switch.boiler switch.lamp", "++", true),
        (Rights::of(Role::Adult), "switch.boiler switch.lamp", "++", true),
        (Rights::of(Role::Child), "switch.boiler switch.lamp", "++", false),
        (guest, "switch.lamp", "-+", false),
        (Rights::none(), "", "--", false),
    ] {
        let hub = house.hub.by(rights.clone());
        let ids: Vec<String> =
            hub.read(|home| home.entities().map(|entity| entity.id.to_string()).collect());
        assert_eq!(ids.join(" "), seen, "{rights:?}");
        let wishes = ["switch.boiler", "switch.lamp"].map(|id| Wish {
            entity: EntityId::new(id),
            action: Action::Switch(switch::Action::TurnOn),
        });
        let act = |reply| Query::Act { wishes: wishes.to_vec(), patience: Duration::ZERO, reply };
        let outcomes = hub.ask(act).await.unwrap();
        let marks: String = outcomes
            .iter()
            .map(|done| if matches!(done.outcome, Outcome::Refused(_)) { '-' } else { '+' })
            .collect();
        assert_eq!(marks, done, "{rights:?}: {outcomes:?}");
        let told = outcomes.iter().any(|done| {
            matches!(&done.outcome, Outcome::Refused(Refusal::NoSuchName { nearest, .. }) if !nearest.is_empty())
        });
        assert!(!told, "a refusal must not tell what there is");
        let edited = hub.ask(|r| Query::PutArea(area("attic"), r)).await.unwrap();
        assert_eq!(edited.is_ok(), edits, "{rights:?}: {edited:?}");
    }
    house.stop().await;
}
