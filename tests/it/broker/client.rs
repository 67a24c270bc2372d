//! A small MQTT client for the broker's tests: it sends exactly what a test wants, also what a
//! polite client library would not, and shows what came back.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

/// Longest wait for an answer that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const V3: u8 = 4;
pub(crate) const V5: u8 = 5;

/// A message as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// The properties as on the wire, without their length; empty for 3.1.1.
    pub(crate) properties: Vec<u8>,
}

impl Message {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).unwrap()
    }
}

/// What a client says when it connects.
#[derive(Clone)]
pub(crate) struct Hello<'a> {
    pub(crate) version: u8,
    pub(crate) id: &'a str,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) login: Option<(&'a str, &'a str)>,
    pub(crate) will: Option<(&'a str, &'a str)>,
}

impl<'a> Hello<'a> {
    pub(crate) fn new(version: u8, id: &'a str) -> Self {
        Self { version, id, clean: true, keep_alive: 60, login: None, will: None }
    }

    pub(crate) fn login(mut self, name: &'a str, password: &'a str) -> Self {
        self.login = Some((name, password));
        self
    }

    pub(crate) fn packet(&self) -> Vec<u8> {
        let is_v5 = self.version == V5;
        let mut flags = u8::from(self.clean) << 1;
        // A retained will with QoS 1.
        flags |= if self.will.is_some() { 0b0010_1100 } else { 0 };
        flags |= if self.login.is_some() { 0b1100_0000 } else { 0 };
        let mut body = string("MQTT");
        body.extend([self.version, flags]);
        body.extend(self.keep_alive.to_be_bytes());
        if is_v5 {
            // Session expiry interval: one hour, if the session is to be kept.
            let expiry: &[u8] = if self.clean { &[0] } else { &[5, 0x11, 0, 0, 0x0e, 0x10] };
            body.extend(expiry);
        }
        body.extend(string(self.id));
        if let Some((topic, payload)) = self.will {
            if is_v5 {
                body.push(0);
            }
            body.extend(string(topic));
            body.extend(string(payload));
        }
        if let Some((name, password)) = self.login {
            body.extend(string(name));
            body.extend(string(password));
        }
        packet(0x10, &body)
    }
}

pub(crate) fn string(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

pub(crate) fn packet(header: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![header];
    let mut rest = body.len();
    loop {
        let low = u8::try_from(rest % 128).unwrap();
        rest /= 128;
        bytes.push(if rest > 0 { low | 0x80 } else { low });
        if rest == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

pub(crate) async fn read_packet(
    stream: &mut (impl AsyncRead + Unpin),
) -> std::io::Result<(u8, Vec<u8>)> {
    let header = stream.read_u8().await?;
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        let byte = stream.read_u8().await?;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok((header, body))
}

/// A connected client.
pub(crate) struct Client {
    version: u8,
    writer: OwnedWriteHalf,
    packets: mpsc::UnboundedReceiver<(u8, Vec<u8>)>,
    reader: JoinHandle<()>,
    next_id: u16,
    inbox: VecDeque<Message>,
    pub(crate) session_present: bool,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Client {
    /// Connects; panics when refused.
    pub(crate) async fn connect(address: SocketAddr, version: u8, id: &str) -> Self {
        Self::hello(address, &Hello::new(version, id)).await.unwrap()
    }

    /// Connects, or gives the reason code of the refusal (255: closed without a word).
    pub(crate) async fn hello(address: SocketAddr, hello: &Hello<'_>) -> Result<Self, u8> {
        let stream = TcpStream::connect(address).await.map_err(|_| 255)?;
        stream.set_nodelay(true).unwrap();
        let (reader, mut writer) = stream.into_split();
        writer.write_all(&hello.packet()).await.map_err(|_| 255)?;
        let (sender, mut packets) = mpsc::unbounded_channel();
        let reader = tokio::spawn(async move {
            let mut reader = BufReader::new(reader);
            while let Ok(packet) = read_packet(&mut reader).await {
                if sender.send(packet).is_err() {
                    break;
                }
            }
        });
        let answer = timeout(PATIENCE, packets.recv()).await.expect("a CONNACK in time");
        let (header, body) = answer.ok_or(255)?;
        assert_eq!(header, 0x20, "the first packet must be a CONNACK");
        if body[1] != 0 {
            return Err(body[1]);
        }
        Ok(Self {
            version: hello.version,
            writer,
            packets,
            reader,
            next_id: 0,
            inbox: VecDeque::new(),
            session_present: body[0] & 1 == 1,
        })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // The broker may have closed already; what it did shows in what can be read.
        let _ = self.writer.write_all(bytes).await;
    }

    fn id(&mut self) -> [u8; 2] {
        self.next_id = self.next_id % 60_000 + 1;
        self.next_id.to_be_bytes()
    }

    /// Sends a publication without waiting for anything.
    pub(crate) async fn publish_raw(
        &mut self,
        topic: &str,
        payload: &[u8],
        qos: u8,
        retain: bool,
        properties: &[u8],
    ) {
        let mut body = string(topic);
        if qos > 0 {
            body.extend(self.id());
        }
        if self.version == V5 {
            body.push(u8::try_from(properties.len()).unwrap());
            body.extend(properties);
        }
        body.extend(payload);
        self.send(&packet(0x30 | qos << 1 | u8::from(retain), &body)).await;
    }

    /// Publishes and waits until the broker has taken it over; the reason code of MQTT 5.
    pub(crate) async fn publish(
        &mut self,
        topic: &str,
        payload: &[u8],
        qos: u8,
        retain: bool,
    ) -> u8 {
        self.publish_raw(topic, payload, qos, retain, &[]).await;
        match qos {
            0 => 0,
            1 => self.expect(0x40).await.get(2).copied().unwrap_or(0),
            _ => {
                let received = self.expect(0x50).await;
                let code = received.get(2).copied().unwrap_or(0);
                if code < 0x80 {
                    self.send(&packet(0x62, &received[..2])).await;
                    self.expect(0x70).await;
                }
                code
            }
        }
    }

    /// Publishes retained with QoS 1.
    pub(crate) async fn retain(&mut self, topic: &str, payload: impl AsRef<[u8]>) {
        self.publish(topic, payload.as_ref(), 1, true).await;
    }

    /// Subscribes and gives the granted QoS or refusal of each filter.
    pub(crate) async fn subscribe(&mut self, filters: &[&str], qos: u8) -> Vec<u8> {
        let mut body = self.id().to_vec();
        if self.version == V5 {
            body.push(0);
        }
        for filter in filters {
            body.extend(string(filter));
            body.push(qos);
        }
        self.send(&packet(0x82, &body)).await;
        let answer = self.expect(0x90).await;
        let codes = if self.version == V5 { 3 + usize::from(answer[2]) } else { 2 };
        answer[codes..].to_vec()
    }

    /// Waits for a packet with this header; messages that come before go to the inbox.
    pub(crate) async fn expect(&mut self, header: u8) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let next = timeout_at(deadline, self.packets.recv()).await;
            let next = next.unwrap_or_else(|_| panic!("no packet {header:#04x} in time"));
            let (got, body) = next.unwrap_or_else(|| panic!("closed before {header:#04x}"));
            if got == header {
                return body;
            }
            self.take_in(got, &body).await;
        }
    }

    async fn take_in(&mut self, header: u8, body: &[u8]) {
        if header == 0x62 {
            self.send(&packet(0x70, &body[..2])).await;
        }
        if header & 0xf0 != 0x30 {
            return;
        }
        let qos = header >> 1 & 3;
        let (topic_bytes, mut rest) =
            body[2..].split_at(usize::from(body[0]) << 8 | usize::from(body[1]));
        if qos > 0 {
            let id = &rest[..2];
            self.send(&packet(if qos == 1 { 0x40 } else { 0x50 }, id)).await;
            rest = &rest[2..];
        }
        let mut properties = Vec::new();
        if self.version == V5 {
            // The properties of the tests are shorter than 128 bytes or start with two bytes.
            let (length, after) = match rest[0] {
                low if low < 0x80 => (usize::from(low), &rest[1..]),
                low => (usize::from(low & 0x7f) | usize::from(rest[1]) << 7, &rest[2..]),
            };
            properties = after[..length].to_vec();
            rest = &after[length..];
        }
        self.inbox.push_back(Message {
            topic: String::from_utf8(topic_bytes.to_vec()).unwrap(),
            payload: rest.to_vec(),
            qos,
            retain: header & 1 == 1,
            properties,
        });
    }

    /// Waits for `n` messages; fewer if they do not come within `patience`.
    pub(crate) async fn messages_within(&mut self, n: usize, patience: Duration) -> Vec<Message> {
        let deadline = Instant::now() + patience;
        while self.inbox.len() < n {
            let Ok(Some((header, body))) = timeout_at(deadline, self.packets.recv()).await else {
                break;
            };
            self.take_in(header, &body).await;
        }
        let n = n.min(self.inbox.len());
        self.inbox.drain(..n).collect()
    }

    /// Waits for `n` messages that must come.
    pub(crate) async fn messages(&mut self, n: usize) -> Vec<Message> {
        let messages = self.messages_within(n, PATIENCE).await;
        assert_eq!(messages.len(), n, "messages that arrived in time");
        messages
    }

    pub(crate) async fn message(&mut self) -> Message {
        self.messages(1).await.remove(0)
    }

    /// Asks the broker for a sign of life; all that was sent before has arrived then.
    pub(crate) async fn ping(&mut self) {
        self.send(&packet(0xc0, &[])).await;
        self.expect(0xd0).await;
    }

    /// Asserts that nothing is on its way to this client.
    pub(crate) async fn expect_nothing(&mut self) {
        self.ping().await;
        let late = self.messages_within(1, Duration::from_millis(150)).await;
        assert!(late.is_empty(), "unexpected: {late:?}");
    }

    /// Waits until the broker closes the connection.
    pub(crate) async fn closed(&mut self) {
        let end = async { while self.packets.recv().await.is_some() {} };
        timeout(PATIENCE, end).await.expect("the broker must close the connection");
    }

    pub(crate) async fn disconnect(mut self) {
        self.send(&packet(0xe0, &[])).await;
        self.closed().await;
    }
}
