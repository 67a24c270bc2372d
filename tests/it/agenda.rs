//! Timers and deeds in the loop, with a real storage and clocks that the tests set: what is said
//! when, what is done, and what outlives a restart. How people say it is tested in `errands`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use homard::automation::{self, Agenda, Asker, Deed, Due, EntryId, Fate, Moment, Ripe, Task};
use homard::clock::Clock;
use homard::home::Home;
use homard::home::domain::{Action, switch};
use homard::home::id::EntityId;
use homard::hub::event::{
    Cause, Effect, Explained, Query, Reply, ReplyKind, Said, Showing, Shown, Utterance, Wish,
};
use homard::hub::{Ear, Heard, Hub, HubHandle, Setup};
use homard::storage::{Settings, Storage, Writer};
use jiff::{SignedDuration, Timestamp, Zoned};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::hub::{Dir, NOON};

pub(crate) fn reply(text: String) -> Reply {
    Reply {
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
        explained: Explained::default(),
    }
}

/// Understands `timer SECONDS`, `say TEXT` and `deed SECONDS`, the last by the wall clock.
struct Clerk;

impl Ear for Clerk {
    fn hear(&mut self, utterance: &Utterance, _: &Home, _: Timestamp) -> Heard {
        let said = utterance.text.clone();
        Heard::Books(Box::new(move |agenda: &mut Agenda, _: &Home, now: Moment| {
            let (what, rest) = said.split_once(' ').unwrap();
            let seconds = || SignedDuration::from_secs(rest.parse().unwrap());
            let wish = automation::Wish {
                entities: vec![EntityId::new("switch.heater")],
                what: "turn_on".into(),
                fields: Vec::new(),
            };
            let (due, task) = match what {
                "timer" => (
                    Due::In { at: now.steady + seconds(), restored: None },
                    Task::Timer { name: None, started_s: 1.0, then: None },
                ),
                "deed" => (
                    Due::At(now.wall + seconds()),
                    Task::Deed(Deed { wishes: vec![wish], ..Deed::default() }),
                ),
                _ => (Due::At(now.wall), Task::Say(rest.to_owned())),
            };
            agenda.add(Asker::default(), &said, due, task, now).unwrap();
            Heard::Reply(reply("noted".into()))
        }))
    }

    fn due(&mut self, ripe: &Ripe, _: &Home, _: Timestamp) -> Heard {
        let Ripe { entry, late_s, fate } = ripe.clone();
        let text = format!("{} {fate:?} {late_s:.0}", entry.said);
        match entry.task {
            Task::Deed(deed) if fate == Fate::Happens => Heard::Acts {
                wishes: vec![Wish {
                    entity: deed.wishes[0].entities[0].clone(),
                    action: Action::Switch(switch::Action::TurnOn),
                }],
                patience: Duration::from_secs(2),
                finish: Box::new(move |_, done| reply(format!("{text} {:?}", done[0].outcome))),
            },
            _ => Heard::Reply(reply(text)),
        }
    }
}

struct House {
    hub: HubHandle,
    clock: Clock,
    storage: Storage,
    shown: broadcast::Receiver<Arc<Showing>>,
    said: VecDeque<Said>,
    effects: mpsc::Receiver<Vec<Effect>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), String>>,
}

fn wall(seconds: i64) -> Timestamp {
    let noon: Zoned = NOON.parse().unwrap();
    noon.timestamp() + SignedDuration::from_secs(seconds)
}

impl House {
    /// A house whose wall clock shows so many seconds after noon.
    fn start(dir: &Dir, seconds: i64) -> Self {
        let clock = Clock::movable(&NOON.parse().unwrap());
        clock.set(wall(seconds));
        let storage = Storage::open(&dir.0).unwrap();
        let loaded = storage.load().unwrap();
        assert_eq!(loaded.problems, [""; 0]);
        let now = Moment { wall: clock.now(), steady: clock.steady() };
        let agenda = Agenda::restore(loaded.agenda, loaded.lists, now);
        let writer = Writer::start(storage.clone(), Settings::default()).unwrap();
        let (outbox, effects) = mpsc::channel(4);
        let ear = Box::new(Clerk);
        let setup = Setup { home: Home::new(), agenda, writer, clock: clock.clone(), ear, outbox };
        let (hub, handle) = Hub::new(setup);
        let shown = handle.watch();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(hub.run(async move {
            let _ = stopped.await;
        }));
        Self { hub: handle, clock, storage, shown, said: VecDeque::new(), effects, stop, task }
    }

    async fn say(&self, text: &str) {
        let utterance = Utterance { text: text.to_owned(), ..Utterance::default() };
        let answer = self.hub.ask(|reply| Query::Hear(utterance, reply)).await.unwrap();
        assert_eq!(answer.text, "noted");
    }

    /// Time passes on both clocks.
    async fn pass(&self, seconds: i64) {
        self.clock.pass(SignedDuration::from_secs(seconds));
        self.settle().await;
    }

    async fn settle(&self) {
        for _ in 0..3 {
            self.hub.ask(Query::Counters).await.unwrap();
        }
    }

    /// Waits for the next thing that the house says by itself.
    async fn next(&mut self) -> Said {
        while self.said.is_empty() {
            let shown = tokio::time::timeout(Duration::from_secs(20), self.shown.recv());
            for shown in shown.await.expect("something is said").unwrap().shown.iter() {
                if let Shown::Said(said, _) = shown {
                    self.said.push_back((**said).clone());
                }
            }
        }
        self.said.pop_front().unwrap()
    }

    fn silent(&mut self) {
        assert!(self.said.is_empty() && self.shown.try_recv().is_err(), "something was said");
    }

    fn on_disk(&self) -> Vec<String> {
        let dump = self.storage.dump().unwrap();
        dump.lines().filter(|line| line.starts_with("agenda ")).map(str::to_owned).collect()
    }

    async fn nothing_on_disk(&self) {
        for _ in 0..500 {
            if self.on_disk().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", self.on_disk());
    }

    async fn stop(self) {
        drop(self.stop);
        self.task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_timer_is_over_in_time_and_is_told_to_everyone() {
    let dir = Dir::new();
    let mut house = House::start(&dir, 0);
    house.say("timer 60").await;
    assert_eq!(house.on_disk().len(), 1, "on the disk before it is answered");
    house.pass(59).await;
    house.silent();
    house.pass(1).await;
    let said = house.next().await;
    assert_eq!((said.cause, said.entry), (Cause::Timer, EntryId(1)));
    assert_eq!(said.reply.text, "timer 60 Happens 0");
    let effects = house.effects.recv().await.unwrap();
    assert!(matches!(&effects[..], [Effect::Say(effect)] if **effect == said), "{effects:?}");
    house.nothing_on_disk().await;
    house.stop().await;
}

#[tokio::test]
async fn setting_the_clock_moves_no_timer_but_what_follows_the_clock() {
    for jump in [-86_400, 86_400 * 365] {
        let dir = Dir::new();
        let mut house = House::start(&dir, 0);
        house.say("timer 600").await;
        house.clock.set(wall(jump));
        house.settle().await;
        house.pass(599).await;
        house.silent();
        house.pass(1).await;
        assert_eq!(house.next().await.reply.text, "timer 600 Happens 0", "{jump}");
        house.stop().await;
    }
    let dir = Dir::new();
    let mut house = House::start(&dir, 0);
    house.say("deed 3600").await;
    house.clock.set(wall(3_599));
    house.settle().await;
    house.silent();
    house.clock.set(wall(3_600));
    let text = house.next().await.reply.text;
    assert!(text.starts_with("deed 3600 Happens 0 Refused("), "{text}");
    // It was set back and shows it again: it was done.
    house.clock.set(wall(3_000));
    house.clock.set(wall(3_601));
    house.settle().await;
    house.silent();
    house.say("deed 3600").await;
    house.clock.set(wall(9_001));
    assert_eq!(house.next().await.reply.text, "deed 3600 Missed 1800");
    house.nothing_on_disk().await;
    house.stop().await;
}

#[tokio::test]
async fn what_was_missed_is_told_after_the_restart() {
    let dir = Dir::new();
    let house = House::start(&dir, 0);
    for text in ["timer 600", "deed 700", "timer 1061", "deed 1000"] {
        house.say(text).await;
    }
    house.stop().await;
    let mut house = House::start(&dir, 1_060);
    let mut said = Vec::new();
    for n in 0..4 {
        if n == 3 {
            house.pass(1).await;
        }
        said.push(house.next().await.reply.text);
    }
    // What is too late is told at once; all else is noted on the disk before, in the order of its time.
    let (told, done) = said.split_at(2);
    assert_eq!(told, ["deed 700 Missed 360", "timer 600 ToldLate 460"]);
    assert!(done[0].starts_with("deed 1000 Happens 60 Refused("), "{done:?}");
    assert_eq!(done[1], "timer 1061 Happens 0");
    house.nothing_on_disk().await;
    house.stop().await;
}

#[tokio::test]
async fn an_entry_can_be_seen_and_cancelled() {
    let dir = Dir::new();
    let mut house = House::start(&dir, 0);
    house.say("timer 60").await;
    house.say("say dinner").await;
    assert_eq!(house.next().await.cause, Cause::Broadcast);
    let books = house.hub.ask(Query::Agenda).await.unwrap();
    assert_eq!(books.entries.len(), 1);
    let id = books.entries[0].id;
    let cancel = async || house.hub.ask(|reply| Query::Cancel(id, reply)).await.unwrap();
    assert_eq!(cancel().await, Ok(()));
    assert!(cancel().await.is_err());
    assert_eq!(house.on_disk(), [""; 0]);
    house.stop().await;
}
