//! Homard's MQTT side as a whole in this process: storage, hub and port, on any broker.

use std::sync::Arc;
use std::time::Duration;

use homard::automation::Agenda;
use homard::clock::Clock;
use homard::home::Home;
use homard::home::entity::View;
use homard::home::id::EntityId;
use homard::home::service::Fields;
use homard::hub::event::{
    Counters, Done, KeptProblem, Query, Reply, ReplyKind, Showing, Utterance, Wish,
};
use homard::hub::{Ear, Heard, Hub, HubHandle, Setup};
use homard::json::from_json;
use homard::mqtt::{self, Timing};
use homard::storage::{self, Storage, Writer};
use jiff::Timestamp;
use serde_json::Value as Json;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::hub::{Dir, NOON};

/// Longest wait for what must come; only a failing test waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Quick enough for tests.
pub(crate) const QUICK: Timing = Timing {
    connect: Duration::from_secs(5),
    first_pause: Duration::from_millis(10),
    longest_pause: Duration::from_millis(40),
    quiet: Duration::from_millis(200),
    keep_alive: Duration::from_secs(5),
};

/// A hub and its port.
pub(crate) struct Stack {
    pub(crate) hub: HubHandle,
    stop: watch::Sender<bool>,
    hub_task: JoinHandle<Result<(), String>>,
    port_task: JoinHandle<()>,
    _dir: Dir,
}

/// A port to the broker on this port of this machine.
pub(crate) fn settings(port: u16) -> mqtt::Settings {
    mqtt::Settings {
        host: "127.0.0.1".to_owned(),
        port,
        tls: None,
        user: None,
        password: None,
        client_id: "homard-test".to_owned(),
        discovery_prefix: "homeassistant".to_owned(),
        status_topic: "homeassistant/status".to_owned(),
        will: None,
        kept_since: None,
        witness: None,
    }
}

impl Stack {
    /// With a clock that stands still.
    pub(crate) fn start(settings: mqtt::Settings) -> Self {
        Self::start_with(settings, QUICK, Clock::fixed(NOON.parse().unwrap()))
    }

    pub(crate) fn start_with(settings: mqtt::Settings, timing: Timing, clock: Clock) -> Self {
        let dir = Dir::new();
        let storage = Storage::open(&dir.0).unwrap();
        let writer = Writer::start(storage, storage::Settings::default()).unwrap();
        let (outbox, mut effects) = mpsc::channel(4);
        let setup = Setup {
            home: Home::new(),
            agenda: Agenda::default(),
            writer,
            clock: clock.clone(),
            ear: Box::new(Echo),
            outbox,
        };
        let (hub, handle) = Hub::new(setup);
        let (stop, stopped) = watch::channel(false);
        let until = |mut stopped: watch::Receiver<bool>| async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let port_stop = until(stopped.clone());
        let (hub_stop, hub_of_port) = (until(stopped), handle.clone());
        let port_task = tokio::spawn(async move {
            let end =
                mqtt::run_timed(settings, timing, hub_of_port, clock, &mut effects, port_stop);
            let _ = end.await;
        });
        // On a thread of its own: a test that holds the house holds this thread only.
        let hub_task = tokio::task::spawn_blocking(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(hub.run(hub_stop))
        });
        Self { hub: handle, stop, hub_task, port_task, _dir: dir }
    }

    /// Ends both, as the program does; panics if one of them had panicked or hangs.
    pub(crate) async fn stop(self) {
        let Self { stop, hub_task, port_task, .. } = self;
        assert!(!port_task.is_finished(), "the port must run until it is stopped");
        stop.send_replace(true);
        timeout(PATIENCE, port_task).await.expect("the port must end").unwrap();
        timeout(PATIENCE, hub_task).await.expect("the hub must end").unwrap().unwrap();
    }

    /// What is shown of an entity.
    pub(crate) fn view(&self, id: &str) -> Option<View> {
        self.hub.read(|home| home.entity(id)?.view())
    }

    pub(crate) fn word(&self, id: &str) -> Option<String> {
        Some(self.view(id)?.word.into_owned())
    }

    pub(crate) fn n_entities(&self) -> usize {
        self.hub.read(|home| home.entities().count())
    }

    /// Waits for this word of an entity.
    #[track_caller]
    pub(crate) fn shows(&self, id: &str, word: &str) -> impl Future<Output = ()> {
        let (id, word) = (id.to_owned(), word.to_owned());
        let place = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let now = self.word(&id);
                if now.as_deref() == Some(&*word) {
                    return;
                }
                assert!(Instant::now() < deadline, "{place}: {id} is {now:?}, not {word}");
                sleep(Duration::from_millis(3)).await;
            }
        }
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Home) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !self.hub.read(|home| is_so(home)) {
            assert!(Instant::now() < deadline, "in vain: {what}");
            sleep(Duration::from_millis(3)).await;
        }
    }

    /// Calls a service and waits up to ten seconds for the device's report.
    pub(crate) async fn call(&self, entity: &str, service: &str, data: Json) -> Done {
        let (domain, service) = service.split_once('.').unwrap();
        let domain: homard::home::domain::Domain = domain.parse().unwrap();
        let fields = data.as_object().into_iter().flatten();
        let fields = Fields::new(fields.map(|(k, v)| (k.as_str().into(), from_json(v))));
        let action = domain.action(service, fields).unwrap();
        let wishes = vec![Wish { entity: EntityId::new(entity), action }];
        let patience = Duration::from_secs(10);
        let ask = self.hub.ask(|reply| Query::Act { wishes, patience, reply });
        timeout(PATIENCE, ask).await.expect("the hub must answer").unwrap().remove(0)
    }

    pub(crate) async fn problems(&self) -> Vec<KeptProblem> {
        let ask = self.hub.ask(Query::Problems);
        timeout(PATIENCE, ask).await.expect("the hub must answer").unwrap()
    }

    /// Waits for a problem that holds this text.
    pub(crate) async fn problem(&self, text: &str) -> KeptProblem {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let problems = self.problems().await;
            if let Some(found) = problems.iter().find(|kept| kept.problem.text.contains(text)) {
                return found.clone();
            }
            assert!(Instant::now() < deadline, "no problem with `{text}` in {problems:#?}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until no problem holds this text.
    pub(crate) async fn no_problem(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.problems().await.iter().any(|kept| kept.problem.text.contains(text)) {
            assert!(Instant::now() < deadline, "the problem stays: {text}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn counters(&self) -> Counters {
        let ask = self.hub.ask(Query::Counters);
        timeout(PATIENCE, ask).await.expect("the hub must answer").unwrap()
    }

    /// How long the hub takes to answer now.
    pub(crate) async fn answer_time(&self) -> Duration {
        let begin = Instant::now();
        self.counters().await;
        begin.elapsed()
    }

    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<Showing>> {
        self.hub.read(|_| ());
        self.hub.watch()
    }
}

/// Repeats what is said.
struct Echo;

impl Ear for Echo {
    fn hear(&mut self, utterance: &Utterance, _: &Home, _: Timestamp) -> Heard {
        Heard::Reply(Reply {
            text: format!("heard: {}", utterance.text),
            language: "en".into(),
            kind: ReplyKind::QueryAnswer,
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
    }
}
