//! Peers that misbehave: silent, malformed, too large, too many.

use std::time::Duration;

use homard::broker::{Settings, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::{Client, Hello, V3, V5, packet};
use super::store::MemoryStore;
use super::{LOCAL, broker};

#[tokio::test]
async fn silent_connections_block_nobody() {
    let broker = broker().await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(broker.address()).await.unwrap());
    }
    // Some say half of a CONNECT.
    for stream in silent.iter_mut().step_by(2) {
        stream.write_all(b"\x10\x20\x00\x04MQ").await.unwrap();
    }
    let connected = timeout(Duration::from_secs(2), Client::connect(broker.address(), V5, "c"));
    connected.await.unwrap().ping().await;
    // Without a CONNECT they are closed after ten seconds.
    let end = timeout(Duration::from_secs(15), silent[0].read_u8()).await;
    assert!(end.expect("it must be closed").is_err());
    broker.stop().await;
}

#[tokio::test]
async fn a_large_payload_passes_and_a_too_large_one_harms_only_its_sender() {
    let broker = broker().await;
    for version in [V3, V5] {
        let mut subscriber = Client::connect(broker.address(), version, "subscriber").await;
        subscriber.subscribe(&["big"], 1).await;
        let mut publisher = Client::connect(broker.address(), version, "publisher").await;
        for size in [200_000, 1_000_000] {
            publisher.publish("big", &vec![b'x'; size], 1, false).await;
            assert_eq!(subscriber.message().await.payload.len(), size);
        }
        publisher.publish_raw("big", &vec![b'x'; 2_000_000], 1, false, &[]).await;
        publisher.closed().await;
        subscriber.expect_nothing().await;
        let mut publisher = Client::connect(broker.address(), version, "publisher").await;
        publisher.publish("big", b"small", 1, false).await;
        assert_eq!(subscriber.message().await.text(), "small");
    }
    broker.stop().await;
}

/// Pseudo-random bytes (xorshift), the same in each run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.to_le_bytes()[3]
    }
}

#[tokio::test]
async fn malformed_packets_end_their_own_connection_only() {
    let broker = broker().await;
    let mut bystander = Client::connect(broker.address(), V3, "bystander").await;
    bystander.subscribe(&["t"], 1).await;
    let mut noise = Noise(0x5eed);
    let headers =
        [0x10, 0x30, 0x32, 0x34, 0x3d, 0x40, 0x50, 0x62, 0x70, 0x82, 0xa2, 0xc0, 0xe0, 0xf0];
    for n in 0..400 {
        let mut stream = TcpStream::connect(broker.address()).await.unwrap();
        let version = if n % 2 == 0 { V3 } else { V5 };
        if n % 4 < 2 {
            stream.write_all(&Hello::new(version, "fuzz").packet()).await.unwrap();
        }
        let body: Vec<u8> = (0..noise.next() % 40).map(|_| noise.next()).collect();
        let header = match noise.next() {
            low if low < 200 => headers[usize::from(low) % headers.len()],
            other => other,
        };
        let _ = stream.write_all(&packet(header, &body)).await;
        // A wrong length, or none that ends.
        let _ = stream.write_all(&[header, 0xff, 0xff, 0xff, noise.next()]).await;
        let mut answer = [0; 64];
        let _ = timeout(Duration::from_millis(5), stream.read(&mut answer)).await;
    }
    bystander.publish("t", b"1", 1, false).await;
    assert_eq!(bystander.message().await.text(), "1");
    broker.stop().await;
}

#[tokio::test]
async fn malformed_topics_and_filters_are_not_accepted() {
    let broker = broker().await;
    for version in [V3, V5] {
        let mut client = Client::connect(broker.address(), version, "topic").await;
        client.publish_raw("a/#", b"x", 0, false, &[]).await;
        client.closed().await;
        // Invalid UTF-8 in a topic.
        let mut client = Client::connect(broker.address(), version, "utf8").await;
        let body: &[u8] =
            if version == V5 { b"\x00\x02\xff\xfe\x00x" } else { b"\x00\x02\xff\xfex" };
        client.send(&packet(0x30, body)).await;
        client.closed().await;
    }
    let mut client = Client::connect(broker.address(), V5, "filter").await;
    let codes = client.subscribe(&["a/b#"], 0).await;
    assert!(codes[0] >= 0x80, "{codes:?}");
    broker.stop().await;
}

#[tokio::test]
async fn more_clients_than_allowed_are_told_so_and_places_become_free() {
    let mut settings = Settings::local(LOCAL);
    settings.limits.clients = 5;
    settings.limits.sessions = 5;
    let broker = start(settings, MemoryStore::new()).await.unwrap();
    let mut clients = Vec::new();
    for n in 0..5 {
        clients.push(Client::connect(broker.address(), V5, &format!("c{n}")).await);
    }
    assert_eq!(Client::hello(broker.address(), &Hello::new(V3, "more")).await.err(), Some(3));
    assert_eq!(Client::hello(broker.address(), &Hello::new(V5, "more")).await.err(), Some(0x89));
    clients.pop().unwrap().disconnect().await;
    clients.push(Client::connect(broker.address(), V3, "more").await);
    for client in &mut clients {
        client.ping().await;
    }
    drop(clients);

    // Sessions under ever new ids are bounded, too; known ids come back.
    tokio::time::sleep(Duration::from_millis(200)).await;
    for n in 0..6 {
        let id = format!("kept{n}");
        let hello = Hello { clean: false, ..Hello::new(V3, &id) };
        let result = Client::hello(broker.address(), &hello).await;
        assert_eq!(result.is_ok(), n < 5, "{id}");
        if let Ok(client) = result {
            client.disconnect().await;
        }
    }
    let known = Hello { clean: false, ..Hello::new(V3, "kept0") };
    assert!(Client::hello(broker.address(), &known).await.unwrap().session_present);
    broker.stop().await;
}
