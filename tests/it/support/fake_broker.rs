//! A broker that does only what a test says, also what no broker should.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::broker::client::{V5, packet, read_packet, string};

/// Ends with the test.
pub(crate) struct FakeBroker {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for FakeBroker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeBroker {
    /// Serves one connection after the other; `serve` gets the number of the connection, from 0.
    pub(crate) async fn start<F>(serve: impl Fn(usize, Peer) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut n = 0;
            let mut peers = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                peers.spawn(serve(n, Peer { stream, version: 0 }));
                n += 1;
            }
        });
        Self { address, task }
    }
}

/// What a client did.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The version of each connection.
    pub(crate) versions: Vec<u8>,
    /// The filters of each SUBSCRIBE.
    pub(crate) subscribes: Vec<Vec<String>>,
    /// The quality asked for with each of them.
    pub(crate) qualities: Vec<Vec<u8>>,
    /// Topic and payload of what it published.
    pub(crate) published: Vec<(String, Vec<u8>)>,
}

pub(crate) type Log = Arc<Mutex<Seen>>;

/// The other side of a connection.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    /// As the client said it.
    pub(crate) version: u8,
}

impl Peer {
    /// Reads CONNECT.
    pub(crate) async fn greet(&mut self) {
        let Ok((header, body)) = read_packet(&mut self.stream).await else { return };
        assert_eq!(header, 0x10);
        self.version = body[6];
    }

    /// Reads CONNECT and lets the client in.
    pub(crate) async fn accept(&mut self) {
        self.greet().await;
        let answer: &[u8] = if self.version == V5 { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] };
        self.send(answer).await;
    }

    /// Nothing happens when the client has gone.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    pub(crate) fn publication(&self, topic: &str, payload: &[u8], is_retained: bool) -> Vec<u8> {
        let mut body = string(topic);
        if self.version == V5 {
            body.push(0);
        }
        body.extend(payload);
        packet(0x30 | u8::from(is_retained), &body)
    }

    pub(crate) async fn publish(&mut self, topic: &str, payload: &[u8], is_retained: bool) {
        let bytes = self.publication(topic, payload, is_retained);
        self.send(&bytes).await;
    }

    /// Answers one packet as a broker does and notes it; `None` at the end of the connection.
    pub(crate) async fn step(&mut self, log: &Log) -> Option<u8> {
        let (header, body) = read_packet(&mut self.stream).await.ok()?;
        let is_v5 = self.version == V5;
        let properties = usize::from(is_v5);
        match header & 0xf0 {
            0xc0 => self.send(&[0xd0, 0]).await,
            0x80 => {
                let (filters, qualities) = filters(&body[2 + properties..]);
                let mut answer = body[..2].to_vec();
                answer.extend(std::iter::repeat_n(0, properties + filters.len()));
                {
                    let mut log = log.lock().unwrap();
                    log.subscribes.push(filters);
                    log.qualities.push(qualities);
                }
                self.send(&packet(0x90, &answer)).await;
            }
            0xa0 => {
                let mut answer = body[..2].to_vec();
                answer.extend(std::iter::repeat_n(0, if is_v5 { 2 } else { 0 }));
                self.send(&packet(0xb0, &answer)).await;
            }
            0x30 => {
                let length = usize::from(body[0]) << 8 | usize::from(body[1]);
                let (topic, mut rest) = body[2..].split_at(length);
                if header & 0x06 != 0 {
                    let id = rest[..2].to_vec();
                    rest = &rest[2..];
                    self.send(&packet(0x40, &id)).await;
                }
                let topic = String::from_utf8(topic.to_vec()).unwrap();
                log.lock().unwrap().published.push((topic, rest[properties..].to_vec()));
            }
            _ => {}
        }
        Some(header)
    }

    /// Serves until the client goes.
    pub(crate) async fn serve(&mut self, log: &Log) {
        while self.step(log).await.is_some() {}
    }

    /// Serves until the client has subscribed to this.
    pub(crate) async fn subscribed(&mut self, log: &Log, filter: &str) {
        let has = || log.lock().unwrap().subscribes.iter().flatten().any(|known| known == filter);
        while !has() {
            if self.step(log).await.is_none() {
                return;
            }
        }
    }

    /// Reads nothing more, and does not hang up.
    pub(crate) async fn ignore(self) {
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
}

fn filters(mut rest: &[u8]) -> (Vec<String>, Vec<u8>) {
    let mut filters = Vec::new();
    let mut qualities = Vec::new();
    while rest.len() > 2 {
        let length = usize::from(rest[0]) << 8 | usize::from(rest[1]);
        filters.push(String::from_utf8(rest[2..2 + length].to_vec()).unwrap());
        qualities.push(rest[2 + length] & 3);
        rest = &rest[3 + length..];
    }
    (filters, qualities)
}
