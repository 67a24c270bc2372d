//! The power goes at random moments of a day full of timers and reminders: each is told once, in time or late, or it is
//! reported that it was not or may not have been, and none is lost.
//!
//! A child process (this test program again) runs the hub with its storage on the disk and a clock that
//! makes a day of some seconds; it is killed (SIGKILL) again and again, and started anew with the clock
//! a little later. What it tells it writes down before the disk hears of it, so that nothing is counted
//! as lost that was told. Of what was told in the very moment of a cut, nobody knows after it whether it was: that is
//! reported, which is counted here.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use homard::automation::{Agenda, Asker, Due, Moment, Ripe, Task};
use homard::clock::Clock;
use homard::home::Home;
use homard::hub::event::{Query, Utterance};
use homard::hub::{Ear, Heard, Hub, Setup};
use homard::storage::{Settings, Storage, Writer};
use jiff::{SignedDuration, Timestamp, Zoned};

use super::agenda::reply;
use super::hub::Dir;

const MIDNIGHT: &str = "2026-11-22T00:00:00[Europe/Paris]";
const DAY_S: i64 = 24 * 3_600;
/// What is planned for the day: one in three is a timer.
const ENTRIES: i64 = 240;
/// Of the child's clock, at once.
const TICK_S: i64 = 10;

/// Tells what is due on the standard output before anything else happens, and plans `N` by its number.
struct Teller;

fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// When the nth is due, in seconds of the day.
fn due_at(n: i64) -> i64 {
    600 + n * (DAY_S - 2_400) / ENTRIES
}

impl Ear for Teller {
    fn hear(&mut self, said: &Utterance, _: &Home, _: Timestamp) -> Heard {
        let text = said.text.clone();
        Heard::Books(Box::new(move |agenda: &mut Agenda, _: &Home, now: Moment| {
            let n: i64 = text.parse().unwrap();
            let midnight: Zoned = MIDNIGHT.parse().unwrap();
            let at = midnight.timestamp() + SignedDuration::from_secs(due_at(n));
            let (due, task) = match n % 3 {
                0 => (
                    Due::In { at: now.steady + at.duration_since(now.wall), restored: None },
                    Task::Timer { name: None, started_s: 1.0, then: None },
                ),
                _ => (Due::At(at), Task::Remind(text.clone())),
            };
            agenda.add(Asker::default(), &text, due, task, now).unwrap();
            Heard::Reply(reply("noted".into()))
        }))
    }

    fn due(&mut self, ripe: &Ripe, _: &Home, _: Timestamp) -> Heard {
        tell(&format!("said {} {:?}", ripe.entry.said, ripe.fate));
        Heard::Reply(reply(ripe.entry.said.clone()))
    }
}

/// One life of the child: plans what is not planned yet, then lives until the day is over.
#[tokio::test]
#[ignore = "the child process of `every_reminder_and_timer_outlives_the_cuts`, which starts it"]
async fn a_life() {
    let dir = std::env::var("HOMARD_CUT_DIR").unwrap();
    let number = |name: &str| -> i64 { std::env::var(name).unwrap().parse().unwrap() };
    let (mut second, planned) = (number("HOMARD_CUT_SECOND"), number("HOMARD_CUT_PLANNED"));
    let midnight: Zoned = MIDNIGHT.parse().unwrap();
    let clock = Clock::movable(&midnight);
    clock.set(midnight.timestamp() + SignedDuration::from_secs(second));
    let storage = Storage::open(std::path::Path::new(&dir)).unwrap();
    let loaded = storage.load().unwrap();
    assert_eq!(loaded.problems, [""; 0]);
    let now = Moment { wall: clock.now(), steady: clock.steady() };
    let agenda = Agenda::restore(loaded.agenda, loaded.lists, now);
    // What was kept in the moment of a cut is not planned twice.
    let kept = agenda.entries().filter_map(|entry| entry.said.parse::<i64>().ok()).max();
    let planned = kept.map_or(planned, |last| planned.max(last + 1));
    let writer = Writer::start(storage, Settings::default()).unwrap();
    let (outbox, mut effects) = tokio::sync::mpsc::channel(64);
    let ear = Box::new(Teller);
    let setup = Setup { home: Home::new(), agenda, writer, clock: clock.clone(), ear, outbox };
    let (hub, handle) = Hub::new(setup);
    tokio::spawn(async move { while effects.recv().await.is_some() {} });
    tokio::spawn(hub.run(std::future::pending()));
    tell("up");
    for n in planned..ENTRIES {
        let utterance = Utterance { text: n.to_string(), ..Utterance::default() };
        handle.ask(|reply| Query::Hear(utterance, reply)).await.unwrap();
        tell(&format!("planned {n}"));
    }
    while second < DAY_S {
        second += TICK_S;
        tell(&format!("second {second}"));
        clock.pass(SignedDuration::from_secs(TICK_S));
        for _ in 0..3 {
            handle.ask(Query::Counters).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // What is on its way to the disk arrives.
    tokio::time::sleep(Duration::from_secs(1)).await;
    tell("over");
}

/// Numbers that are the same with the same seed.
struct Dice(u64);

impl Dice {
    /// Below `end`.
    fn roll(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[derive(Default)]
struct Day {
    second: i64,
    planned: i64,
    /// In which lives each was told, and how.
    told: BTreeMap<i64, Vec<(usize, String)>>,
    n_cuts: usize,
    is_over: bool,
}

impl Day {
    /// One life, killed after a while of being up; without one it lives on.
    fn live(&mut self, dir: &Dir, killed_after: Option<Duration>) {
        let life = self.n_cuts;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "power_cuts::a_life", "--ignored", "--nocapture", "--test-threads=1"])
            .env("HOMARD_CUT_DIR", &dir.0)
            .env("HOMARD_CUT_SECOND", self.second.to_string())
            .env("HOMARD_CUT_PLANNED", self.planned.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (lines, heard) = mpsc::channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        let mut up: Option<Instant> = None;
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < Duration::from_secs(300), "the child hangs");
            let left = killed_after.zip(up).map(|(after, up)| after.saturating_sub(up.elapsed()));
            if left == Some(Duration::ZERO) {
                break;
            }
            match heard.recv_timeout(left.unwrap_or(Duration::from_secs(60))) {
                // After the harness's own words on the same line.
                Ok(line) if line.ends_with("up") => up = Some(Instant::now()),
                Ok(line) => self.note(life, &line),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            if self.is_over {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();
        // What it wrote before it was killed counts.
        for line in heard.try_iter() {
            self.note(life, &line);
        }
        self.n_cuts += 1;
    }

    fn note(&mut self, life: usize, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<i64>().unwrap();
        match words[0] {
            "planned" => self.planned = number(1) + 1,
            "second" => self.second = number(1),
            "said" => {
                let told = self.told.entry(number(1)).or_default();
                told.push((life, words[2].to_owned()));
            }
            "over" => self.is_over = true,
            _ => {}
        }
    }
}

/// The power goes so often in `make test`; `HOMARD_CUTS=200` is the full count.
const CUTS: usize = 25;

#[test]
fn every_reminder_and_timer_outlives_the_cuts() {
    let cuts = std::env::var("HOMARD_CUTS").ok().map_or(CUTS, |n| n.parse().unwrap());
    let seed = std::env::var("HOMARD_CUT_SEED").ok().map_or(4_242, |n| n.parse().unwrap());
    let dir = Dir::new();
    let mut dice = Dice(seed);
    let mut day = Day::default();
    // A life is as long as its part of the day, on the average.
    while day.n_cuts < cuts && !day.is_over {
        let left = DAY_S - day.second;
        let part = left / i64::try_from(cuts - day.n_cuts).unwrap();
        let ticks = u64::try_from(part / TICK_S).unwrap();
        // A tick takes a millisecond and a little; the first lives also plan.
        let micros = dice.roll(2 * ticks * 1_200 + 1);
        day.live(&dir, Some(Duration::from_micros(micros)));
        // Mostly the power is back at once; sometimes it is gone for half an hour.
        day.second += match dice.roll(20) {
            0 => 1_800,
            n => i64::try_from(n).unwrap() * 3,
        };
    }
    let n_cuts = day.n_cuts;
    while !day.is_over {
        day.second = day.second.min(DAY_S - TICK_S);
        day.live(&dir, None);
    }
    let lost: Vec<i64> = (0..ENTRIES).filter(|n| !day.told.contains_key(n)).collect();
    assert_eq!(lost, [0_i64; 0], "never told");
    let is_report = |fate: &str| fate == "Missed" || fate == "Interrupted";
    let mut n_unsure = 0;
    for (n, told) in &day.told {
        let n_fired = told.iter().filter(|(_, fate)| !is_report(fate)).count();
        assert!(n_fired <= 1, "{n} is told again: {told:?}");
        if let [(life, _), (reported, fate)] = &told[..] {
            // Only what was told in the moment of a cut, and by the next life.
            assert!(is_report(fate) && *reported == life + 1, "{n}: {told:?}");
            n_unsure += 1;
        }
        assert!(told.len() <= 2, "{n}: {told:?}");
    }
    let how = |fate: &str| day.told.values().filter(|told| told[0].1 == fate).count();
    println!(
        "{n_cuts} cuts (seed {seed}), {ENTRIES} entries: {} told in time, {} late, {} reported as missed, {} as cut \
         off before they were told; of {n_unsure} that were told it is reported too that they were cut off; none \
         lost, none told twice; HOMARD_CUTS=200 for the full count",
        how("Happens"),
        how("ToldLate"),
        how("Missed"),
        how("Interrupted"),
    );
}
