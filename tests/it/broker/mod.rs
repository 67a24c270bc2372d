//! The embedded broker: what Home Assistant discovery and real clients need of it.
//!
//! Every check runs against a broker in this process, except where its death, its memory or its
//! idle time is the question: then a child process runs it.

pub(crate) mod client;
mod faults;
mod process;
mod real_clients;
mod retained;
mod store;
mod users;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use homard::broker::{Broker, Error, Probe, RetainedStore, Settings, probe, start};
use tokio::net::{TcpListener, TcpStream};

use self::client::{Client, Hello, V3, V5};
use self::store::MemoryStore;

const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn broker() -> Broker {
    broker_with(MemoryStore::new()).await
}

async fn broker_with(store: Arc<dyn RetainedStore>) -> Broker {
    start(Settings::local(LOCAL), store).await.unwrap()
}

#[tokio::test]
async fn both_versions_share_one_port_and_reach_each_other() {
    let broker = broker().await;
    let address = broker.address();
    for (from, to) in [(V3, V3), (V3, V5), (V5, V3), (V5, V5)] {
        let mut subscriber = Client::connect(address, to, "subscriber").await;
        assert_eq!(subscriber.subscribe(&["q/+"], 2).await, [2]);
        let mut publisher = Client::connect(address, from, "publisher").await;
        for qos in 0..3 {
            publisher.publish(&format!("q/{qos}"), b"hello", qos, false).await;
        }
        let mut messages = subscriber.messages(3).await;
        messages.sort_by_key(|message| message.qos);
        for (qos, message) in (0..).zip(messages) {
            assert_eq!((message.topic, message.qos), (format!("q/{qos}"), qos), "{from} to {to}");
            assert_eq!(message.payload, b"hello");
            assert!(!message.retain);
        }
    }
    broker.stop().await;
}

#[tokio::test]
async fn properties_reach_version_5_and_do_not_disturb_version_3() {
    let broker = broker().await;
    let mut old = Client::connect(broker.address(), V3, "old").await;
    let mut new = Client::connect(broker.address(), V5, "new").await;
    old.subscribe(&["p/#"], 1).await;
    new.subscribe(&["p/#"], 1).await;
    let mut publisher = Client::connect(broker.address(), V5, "publisher").await;
    // Payload format, content type `json`, user property `k`=`v`.
    let properties = b"\x01\x01\x03\x00\x04json\x26\x00\x01k\x00\x01v";
    publisher.publish_raw("p/x", b"1", 1, true, properties).await;
    publisher.expect(0x40).await;
    assert_eq!(old.message().await.text(), "1");
    let has = |message: &client::Message, part: &[u8]| {
        message.properties.windows(part.len()).any(|window| window == part)
    };
    let message = new.message().await;
    assert!(has(&message, b"\x03\x00\x04json") && has(&message, b"\x26\x00\x01k\x00\x01v"));
    // Retained, too: a later subscriber of the old version is not cut off.
    let mut late = Client::connect(broker.address(), V3, "late").await;
    late.subscribe(&["p/#"], 1).await;
    assert_eq!(late.message().await.text(), "1");
    late.ping().await;
    broker.stop().await;
}

#[tokio::test]
async fn a_thousand_messages_keep_their_order_at_each_quality() {
    let broker = broker().await;
    for version in [V3, V5] {
        for qos in 0..3 {
            let mut subscriber = Client::connect(broker.address(), version, "subscriber").await;
            subscriber.subscribe(&["order"], qos).await;
            let mut publisher = Client::connect(broker.address(), version, "publisher").await;
            for n in 0..1000 {
                publisher.publish("order", n.to_string().as_bytes(), qos, false).await;
            }
            let messages = subscriber.messages(1000).await;
            let numbers: Vec<usize> = messages.iter().map(|m| m.text().parse().unwrap()).collect();
            assert_eq!(numbers, (0..1000).collect::<Vec<_>>(), "version {version}, QoS {qos}");
            subscriber.expect_nothing().await;
        }
    }
    broker.stop().await;
}

#[tokio::test]
async fn wildcards_match_levels_and_hide_dollar_topics() {
    let broker = broker().await;
    let mut publisher = Client::connect(broker.address(), V3, "publisher").await;
    let topics = ["w/b/c", "w", "w/b", "w/b/", "w/x/y/z", "other"];
    let cases: [(&str, &[&str]); 6] = [
        ("w/+/c", &["w/b/c"]),
        ("w/#", &["w/b/c", "w", "w/b", "w/b/", "w/x/y/z"]),
        ("w/b/+", &["w/b/c", "w/b/"]),
        ("+/b/c", &["w/b/c"]),
        ("w", &["w"]),
        ("#", &topics),
    ];
    for (filter, want) in cases {
        let mut subscriber = Client::connect(broker.address(), V3, "subscriber").await;
        subscriber.subscribe(&[filter], 1).await;
        for topic in topics {
            publisher.publish(topic, b"1", 1, false).await;
        }
        subscriber.ping().await;
        let got = subscriber.messages_within(topics.len(), Duration::from_millis(300)).await;
        let got: Vec<&str> = got.iter().map(|message| message.topic.as_str()).collect();
        assert_eq!(got, want, "filter {filter}");
    }
    // The broker's own topics are there for those who ask for them.
    let mut curious = Client::connect(broker.address(), V3, "curious").await;
    curious.subscribe(&["$SYS/#"], 0).await;
    assert!(curious.message().await.topic.starts_with("$SYS/broker/"));
    // And cannot be forged.
    publisher.publish("$SYS/broker/version", b"forged", 1, true).await;
    let mut reader = Client::connect(broker.address(), V3, "reader").await;
    reader.subscribe(&["$SYS/broker/version"], 0).await;
    assert_ne!(reader.message().await.text(), "forged");
    broker.stop().await;
}

#[tokio::test]
async fn a_second_client_with_the_same_id_takes_over() {
    let broker = broker().await;
    for version in [V3, V5] {
        let mut first = Client::connect(broker.address(), version, "same").await;
        first.subscribe(&["t"], 1).await;
        let mut second = Client::connect(broker.address(), version, "same").await;
        first.closed().await;
        second.subscribe(&["t"], 1).await;
        second.publish("t", b"1", 1, false).await;
        assert_eq!(second.message().await.text(), "1");
        second.expect_nothing().await;
    }
    broker.stop().await;
}

#[tokio::test]
async fn a_kept_session_gets_what_came_while_it_was_away() {
    let broker = broker().await;
    let mut publisher = Client::connect(broker.address(), V3, "publisher").await;
    for version in [V3, V5] {
        let id = format!("sleeper{version}");
        let hello = Hello { clean: false, ..Hello::new(version, &id) };
        let mut sleeper = Client::hello(broker.address(), &hello).await.unwrap();
        assert!(!sleeper.session_present);
        sleeper.subscribe(&["s/#"], 1).await;
        sleeper.disconnect().await;
        for n in 0..50 {
            publisher.publish(&format!("s/{n}"), b"m", 1, false).await;
        }
        let mut sleeper = Client::hello(broker.address(), &hello).await.unwrap();
        assert!(sleeper.session_present);
        let topics: Vec<String> = sleeper.messages(50).await.into_iter().map(|m| m.topic).collect();
        assert_eq!(topics, (0..50).map(|n| format!("s/{n}")).collect::<Vec<_>>());
        sleeper.disconnect().await;
    }
    broker.stop().await;
}

#[tokio::test]
async fn two_hundred_clients_are_served_at_once() {
    let broker = broker().await;
    let mut clients = Vec::new();
    for n in 0..200 {
        let version = if n % 2 == 0 { V3 } else { V5 };
        let mut client = Client::connect(broker.address(), version, &format!("c{n}")).await;
        client.subscribe(&["all"], 1).await;
        clients.push(client);
    }
    clients[7].publish("all", b"hello", 1, false).await;
    for client in &mut clients {
        assert_eq!(client.message().await.text(), "hello");
    }
    broker.stop().await;
}

#[tokio::test]
async fn a_will_is_sent_when_a_client_breaks_off_and_when_the_broker_stops() {
    let store = MemoryStore::new();
    let broker = broker_with(store.clone()).await;
    let mut watcher = Client::connect(broker.address(), V3, "watcher").await;
    watcher.subscribe(&["will/#"], 1).await;
    let will = |id, topic| Hello { will: Some((topic, "offline")), ..Hello::new(V3, id) };
    let lost = Client::hello(broker.address(), &will("lost", "will/lost")).await.unwrap();
    let polite = Client::hello(broker.address(), &will("polite", "will/polite")).await.unwrap();
    let _stays = Client::hello(broker.address(), &will("stays", "will/stays")).await.unwrap();
    polite.disconnect().await;
    drop(lost);
    assert_eq!(watcher.message().await.topic, "will/lost");
    watcher.expect_nothing().await;
    broker.stop().await;
    assert_eq!(store.topics(), ["will/lost", "will/stays"]);
}

#[tokio::test]
async fn keep_alive_zero_is_accepted_and_a_short_one_is_enforced() {
    let broker = broker().await;
    let mut watcher = Client::connect(broker.address(), V3, "watcher").await;
    watcher.subscribe(&["will/#"], 1).await;
    for version in [V3, V5] {
        let never = Hello { keep_alive: 0, ..Hello::new(version, "never") };
        let mut never = Client::hello(broker.address(), &never).await.unwrap();
        let short = Hello {
            keep_alive: 1,
            will: Some(("will/short", "gone")),
            ..Hello::new(version, "short")
        };
        let mut short = Client::hello(broker.address(), &short).await.unwrap();
        assert_eq!(watcher.message().await.text(), "gone");
        short.closed().await;
        never.ping().await;
    }
    broker.stop().await;
}

#[tokio::test]
async fn stopping_is_quick_frees_the_port_and_ends_all_connections() {
    let broker = broker().await;
    let address = broker.address();
    let mut clients = Vec::new();
    for n in 0..20 {
        clients.push(
            Client::connect(address, if n % 2 == 0 { V3 } else { V5 }, &format!("c{n}")).await,
        );
    }
    let silent = TcpStream::connect(address).await.unwrap();
    let begin = Instant::now();
    broker.stop().await;
    let elapsed = begin.elapsed();
    assert!(elapsed < Duration::from_secs(1), "stopping took {elapsed:?}");
    for client in &mut clients {
        client.closed().await;
    }
    drop(silent);
    let again = start(Settings::local(address), MemoryStore::new()).await.unwrap();
    assert_eq!(again.address(), address);
    again.stop().await;
}

#[tokio::test]
async fn a_taken_address_is_told_and_a_broker_there_is_recognized() {
    let broker = broker().await;
    let address = broker.address();
    let error = start(Settings::local(address), MemoryStore::new()).await.err().unwrap();
    assert!(matches!(error, Error::AddressInUse { .. }), "{error}");
    assert!(error.to_string().starts_with(&format!("`{address}` is in use")), "{error}");
    assert_eq!(probe(address).await, Probe::Broker);
    broker.stop().await;
    assert_eq!(probe(address).await, Probe::Nobody);
    let mute = TcpListener::bind(LOCAL).await.unwrap();
    assert_eq!(probe(mute.local_addr().unwrap()).await, Probe::Other);
}

#[tokio::test]
async fn nobody_connects_before_retained_messages_are_loaded() {
    let reserved = TcpListener::bind(LOCAL).await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let store =
        Arc::new(MemoryStore { load_delay: Duration::from_millis(400), ..Default::default() });
    let starting = tokio::spawn(start(Settings::local(address), store));
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(TcpStream::connect(address).await.is_err(), "it must not listen yet");
    let broker = starting.await.unwrap().unwrap();
    Client::connect(address, V5, "now").await.ping().await;
    broker.stop().await;
}
