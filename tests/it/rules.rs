//! Automations in the loop, with a real storage and a clock that the tests move: what they do to
//! devices, in whose name, and what outlives a restart. What they do when is tested beside the
//! engine.

use std::sync::Arc;

use homard::automation::rule::RuleKey;
use homard::automation::rule::engine::Ending;
use homard::automation::rule::kept::{KeptRule, RuleRecord};
use homard::automation::{Agenda, Calendar, Moment};
use homard::clock::Clock;
use homard::home::Home;
use homard::home::domain::{Action, automation, scene, script, switch};
use homard::home::entity::Source;
use homard::home::id::{EntityId, PersonId};
use homard::home::person::{Person, Rights, Role, Voice};
use homard::home::value::Value;
use homard::hub::event::{Effect, Event, Query, RuleView, Shown, Wish};
use homard::hub::{Deaf, Hub, HubHandle, Setup};
use homard::storage::{Settings, Storage, Writer};
use homard::yaml;
use jiff::SignedDuration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::hub::{Dir, NOON, announced, reported};

struct House {
    hub: HubHandle,
    clock: Clock,
    storage: Storage,
    effects: mpsc::Receiver<Vec<Effect>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), String>>,
}

const ADA: &str = "ada";

fn ada() -> Rights {
    let areas = std::collections::BTreeSet::new();
    let id = PersonId::new(ADA);
    Person {
        id,
        name: "Ada".to_owned(),
        role: Role::Admin,
        language: None,
        voice: Voice::default(),
        areas,
    }
    .rights()
}

impl House {
    /// Ada is known, or has left.
    fn start(dir: &Dir, knows_ada: bool) -> Self {
        let clock = Clock::movable(&NOON.parse().unwrap());
        let storage = Storage::open(&dir.0).unwrap();
        let loaded = storage.load().unwrap();
        assert_eq!(loaded.problems, [""; 0]);
        let now = Moment { wall: clock.now(), steady: clock.steady() };
        let home =
            Home::restore(loaded.floors, loaded.areas, loaded.devices, loaded.entities, now.wall);
        let agenda = Agenda::restore(loaded.agenda, loaded.lists, now);
        let writer = Writer::start(storage.clone(), Settings::default()).unwrap();
        let (outbox, effects) = mpsc::channel(16);
        let ear = Box::new(Deaf);
        let (hub, handle) =
            Hub::new(Setup { home, agenda, writer, clock: clock.clone(), ear, outbox });
        let calendar = Calendar { zone: clock.time_zone().clone(), place: None };
        let hub = hub
            .knowing(Box::new(move |person| (knows_ada && person.as_str() == ADA).then(ada)))
            .ruled(loaded.rules, calendar);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(hub.run(async move {
            let _ = stopped.await;
        }));
        Self { hub: handle, clock, storage, effects, stop, task }
    }

    async fn stop(self) {
        drop(self.stop);
        self.task.await.unwrap().unwrap();
    }

    async fn put(&self, id: &str, source: &str) {
        let key = RuleKey::parse(&format!("automation.{id}")).unwrap();
        let source = yaml::parse(source).unwrap().0;
        let asked = self.hub.by(ada()).ask(|reply| Query::PutRule { key, source, reply }).await;
        asked.unwrap().unwrap();
    }

    async fn settle(&self) {
        for _ in 0..3 {
            self.hub.ask(Query::Counters).await.unwrap();
        }
    }

    async fn say(&self, handle: u32, on: bool, source: Source) {
        self.hub.send(vec![reported(handle, on, source)]).await.unwrap();
        self.settle().await;
    }

    async fn pass(&self, seconds: i64) {
        self.clock.pass(SignedDuration::from_secs(seconds));
        self.settle().await;
    }

    /// What was sent to devices since.
    fn acts(&mut self) -> Vec<switch::Action> {
        let mut acts = Vec::new();
        while let Ok(effects) = self.effects.try_recv() {
            acts.extend(effects.into_iter().filter_map(|effect| match effect {
                Effect::Act { action: Action::Switch(action), .. } => Some(action),
                _ => None,
            }));
        }
        acts
    }

    async fn view(&self, id: &str) -> RuleView {
        let views = self.hub.ask(Query::Rules).await.unwrap();
        views.into_iter().find(|view| view.stand.rule.key.id() == id).unwrap()
    }

    fn word(&self, id: &str) -> Option<String> {
        self.hub.read(|home| Some(home.entity(id)?.view()?.word.into_owned()))
    }

    async fn wish(&self, id: &str, action: automation::Action) {
        let wishes = vec![Wish { entity: EntityId::new(id), action: Action::Automation(action) }];
        let patience = std::time::Duration::from_secs(1);
        self.hub.ask(|reply| Query::Act { wishes, patience, reply }).await.unwrap();
        self.settle().await;
    }
}

const FOLLOW: &str = "
alias: The fan follows the lamp
triggers: {trigger: state, entity_id: switch.lamp, to: 'on'}
actions: {action: switch.turn_on, target: {entity_id: switch.fan}}
";

#[tokio::test]
async fn what_a_device_says_now_begins_a_rule_and_what_was_kept_does_not() {
    let dir = Dir::new();
    let mut house = House::start(&dir, true);
    house.hub.send(vec![announced(1, "lamp"), announced(2, "fan")]).await.unwrap();
    house.put("follow", FOLLOW).await;
    house.say(1, false, Source::Retained).await;
    house.say(1, true, Source::Retained).await;
    assert_eq!(house.acts(), []);
    house.say(1, false, Source::Live).await;
    house.say(1, true, Source::Live).await;
    assert_eq!(house.acts(), [switch::Action::TurnOn]);
    // Its entity shows it, and its trace what the device said to it.
    assert_eq!(house.word("automation.the_fan_follows_the_lamp").as_deref(), Some("on"));
    house.say(2, true, Source::Live).await;
    let view = house.view("follow").await;
    let trace = view.traces.last().unwrap();
    assert_eq!(trace.ending, Ending::Finished);
    assert_eq!(trace.steps[0].result, "switch.fan confirmed");
    assert!(trace.trigger.contains("switch.lamp changed from off to on"), "{trace:?}");
    // Switched off it is deaf, and that outlives a restart.
    house
        .wish("automation.the_fan_follows_the_lamp", automation::Action::TurnOff { stops: true })
        .await;
    assert_eq!(house.word("automation.the_fan_follows_the_lamp").as_deref(), Some("off"));
    house.say(1, false, Source::Live).await;
    house.say(1, true, Source::Live).await;
    assert_eq!(house.acts(), []);
    house.stop().await;
    let mut house = House::start(&dir, true);
    assert_eq!(house.word("automation.the_fan_follows_the_lamp").as_deref(), Some("off"));
    house.wish("automation.the_fan_follows_the_lamp", automation::Action::TurnOn).await;
    house.hub.send(vec![announced(1, "lamp"), announced(2, "fan")]).await.unwrap();
    house.say(1, true, Source::Live).await;
    assert_eq!(house.acts(), [], "it was on before the restart");
    house.say(1, false, Source::Live).await;
    house.say(1, true, Source::Live).await;
    assert_eq!(house.acts(), [switch::Action::TurnOn]);
    house.stop().await;
}

#[tokio::test]
async fn a_rule_may_do_what_whoever_made_it_may_now() {
    let dir = Dir::new();
    let mut house = House::start(&dir, false);
    house.hub.send(vec![announced(1, "lamp"), announced(2, "fan")]).await.unwrap();
    house.put("follow", FOLLOW).await;
    house.say(1, false, Source::Live).await;
    house.say(1, true, Source::Live).await;
    // Ada has left: nothing is done in her name.
    assert_eq!(house.acts(), []);
    let view = house.view("follow").await;
    let result = &view.traces.last().unwrap().steps[0].result;
    assert!(result.contains("refused"), "{result}");
    // Only who runs the house makes rules.
    for role in [Role::Adult, Role::Child, Role::Guest] {
        let key = RuleKey::parse("automation.x").unwrap();
        let put = |reply| Query::PutRule { key: key.clone(), source: Value::Null, reply };
        assert!(house.hub.by(Rights::of(role)).ask(put).await.unwrap().is_err(), "{role:?}");
        let forget = |reply| Query::ForgetRule(key.clone(), reply);
        assert!(house.hub.by(Rights::of(role)).ask(forget).await.unwrap().is_err());
    }
    house.stop().await;
}

#[tokio::test]
async fn what_waited_when_homard_stopped_is_told_and_does_not_go_on() {
    const LATER: &str = "
alias: Later
triggers: {trigger: state, entity_id: switch.lamp, to: 'on'}
actions: [{delay: '00:10:00'}, {action: switch.turn_on, target: {entity_id: switch.fan}}]
";
    let dir = Dir::new();
    let mut house = House::start(&dir, true);
    house.hub.send(vec![announced(1, "lamp"), announced(2, "fan")]).await.unwrap();
    house.put("later", LATER).await;
    house.say(1, false, Source::Live).await;
    house.say(1, true, Source::Live).await;
    assert_eq!(house.storage.load().unwrap().rules.waiting, []);
    // A while after it began it is on the disk, should the power go.
    house.pass(16).await;
    let begun = std::time::Instant::now();
    while house.storage.load().unwrap().rules.waiting.is_empty() {
        assert!(begun.elapsed().as_secs() < 20);
        house.settle().await;
    }
    house.pass(590).await;
    assert_eq!(house.acts(), [switch::Action::TurnOn]);
    house.say(1, false, Source::Live).await;
    house.say(1, true, Source::Live).await;
    house.stop().await;
    let mut house = House::start(&dir, true);
    house.hub.send(vec![announced(1, "lamp"), announced(2, "fan")]).await.unwrap();
    house.pass(3_600).await;
    assert_eq!(house.acts(), []);
    let view = house.view("later").await;
    assert!(
        matches!(&view.traces[..], [trace] if matches!(&trace.ending, Ending::Interrupted(at) if at.contains("delay"))),
        "{:?}",
        view.traces
    );
    let problems = house.hub.ask(Query::Problems).await.unwrap();
    assert!(
        problems.iter().any(|kept| kept.problem.text.contains("does not go on")),
        "{problems:?}"
    );
    house.stop().await;
}

#[tokio::test]
async fn a_rule_is_tried_against_what_was_recorded_and_nothing_is_done() {
    let dir = Dir::new();
    let mut house = House::start(&dir, true);
    house.hub.send(vec![announced(1, "lamp"), announced(2, "fan")]).await.unwrap();
    house.say(1, false, Source::Live).await;
    house.pass(8 * 24 * 3_600).await;
    for _ in 0..3 {
        house.pass(24 * 3_600).await;
        house.say(1, true, Source::Live).await;
        house.pass(60).await;
        house.say(1, false, Source::Live).await;
    }
    house.pass(30).await;
    let source = Some(yaml::parse(FOLLOW).unwrap().0);
    let key = RuleKey::parse("automation.new").unwrap();
    let ask = |by: Rights| {
        let (key, source) = (key.clone(), source.clone());
        let hub = house.hub.by(by);
        async move { hub.ask(|reply| Query::Trial { key, source, reply }).await.unwrap() }
    };
    let found = ask(ada()).await.unwrap();
    assert_eq!(
        found.say("en", house.clock.time_zone()),
        "It would have run 3 times in the last 7 days: Tue 12:00, Wed 12:01 and Thu 12:02.",
        "{found:#?}"
    );
    assert_eq!(found.runs[0].calls, ["switch.turn_on"]);
    assert!(house.hub.ask(Query::Rules).await.unwrap().is_empty());
    // Who may not make rules is told nothing of the past.
    for role in [Role::Adult, Role::Child, Role::Guest] {
        assert_eq!(ask(Rights::of(role)).await, None);
    }
    assert_eq!(house.acts(), []);
    house.stop().await;
}

#[tokio::test]
async fn what_is_to_be_told_once_is_told_and_forgotten_also_after_a_cut() {
    const TELL: &str = "
triggers: {trigger: state, entity_id: switch.lamp, to: 'on'}
actions: {action: notify.notify, data: {message: The lamp is on}}
homard: {once: true}
";
    let dir = Dir::new();
    let house = House::start(&dir, true);
    let mut shown = house.hub.watch();
    house.hub.send(vec![announced(1, "lamp")]).await.unwrap();
    house.put("tell", TELL).await;
    let before = house.storage.load().unwrap().rules.rules;
    assert_eq!(before.len(), 1);
    for on in [false, true, false, true] {
        house.say(1, on, Source::Live).await;
    }
    let mut told = 0;
    while let Ok(showing) = shown.try_recv() {
        told += showing.shown.iter().filter(|one| matches!(one, Shown::Said(..))).count();
    }
    assert_eq!(told, 1);
    assert!(house.hub.ask(Query::Rules).await.unwrap().is_empty());
    let storage = house.storage.clone();
    house.stop().await;
    assert_eq!(storage.load().unwrap().rules.rules, []);
    // The power went when it had been told and was still there.
    let told = KeptRule {
        last_triggered: Some(NOON.parse::<jiff::Zoned>().unwrap().timestamp()),
        ..before[0].clone()
    };
    let writer = Writer::start(storage.clone(), Settings::default()).unwrap();
    let kept = RuleRecord::Rule(Box::new(told));
    let _ = writer.write_now(vec![homard::storage::Keep::Rule(kept)]).await.unwrap().unwrap();
    writer.stop(std::time::Duration::from_secs(5)).unwrap();
    drop((writer, storage));
    let house = House::start(&dir, true);
    assert!(house.hub.ask(Query::Rules).await.unwrap().is_empty());
    let storage = house.storage.clone();
    house.stop().await;
    assert_eq!(storage.load().unwrap().rules.rules, []);
}

#[tokio::test]
async fn rules_fire_events_tell_the_house_and_are_taken_out() {
    const RULE: &str = "
alias: Bell
triggers: {trigger: event, event_type: bell}
actions:
  - {event: rung, event_data: {by: \"{{ trigger.event.data.who }}\"}}
  - {action: notify.notify, data: {title: Bell, message: Somebody is at the door}}
  - {action: switch.turn_on, target: {entity_id: [switch.none, switch.fan]}}
";
    let dir = Dir::new();
    let mut house = House::start(&dir, true);
    let mut shown = house.hub.watch();
    house.hub.send(vec![announced(2, "fan")]).await.unwrap();
    house.put("bell", RULE).await;
    let data = Value::Map(vec![("who".into(), Value::from("cat"))]);
    house.hub.send(vec![Event::Fired { name: Arc::from("bell"), data }]).await.unwrap();
    house.settle().await;
    let (mut fired, mut said) = (Vec::new(), Vec::new());
    while let Ok(showing) = shown.try_recv() {
        for one in showing.shown.iter() {
            match one {
                Shown::Fired(name, data, _) => fired.push((name.to_string(), data.clone())),
                Shown::Said(one, _) => said.push(one.reply.text.clone()),
                _ => {}
            }
        }
    }
    let by = Value::Map(vec![("by".into(), Value::from("cat"))]);
    assert_eq!(fired, [("rung".to_owned(), by)]);
    assert_eq!(said, ["Bell: Somebody is at the door"]);
    assert_eq!(house.acts(), [switch::Action::TurnOn]);
    house.say(2, true, Source::Live).await;
    let result = house.view("bell").await.traces[0].steps[2].result.clone();
    assert!(result.contains("switch.fan confirmed") && result.contains("switch.none"), "{result}");
    let key = RuleKey::parse("automation.bell").unwrap();
    house.hub.by(ada()).ask(|reply| Query::ForgetRule(key, reply)).await.unwrap().unwrap();
    assert_eq!(house.word("automation.bell"), None);
    assert_eq!(house.storage.load().unwrap().rules.rules, []);
    house.stop().await;
}

#[tokio::test]
async fn a_scene_brings_its_states_about_and_scripts_run() {
    const SCENE: &str = "
name: Evening
entities: {switch.lamp: 'on', switch.fan: {state: 'off'}}
";
    const SCRIPT: &str = "
alias: Blink
sequence: [{action: switch.toggle, target: {entity_id: switch.lamp}}, {delay: 5}, {scene: scene.evening}]
";
    let dir = Dir::new();
    let mut house = House::start(&dir, true);
    house.hub.send(vec![announced(1, "lamp"), announced(2, "fan")]).await.unwrap();
    for (key, source) in [("scene.evening", SCENE), ("script.blink", SCRIPT)] {
        let key = RuleKey::parse(key).unwrap();
        let source = yaml::parse(source).unwrap().0;
        let asked = house.hub.by(ada()).ask(|reply| Query::PutRule { key, source, reply }).await;
        asked.unwrap().unwrap();
    }
    // It is there without any broker, as no port announced it.
    house
        .hub
        .send(vec![Event::BrokerConnected(false), Event::BrokerConnected(true)])
        .await
        .unwrap();
    assert_eq!(house.word("scene.evening").as_deref(), Some("unknown"));
    let wish = |entity: &str, action| vec![Wish { entity: EntityId::new(entity), action }];
    let patience = std::time::Duration::ZERO;
    let wishes = wish("scene.evening", Action::Scene(scene::Action::TurnOn { transition: None }));
    house.hub.ask(|reply| Query::Act { wishes, patience, reply }).await.unwrap();
    house.settle().await;
    assert_eq!(house.acts(), [switch::Action::TurnOn, switch::Action::TurnOff]);
    assert_eq!(house.word("scene.evening").as_deref(), Some("2026-11-22T11:00:00+00:00"));
    let action = Action::Script(script::Action::TurnOn { variables: Vec::new() });
    let wishes = wish("script.blink", action);
    house.hub.ask(|reply| Query::Act { wishes, patience, reply }).await.unwrap();
    house.settle().await;
    assert_eq!(house.word("script.blink").as_deref(), Some("on"));
    assert_eq!(house.acts(), [switch::Action::TurnOn]);
    house.pass(5).await;
    assert_eq!(house.acts(), [switch::Action::TurnOn, switch::Action::TurnOff]);
    assert_eq!(house.word("script.blink").as_deref(), Some("off"));
    house.stop().await;
}
