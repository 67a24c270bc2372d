//! The port alone, with a hub and a clock that can be set: what real time would take hours for.

use std::sync::Arc;
use std::time::Duration;

use homard::automation::{Agenda, Asker, Due, Moment, Task};
use homard::clock::Clock;
use homard::config::Secret;
use homard::home::domain::{Caps, State, binary_sensor, sensor};
use homard::home::entity::{Announcement, Naming, Producer, Source, Traits};
use homard::home::id::Handle;
use homard::home::person::Role;
use homard::home::{Home, Report};
use homard::hub::event::{Effect, Event, Reply, ReplyKind, Utterance};
use homard::hub::{Ear, Heard, Hub, HubHandle, Setup};
use homard::storage::{Asked, PersonEdit, Storage, Writer};
use homard::telegram::{self, Settings};
use jiff::{SignedDuration, Timestamp, Zoned};
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};

use super::ADA;
use super::server::{Fault, Server, TOKEN, labels, text};
use crate::hub::Dir;

/// Whatever is said, somebody wants to be reminded of it in a minute.
struct Clerk;

impl Ear for Clerk {
    fn hear(&mut self, utterance: &Utterance, _: &Home, _: Timestamp) -> Heard {
        let (said, origin) = (utterance.text.clone(), utterance.origin.clone());
        Heard::Books(Box::new(move |agenda: &mut Agenda, _: &Home, now: Moment| {
            let conversation = origin.conversation.unwrap_or_default();
            let from = Asker { conversation, person: origin.by.person.clone(), ..Asker::default() };
            let at = now.steady + SignedDuration::from_secs(60);
            let due = Due::In { at, restored: None };
            agenda.add(from, &said, due, Task::Remind(said.clone()), now).unwrap();
            Heard::Reply(Reply {
                text: "noted".into(),
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
            })
        }))
    }
}

/// A house with a bot, whose clock is set by hand.
struct House {
    hub: HubHandle,
    clock: Clock,
    storage: Storage,
    state: watch::Receiver<telegram::State>,
    stop: Vec<oneshot::Sender<()>>,
    // Nothing is done with what the hub wants of ports.
    _effects: mpsc::Receiver<Vec<Effect>>,
    _settings: watch::Sender<Option<Settings>>,
    _dir: Dir,
}

impl House {
    /// At noon, on a Sunday, with Ada, who is grown up. A poll waits for a second, and has stalled another later.
    async fn start(telegram: &Server) -> Self {
        let dir = Dir::new();
        let noon: Zoned = "2026-11-22T12:00:00[Europe/Paris]".parse().unwrap();
        let clock = Clock::movable(&noon);
        let storage = Storage::open(&dir.0).unwrap();
        let writer = Writer::start(storage.clone(), homard::storage::Settings::default()).unwrap();
        let (outbox, effects) = mpsc::channel(1_000);
        let now = Moment { wall: clock.now(), steady: clock.steady() };
        let agenda = Agenda::restore(Vec::new(), Vec::new(), now);
        let (home, ear) = (Home::new(), Box::new(Clerk));
        let (hub, handle) =
            Hub::new(Setup { home, agenda, writer, clock: clock.clone(), ear, outbox });
        let (stop_hub, stopped) = oneshot::channel::<()>();
        tokio::spawn(hub.run(async move {
            let _ = stopped.await;
        }));
        let token = Secret::new(TOKEN.to_owned());
        let second = Duration::from_secs(1);
        let bot = Settings { poll: second, grace: second, ..Settings::new(token, telegram.url()) };
        let (settings, wanted) = watch::channel(Some(bot));
        let (state, seen) = watch::channel(telegram::State::Off);
        let setup = telegram::Setup {
            settings: wanted,
            hub: handle.clone(),
            contacts: storage.contacts(),
            people: storage.people(),
            clock: clock.clone(),
            languages: vec!["en".to_owned()],
            listen: Arc::new(|_, _| Box::pin(async { Err("nobody listens".to_owned()) })),
            note: Arc::new(|_| {}),
            state,
        };
        let (stop_bot, stopped) = oneshot::channel::<()>();
        tokio::spawn(telegram::run(setup, async move {
            let _ = stopped.await;
        }));
        handle.send(vec![Event::BrokerConnected(true)]).await.unwrap();
        let house = Self {
            hub: handle,
            clock,
            storage,
            state: seen,
            stop: vec![stop_bot, stop_hub],
            _effects: effects,
            _settings: settings,
            _dir: dir,
        };
        house.add("Ada", Role::Adult, ADA);
        house
    }

    /// Somebody who is paired.
    fn add(&self, name: &str, role: Role, user: i64) {
        let (people, contacts, now) =
            (self.storage.people(), self.storage.contacts(), self.clock.now());
        let edit =
            PersonEdit { name: Some(name.to_owned()), role: Some(role), ..Default::default() };
        let person = people.add(edit, None, now).unwrap();
        let Asked::Given(code) = contacts.ask(user, name, now).unwrap() else { panic!("no code") };
        contacts.approve(&code, &person.id, now).unwrap().unwrap();
    }

    /// A sensor of a device of its own.
    async fn announce(&self, number: u32, class: &str) {
        let caps = match class {
            "battery" => Caps::Sensor(Box::default()),
            _ => Caps::BinarySensor(Box::default()),
        };
        let name: Arc<str> = format!("Thing {number}").into();
        let traits = Traits { device_class: Some(class.into()), ..Traits::default() };
        let announcement = Announcement {
            key: Arc::clone(&name),
            unique_id: Some(Arc::clone(&name)),
            caps,
            naming: Naming::Named(name),
            wished_object: None,
            device: None,
            traits: Arc::new(traits),
            enabled_by_default: true,
            always_available: true,
            producer: Producer::default(),
        };
        self.hub
            .send(vec![Event::Announced(Handle(number), Box::new(announcement))])
            .await
            .unwrap();
    }

    async fn says(&self, number: u32, word: &str) {
        let state = match word.parse::<f64>() {
            Ok(_) => {
                State::Sensor(sensor::State { value: Some(word.into()), ..Default::default() })
            }
            Err(_) => State::BinarySensor(binary_sensor::State { on: Some(word == "on") }),
        };
        let source = Source::Live;
        let report =
            Report { state: Some(state), extra: None, source, force: false, said_at: None };
        self.hub.send(vec![Event::StateReported(Handle(number), Box::new(report))]).await.unwrap();
    }

    async fn online(&mut self) {
        let is_online = |state: &telegram::State| matches!(state, telegram::State::Online(_));
        let wait = self.state.wait_for(is_online);
        let wait = tokio::time::timeout(Duration::from_secs(60), wait).await;
        let wait = wait.map(|found| found.map(|_| ()));
        assert!(matches!(wait, Ok(Ok(()))), "{:?}", *self.state.borrow());
    }

    fn stop(mut self) {
        self.stop.drain(..).for_each(drop);
    }
}

/// Runs a test beside the server, which has a runtime of its own.
fn block(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(test);
}

/// What was written to Ada from the `n`-th message on, when there is something; the clock goes on meanwhile.
async fn told(telegram: &Server, house: &House, n: usize) -> Vec<String> {
    for _ in 0..2_000 {
        let sent = telegram.sent(ADA);
        if sent.len() > n {
            return sent.iter().skip(n).map(text).collect();
        }
        house.clock.pass(SignedDuration::from_millis(100));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (sent, now) = (telegram.sent(ADA), house.clock.now());
    panic!("nothing was told by {now}, {:?}: {sent:?}", *house.state.borrow());
}

/// Long enough for something to be told.
async fn a_while(house: &House) {
    for _ in 0..100 {
        house.clock.pass(SignedDuration::from_millis(100));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn a_poll_that_stalls_is_noticed_and_begun_anew() {
    let telegram = Server::start();
    block(async {
        let mut house = House::start(&telegram).await;
        house.online().await;
        // A line that is held for ever, as one that a router has forgotten: the poll in progress ends first.
        telegram.trouble("getUpdates", &[Fault::Silence]);
        let is_lost = |state: &telegram::State| matches!(state, telegram::State::Lost(..));
        let wait = house.state.wait_for(is_lost);
        let state = tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .expect("lost")
            .unwrap()
            .clone();
        let telegram::State::Lost(_, "unreached", why) = state else { unreachable!() };
        assert!(why.contains("too long"), "{why}");
        let at = house.clock.now().as_second();
        // What came meanwhile is answered as soon as it polls again.
        telegram.message(ADA, ADA, 0, json!({ "text": "/help", "date": at }));
        house.online().await;
        assert!(told(&telegram, &house, 0).await[0].contains("/rooms"));
        house.stop();
    });
}

#[test]
fn what_is_to_be_told_while_telegram_is_away_is_told_when_it_is_back() {
    let telegram = Server::start();
    block(async {
        // Before it was reached for the first time.
        telegram.trouble("getMe", &[Fault::Cut, Fault::Cut]);
        let mut house = House::start(&telegram).await;
        let is_lost = |state: &telegram::State| matches!(state, telegram::State::Lost(..));
        let wait = house.state.wait_for(is_lost);
        drop(tokio::time::timeout(Duration::from_secs(20), wait).await.expect("lost").unwrap());
        house.announce(2, "moisture").await;
        house.says(2, "on").await;
        house.online().await;
        assert_eq!(told(&telegram, &house, 0).await, ["🚨 Water: Thing 2"]);
        house.announce(1, "smoke").await;
        house.says(1, "off").await;
        let at = house.clock.now().as_second();
        telegram.message(ADA, ADA, 0, json!({ "text": "eat", "date": at }));
        assert_eq!(told(&telegram, &house, 1).await, ["noted"]);
        telegram.trouble("getUpdates", &[Fault::Silence; 3]);
        let wait = house.state.wait_for(is_lost);
        drop(tokio::time::timeout(Duration::from_secs(20), wait).await.expect("lost").unwrap());
        house.says(1, "on").await;
        house.clock.pass(SignedDuration::from_secs(120));
        a_while(&house).await;
        assert!(is_lost(&house.state.borrow()), "it was back too soon");
        assert_eq!(telegram.sent(ADA).len(), 2, "{:?}", telegram.sent(ADA).pop());
        house.online().await;
        told(&telegram, &house, 3).await;
        let mut all: Vec<String> = telegram.sent(ADA).iter().skip(2).map(text).collect();
        all.sort();
        assert_eq!(all, ["⏰ eat", "🚨 Smoke: Thing 1"]);
        house.stop();
    });
}

#[test]
fn nobody_is_woken_by_a_battery_and_much_comes_as_one() {
    let telegram = Server::start();
    block(async {
        let mut house = House::start(&telegram).await;
        house.online().await;
        for number in 1..=6 {
            house.announce(number, "battery").await;
            house.says(number, "50").await;
        }
        house.announce(7, "smoke").await;
        house.says(7, "off").await;
        // At night: smoke is told, batteries are not.
        house.clock.set("2026-11-22T23:00:00+01:00".parse().unwrap());
        for number in 1..=5 {
            house.says(number, "5").await;
        }
        house.says(7, "on").await;
        assert_eq!(told(&telegram, &house, 0).await, ["🚨 Smoke: Thing 7"]);
        let smoke = telegram.sent(ADA).pop().unwrap();
        // In the morning all five are one message.
        house.clock.set("2026-11-23T07:01:00+01:00".parse().unwrap());
        // A clock that was set is noticed within a minute, and when anything happens.
        house.says(6, "49").await;
        let morning = told(&telegram, &house, 1).await;
        assert_eq!(morning.len(), 1, "{morning:?}");
        assert_eq!(morning[0].lines().count(), 5, "{morning:?}");
        assert!(
            morning[0].lines().all(|line| line.starts_with("Battery low: Thing ")),
            "{morning:?}"
        );
        // What is put off is not told, not even that it is over, and after that it is again.
        house.clock.set("2026-11-23T07:10:00+01:00".parse().unwrap());
        telegram.presses(ADA, &smoke, "Not for an hour");
        for _ in 0..500 {
            if telegram.calls("answerCallbackQuery").iter().any(|call| text(call).contains("08:10"))
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        house.says(7, "off").await;
        a_while(&house).await;
        house.says(7, "on").await;
        a_while(&house).await;
        assert_eq!(telegram.sent(ADA).len(), 2, "{:?}", telegram.sent(ADA).pop());
        house.clock.set("2026-11-23T08:11:00+01:00".parse().unwrap());
        house.says(7, "off").await;
        assert_eq!(told(&telegram, &house, 2).await, ["No more smoke: Thing 7"]);
        house.says(7, "on").await;
        assert_eq!(told(&telegram, &house, 3).await, ["🚨 Smoke: Thing 7"]);
        // Silence for a while, but for dangers.
        let n = telegram.sent(ADA).len();
        let at = house.clock.now().as_second();
        telegram.message(ADA, ADA, 0, json!({ "text": "/mute 2h", "date": at }));
        assert!(told(&telegram, &house, n).await[0].contains("Silence until Mon 10:1"));
        house.says(6, "5").await;
        house.clock.pass(SignedDuration::from_secs(60));
        a_while(&house).await;
        assert_eq!(telegram.sent(ADA).len(), n + 1);
        house.stop();
    });
}

/// Sixty people are told of smoke, water and gas one after the other: the Bot API's limits hold, and everybody is told all.
#[test]
fn a_house_full_of_people_is_told_within_the_limits() {
    const N: i64 = 60;
    let telegram = Server::start();
    block(async {
        let mut house = House::start(&telegram).await;
        house.online().await;
        for number in 1..N {
            house.add(&format!("P{number}"), Role::Adult, 1_000 + number);
        }
        let classes = ["smoke", "moisture", "gas"];
        for (number, class) in (1..).zip(classes) {
            house.announce(number, class).await;
            house.says(number, "off").await;
        }
        for number in 1..=3 {
            house.says(number, "on").await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            house.clock.pass(SignedDuration::from_secs(2));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let all = 3 * N as usize;
        for n in 0.. {
            let lines: usize =
                telegram.calls("sendMessage").iter().map(|call| text(call).lines().count()).sum();
            if lines >= all {
                break;
            }
            assert!(n < 4_000, "{lines} of {all} were told");
            house.clock.pass(SignedDuration::from_millis(100));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let calls = telegram.calls("sendMessage");
        // As they come in at the other side of a busy machine, where each may be late; that the schedule holds at every
        // moment is tested where it is made.
        let took = |calls: &[&super::server::Call]| match calls {
            [first, .., last] => (last.at - first.at).as_secs_f64(),
            _ => f64::INFINITY,
        };
        let all: Vec<_> = calls.iter().collect();
        let n = all.len() as f64;
        assert!(took(&all) >= (n - 30.0) / 30.0, "{n} in {:.1} s", took(&all));
        for call in &calls {
            let same =
                |other: &&&super::server::Call| other.body["chat_id"] == call.body["chat_id"];
            let here: Vec<_> = all.iter().filter(same).copied().collect();
            assert!(
                took(&here) >= here.len() as f64 - 2.0,
                "{} in {:.1} s",
                here.len(),
                took(&here)
            );
        }
        let smoke = calls.iter().filter(|call| text(call).contains("Smoke")).count();
        assert_eq!(smoke, N as usize, "everybody, once");
        assert!(labels(&calls[0]).len() == 2, "{:?}", calls[0]);
        house.stop();
    });
}
