//! A publisher that costs next to nothing: MQTT 3.1.1 written by hand into large buffers, because
//! it shares the machine with what it measures.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Bytes gathered before they are sent.
const BUFFER: usize = 32 * 1024;

pub(crate) struct Publisher {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Publisher {
    /// Connects with a clean session and no keep-alive; waits a moment for a broker that starts.
    pub(crate) fn connect(broker: SocketAddr) -> io::Result<Self> {
        let mut tries = 0;
        let mut stream = loop {
            match TcpStream::connect(broker) {
                Ok(stream) => break stream,
                Err(error) if tries >= 100 => return Err(error),
                Err(_) => {}
            }
            tries += 1;
            std::thread::sleep(Duration::from_millis(20));
        };
        stream.set_nodelay(true)?;
        let id = format!("bench-{:?}", stream.local_addr()?.port());
        let mut packet = vec![0x10];
        packet.push(12 + u8::try_from(id.len()).unwrap_or_default());
        packet.extend_from_slice(b"\x00\x04MQTT\x04\x02\x00\x00");
        text(&mut packet, &id);
        stream.write_all(&packet)?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)?;
        if answer != [0x20, 2, 0, 0] {
            return Err(io::Error::other(format!("the broker refused: {answer:?}")));
        }
        Ok(Self { stream, buffer: Vec::with_capacity(2 * BUFFER) })
    }

    /// Publishes with quality 0. Sent when enough has been gathered, or by [`Publisher::flush`].
    pub(crate) fn put(&mut self, topic: &str, payload: &[u8], retain: bool) -> io::Result<()> {
        self.buffer.push(0x30 | u8::from(retain));
        let mut rest = 2 + topic.len() + payload.len();
        loop {
            let digit = (rest & 0x7F) as u8;
            rest >>= 7;
            self.buffer.push(digit | if rest > 0 { 0x80 } else { 0 });
            if rest == 0 {
                break;
            }
        }
        text(&mut self.buffer, topic);
        self.buffer.extend_from_slice(payload);
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Waits until the broker has taken everything in: it answers in order.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        self.buffer.extend_from_slice(&[0xC0, 0]);
        self.flush()?;
        self.stream.read_exact(&mut [0; 2])
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&u16::try_from(text.len()).unwrap_or_default().to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}
