//! Does an MQTT broker already listen at an address? Asked before our own is started.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for the connection, and again for the answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// CONNECT of MQTT 3.1.1, which every broker knows: clean session, keep alive 10 s, empty client
/// id (the broker makes one up, so that nobody with the same id is thrown out).
const CONNECT: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00";
/// First byte of every CONNACK; a refusal is one too.
const CONNACK: u8 = 0x20;
const DISCONNECT: &[u8] = b"\xe0\x00";

/// What answers at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Nothing accepts connections there.
    Nobody,
    /// An MQTT broker; it may still want a user and a password.
    Broker,
    /// Something accepts connections but does not speak plain MQTT.
    Other,
}

/// Connects to `address` and says hello as an MQTT client; takes two seconds at most.
///
/// An unspecified address (`0.0.0.0`, `[::]`) is asked on loopback.
pub async fn probe(address: SocketAddr) -> Probe {
    let Ok(Ok(mut stream)) = timeout(PATIENCE, TcpStream::connect(reachable(address))).await else {
        return Probe::Nobody;
    };
    let answer = timeout(PATIENCE, async {
        stream.write_all(CONNECT).await?;
        stream.read_u8().await
    });
    match answer.await {
        Ok(Ok(CONNACK)) => {
            // Best effort: the broker notices the closed connection as well.
            let _ = stream.write_all(DISCONNECT).await;
            Probe::Broker
        }
        _ => Probe::Other,
    }
}

fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
