//! Retained messages: many, again, over a restart, and within their limits.

use std::time::{Duration, Instant};

use homard::broker::{Limits, Retained, Settings, start};

use super::client::{Client, V3, V5};
use super::store::MemoryStore;
use super::{LOCAL, broker, broker_with};

fn retained(topic: &str, payload: &[u8], stored_at: u64, expiry: Option<u32>) -> Retained {
    Retained {
        topic: topic.into(),
        payload: payload.into(),
        qos: 1,
        stored_at,
        expiry,
        is_text: None,
        content_type: None,
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
    }
}

fn now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// Publishes `n` retained messages quickly; returns when all are taken over.
async fn announce(client: &mut Client, n: usize) {
    for index in 0..n {
        let topic = format!("homeassistant/sensor/n{index}/config");
        client.publish_raw(&topic, &[b'x'; 600], 0, true, &[]).await;
    }
    client.retain("homeassistant/end", "e").await;
}

#[tokio::test]
async fn all_1001_come_through_a_wildcard() {
    let broker = broker().await;
    let mut publisher = Client::connect(broker.address(), V5, "publisher").await;
    announce(&mut publisher, 1000).await;
    for version in [V3, V5] {
        for qos in 0..2 {
            for (filter, want) in [("homeassistant/#", 1001), ("homeassistant/+/+/config", 1000)] {
                let mut hub = Client::connect(broker.address(), version, "hub").await;
                hub.subscribe(&[filter], qos).await;
                let messages = hub.messages(want).await;
                assert!(messages.iter().all(|message| message.retain));
                hub.expect_nothing().await;
            }
        }
    }
    broker.stop().await;
}

/// mqtt5 puts all retained messages of a subscription into one channel and drops silently what
/// does not fit, so the channel must be as large as the limit of retained messages.
#[tokio::test]
async fn as_many_as_the_limit_allows_come_through_a_wildcard_at_each_quality() {
    let broker = broker().await;
    let mut publisher = Client::connect(broker.address(), V3, "publisher").await;
    announce(&mut publisher, 19_000).await;
    for qos in 0..2 {
        let mut hub = Client::connect(broker.address(), V5, "hub").await;
        hub.subscribe(&["#"], qos).await;
        assert_eq!(hub.messages_within(19_001, Duration::from_secs(60)).await.len(), 19_001);
    }
    broker.stop().await;
}

#[tokio::test]
async fn retained_come_again_at_each_subscription_and_live_ones_are_not_marked() {
    let broker = broker().await;
    for version in [V3, V5] {
        let mut client = Client::connect(broker.address(), version, "client").await;
        client.retain("r/x", "1").await;
        for _ in 0..3 {
            client.subscribe(&["r/x"], 0).await;
            let message = client.message().await;
            assert_eq!((message.text(), message.retain), ("1", true));
        }
        client.retain("r/x", "2").await;
        let message = client.message().await;
        assert_eq!((message.text(), message.retain), ("2", false));
        client.retain("r/x", "").await;
        assert_eq!(client.message().await.text(), "");
        client.subscribe(&["r/x"], 0).await;
        client.expect_nothing().await;
    }
    broker.stop().await;
}

#[tokio::test]
async fn they_survive_a_restart_with_binary_payload_properties_and_deletion() {
    let store = MemoryStore::new();
    let binary: Vec<u8> = (0..=255).collect();
    let broker = broker_with(store.clone()).await;
    let mut client = Client::connect(broker.address(), V5, "client").await;
    client.retain("keep/binary", &binary).await;
    client.retain("keep/deleted", "1").await;
    client.publish_raw("keep/typed", b"1", 2, true, b"\x03\x00\x04json").await;
    let id = client.expect(0x50).await;
    client.send(&super::client::packet(0x62, &id[..2])).await;
    client.expect(0x70).await;
    client.publish("keep/live", b"1", 1, false).await;
    broker.stop().await;
    assert_eq!(store.topics(), ["keep/binary", "keep/deleted", "keep/typed"]);

    let broker = broker_with(store.clone()).await;
    let mut client = Client::connect(broker.address(), V5, "client").await;
    client.retain("keep/deleted", "").await;
    broker.stop().await;

    let broker = broker_with(store.clone()).await;
    let mut client = Client::connect(broker.address(), V5, "client").await;
    client.subscribe(&["#"], 2).await;
    let mut messages = client.messages(2).await;
    messages.sort_by(|a, b| a.topic.cmp(&b.topic));
    assert_eq!((messages[0].topic.as_str(), &messages[0].payload), ("keep/binary", &binary));
    assert_eq!((messages[1].topic.as_str(), messages[1].qos), ("keep/typed", 2));
    assert_eq!(messages[1].properties, b"\x03\x00\x04json");
    assert!(messages.iter().all(|message| message.retain));
    client.expect_nothing().await;
    broker.stop().await;
}

#[tokio::test]
async fn only_real_changes_are_saved_and_in_groups() {
    let store = MemoryStore::new();
    let mut settings = Settings::local(LOCAL);
    settings.limits.save_interval = Duration::from_millis(200);
    let broker = start(settings, store.clone()).await.unwrap();
    let mut client = Client::connect(broker.address(), V3, "client").await;
    let wait = || tokio::time::sleep(Duration::from_millis(500));

    let begin = Instant::now();
    for value in 0..500 {
        client.retain("g/a", value.to_string()).await;
        client.retain("g/b", "same").await;
    }
    wait().await;
    let n_changes: usize = store.groups.lock().unwrap().iter().sum();
    let n_groups = store.n_groups();
    // One group in each interval at most, and `g/b` is in the first one only.
    let most = usize::try_from(begin.elapsed().as_millis() / 200).unwrap();
    assert!(n_groups <= most && n_changes <= n_groups + 1, "{n_changes} in {n_groups} of {most}");
    assert_eq!(store.held.lock().unwrap()["g/a"].payload, b"499");

    // The same values again, and a topic that comes and goes: nothing to save.
    let before = store.n_groups();
    client.retain("g/a", "499").await;
    client.retain("g/b", "same").await;
    client.retain("g/short", "1").await;
    client.retain("g/short", "").await;
    wait().await;
    assert_eq!(store.n_groups(), before);

    client.retain("g/b", "").await;
    wait().await;
    assert_eq!(store.topics(), ["g/a"]);
    assert_eq!(store.groups.lock().unwrap().last(), Some(&1));
    broker.stop().await;
}

/// The broker's library is asked for a message, which is then removed there: a newer one that comes
/// between the two must not be forgotten, nor one that is cleared come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_while_it_is_saved_is_saved_in_the_end() {
    let store = MemoryStore::new();
    let mut settings = Settings::local(LOCAL);
    settings.limits.save_interval = Duration::from_millis(1);
    let broker = start(settings, store.clone()).await.unwrap();
    let mut client = Client::connect(broker.address(), V3, "client").await;
    for value in 0..3_000 {
        client.retain("r/often", value.to_string()).await;
        client.retain("r/now and then", (value / 100).to_string()).await;
        client.retain("r/away", if value % 2 == 0 { "here" } else { "" }).await;
    }
    assert!(store.n_groups() > 20, "{} groups show nothing", store.n_groups());
    broker.stop().await;
    {
        let held = store.held.lock().unwrap();
        let shown: Vec<_> = held.values().map(|kept| (&*kept.topic, &*kept.payload)).collect();
        assert_eq!(shown, [("r/now and then", &b"29"[..]), ("r/often", b"2999")]);
    }
    // After a restart a subscriber gets the same.
    let broker = broker_with(store).await;
    let mut client = Client::connect(broker.address(), V3, "client").await;
    client.subscribe(&["r/#"], 0).await;
    let mut messages = client.messages(2).await;
    messages.sort_by(|a, b| a.topic.cmp(&b.topic));
    assert_eq!(messages.iter().map(|m| &*m.payload).collect::<Vec<_>>(), [&b"29"[..], b"2999"]);
    broker.stop().await;
}

#[tokio::test]
async fn what_expired_is_not_loaded_and_leaves_the_store() {
    let store = MemoryStore::new();
    for message in [
        retained("e/forever", b"1", now() - 1_000_000, None),
        retained("e/still", b"1", now() - 10, Some(1000)),
        retained("e/over", b"1", now() - 10, Some(5)),
        retained("e/+/malformed", b"1", now(), None),
        retained("$SYS/forged", b"1", now(), None),
    ] {
        store.held.lock().unwrap().insert(message.topic.clone(), message);
    }
    let broker = broker_with(store.clone()).await;
    let mut client = Client::connect(broker.address(), V5, "client").await;
    client.subscribe(&["e/#", "$SYS/forged"], 1).await;
    let mut messages = client.messages(2).await;
    messages.sort_by(|a, b| a.topic.cmp(&b.topic));
    assert_eq!(messages[0].topic, "e/forever");
    // The time that is left, not the time from the start again.
    assert_eq!(messages[1].properties[..4], [0x02, 0, 0, 0x03], "message expiry below 1000 s");
    client.expect_nothing().await;
    broker.stop().await;
    assert_eq!(store.topics(), ["e/forever", "e/still"]);
}

#[tokio::test]
async fn limits_of_number_and_bytes_hold_and_spare_what_is_there() {
    let store = MemoryStore::new();
    let mut settings = Settings::local(LOCAL);
    settings.limits = Limits { retained_messages: 5, retained_bytes: 1000, ..Limits::default() };
    let broker = start(settings, store.clone()).await.unwrap();
    let mut client = Client::connect(broker.address(), V5, "client").await;
    for n in 0..5 {
        assert_eq!(client.publish(&format!("n/{n}"), b"1", 1, true).await, 0);
    }
    assert_eq!(client.publish("n/more", b"1", 1, true).await, 0x97, "quota exceeded");
    assert_eq!(client.publish("n/0", b"2", 1, true).await, 0, "replacing is allowed");
    client.retain("n/1", vec![b'x'; 900]).await;
    client.retain("n/2", vec![b'y'; 900]).await;
    client.retain("n/1", vec![b'z'; 899]).await;
    broker.stop().await;
    assert_eq!(store.topics(), ["n/0", "n/1", "n/2", "n/3", "n/4"]);
    let held = store.held.lock().unwrap();
    assert_eq!((held["n/0"].payload.as_slice(), held["n/2"].payload.len()), (&b"2"[..], 1));
    assert_eq!(held["n/1"].payload, vec![b'z'; 899]);
}
