//! The history as a whole: what was recorded comes back, whatever happened in between.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Zoned;

use super::*;
use crate::home::entity::{Record, View as Shown};
use crate::home::value::Attributes;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * HOUR;
/// 2026-11-22, noon.
const NOON: i64 = 1_795_348_800_000;

struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("homard-{}-history-{n}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn open(&self) -> History {
        self.open_with(&Settings::default())
    }

    fn open_with(&self, settings: &Settings) -> History {
        History::open(&self.0, settings).unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn time(at: i64) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap()
}

fn change(id: &str, word: &str, attributes: &[(&'static str, f64)], at: i64) -> Change {
    let mut shown = Shown { word: word.to_owned().into(), attributes: Attributes::new() };
    attributes.iter().for_each(|(name, value)| shown.attributes.put(*name, *value));
    let after = Record { view: shown, changed_at: time(at), updated_at: time(at) };
    Change { id: EntityId::new(id), before: None, after: Some(after) }
}

fn say(history: &History, id: &str, word: &str, at: i64) {
    history.note(&[change(id, word, &[], at)], time(at));
}

fn flush(history: &History) {
    history.flush().unwrap();
    let mut n = 0;
    while history.tidy(n).unwrap() {
        n += 1;
    }
}

/// What is told of an entity's track: minutes after noon, and what it was.
fn told_of(history: &History, id: &str, track: Track, from: i64, to: i64) -> Vec<(i64, String)> {
    let view = history.view([id]).unwrap();
    let mut told = Vec::new();
    for seen in view.series().iter().filter(|seen| seen.track == track) {
        let tell = |at: i64, value: Value| told.push(((at - NOON) / MINUTE, value.to_string()));
        view.visit(seen, NOON + from * MINUTE, NOON + to * MINUTE, tell).unwrap();
    }
    told
}

fn check(history: &History, from: i64, to: i64, expected: &[(i64, &str)]) {
    let told = told_of(history, "sensor.a", Track::State, from, to);
    let told: Vec<(i64, &str)> = told.iter().map(|(at, word)| (*at, word.as_str())).collect();
    assert_eq!(told, expected);
}

#[test]
fn what_was_said_comes_back_from_memory_and_from_the_disk() {
    let dir = Dir::new();
    let history = dir.open();
    for (minute, word) in [(0, "20.5"), (1, "20.5"), (2, "21"), (5, "unavailable"), (9, "20.0")] {
        say(&history, "sensor.a", word, NOON + minute * MINUTE);
    }
    let all = [(0, "20.5"), (2, "21"), (5, "unavailable"), (9, "20.0")];
    check(&history, -10, 60, &all);
    flush(&history);
    assert_eq!(history.n_waiting(), 0);
    check(&history, -10, 60, &all);
    // Half on the disk, half in memory; the same value over the boundary is one.
    say(&history, "sensor.a", "20.0", NOON + 10 * MINUTE);
    say(&history, "sensor.a", "19", NOON + 11 * MINUTE);
    let all = [&all[..], &[(11, "19")]].concat();
    check(&history, -10, 60, &all);
    check(&history, 3, 10, &[(3, "21"), (5, "unavailable"), (9, "20.0")]);
    check(&history, 10, 10, &[(10, "20.0")]);
    check(&history, -10, -1, &[]);
    check(&history, 30, 60, &[(30, "19")]);
    flush(&history);
    check(&history, -10, 60, &all);
    drop(history);
    // A short restart is no gap.
    let history = dir.open();
    check(&history, -10, 60, &all);
    say(&history, "sensor.a", "19", NOON + 13 * MINUTE);
    say(&history, "sensor.a", "18", NOON + 14 * MINUTE);
    check(&history, 10, 60, &[(10, "20.0"), (11, "19"), (14, "18")]);
}

#[test]
fn what_nobody_saw_is_a_gap() {
    let dir = Dir::new();
    let history = dir.open();
    say(&history, "sensor.a", "on", NOON);
    say(&history, "sensor.b", "1", NOON + 2 * MINUTE);
    flush(&history);
    drop(history);
    let history = dir.open();
    // Not lost until it is known how long it took.
    check(&history, 0, 10, &[(0, "on")]);
    say(&history, "sensor.b", "1", NOON + 60 * MINUTE);
    check(&history, 0, 90, &[(0, "on"), (2, "")]);
    check(&history, 30, 90, &[(30, "")]);
    say(&history, "sensor.a", "on", NOON + 70 * MINUTE);
    check(&history, 0, 90, &[(0, "on"), (2, ""), (70, "on")]);
    flush(&history);
    check(&history, 0, 90, &[(0, "on"), (2, ""), (70, "on")]);
    // Restored values are nobody's word.
    let mut restored = change("sensor.a", "off", &[], NOON + 71 * MINUTE);
    restored.after.as_mut().unwrap().view.attributes.put("restored", true);
    history.note(&[restored], time(NOON + 71 * MINUTE));
    // And who is gone is not there.
    let gone = Change { id: EntityId::new("sensor.a"), before: None, after: None };
    history.note(&[gone], time(NOON + 72 * MINUTE));
    check(&history, 70, 90, &[(70, "on"), (72, "")]);
}

#[test]
fn a_clock_that_is_set_back_and_forth_disorders_nothing() {
    let dir = Dir::new();
    let history = dir.open();
    let year = 365 * DAY;
    say(&history, "sensor.a", "1", NOON);
    say(&history, "sensor.a", "2", NOON + MINUTE);
    flush(&history);
    say(&history, "sensor.a", "3", NOON + 2 * MINUTE);
    // Back a year, without and with a write in between.
    for n in 0..5 {
        say(&history, "sensor.a", &format!("{}", 100 + n), NOON - year + n * MINUTE);
    }
    flush(&history);
    say(&history, "sensor.a", "105", NOON - year + 5 * MINUTE);
    say(&history, "sensor.a", "4", NOON + 3 * MINUTE);
    // By less than a minute, as clocks are put right.
    say(&history, "sensor.a", "5", NOON + 3 * MINUTE - 2_000);
    let year_ago = -365 * 24 * 60;
    let old: Vec<(i64, String)> = (0..6).map(|n| (year_ago + n, format!("{}", 100 + n))).collect();
    for _ in 0..2 {
        let told = told_of(&history, "sensor.a", Track::State, year_ago - 5, year_ago + 60);
        assert_eq!(told, old);
        check(&history, 0, 60, &[(0, "1"), (1, "2"), (2, "3"), (2, "5"), (3, "4")]);
        flush(&history);
    }
    // And all is still there when much was merged.
    for n in 0..2_000 {
        say(&history, "sensor.b", &n.to_string(), NOON + (10 + n) * MINUTE);
        if n % 15 == 0 {
            flush(&history);
        }
    }
    let told = told_of(&history, "sensor.a", Track::State, year_ago - 5, year_ago + 60);
    assert_eq!(told, old);
    check(&history, 0, 60, &[(0, "1"), (1, "2"), (2, "3"), (2, "5"), (3, "4")]);
}

#[test]
fn a_clock_far_ahead_for_an_hour_throws_nothing_away() {
    let dir = Dir::new();
    let history = dir.open();
    for n in 0..600 {
        say(&history, "sensor.a", &n.to_string(), NOON + n * 10 * MINUTE);
        if n % 2 == 0 {
            flush(&history);
        }
    }
    let before = told_of(&history, "sensor.a", Track::State, 0, 6_000);
    assert_eq!(before.len(), 600);
    for n in 0..4 {
        say(&history, "sensor.b", &n.to_string(), NOON + 365 * DAY + n * 15 * MINUTE);
        flush(&history);
    }
    assert_eq!(told_of(&history, "sensor.a", Track::State, 0, 6_000), before);
}

#[test]
fn days_go_by_hours_stay_and_the_disk_is_not_filled() {
    let dir = Dir::new();
    let history = dir.open_with(&Settings { days: 3, ..Settings::default() });
    // Time that passes is the test's: what has passed since the last step is said to be a lot.
    let n_days = 20;
    for n in 0..n_days * 24 * 6 {
        let at = NOON + n * 10 * MINUTE;
        say(&history, "sensor.a", &format!("{}.5", n % 6), at);
        say(&history, "binary_sensor.b", if n % 12 < 3 { "on" } else { "off" }, at);
        if n % 6 == 0 {
            let _ = history.flush();
            let now = history.now().unwrap();
            while history.inner.disk.tidy(now, 30 * MINUTE, &history.inner.limits).unwrap() {}
        }
    }
    let end = n_days * 24 * 60;
    let told = told_of(&history, "sensor.a", Track::State, 0, end);
    let first = told.first().unwrap().0;
    assert!((end - 5 * 24 * 60..=end - 3 * 24 * 60).contains(&first), "from {first} of {end}");
    // Every hour of all twenty days is drawn alike, from rows or samples.
    let view = history.view(["sensor.a", "binary_sensor.b"]).unwrap();
    let (from, to) = (NOON + HOUR, NOON + (n_days * 24 - 1) * HOUR);
    let [sensor, door] = view.series() else { panic!("{:?}", view.series()) };
    let n_hours = ((to - from) / HOUR) as usize;
    let chart = view.chart(sensor, from, to, n_hours).unwrap();
    assert_eq!((chart.buckets.len(), chart.step), (n_hours, HOUR));
    for (n, bucket) in chart.buckets.iter().enumerate() {
        let bucket = bucket.unwrap_or_else(|| panic!("hour {n} of {n_hours}"));
        assert_eq!((bucket.min, bucket.max), (0.5, 5.5), "hour {n}");
        assert!((bucket.mean - 3.0).abs() < 0.02, "hour {n}: {bucket:?}");
    }
    let all = chart.statistics.numbers.unwrap();
    assert!((all.mean - 3.0).abs() < 0.02 && chart.statistics.ms == to - from, "{chart:?}");
    let chart = view.chart(door, from, to, 1_000).unwrap();
    let ms = |word: &str| chart.statistics.words.iter().find(|(one, _)| **one == *word).unwrap().1;
    assert_eq!(ms("on") + ms("off"), to - from);
    assert!((ms("on") as f64 / (to - from) as f64 - 0.25).abs() < 0.01, "{:?}", chart.statistics);
    drop(view);
    let n_bytes = history.n_bytes().unwrap();

    // With room for a megabyte the oldest go, and the newest stay.
    drop(history);
    let history = dir.open_with(&Settings { megabytes: 1, ..Settings::default() });
    let mut seed = 1_u64;
    for n in 0..8_000_i64 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let noise = format!("x{seed:x}").repeat(14);
        say(&history, &format!("sensor.noise{}", n % 20), &noise, NOON + 30 * DAY + n * 1_000);
        if n % 200 == 0 {
            flush(&history);
        }
    }
    for _ in 0..50 {
        flush(&history);
    }
    let now = history.n_bytes().unwrap();
    assert!(n_bytes < 1 << 20 && now <= 1 << 20, "{n_bytes} → {now}");
    let view = history.view(["sensor.noise19"]).unwrap();
    let mut n_left = 0;
    view.visit(&view.series()[0], NOON + 30 * DAY, NOON + 60 * DAY, |_, _| n_left += 1).unwrap();
    assert!((50..400).contains(&n_left), "{n_left} of 400");
}

#[test]
fn a_broken_block_costs_only_itself() {
    let dir = Dir::new();
    let history = dir.open();
    for n in 0..90 {
        say(&history, "sensor.a", &n.to_string(), NOON + n * MINUTE);
        say(&history, "sensor.b", &n.to_string(), NOON + n * MINUTE);
        if n % 30 == 29 {
            history.flush().unwrap();
        }
    }
    let n = std::cell::Cell::new(0);
    history.inner.disk.change_blocks(|series, block| {
        // The second of the first series.
        if series == 0 && n.replace(n.get() + 1) == 1 {
            block[10] ^= 4;
        }
    });
    for _ in 0..2 {
        let told = told_of(&history, "sensor.a", Track::State, -5, 200);
        let expected: Vec<i64> = (0..30).chain(60..90).collect();
        assert_eq!(told.iter().map(|(at, _)| *at).collect::<Vec<_>>(), expected);
        assert_eq!(told_of(&history, "sensor.b", Track::State, -5, 200).len(), 90);
        // The same when it was merged with its neighbours.
        for n in 0..20 {
            say(&history, "sensor.c", &n.to_string(), NOON + (300 + n) * MINUTE);
            flush(&history);
        }
    }
    let segments = history.inner.disk.segments(&history.inner.disk.read().unwrap(), Kind::Raw);
    assert!(segments.unwrap().len() < 20);
}

/// A night in which clocks are put back has 25 hours, one in which they are put forward 23; a row
/// is an hour of the world, so that days are right in each zone whose midnights are whole hours.
#[test]
fn the_days_on_which_clocks_change_have_their_own_length() {
    for (day, hours) in [("2026-10-25", 25), ("2026-03-29", 23), ("2026-11-22", 24)] {
        let dir = Dir::new();
        let history = dir.open();
        let midnight: Zoned = format!("{day}T00:00[Europe/Paris]").parse().unwrap();
        let from = midnight.timestamp().as_millisecond();
        let to = midnight.tomorrow().unwrap().timestamp().as_millisecond();
        assert_eq!((to - from) / HOUR, hours);
        // On from a quarter of an hour before to a quarter after each whole hour.
        for n in -4_i64..hours * 2 + 200 {
            let word = if n % 2 == 0 { "on" } else { "off" };
            say(&history, "light.a", word, from + n * 30 * MINUTE - 15 * MINUTE);
            if n % 2 == 0 {
                flush(&history);
            }
        }
        // Hours are made when the samples are about to go: one step for each day.
        let disk = &history.inner.disk;
        let days = disk.segments(&disk.read().unwrap(), Kind::Raw).unwrap();
        let limits = Limits { raw: HOUR, ..history.inner.limits };
        for _ in days.iter().filter(|segment| segment.level == 2) {
            assert!(disk.tidy(history.now().unwrap(), DAY, &limits).unwrap());
        }
        let view = history.view(["light.a"]).unwrap();
        let seen = &view.series()[0];
        let rows = view.rows(seen, from, to).unwrap();
        let of_day: Vec<_> =
            rows.iter().filter(|row| (from..to).contains(&(row.hour * HOUR))).collect();
        assert_eq!(of_day.len() as i64, hours, "{day}");
        for (row_chart, since) in [("rows", i64::MAX), ("samples", i64::MIN)] {
            let chart = view.chart_since(seen, from, to, 400, since).unwrap();
            let total: i64 = chart.statistics.words.iter().map(|(_, ms)| ms).sum();
            let on = chart.statistics.words.iter().find(|(word, _)| &**word == "on").unwrap().1;
            assert_eq!((total, on), (to - from, hours * 30 * MINUTE), "{day} from {row_chart}");
        }
    }
}

#[test]
fn attributes_worth_a_chart_are_recorded_and_the_owner_may_leave_things_out() {
    let dir = Dir::new();
    let exclude = ["sensor.noise".to_owned(), "update".to_owned()].into();
    let history = dir.open_with(&Settings { exclude, ..Settings::default() });
    let heating = |word: &str, now: f64, at: i64| {
        let attributes =
            [("current_temperature", now), ("temperature", 21.0), ("other", at as f64)];
        history.note(
            &[change("climate.a", word, &attributes, NOON + at * MINUTE)],
            time(NOON + at * MINUTE),
        );
    };
    heating("heat", 19.5, 0);
    heating("heat", 19.700000000000003, 1);
    heating("off", 19.7, 2);
    for id in ["sensor.noise", "update.a", "sensor.other"] {
        say(&history, id, "1", NOON + 3 * MINUTE);
    }
    let track = |name| told_of(&history, "climate.a", Track::Attribute(name), 0, 9);
    let texts = |told: Vec<(i64, String)>| -> Vec<String> {
        told.into_iter().map(|(at, word)| format!("{at} {word}")).collect()
    };
    assert_eq!(texts(track("current_temperature")), ["0 19.5", "1 19.700", "2 19.7"]);
    assert_eq!(texts(track("temperature")), ["0 21"]);
    assert_eq!(texts(told_of(&history, "climate.a", Track::State, 0, 9)), ["0 heat", "2 off"]);
    let names: Vec<String> = history.entities().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["climate.a", "sensor.other"]);
    flush(&history);
    drop(history);
    let history = dir.open();
    let told = told_of(&history, "climate.a", Track::Attribute("temperature"), 0, 9);
    assert_eq!(texts(told), ["0 21"]);
}

#[test]
fn a_flood_costs_bounded_memory_and_is_counted() {
    let dir = Dir::new();
    let history = dir.open();
    let mut is_wanted = 0;
    for n in 0..300_000_i64 {
        let id = format!("sensor.s{}", n % 30);
        is_wanted +=
            u32::from(history.note(&[change(&id, &n.to_string(), &[], NOON)], time(NOON + n)));
    }
    // When the first comes, and when it is half full.
    assert_eq!(is_wanted, 2);
    assert!(history.n_waiting() <= 100_000, "{}", history.n_waiting());
    assert_eq!(history.n_waiting() + history.n_dropped(), 300_000);
    flush(&history);
    assert_eq!(history.n_waiting(), 0);
    say(&history, "sensor.s0", "-1", NOON + 300_000);
    let told = told_of(&history, "sensor.s0", Track::State, 4, 10);
    assert_eq!(told.last().unwrap().1, "-1");
}

#[test]
fn a_newer_format_is_left_alone() {
    let dir = Dir::new();
    drop(dir.open());
    Disk::open(&dir.0).unwrap().set_format("9");
    let refused = History::open(&dir.0, &Settings::default());
    assert!(matches!(refused, Err(Error::Newer { found: 9, known: 1, .. })), "{refused:?}");
}
