//! `make bench`: what Homard must reach, measured with the release build, a real broker and real
//! connections on this machine. Prints one table. A missed bar is no failure; only what could not
//! be measured is.
//!
//! `BENCH=ingest,latency,live,house,footprint,idle,disk` chooses parts; `BENCH_DISK_SECONDS` says how long
//! the last one writes. With `BENCH_DEVICE=loop0` it also reads what the device counts that the folder for temporary
//! files (`TMPDIR`) is on, which nothing else may write to; `tests/bench/written` makes one and runs it there.

#![allow(clippy::print_stdout, missing_docs)]
// It measures the real time of another program from outside, in threads that have nothing else to do.
#![allow(clippy::disallowed_methods)]

mod homard;
mod house;
mod live;
mod mqtt;
mod process;
mod stream;
mod table;

use std::io;
use std::time::{Duration, Instant};

use crate::homard::{Homard, Place};
use crate::house::{Corpus, sensor_config, sensor_payload, sensor_topic};
use crate::mqtt::Publisher;
use crate::process::{Folder, mosquitto};
use crate::stream::Scene;
use crate::table::Table;

/// Messages of one run at full speed.
const N_FAST: usize = 400_000;
/// Messages a second, and how many, when delays are measured.
const PACE: (u32, usize) = (1_000, 15_000);
/// Those who follow the house at once.
const N_READERS: usize = 100;
/// The large house, and the average of its entities a device.
const N_DEVICES: usize = 5_000;
const PER_DEVICE: usize = 8;
/// The usual house.
const N_ENTITIES: usize = 1_000;
const IDLE: Duration = Duration::from_secs(60);
/// What has to do with a start is over by then.
const SETTLED: Duration = Duration::from_secs(15);
/// How long the writing of five messages a second is counted, unless `BENCH_DISK_SECONDS` says
/// otherwise: three of the writer's longest pauses, as it may write once a pause only.
const WRITING: Duration = Duration::from_secs(1_800);
/// Before that it spends what it may save up, ten minutes' share: once after each long silence.
const SPENDING: Duration = Duration::from_secs(150);

fn main() -> io::Result<()> {
    let chosen = std::env::var("BENCH").unwrap_or_default();
    let is_chosen = |part: &str| chosen.is_empty() || chosen.split(',').any(|word| word == part);
    let mut table = Table::default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!(
        "On {cores} cores; load before: {}",
        load.split(' ').take(3).collect::<Vec<_>>().join(" ")
    );
    if is_chosen("ingest") || is_chosen("latency") {
        message_path(&mut table, is_chosen("ingest"), is_chosen("latency"))?;
    }
    if is_chosen("live") {
        crowd(&mut table)?;
    }
    if is_chosen("house") {
        large_house(&mut table)?;
    }
    if is_chosen("footprint") || is_chosen("idle") || is_chosen("disk") {
        usual_house(&mut table, is_chosen("idle"), is_chosen("disk"))?;
    }
    let size = std::fs::metadata(homard::binary())?.len() as f64 / 1e6;
    table.row("binary", "<= 15 MB", format!("{size:.1} MB"), Some(size <= 15.0), "");
    table.print();
    println!(
        "\nHome Assistant's figures were measured elsewhere, on another machine with two cores, \
         with version\n2025.4.4 in its leanest form; they were not measured in this run."
    );
    Ok(())
}

fn message_path(table: &mut Table, ingest: bool, latency: bool) -> io::Result<()> {
    println!("Messages from 1,000 sensors through mosquitto to a reader of the event stream …");
    let mut scene = Scene::new()?;
    if ingest {
        let ceiling = scene.ceiling(N_FAST)?;
        scene.full_speed(N_FAST / 10)?;
        let mut runs = Vec::new();
        for _ in 0..3 {
            let run = scene.full_speed(N_FAST)?;
            println!("  {:.0}/s: {}", run.per_s, run.way);
            runs.push(run);
        }
        // All runs count here, not the median.
        let is_honest = runs.iter().all(|run| run.way.is_honest());
        let n_lost: u64 = runs.iter().map(|run| run.way.n_published - run.way.n_read).sum();
        runs.sort_by(|a, b| a.per_s.total_cmp(&b.per_s));
        let rate = &runs[1];
        let note = format!(
            "median of 3; mosquitto_sub alone {ceiling:.0}/s (x {:.2}); Home Assistant elsewhere \
             3,431/s",
            rate.per_s / ceiling
        );
        let is_met = rate.per_s >= 35_000.0 && is_honest && n_lost == 0;
        let told = if is_honest { "" } else { " UNTOLD" };
        let measured = format!("{:.0}/s, {n_lost} lost{told}", rate.per_s);
        table.row("ingest to the event stream", ">= 35,000/s", measured, Some(is_met), &note);
        let note = format!("mosquitto beside it {:.1} us", rate.broker_us);
        let measured = format!("{:.1} us", rate.homard_us);
        table.row("processor time a message", "", measured, None, &note);
    }
    if latency {
        scene.at_pace(PACE.0, PACE.1 / 5)?;
        let delays = scene.at_pace(PACE.0, PACE.1)?;
        let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize];
        let measured = format!("{:.2} ms", at(0.99));
        let note = format!(
            "p50 {:.2} ms, most {:.1} ms; Home Assistant elsewhere p50 0.48 ms, p99 355 ms",
            at(0.5),
            at(1.0)
        );
        let is_met = Some(at(0.99) <= 5.0);
        table.row("delay at 1,000/s, p99", "<= 5 ms", measured, is_met, &note);
    }
    Ok(())
}

/// A hundred browsers and programs follow a lively house.
fn crowd(table: &mut Table) -> io::Result<()> {
    println!("{N_READERS} readers, half of them WebSockets, of 1,000 changes a second …");
    let mut scene = Scene::new()?;
    let live::Crowd { delays, memory: (before, most), load } =
        live::crowd(&mut scene, N_READERS, PACE.0, PACE.1)?;
    let at = |one: &[f64], share: f64| one[((one.len() - 1) as f64 * share) as usize];
    let worst = delays.iter().map(|one| at(one, 0.99)).fold(0.0, f64::max);
    let median = delays.iter().map(|one| at(one, 0.5)).sum::<f64>() / delays.len() as f64;
    let note = format!(
        "the latest of all readers; p50 {median:.1} ms; Homard used {:.0} % of a core",
        load * 100.0
    );
    let measured = format!("{worst:.1} ms");
    table.row(
        "delay to each of 100 at 1,000/s, p99",
        "<= 100 ms",
        measured,
        Some(worst <= 100.0),
        &note,
    );
    let more = most - before;
    let note = format!("{before:.0} MB without readers, at most {most:.0} MB with them");
    table.row(
        "memory for 100 readers",
        "<= 60 MB",
        format!("{more:.0} MB"),
        Some(more <= 60.0),
        &note,
    );
    Ok(())
}

/// Everything that is there when the house is opened for the first time: all announcements wait at
/// the broker.
fn large_house(table: &mut Table) -> io::Result<()> {
    println!("A house of 5,000 zigbee2mqtt devices …");
    let Some(mut corpus) = Corpus::read() else {
        let note = "the corpus (HOMARD_SHARED) or the program zstd is not there";
        table.row("5,000 devices known", "<= 6 s", "not measured".to_owned(), None, note);
        return Ok(());
    };
    corpus.leave(PER_DEVICE);
    let folder = Folder::new("house")?;
    let (_broker, address) = mosquitto(&folder)?;
    let mut publisher = Publisher::connect(address)?;
    let n_announced = corpus.announce(&mut publisher, N_DEVICES)?;
    let place = Place::new(&folder, Some(address))?;
    let started = Instant::now();
    let homard = place.start()?;
    let (mut n_entities, mut known_after) = (0, Duration::ZERO);
    loop {
        let n = homard.metric("homard_entities")? as usize;
        if n != n_entities {
            (n_entities, known_after) = (n, started.elapsed());
        } else if n > 0 && started.elapsed() > known_after + Duration::from_secs(3) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let n_devices = homard.metric("homard_devices")?;
    let n_problems = homard.metric("homard_problems")?;
    let cpu = homard.program.cpu()?;
    corpus.report(&mut publisher, N_DEVICES)?;
    homard.wait_for_quiet()?;
    // What is written to the disk at the end of the burst belongs to it.
    std::thread::sleep(Duration::from_secs(12));
    homard.wait_for_quiet()?;
    let (now, most) = homard.program.memory()?;
    let seconds = known_after.as_secs_f64();
    let is_met = Some(seconds <= 6.0 && n_devices >= N_DEVICES as f64);
    let note = format!(
        "{n_announced} announcements, {n_entities} enabled entities, {n_devices} devices, \
         {n_problems} problems, {:.1} s of processor time; Home Assistant elsewhere 71 s (40,000)",
        cpu.as_secs_f64()
    );
    table.row("5,000 devices known", "<= 6 s", format!("{seconds:.1} s"), is_met, &note);
    let note = format!("with all states; at most {most:.0} MB; Home Assistant elsewhere 1,369 MiB");
    let is_met = Some(now <= 200.0);
    table.row("memory with them", "<= 200 MB", format!("{now:.0} MB"), is_met, &note);
    let began = Instant::now();
    homard.program.stop()?;
    let stopped = began.elapsed();
    let homard = place.start()?;
    let seconds = homard.answered_after.as_secs_f64();
    let note = format!("restart with that house; its stop took {:.2} s", stopped.as_secs_f64());
    table.row("start with them", "", format!("{seconds:.2} s"), None, &note);
    Ok(())
}

/// `homard run` as most will have it: its own broker and 1,000 entities.
fn usual_house(table: &mut Table, idle: bool, disk: bool) -> io::Result<()> {
    println!("A house of 1,000 entities with Homard's own broker …");
    let folder = Folder::new("home")?;
    let place = Place::new(&folder, None)?;
    let homard = place.start()?;
    let fresh = homard.answered_after.as_secs_f64();
    let mut publisher = Publisher::connect(place.own_broker)?;
    match Corpus::read() {
        Some(corpus) => {
            let n_devices = corpus.devices_for(N_ENTITIES);
            corpus.announce(&mut publisher, n_devices)?;
            homard.wait_for_entities(N_ENTITIES * 3 / 4)?;
            homard.wait_for_quiet()?;
            corpus.report(&mut publisher, n_devices)?;
        }
        None => {
            for n in 0..N_ENTITIES {
                let (topic, payload) = sensor_config(n);
                publisher.put(&topic, payload.as_bytes(), true)?;
            }
            publisher.settle()?;
            homard.wait_for_entities(N_ENTITIES)?;
        }
    }
    homard.wait_for_quiet()?;
    let n_entities = homard.metric("homard_entities")?;
    // The first writes and the first tidying up come some seconds after a start.
    std::thread::sleep(SETTLED);
    use_house(&homard, &mut publisher)?;
    let (before, most_before) = homard.program.memory()?;
    homard.program.stop()?;

    let homard = place.start()?;
    let mut publisher = Publisher::connect(place.own_broker)?;
    let started = homard.answered_after.as_secs_f64().max(fresh);
    let note =
        format!("restart with {n_entities} enabled entities and the empty first start, the slower");
    let is_met = Some(started <= 0.3);
    table.row("start to first answer", "<= 0.3 s", format!("{started:.3} s"), is_met, &note);
    std::thread::sleep(SETTLED);
    use_house(&homard, &mut publisher)?;
    let (now, most) = homard.program.memory()?;
    let own = homard.program.own_memory()?;
    let (shown, most) = (now.max(before), most.max(most_before));
    let note = format!(
        "in use: after the announcements {before:.1}, after a restart {now:.1} (its own data \
         {own:.1}, the rest are pages of the program and the database), most ever {most:.1}"
    );
    let measured = format!("{shown:.1} MB");
    table.row("memory, 1,000 entities", "<= 30 MB", measured, Some(shown <= 30.0), &note);
    if idle {
        // The last write of what the restart brought comes a minute after the first.
        std::thread::sleep(Duration::from_secs(75));
        let (cpu, written) = (homard.program.cpu()?, homard.program.written()?);
        std::thread::sleep(IDLE);
        let cpu = homard.program.cpu()?.saturating_sub(cpu);
        let written = homard.program.written()? - written;
        let share = cpu.as_secs_f64() / IDLE.as_secs_f64() * 100.0;
        let measured = format!("{share:.3} %");
        table.row("idle, of one core", "<= 0.5 %", measured, Some(share <= 0.5), "over a minute");
        let measured = format!("{written} bytes");
        table.row("written while idle", "0", measured, Some(written == 0), "in that minute");
    }
    drop(homard);
    if disk { writes(table) } else { Ok(()) }
}

/// What a house does all day, so that only what is really unused counts as unused: values of
/// sensors that come in, a reader of all states, a sentence.
fn use_house(homard: &Homard, publisher: &mut Publisher) -> io::Result<()> {
    if let Some(corpus) = Corpus::read() {
        corpus.report(publisher, corpus.devices_for(N_ENTITIES))?;
    } else {
        let mut payload = Vec::new();
        for n in 0..N_ENTITIES {
            sensor_payload(&mut payload, n + 7);
            publisher.put(&sensor_topic(n), &payload, false)?;
        }
        publisher.settle()?;
    }
    homard.get("/api/states")?;
    homard.say("what time is it")?;
    homard.say("turn on everything in the ballroom")?;
    homard.wait_for_quiet()
}

/// Five messages a second, on the disk.
fn writes(table: &mut Table) -> io::Result<()> {
    let chosen = std::env::var("BENCH_DISK_SECONDS").ok().and_then(|word| word.parse().ok());
    let writing = chosen.map_or(WRITING, Duration::from_secs);
    println!(
        "Five messages a second for {} s, after {} s that do not count …",
        writing.as_secs(),
        SPENDING.as_secs()
    );
    let folder = Folder::new("disk")?;
    let place = Place::new(&folder, None)?;
    let homard = place.start()?;
    let mut publisher = Publisher::connect(place.own_broker)?;
    for n in 0..N_ENTITIES {
        let (topic, payload) = sensor_config(n);
        publisher.put(&topic, payload.as_bytes(), true)?;
    }
    publisher.settle()?;
    homard.wait_for_entities(N_ENTITIES)?;
    homard.wait_for_quiet()?;
    // Its stop writes the new house, which is not what is measured.
    homard.program.stop()?;
    let homard = place.start()?;
    let mut publisher = Publisher::connect(place.own_broker)?;
    homard.wait_for_quiet()?;
    let at_start = homard.program.written()?;
    let device = std::env::var("BENCH_DEVICE").ok();
    let (mut before, mut so_far) = (at_start, at_start);
    let mut device_before = on_device(device.as_deref())?;
    let started = Instant::now();
    let mut payload = Vec::new();
    let mut number = 0;
    while started.elapsed() < SPENDING + writing {
        sensor_payload(&mut payload, number);
        publisher.put(&sensor_topic(number * 7 % N_ENTITIES), &payload, false)?;
        publisher.flush()?;
        number += 1;
        std::thread::sleep(Duration::from_millis(200));
        let written = homard.program.written()?;
        if written > so_far {
            let kb = (written - so_far) as f64 / 1e3;
            println!("  after {} s: {kb:.0} kB", started.elapsed().as_secs());
            so_far = written;
        }
        if started.elapsed() < SPENDING {
            before = written;
            device_before = on_device(device.as_deref())?;
        }
    }
    let bytes = (homard.program.written()? - before) as f64;
    let a_day = bytes / writing.as_secs_f64() * 86_400.0 / 1e6;
    let measured = format!("{a_day:.0} MB/day");
    let note = format!(
        "extrapolated from {:.0} kB in {} s; {:.0} kB before that",
        bytes / 1e3,
        writing.as_secs(),
        (before - at_start) as f64 / 1e3
    );
    table.row("written, 5 messages/s", "<= 50 MB/day", measured, Some(a_day <= 50.0), &note);
    if let (Some(before), Some(now)) = (device_before, on_device(device.as_deref())?) {
        let bytes = (now - before) as f64;
        let a_day = bytes / writing.as_secs_f64() * 86_400.0 / 1e6;
        let note =
            format!("{:.0} kB in the same time, the file system's own among them", bytes / 1e3);
        let measured = format!("{a_day:.0} MB/day");
        table.row("the same at the device", "<= 50 MB/day", measured, Some(a_day <= 50.0), &note);
    }
    Ok(())
}

/// Bytes that were written to a block device, with all that waits for it on it.
fn on_device(device: Option<&str>) -> io::Result<Option<u64>> {
    let Some(device) = device else { return Ok(None) };
    let text = std::fs::read_to_string(format!("/sys/block/{device}/stat"))?;
    // Sectors of 512 bytes written: Documentation/block/stat.rst.
    let sectors = text.split_whitespace().nth(6).and_then(|n| n.parse::<u64>().ok());
    Ok(sectors.map(|sectors| sectors * 512))
}
