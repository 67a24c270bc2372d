//! Storage against the world: killed processes, full disks, a second process, and what it costs
//! the disk. What must not disturb or be disturbed by other tests runs in a child process, which is
//! this test binary again with [`CHILD`] set.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use homard::clock::Clock;
use homard::home::LastState;
use homard::home::entity::{Source as From, View};
use homard::home::id::{EntityId, FloorId};
use homard::home::person::Role;
use homard::home::place::Floor;
use homard::home::value::Attributes;
use homard::hub::event::{EditError, Event, Query};
use homard::storage::{
    Budget, Holder, Keep, Lane, RetainedChange, RetainedMessage, Settings, Source, Storage, Writer,
    history,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::hub::{Dir, House, NOON, announced, reported};

/// `<what to do> <directory>` for a child process.
const CHILD: &str = "HOMARD_STORAGE_CHILD";

/// What children do; does nothing as a test of its own.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (task, dir) = task.split_once(' ').unwrap();
    let dir = Path::new(dir);
    match task {
        "edit" => edit_without_end(dir),
        "token" => {
            let tokens = Storage::open_shared(dir).unwrap().tokens();
            println!(
                "\ntoken {}",
                tokens.add("late", &Holder::Role(Role::Child), Timestamp::UNIX_EPOCH).unwrap()
            );
        }
        "full" => runtime().block_on(live_through_a_full_disk(dir)),
        "history" => runtime().block_on(live_without_room_for_the_history(dir)),
        "cost" => runtime().block_on(measure(dir)),
        other => panic!("{other}"),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The command that runs a task in a process of its own.
fn task(wrapper: &[&str], task: &str, dir: &Path) -> Command {
    let exe = std::env::current_exe().unwrap();
    let mut command = match wrapper {
        [] => Command::new(&exe),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(&exe);
            command
        }
    };
    command
        .args(["storage::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, format!("{task} {}", dir.display()))
        .stdin(Stdio::null());
    command
}

/// Without pauses: everything is written as soon as it is known.
fn hasty() -> Settings {
    Settings {
        budget: Budget::new(u64::MAX, Duration::ZERO, Duration::ZERO),
        gather: Duration::ZERO,
        quiet: Duration::ZERO,
        retry: Duration::from_millis(50),
        history: history::Settings { pause: Duration::ZERO, ..history::Settings::default() },
    }
}

fn floor(n: u64) -> Floor {
    // Lengths differ, so that pages split and join.
    let name = format!("{n} ").repeat((n % 97) as usize + 1);
    Floor { id: FloorId::new(&format!("{n:08}")), name, aliases: Vec::new(), level: None }
}

/// Floors that are kept at a time by [`edit_without_end`].
const KEPT: u64 = 50;

/// States that change all the time.
#[derive(Default)]
struct Restless {
    round: AtomicUsize,
    gathered: AtomicBool,
}

impl Source for Restless {
    fn gather(&self, lane: Lane) {
        self.gathered.store(lane == Lane::States, Ordering::Relaxed);
    }

    fn take(&self, _: Lane, n: usize) -> Vec<Keep> {
        if !self.gathered.swap(false, Ordering::Relaxed) {
            return Vec::new();
        }
        let round = self.round.fetch_add(1, Ordering::Relaxed);
        let mut attributes = Attributes::new();
        attributes.put("text", "x".repeat(round % 61 * 9));
        let view = View { word: format!("{round}").into(), attributes };
        let at = Timestamp::UNIX_EPOCH;
        let last = LastState { view, changed_at: at, updated_at: at, heard_at: None };
        (0..n.min(40))
            .map(|n| Keep::State(EntityId::new(&format!("sensor.{n}")), Box::new(last.clone())))
            .collect()
    }

    fn give_back(&self, _: Lane, keeps: Vec<Keep>) {
        panic!("{} records were not written", keeps.len());
    }
}

/// Adds a floor and removes another, again and again; says each number once it is acknowledged.
fn edit_without_end(dir: &Path) {
    let storage = Storage::open(dir).unwrap();
    let loaded = storage.load().unwrap();
    let last: u64 = loaded.floors.last().map_or(0, |floor| floor.id.as_str().parse().unwrap());
    let writer = Writer::start(storage, hasty()).unwrap();
    writer.set_source(Arc::new(Restless::default()));
    let mut out = std::io::stdout();
    for n in last + 1_u64.. {
        let gone = FloorId::new(&format!("{:08}", n.saturating_sub(KEPT)));
        let answer = writer.write_now(vec![Keep::Floor(floor(n)), Keep::ForgetFloor(gone)]);
        writer.nudge(Lane::States);
        let message = RetainedMessage {
            topic: format!("t/{}", n % 7),
            payload: vec![b'x'; (n % 9_000) as usize],
            ..RetainedMessage::default()
        };
        writer.save_retained(vec![RetainedChange::Set(Arc::new(message))]);
        drop(answer.blocking_recv().unwrap().unwrap());
        writeln!(out, "\nack {n}").unwrap();
    }
}

#[test]
fn a_kill_at_any_moment_loses_nothing_acknowledged() {
    const KILLS: u64 = 200;
    let dir = Dir::new();
    let mut last = 0;
    let mut n_acknowledged = 0;
    for round in 0..KILLS {
        let mut child = task(&[], "edit", &dir.0).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        // Killed while it opens, at its first edits, and later; at no moment of the code's choice.
        let delay = Duration::from_micros((round * 7_919) % 30_000);
        let (acknowledged, first) = std::sync::mpsc::channel::<()>();
        let killer = std::thread::spawn(move || {
            if round % 4 != 0 {
                let _ = first.recv_timeout(Duration::from_secs(20));
            }
            wait(delay);
            child.kill().unwrap();
            child.wait().unwrap();
        });
        for line in BufReader::new(stdout).lines() {
            let line = line.unwrap();
            // The last line may be torn.
            if let Some(n) = line.strip_prefix("ack ").and_then(|n| n.parse::<u64>().ok()) {
                last = last.max(n);
                n_acknowledged += 1;
                let _ = acknowledged.send(());
            }
        }
        killer.join().unwrap();
        let storage = Storage::open(&dir.0).unwrap();
        let loaded = storage.load().unwrap();
        assert_eq!(loaded.problems, [""; 0], "round {round}");
        let found: BTreeSet<u64> =
            loaded.floors.iter().map(|floor| floor.id.as_str().parse().unwrap()).collect();
        // One more may have been written without being acknowledged.
        let newest = found.last().copied().unwrap_or(0);
        assert!(newest == last || newest == last + 1, "round {round}: {newest}, told {last}");
        let kept: BTreeSet<u64> = (newest.saturating_sub(KEPT - 1).max(1)..=newest).collect();
        assert_eq!(found, kept, "round {round}");
        assert!(loaded.floors.iter().all(|kept| *kept == floor(kept.id.as_str().parse().unwrap())));
        for message in storage.load_retained().unwrap() {
            assert!(message.payload.iter().all(|byte| *byte == b'x'), "round {round}");
        }
        last = newest;
    }
    println!("storage: {KILLS} kills, {n_acknowledged} edits acknowledged, none lost");
    assert!(n_acknowledged > KILLS / 2, "only {n_acknowledged}: killed too early");
}

/// Waits without a clock of its own, for a test about real processes.
fn wait(time: Duration) {
    let (_sender, receiver) = std::sync::mpsc::channel::<()>();
    let _ = receiver.recv_timeout(time);
}

#[test]
fn a_token_added_by_another_process_works_at_once() {
    let dir = Dir::new();
    let storage = Storage::open(&dir.0).unwrap();
    let tokens = storage.tokens();
    assert_eq!(tokens.list().unwrap(), []);
    let output = task(&[], "token", &dir.0).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let token = output.lines().find_map(|line| line.strip_prefix("token ")).unwrap();
    assert_eq!(tokens.check(token).unwrap().map(|bearer| bearer.name).as_deref(), Some("late"));
}

#[test]
fn retained_messages_come_back_with_the_newest_payload() {
    let dir = Dir::new();
    let message = |topic: &str, payload: &str| {
        let payload = payload.into();
        let message = RetainedMessage { topic: topic.into(), payload, ..Default::default() };
        RetainedChange::Set(Arc::new(message))
    };
    let mut writer = Writer::start(Storage::open(&dir.0).unwrap(), Settings::default()).unwrap();
    for n in 0..5 {
        writer.save_retained(vec![message("a", &format!("{n}")), message("b", "1")]);
    }
    writer.save_retained(vec![message("c", ""), RetainedChange::Cleared("b".into())]);
    writer.stop(Duration::from_secs(5)).unwrap();
    for (changes, expected) in [
        (vec![], vec![("a", "4"), ("c", "")]),
        (vec![message("a", "5"), RetainedChange::Cleared("c".into())], vec![("a", "5")]),
    ] {
        drop(writer);
        let storage = Storage::open(&dir.0).unwrap();
        writer = Writer::start(storage.clone(), hasty()).unwrap();
        writer.save_retained(changes);
        writer.stop(Duration::from_secs(5)).unwrap();
        let kept = storage.load_retained().unwrap();
        let kept: Vec<(&str, &str)> = kept
            .iter()
            .map(|kept| (kept.topic.as_str(), std::str::from_utf8(&kept.payload).unwrap()))
            .collect();
        assert_eq!(kept, expected);
    }
}

#[test]
fn a_full_disk_refuses_edits_loses_nothing_and_recovers() {
    let dir = Dir::new();
    std::fs::create_dir_all(&dir.0).unwrap();
    in_a_small_file_system("full", &dir.0, "");
}

#[test]
fn a_history_without_room_harms_nothing_else_and_goes_on_when_there_is_some() {
    let dir = Dir::new();
    std::fs::create_dir_all(dir.0.join("data/history")).unwrap();
    in_a_small_file_system("history", &dir.0, "/data/history");
}

/// Runs a task with a file system of two megabytes at a place, seen by it only.
fn in_a_small_file_system(what: &str, dir: &Path, place: &str) {
    let mount = format!(
        "mount -t tmpfs -o size=2m homard \"${{HOMARD_STORAGE_CHILD#* }}{place}\" || exit 77\nexec \"$@\""
    );
    let unshare = ["unshare", "--map-root-user", "--mount", "sh", "-c", &mount, "sh"];
    match task(&unshare, what, dir).output() {
        Ok(output) if output.status.code() != Some(77) && !is_refused(&output) => {
            let said = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.contains("recovered"), "{said}");
        }
        _ => println!("skipped: no small file system can be mounted here (needs `unshare`)"),
    }
}

fn is_refused(output: &std::process::Output) -> bool {
    String::from_utf8_lossy(&output.stderr).starts_with("unshare:")
}

const NOT_KEPT: &str = "Cannot write to the disk: the disk is full. Nothing is lost while Homard runs; it is tried again.";
const NOT_RECORDED: &str = "Cannot write the history: the disk is full. Samples wait in memory as long as there is \
    room; it is tried again.";

async fn problems(house: &House) -> Vec<String> {
    let kept = house.hub.ask(Query::Problems).await.unwrap();
    kept.into_iter().map(|kept| kept.problem.text).collect()
}

/// Entities whose ids begin so and of which it is on the disk that they were on.
fn recorded(history: &history::History, begin: &str) -> usize {
    let ids = history.entities();
    let ids: Vec<&str> =
        ids.iter().map(|id| id.as_str()).filter(|id| id.starts_with(begin)).collect();
    let view = history.view(ids.iter().copied()).unwrap();
    let was_on = |seen: &&history::Seen| {
        let mut was_on = false;
        view.visit(seen, 0, i64::MAX, |_, value| was_on |= value.to_string() == "on").unwrap();
        was_on
    };
    view.series().iter().filter(was_on).count()
}

async fn live_without_room_for_the_history(dir: &Path) {
    let data = Arc::new(Dir(dir.join("data")));
    let house = House::start_in(Arc::clone(&data), hasty(), NOON);
    let ballast = data.0.join("history/ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write(&[0; 1_024]).is_ok_and(|n| n > 0) {}
    drop(file);
    house.send((100..400).map(|n| announced(n, &format!("late{n}"))).collect()).await;
    house.send((100..400).map(|n| reported(n, true, From::Live)).collect()).await;
    while problems(&house).await != [NOT_RECORDED] {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The house itself is written down as ever, and at once, however long the history waits.
    for n in 0..40 {
        let begun = std::time::Instant::now();
        assert_eq!(house.hub.ask(|r| Query::PutFloor(floor(n), r)).await.unwrap(), Ok(()));
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        assert_eq!(problems(&house).await, [NOT_RECORDED], "after {n} good writes");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    std::fs::remove_file(&ballast).unwrap();
    while !problems(&house).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let data = house.stop().await;
    let loaded = Storage::open(&data.0).unwrap().load().unwrap();
    assert_eq!((loaded.floors.len(), loaded.entities.len()), (40, 300));
    let history = history::History::open(&data.0.join("history"), &hasty().history).unwrap();
    assert_eq!(recorded(&history, "switch.late"), 300);
    println!("\nrecovered");
}

async fn live_through_a_full_disk(dir: &Path) {
    let dir = Arc::new(Dir(dir.to_owned()));
    let data = Arc::new(Dir(dir.0.join("data")));
    let mut house = House::start_in(Arc::clone(&data), hasty(), NOON);
    house.announce(1, "a").await;
    house.send(vec![reported(1, true, From::Live)]).await;
    let big = |n: usize| Floor {
        id: FloorId::new(&format!("f{n}")),
        name: format!("{n}{}", "x".repeat(30_000)),
        aliases: Vec::new(),
        level: None,
    };
    assert_eq!(house.hub.ask(|r| Query::PutFloor(big(0), r)).await.unwrap(), Ok(()));

    let ballast = dir.0.join("ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write(&[0; 1_024]).is_ok_and(|n| n > 0) {}
    drop(file);
    // The first may still fit into pages that were used before.
    let mut made = BTreeSet::from([0]);
    let mut refused = Vec::new();
    for n in 1..30 {
        match house.hub.ask(|r| Query::PutFloor(big(n), r)).await.unwrap() {
            Ok(()) => drop(made.insert(n)),
            Err(EditError::NotKept(why)) => refused.push((n, why)),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(refused.len() > 20, "{} refused", refused.len());
    for (n, why) in &refused {
        assert_eq!(why, "the disk is full", "floor {n}");
        assert!(house.hub.read(|home| home.floor(&format!("f{n}")).is_none()));
    }
    // What devices do goes on, and waits.
    let announcements = (100..400).map(|n| announced(n, &format!("late{n}"))).collect();
    house.send(announcements).await;
    house.send((100..400).map(|n| reported(n, true, From::Live)).collect()).await;
    house.settle().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let texts: BTreeSet<String> = problems(&house).await.into_iter().collect();
    assert_eq!(texts, BTreeSet::from([NOT_KEPT.to_owned(), NOT_RECORDED.to_owned()]));
    assert!(house.hub.ask(Query::Counters).await.unwrap().n_writes_failed > 20);

    std::fs::remove_file(&ballast).unwrap();
    while !problems(&house).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(house.hub.ask(|r| Query::PutFloor(big(99), r)).await.unwrap(), Ok(()));
    made.insert(99);
    let data = house.stop().await;
    let loaded = Storage::open(&data.0).unwrap().load().unwrap();
    let floors: BTreeSet<usize> =
        loaded.floors.iter().map(|floor| floor.id.as_str()[1..].parse().unwrap()).collect();
    assert_eq!(floors, made);
    assert_eq!(loaded.entities.len(), 301);
    assert!(loaded.entities.iter().all(|(_, last)| last.is_some()));
    // And what they did meanwhile is in the history.
    let history = history::History::open(&data.0.join("history"), &hasty().history).unwrap();
    assert_eq!(recorded(&history, "switch.late"), 300);
    println!("\nrecovered after {} refused edits", refused.len());
}

/// How many times faster than life [`measure`] lives.
const HASTE: u64 = 2_000;

#[test]
fn five_messages_a_second_cost_less_than_fifty_megabytes_a_day_and_silence_nothing() {
    let dir = Dir::new();
    let output = task(&[], "cost", &dir.0).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let figure = |name: &str| -> f64 {
        let found = said.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        found.unwrap_or_else(|| panic!("no {name} in {said}"))
    };
    let (daily, counted) = (figure("kernel bytes a day"), figure("counted bytes a day"));
    println!(
        "storage: 1,000 entities, 5 messages/s: {:.1} MB a day (the kernel's count; {:.1} with \
         the journal's share)",
        daily / 1e6,
        counted / 1e6
    );
    assert!(daily <= 50e6, "{daily}");
    assert!(counted <= 50e6, "{counted}");
    assert_eq!(figure("bytes in silence"), 0.0);
}

/// A thousand entities, five messages a second, everything [`HASTE`] times as fast.
async fn measure(dir: &Path) {
    const N: u32 = 1_000;
    let dir = Arc::new(Dir(dir.to_owned()));
    let budget = Budget::new(
        Budget::DAILY_BYTES * HASTE,
        Duration::from_secs(60) / HASTE as u32,
        Duration::from_secs(600) / HASTE as u32,
    );
    let usual = Settings::default();
    let (gather, quiet) = (usual.gather / HASTE as u32, usual.quiet / HASTE as u32);
    let pause = usual.history.pause / HASTE as u32;
    let history = history::Settings { pause, ..usual.history };
    let settings = Settings { budget, gather, quiet, retry: Duration::from_secs(1), history };
    let house = House::start_in(dir, settings, NOON);
    house.send((0..N).map(|n| announced(n, &format!("s{n}"))).collect::<Vec<Event>>()).await;
    house.send((0..N).map(|n| reported(n, true, From::Live)).collect()).await;
    // The first writes are of everything; a day begins when they are done and paid for.
    silence(&house).await;

    let mut interval = tokio::time::interval(Duration::from_millis(4));
    let mut n = 0;
    let mut writes = Vec::new();
    let begun = tokio::time::Instant::now();
    let mut n_writes = house.hub.ask(Query::Counters).await.unwrap().n_writes;
    while begun.elapsed() < Duration::from_secs(7) {
        interval.tick().await;
        // Due by now, each from the next entity.
        let due = (begun.elapsed().as_millis() as u32) * (5 * HASTE as u32) / 1_000;
        let is_on = |n: u32| (n / N).is_multiple_of(2);
        house.send((n..due).map(|n| reported(n % N, is_on(n), From::Live)).collect()).await;
        n = due.max(n);
        let counters = house.hub.ask(Query::Counters).await.unwrap();
        if counters.n_writes != n_writes {
            n_writes = counters.n_writes;
            writes.push((begun.elapsed(), kernel_bytes(), counters.n_bytes_written));
        }
    }
    // From the end of one write to the end of another: as many writes as pauses. All are of the
    // same size but the very first, which found only the first messages.
    assert!(writes.len() >= 4, "{writes:?}");
    let ((from, kernel_from, counted_from), (to, kernel_to, counted_to)) =
        (writes[1], writes[writes.len() - 1]);
    let days = (to - from).as_secs_f64() * HASTE as f64 / 86_400.0;
    println!("\nkernel bytes a day {}", (kernel_to - kernel_from) as f64 / days);
    println!("counted bytes a day {}", (counted_to - counted_from) as f64 / days);

    silence(&house).await;
    let before = kernel_bytes();
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("bytes in silence {}", kernel_bytes() - before);
    house.stop().await;
}

/// Waits until what waits is written.
async fn silence(house: &House) {
    let mut last = (0, tokio::time::Instant::now());
    while last.1.elapsed() < Duration::from_secs(3) {
        let written = house.hub.ask(Query::Counters).await.unwrap().n_writes;
        if written != last.0 {
            last = (written, tokio::time::Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Bytes this process has sent towards the disk; zero where they cannot be counted.
fn kernel_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

#[test]
fn what_waits_is_written_at_the_end_and_the_end_is_quick() {
    let dir = Dir::new();
    let clock = Clock::system(TimeZone::UTC);
    let begun = clock.now();
    runtime().block_on(async {
        let house = House::start_in(Arc::new(Dir(dir.0.clone())), Settings::default(), NOON);
        house.send((0..500).map(|n| announced(n, &format!("s{n}"))).collect()).await;
        house.send((0..500).map(|n| reported(n, true, From::Live)).collect()).await;
        let kept = house.stop().await;
        let loaded = Storage::open(&kept.0).unwrap().load().unwrap();
        assert_eq!((loaded.entities.len(), loaded.devices.len()), (500, 500));
        assert!(loaded.entities.iter().all(|(_, last)| last.is_some()));
    });
    assert!(clock.now().duration_since(begun).as_secs() < 2);
}
