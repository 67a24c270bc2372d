//! Brokers that misbehave.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use homard::clock::Clock;
use homard::home::action::Outcome;
use homard::home::domain::Domain;
use homard::home::id::EntityId;
use homard::home::service::Fields;
use homard::hub::event::{Query, Wish};
use homard::mqtt::Timing;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep};

use crate::broker::client::{V3, V5, packet, read_packet, string};
use crate::hub::NOON;
use crate::mosquitto::lamp;
use crate::support::fake_broker::{FakeBroker, Log, Peer};
use crate::support::mosquitto::free_port;
use crate::support::stack::{PATIENCE, QUICK, Stack, settings};

fn clock() -> Clock {
    Clock::fixed(NOON.parse().unwrap())
}

/// Serves like a good broker with one lamp behind it.
async fn serve_lamp(mut peer: Peer, log: Log) {
    peer.subscribed(&log, "homeassistant/+/+/config").await;
    peer.publish("homeassistant/switch/lamp/config", lamp().as_bytes(), true).await;
    peer.subscribed(&log, "lamp/there").await;
    peer.publish("lamp/there", b"online", true).await;
    peer.publish("lamp", b"OFF", true).await;
    peer.serve(&log).await;
}

/// Refuses MQTT 5 in several ways; 3.1.1 must be spoken then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_of_old_is_spoken_to_in_its_version() {
    // What it answers to MQTT 5, and whether it hangs up.
    let cases: [(&[u8], bool); 5] = [
        (&[], true),
        // "Unacceptable protocol version" as brokers before MQTT 5 say it.
        (&[0x20, 2, 0, 1], true),
        (&[0x20, 2, 0, 1], false),
        // The same in MQTT 5.
        (&[0x20, 3, 0, 0x84, 0], true),
        (&[], false),
    ];
    let cases = cases.map(|(answer, hangs_up)| async move {
        let log = Log::default();
        let broker = {
            let log = Arc::clone(&log);
            FakeBroker::start(move |_, mut peer| {
                let log = Arc::clone(&log);
                async move {
                    peer.greet().await;
                    log.lock().unwrap().versions.push(peer.version);
                    if peer.version == V3 {
                        peer.send(&[0x20, 2, 0, 0]).await;
                        serve_lamp(peer, log).await;
                    } else {
                        peer.send(answer).await;
                        if !hangs_up {
                            peer.ignore().await;
                        }
                    }
                }
            })
            .await
        };
        let timing = Timing { connect: Duration::from_millis(300), ..QUICK };
        let stack = Stack::start_with(settings(broker.address.port()), timing, clock());
        stack.shows("switch.lamp", "off").await;
        assert_eq!(log.lock().unwrap().versions[..2], [V5, V3], "{answer:?} {hangs_up}");
        assert_eq!(stack.problems().await, []);
        stack.stop().await;
    });
    let [a, b, c, d, e] = cases;
    tokio::join!(a, b, c, d, e);
}

/// One that hangs up for a moment is no broker of old: MQTT 5 comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_was_away_for_a_moment_is_spoken_to_in_mqtt_5_again() {
    let log = Log::default();
    let broker = {
        let log = Arc::clone(&log);
        FakeBroker::start(move |n, mut peer| {
            let log = Arc::clone(&log);
            async move {
                peer.greet().await;
                log.lock().unwrap().versions.push(peer.version);
                if n > 0 {
                    let is_v5 = peer.version == V5;
                    let answer: &[u8] = if is_v5 { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] };
                    peer.send(answer).await;
                    if n == 1 {
                        peer.subscribed(&log, "homard/say").await;
                        return;
                    }
                    serve_lamp(peer, log).await;
                }
            }
        })
        .await
    };
    let stack = Stack::start(settings(broker.address.port()));
    stack.shows("switch.lamp", "off").await;
    assert_eq!(log.lock().unwrap().versions, [V5, V3, V5]);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_go_out_in_groups_and_come_back_with_their_quality() {
    const N: usize = 2_000;
    let log = Log::default();
    let broker = {
        let log = Arc::clone(&log);
        FakeBroker::start(move |n, mut peer| {
            let log = Arc::clone(&log);
            async move {
                peer.accept().await;
                peer.subscribed(&log, "homeassistant/+/+/config").await;
                if n == 0 {
                    let mut all = Vec::new();
                    for n in 0..N {
                        let topic = format!("homeassistant/sensor/s{n}/config");
                        let config = json!({
                            "name": n, "unique_id": n, "state_topic": format!("s/{n}"), "qos": 1,
                        });
                        all.extend(peer.publication(&topic, config.to_string().as_bytes(), true));
                    }
                    peer.send(&all).await;
                    let begin = Instant::now();
                    while log.lock().unwrap().subscribes.iter().flatten().count() < N + 3
                        && begin.elapsed() < PATIENCE
                    {
                        peer.step(&log).await;
                    }
                    return;
                }
                peer.serve(&log).await;
            }
        })
        .await
    };
    let stack = Stack::start(settings(broker.address.port()));
    let n_filters = || log.lock().unwrap().subscribes.iter().flatten().count();
    // Both connections: each has the sensors and Homard's own three.
    let begin = Instant::now();
    while n_filters() < 2 * (N + 3) && begin.elapsed() < PATIENCE {
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(stack.n_entities(), N);
    let seen = std::mem::take(&mut *log.lock().unwrap());
    let subscribes = seen.subscribes;
    assert_eq!(subscribes.iter().flatten().count(), 2 * (N + 3));
    assert!(subscribes.iter().all(|filters| filters.len() <= 200));
    for (filters, qualities) in subscribes.iter().zip(&seen.qualities) {
        for (filter, quality) in filters.iter().zip(qualities) {
            assert_eq!(*quality, u8::from(filter.starts_with("s/")), "{filter}");
        }
    }
    // 22 at best; while announcements trickle in, a few more.
    assert!(subscribes.len() <= 120, "{} packets", subscribes.len());
    let second: Vec<_> = subscribes
        .iter()
        .rev()
        .map_while(|filters| {
            (!filters.iter().any(|filter| filter == "homard/say")).then_some(filters.len())
        })
        .collect();
    assert_eq!(
        second,
        [N % 200].iter().filter(|n| **n > 0).copied().chain([200; N / 200]).collect::<Vec<_>>(),
        "after the reconnect they are known at once"
    );
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_needs_long_for_its_answer_gets_more_time() {
    let log = Log::default();
    let broker = {
        let log = Arc::clone(&log);
        FakeBroker::start(move |_, mut peer| {
            let log = Arc::clone(&log);
            async move {
                peer.greet().await;
                // Four times what a first attempt gets.
                sleep(Duration::from_millis(1200)).await;
                let is_v5 = peer.version == V5;
                let answer: &[u8] = if is_v5 { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] };
                peer.send(answer).await;
                serve_lamp(peer, log).await;
            }
        })
        .await
    };
    let timing = Timing { connect: Duration::from_millis(300), ..QUICK };
    let stack = Stack::start_with(settings(broker.address.port()), timing, clock());
    stack.problem("no answer in").await;
    stack.shows("switch.lamp", "off").await;
    stack.no_problem("no answer").await;
    stack.stop().await;
}

/// Takes nothing after a while: neither commands nor pings. The connection must be given up, and
/// what was wished meanwhile must not come late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_stops_reading_is_given_up() {
    let log = Log::default();
    let broker = {
        let log = Arc::clone(&log);
        FakeBroker::start(move |n, mut peer| {
            let log = Arc::clone(&log);
            async move {
                peer.accept().await;
                if n > 0 {
                    return serve_lamp(peer, log).await;
                }
                peer.subscribed(&log, "homeassistant/+/+/config").await;
                let config = json!({"name": "Siren", "unique_id": "n", "command_topic": "n"});
                let topic = "homeassistant/notify/n/config";
                peer.publish(topic, config.to_string().as_bytes(), true).await;
                peer.publish("homeassistant/switch/lamp/config", lamp().as_bytes(), true).await;
                peer.subscribed(&log, "lamp/there").await;
                peer.publish("lamp/there", b"online", true).await;
                peer.publish("lamp", b"OFF", true).await;
                peer.ignore().await;
            }
        })
        .await
    };
    let stack = Stack::start(settings(broker.address.port()));
    stack.shows("switch.lamp", "off").await;
    // Fill every buffer on the way.
    let message = "x".repeat(60_000);
    let fields = [("message".into(), homard::json::from_json(&json!(message)))];
    let action = Domain::Notify.action("send_message", Fields::new(fields)).unwrap();
    let wish = Wish { entity: EntityId::new("notify.siren"), action };
    let wishes = vec![wish; 500];
    let patience = Duration::ZERO;
    stack.hub.ask(|reply| Query::Act { wishes, patience, reply }).await.unwrap();
    let begin = Instant::now();
    let done = stack.call("switch.lamp", "switch.turn_on", json!({})).await;
    assert!(done.outcome != Outcome::Confirmed, "{:?}", done.outcome);
    assert!(stack.answer_time().await < Duration::from_secs(1));
    // The second connection is a good one.
    let is_back =
        || log.lock().unwrap().subscribes.iter().flatten().filter(|f| *f == "lamp").count() > 1;
    while !is_back() {
        assert!(begin.elapsed() < PATIENCE, "it must be given up");
        sleep(Duration::from_millis(10)).await;
    }
    stack.shows("switch.lamp", "off").await;
    sleep(Duration::from_millis(200)).await;
    let published = std::mem::take(&mut log.lock().unwrap().published);
    assert!(!published.iter().any(|(topic, _)| topic == "lamp/set"), "a late command");
    stack.stop().await;
}

/// Trickles its messages, and answers no ping.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_sends_a_byte_at_a_time_is_borne_until_its_pings_fail() {
    let log = Log::default();
    let broker = {
        let log = Arc::clone(&log);
        FakeBroker::start(move |n, mut peer| {
            let log = Arc::clone(&log);
            async move {
                peer.accept().await;
                if n > 0 {
                    return serve_lamp(peer, log).await;
                }
                peer.subscribed(&log, "homeassistant/+/+/config").await;
                let topic = "homeassistant/switch/lamp/config";
                let config = peer.publication(topic, lamp().as_bytes(), true);
                for byte in &config {
                    peer.send(&[*byte]).await;
                    sleep(Duration::from_millis(2)).await;
                }
                // Half a message, and then the rest never comes.
                peer.send(&config[..20]).await;
                loop {
                    let mut bytes = [0; 1000];
                    if peer.stream.read(&mut bytes).await.is_ok_and(|n| n > 0) {
                        continue;
                    }
                    return;
                }
            }
        })
        .await
    };
    let stack = Stack::start(settings(broker.address.port()));
    stack.until("the lamp is known", |home| home.entity("switch.lamp").is_some()).await;
    assert_eq!(stack.word("switch.lamp").as_deref(), Some("unavailable"));
    stack.shows("switch.lamp", "off").await;
    stack.stop().await;
}

/// A small generator of bytes, the same in each run.
struct Bytes(u64);

impl Bytes {
    fn next(&mut self) -> u8 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 56) as u8
    }

    fn some(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next()).collect()
    }
}

/// Two hundred connections with garbage: before, instead of and after the CONNACK; packets that
/// only servers may get, packets cut short, changed, too large.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_sends_garbage_ends_only_that_connection() {
    const N: usize = 200;
    let log = Log::default();
    let served = Arc::new(Mutex::new(0));
    let broker = {
        let (log, served) = (Arc::clone(&log), Arc::clone(&served));
        FakeBroker::start(move |n, mut peer| {
            let (log, served) = (Arc::clone(&log), Arc::clone(&served));
            async move {
                *served.lock().unwrap() = n;
                let mut random = Bytes(n as u64);
                if n >= N {
                    peer.accept().await;
                    return serve_lamp(peer, log).await;
                }
                if n % 5 == 0 {
                    peer.greet().await;
                    let garbage = random.some(1 + n % 40);
                    return peer.send(&garbage).await;
                }
                peer.accept().await;
                let good = peer.publication("homeassistant/switch/lamp/config", b"{}", true);
                let bytes = match n % 5 {
                    1 => random.some(200),
                    2 => {
                        let header = random.next();
                        let body = random.some(n);
                        packet(header, &body)
                    }
                    3 => {
                        let mut changed = good.clone();
                        let at = usize::from(random.next()) % changed.len();
                        changed[at] = random.next();
                        changed
                    }
                    _ => match n % 4 {
                        // 256 MiB are announced.
                        0 => vec![0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, b'a'],
                        1 => vec![0x30, 0xff, 0xff, 0xff, 0xff, 0xff],
                        // A topic longer than its packet; one that is no UTF-8.
                        2 => vec![0x30, 4, 0xff, 0xff, 0, 0],
                        _ => packet(0x30, &[0, 2, 0xff, 0xfe, 0, b'x']),
                    },
                };
                peer.send(&bytes).await;
                let _ = peer.stream.readable().await;
                peer.send(&good[..good.len() / 2]).await;
            }
        })
        .await
    };
    let timing = Timing {
        first_pause: Duration::from_millis(2),
        longest_pause: Duration::from_millis(5),
        ..QUICK
    };
    let stack = Stack::start_with(settings(broker.address.port()), timing, clock());
    let mut slowest = Duration::ZERO;
    let begin = Instant::now();
    while *served.lock().unwrap() < N {
        slowest = slowest.max(stack.answer_time().await);
        sleep(Duration::from_millis(5)).await;
        assert!(begin.elapsed() < 2 * PATIENCE, "stuck at {}", served.lock().unwrap());
    }
    assert!(slowest < Duration::from_secs(1), "the hub took {slowest:?} to answer");
    stack.shows("switch.lamp", "off").await;
    stack.stop().await;
}

/// A message over the limit that comes again with each subscription must not make a tight loop,
/// and the reason must stay visible.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_over_the_limit_is_told_and_not_hammered() {
    let log = Log::default();
    let served = Arc::new(Mutex::new(0));
    let broker = {
        let (log, served) = (Arc::clone(&log), Arc::clone(&served));
        FakeBroker::start(move |n, mut peer| {
            let (log, served) = (Arc::clone(&log), Arc::clone(&served));
            async move {
                *served.lock().unwrap() = n + 1;
                peer.accept().await;
                log.lock().unwrap().subscribes.clear();
                peer.subscribed(&log, "homeassistant/+/+/config").await;
                // 20 MB: the header alone tells.
                let mut bytes = vec![0x31, 0x80, 0xda, 0xc4, 0x09];
                bytes.extend(string("homeassistant/switch/a/config"));
                peer.send(&bytes).await;
                while read_packet(&mut peer.stream).await.is_ok() {}
            }
        })
        .await
    };
    let timing = Timing { longest_pause: Duration::from_secs(2), ..QUICK };
    let stack = Stack::start_with(settings(broker.address.port()), timing, clock());
    stack.problem("what it sends cannot be understood").await;
    sleep(Duration::from_secs(1)).await;
    let n = *served.lock().unwrap();
    assert!((2..15).contains(&n), "{n} connections in a second");
    stack.stop().await;
}

/// No broker at all, and a host that does not exist.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_broker_homard_lives_and_ends_quickly() {
    let stack = Stack::start(settings(free_port()));
    stack.problem("nobody listens there").await;
    assert!(stack.answer_time().await < Duration::from_secs(1));
    let begin = Instant::now();
    stack.stop().await;
    assert!(begin.elapsed() < Duration::from_secs(3));
    let stack = Stack::start(homard::mqtt::Settings {
        host: "no-such-host.invalid".to_owned(),
        ..settings(1883)
    });
    stack.problem("the broker `no-such-host.invalid:1883` cannot be reached").await;
    stack.stop().await;
}

/// A broker may refuse subscriptions; the rest goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_subscriptions_are_told() {
    let broker = FakeBroker::start(|_, mut peer| async move {
        peer.accept().await;
        while let Ok((header, body)) = read_packet(&mut peer.stream).await {
            match header & 0xf0 {
                0x80 => {
                    let answer = [&body[..2], &[0, 0x87, 0, 0x87]].concat();
                    peer.send(&packet(0x90, &answer)).await;
                }
                0xc0 => peer.send(&[0xd0, 0]).await,
                _ => {}
            }
        }
    })
    .await;
    let stack = Stack::start(settings(broker.address.port()));
    stack.problem("the broker refuses 2 subscriptions").await;
    stack.stop().await;
}
