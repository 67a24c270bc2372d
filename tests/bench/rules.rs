//! `BENCH=rules tests/bench/run`: a house with a thousand automations whose devices say a thousand
//! things a second, through the hub and a real storage. The share of a core that it takes, beside the
//! same house without automations, and how long it is from what a device says to what is sent to
//! another. A missed bar is no failure.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]
// It measures real time, in a program that has nothing else to do.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use homard::automation::rule::RuleKey;
use homard::automation::{Agenda, Calendar, Moment};
use homard::clock::Clock;
use homard::home::domain::{Caps, State, switch};
use homard::home::entity::{Announcement, Naming, Producer, Source, Traits};
use homard::home::id::Handle;
use homard::home::{Home, Report};
use homard::hub::event::{Effect, Event, Query};
use homard::hub::{Deaf, Hub, Setup};
use homard::storage::{Settings, Storage, Writer};
use homard::yaml;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;

const N: u32 = 1_000;
const SECONDS: u32 = 20;
/// Changes of a tick, and ticks of a second.
const TOGETHER: u32 = 10;
const TICKS: u32 = 100;

fn announced(handle: u32, name: &str) -> Event {
    let announcement = Announcement {
        key: name.into(),
        unique_id: Some(name.into()),
        caps: Caps::Switch(Box::default()),
        naming: Naming::Named(name.into()),
        wished_object: None,
        device: None,
        traits: Arc::new(Traits::default()),
        enabled_by_default: true,
        always_available: true,
        producer: Producer { name: None, topic: "t".into() },
    };
    Event::Announced(Handle(handle), Box::new(announcement))
}

fn reported(handle: u32, on: bool) -> Event {
    let report = Report {
        state: Some(State::Switch(switch::State { on: Some(on) })),
        extra: None,
        source: Source::Live,
        force: false,
        said_at: None,
    };
    Event::StateReported(Handle(handle), Box::new(report))
}

/// One of four kinds: plain, with a condition, with `for` and a delay, and a template.
fn rule(n: u32) -> String {
    let act = format!("actions: {{action: switch.turn_on, target: {{entity_id: switch.out_{n}}}}}");
    match n % 4 {
        0 => format!(
            "mode: parallel\ntriggers: {{trigger: state, entity_id: switch.in_{n}, to: 'on'}}\n{act}"
        ),
        1 => format!(
            "mode: parallel\ntriggers: {{trigger: state, entity_id: switch.in_{n}, to: 'on'}}\nconditions: [\"{{{{ is_state('switch.in_{n}', 'on') }}}}\"]\n{act}"
        ),
        2 => format!(
            "mode: restart\ntriggers: {{trigger: state, entity_id: switch.in_{n}}}\nactions: [{{if: \"{{{{ trigger.to_state.state == 'on' }}}}\", then: [{{action: switch.turn_on, target: {{entity_id: switch.out_{n}}}}}]}}, {{delay: 60}}]"
        ),
        _ => format!(
            "mode: parallel\ntriggers: {{trigger: template, value_template: \"{{{{ is_state('switch.in_{n}', 'on') }}}}\"}}\n{act}"
        ),
    }
}

/// Processor time of this process, in seconds.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

async fn measure(with_rules: bool) -> (f64, Vec<Duration>) {
    let dir = std::env::temp_dir().join(format!("homard-bench-rules-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let clock = Clock::system(TimeZone::UTC);
    let storage = Storage::open(&dir).unwrap();
    let writer = Writer::start(storage, Settings::default()).unwrap();
    let (outbox, mut effects) = mpsc::channel(64);
    let now = Moment { wall: clock.now(), steady: clock.steady() };
    let agenda = Agenda::restore(Vec::new(), Vec::new(), now);
    let ear = Box::new(Deaf);
    let setup = Setup { home: Home::new(), agenda, writer, clock: clock.clone(), ear, outbox };
    let (hub, handle) = Hub::new(setup);
    let calendar = Calendar { zone: TimeZone::UTC, place: None };
    let hub = hub.ruled(homard::automation::rule::kept::KeptRules::default(), calendar);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let task = tokio::spawn(hub.run(async move {
        let _ = stopped.await;
    }));
    let (acts, mut acted) = mpsc::unbounded_channel::<(u32, Instant)>();
    let port = tokio::spawn(async move {
        while let Some(effects) = effects.recv().await {
            let at = Instant::now();
            for effect in effects {
                if let Effect::Act { handle, .. } = effect {
                    let _ = acts.send((handle.0 - N, at));
                }
            }
        }
    });
    for n in 0..N {
        let (input, output) = (format!("in_{n}"), format!("out_{n}"));
        handle.send(vec![announced(n, &input), announced(N + n, &output)]).await.unwrap();
        handle.send(vec![reported(n, false)]).await.unwrap();
        if with_rules {
            let key = RuleKey::parse(&format!("automation.r{n}")).unwrap();
            let source = yaml::parse(&format!("alias: Rule {n}\n{}", rule(n))).unwrap().0;
            let asked = handle.ask(|reply| Query::PutRule { key, source, reply }).await;
            asked.unwrap().unwrap();
        }
    }
    let mut sent: BTreeMap<u32, Instant> = BTreeMap::new();
    let mut tick = tokio::time::interval(Duration::from_millis(u64::from(1_000 / TICKS)));
    let before = cpu();
    let mut waits = Vec::new();
    for turn in 0..SECONDS * TICKS {
        tick.tick().await;
        let at = Instant::now();
        let first = turn * TOGETHER;
        let batch = (first..first + TOGETHER).map(|k| {
            let (n, is_on) = (k % N, (k / N).is_multiple_of(2));
            if is_on {
                sent.insert(n, at);
            }
            reported(n, is_on)
        });
        handle.send(batch.collect()).await.unwrap();
        while let Ok((n, at)) = acted.try_recv() {
            waits.extend(sent.remove(&n).map(|sent| at.duration_since(sent)));
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    while let Ok((n, at)) = acted.try_recv() {
        waits.extend(sent.remove(&n).map(|sent| at.duration_since(sent)));
    }
    let used = cpu() - before;
    drop(stop);
    task.await.unwrap().unwrap();
    port.abort();
    let _ = std::fs::remove_dir_all(&dir);
    (used / f64::from(SECONDS), waits)
}

#[tokio::main]
async fn main() {
    let build = if cfg!(debug_assertions) { "unoptimised" } else { "optimised" };
    let (alone, _) = measure(false).await;
    let (with, mut waits) = measure(true).await;
    waits.sort();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("{N} automations, {} changes a second for {SECONDS} s ({build}):", TOGETHER * TICKS);
    println!(
        "  share of a core: {:.1} % (without automations {:.1} %)",
        with * 100.0,
        alone * 100.0
    );
    println!(
        "  from what a device says to what is sent: p50 {:.2} ms, p99 {:.2} ms, most {:.2} ms of {}",
        at(0.5),
        at(0.99),
        at(1.0),
        waits.len()
    );
}
