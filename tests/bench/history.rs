//! `BENCH=history tests/bench/run`: a million samples of a thousand entities, as the devices of the
//! demo make them when time passes quickly. Bytes a sample on the disk, memory, how long a write
//! and a merge take, and how long it takes to draw a week of them all. A missed bar is no failure.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]
// It measures real time, in a program that has nothing else to do.
#![allow(clippy::disallowed_methods)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use homard::home::Change;
use homard::home::entity::{Record, View as Shown};
use homard::home::id::EntityId;
use homard::home::value::Attributes;
use homard::storage::history::{History, Settings};
use jiff::Timestamp;

const N_ENTITIES: usize = 1_000;
/// A little more than a million: not every look at a device finds something new.
const N_SAMPLES: usize = 1_120_000;
const WEEK: i64 = 7 * 24 * 3_600_000;
/// 2026-11-22, noon.
const END: i64 = 1_795_348_800_000;
/// Points of each chart.
const POINTS: usize = 400;
/// How often it is written, as the daemon does.
const PAUSE: i64 = 15 * 60_000;

/// What a device of the demo does when time passes (`src/demo/device`).
enum Thing {
    Celsius(f64),
    Humidity(f64),
    Watts { load: f64, now: f64 },
    Energy(f64),
    Door(bool),
    Room { now: f64, heats: bool },
}

impl Thing {
    fn new(n: usize) -> Self {
        match n % 10 {
            0..=2 => Self::Celsius(18.0 + (n % 7) as f64),
            3 | 4 => Self::Humidity(45.0 + (n % 20) as f64),
            5 => Self::Watts { load: 40.0 + (n % 900) as f64, now: 0.0 },
            6 => Self::Energy((n % 300) as f64),
            7 | 8 => Self::Door(false),
            _ => Self::Room { now: 19.0, heats: true },
        }
    }

    fn domain(&self) -> &'static str {
        if matches!(self, Self::Door(_)) { "binary_sensor" } else { "sensor" }
    }

    fn pass(&mut self, seconds: f64, dice: &mut Dice) -> String {
        let drift = seconds.sqrt() * 0.02;
        match self {
            Self::Celsius(now) => {
                *now = (*now + dice.between(-drift, drift)).clamp(-15.0, 38.0);
                format!("{now:.1}")
            }
            Self::Humidity(now) => {
                *now = (*now + dice.between(-drift, drift) * 4.0).clamp(20.0, 95.0);
                format!("{now:.0}")
            }
            Self::Watts { load, now } => {
                *now = *load * dice.between(0.9, 1.1);
                format!("{now:.1}")
            }
            Self::Energy(now) => {
                *now += dice.between(0.0, 0.2) * seconds / 3_600.0;
                format!("{now:.3}")
            }
            Self::Door(is_open) => {
                *is_open = !*is_open;
                if *is_open { "on" } else { "off" }.to_owned()
            }
            Self::Room { now, heats } => {
                *heats ^= dice.between(0.0, 1.0) < 0.1;
                let goal = if *heats { 21.5 } else { 16.0 };
                *now +=
                    (goal - *now).clamp(-0.002 * seconds, 0.01 * seconds) * dice.between(0.5, 1.0);
                format!("{now:.1}")
            }
        }
    }
}

struct Dice(u64);

impl Dice {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        low + (high - low) * (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn main() {
    let dir = std::env::temp_dir().join(format!("homard-bench-history-{}", std::process::id()));
    let history = History::open(&dir, &Settings::default()).unwrap();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut things: Vec<(EntityId, Thing, String)> = (0..N_ENTITIES)
        .map(|n| {
            let thing = Thing::new(n);
            (EntityId::new(&format!("{}.thing_{n}", thing.domain())), thing, String::new())
        })
        .collect();
    // Each in its own rhythm, of ticks of a second, and the milliseconds of its way. In order.
    let usual = WEEK as f64 / 1_000.0 * N_ENTITIES as f64 / N_SAMPLES as f64;
    let mut next: BinaryHeap<Reverse<(i64, usize)>> =
        (0..N_ENTITIES).map(|n| Reverse((END - WEEK + n as i64 * 600, n))).collect();
    let (mut n, mut flushed) = (0, END - WEEK);
    let (mut noting, mut writes, mut tidying) = (Duration::ZERO, Vec::new(), Vec::new());
    let mut most_waiting = 0;
    while let Some(Reverse((at, which))) = next.pop() {
        if at >= END {
            break;
        }
        let (id, thing, word) = &mut things[which];
        let pause = (dice.between(0.5, 1.5) * usual).round();
        let jitter = dice.between(0.0, 25.0) as i64;
        next.push(Reverse((at / 1_000 * 1_000 + pause as i64 * 1_000 + jitter, which)));
        let said = thing.pass(pause, &mut dice);
        // What did not change is no sample.
        if said == *word {
            continue;
        }
        word.clone_from(&said);
        let time = Timestamp::from_millisecond(at).unwrap();
        let view = Shown { word: said.into(), attributes: Attributes::new() };
        let after = Some(Record { view, changed_at: time, updated_at: time });
        let change = [Change { id: id.clone(), before: None, after }];
        let begun = Instant::now();
        history.note(&change, time);
        noting += begun.elapsed();
        n += 1;
        if at - flushed >= PAUSE {
            flushed = at;
            most_waiting = most_waiting.max(history.n_waiting());
            let begun = Instant::now();
            history.flush().unwrap();
            writes.push(begun.elapsed());
            let mut n_steps = 0;
            loop {
                let begun = Instant::now();
                let goes_on = history.tidy(n_steps).unwrap();
                tidying.push(begun.elapsed());
                if !goes_on {
                    break;
                }
                n_steps += 1;
            }
        }
    }
    history.flush().unwrap();
    let ids: Vec<String> = things.iter().map(|(id, ..)| id.to_string()).collect();
    drop(history);
    let begun = Instant::now();
    let history = History::open(&dir, &Settings::default()).unwrap();
    println!("opened in {:.1?}", begun.elapsed());

    let n_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (alone, (n_changes, n_drawn)) = draw_all(&history, &ids, 1);
    let (together, drawn) = draw_all(&history, &ids, n_cores);
    assert_eq!(drawn, (n_changes, n_drawn));
    let one = Instant::now();
    let view = history.view(["sensor.thing_0"]).unwrap();
    let chart = view.chart(&view.series()[0], END - WEEK, END, POINTS).unwrap();
    let one = one.elapsed();
    assert!(chart.statistics.n_changes > 100);
    drop(view);
    let n_bytes = history.n_bytes().unwrap();
    let longest = |times: &[Duration]| times.iter().max().copied().unwrap_or_default();
    println!(
        "{N_ENTITIES} entities, {n_changes} samples of a week, drawn with {n_drawn} points and bars"
    );
    println!(
        "7-day charts of all, median of 7: {together:.1?} with {n_cores} threads, as a page's requests are answered \
         (bar: 50 ms); {alone:.1?} with one"
    );
    println!("7-day chart of one: {one:.1?}");
    println!(
        "disk: {:.2} bytes a sample, {:.1} MB (bar: 4)",
        n_bytes as f64 / n_changes as f64,
        n_bytes as f64 / 1e6
    );
    println!(
        "recording: {:.0} ns a change; at most {most_waiting} samples waited",
        noting.as_nanos() as f64 / n as f64
    );
    println!(
        "longest write {:.1?}, longest merge {:.1?}, {} writes",
        longest(&writes),
        longest(&tidying),
        writes.len()
    );
    drop(history);
    if std::env::var_os("KEEP").is_none() {
        let _ = std::fs::remove_dir_all(&dir);
    }
}

/// Draws a week of all entities, in as many threads, as the panel's requests are answered side by side. The median time
/// of seven, and the samples and points there were.
fn draw_all(history: &History, ids: &[String], n_threads: usize) -> (Duration, (u64, usize)) {
    let draw = |ids: &[String]| {
        let (mut n_changes, mut n_drawn) = (0, 0);
        let view = history.view(ids.iter().map(String::as_str)).unwrap();
        for seen in view.series() {
            let chart = view.chart(seen, END - WEEK, END, POINTS).unwrap();
            n_changes += chart.statistics.n_changes;
            n_drawn += chart.buckets.len() + chart.bars.len();
        }
        (n_changes, n_drawn)
    };
    let mut times = Vec::new();
    let mut sum = (0, 0);
    for _ in 0..7 {
        let begun = Instant::now();
        sum = std::thread::scope(|scope| {
            let shares = ids.chunks(ids.len().div_ceil(n_threads));
            let workers: Vec<_> = shares.map(|ids| scope.spawn(move || draw(ids))).collect();
            let drawn = workers.into_iter().map(|worker| worker.join().unwrap());
            drawn.fold((0, 0), |sum, (changes, drawn)| (sum.0 + changes, sum.1 + drawn))
        });
        times.push(begun.elapsed());
    }
    times.sort();
    (times[times.len() / 2], sum)
}
