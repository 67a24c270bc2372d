//! On which ports a process listens.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Board;

/// The kernel's number of the state in which a TCP socket waits for connections.
const LISTEN: &str = "0A";

impl Board {
    /// Where a process waits for TCP connections; `None` where it is another user's, whose sockets are not shown.
    pub fn listens(&self, pid: u32) -> Option<BTreeSet<SocketAddr>> {
        let files = fs::read_dir(self.root.join(format!("proc/{pid}/fd"))).ok()?;
        let links = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
        let inodes: BTreeSet<String> = links
            .filter_map(|link| {
                let name = link.to_str()?;
                Some(name.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
            })
            .collect();
        let all = ["tcp", "tcp6"].map(|table| self.text(&format!("proc/{pid}/net/{table}")));
        let rows = all.iter().flat_map(|table| table.lines().skip(1)).filter_map(row);
        Some(rows.filter(|(inode, _)| inodes.contains(*inode)).map(|(_, at)| at).collect())
    }
}

/// The inode and the address of a socket that waits for connections.
fn row(line: &str) -> Option<(&str, SocketAddr)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (local, state, inode) = (words.get(1)?, words.get(3)?, words.get(9)?);
    (*state == LISTEN).then_some(())?;
    let (ip, port) = local.split_once(':')?;
    Some((inode, SocketAddr::new(address(ip)?, u16::from_str_radix(port, 16).ok()?)))
}

/// Words of 32 bits as they lie in memory, in hexadecimal: `0100007F` is 127.0.0.1 on all boards that Homard knows,
/// which are little-endian.
fn address(digits: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(digits.get(at..at + 8)?, 16).ok();
    let bytes = |at| word(at).map(|word| word.to_ne_bytes());
    match digits.len() {
        8 => Some(Ipv4Addr::from(bytes(0)?).into()),
        32 => {
            let mut all = [0_u8; 16];
            for (at, four) in all.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&bytes(at * 8)?);
            }
            Some(Ipv6Addr::from(all).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_kernel_are_read() {
        let check = |line: &str, expected: Option<&str>| {
            let found = row(line).map(|(inode, at)| format!("{inode} {at}"));
            assert_eq!(found.as_deref(), expected, "{line}");
        };
        let rest = "00000000:00000000 00:00000000 00000000   999        0 4711 1 0000000000000000 100 0 0 10 0";
        check(&format!("0: 0100007F:2112 00000000:0000 0A {rest}"), Some("4711 127.0.0.1:8466"));
        check(&format!("0: 00000000:0050 00000000:0000 0A {rest}"), Some("4711 0.0.0.0:80"));
        let six = "00000000000000000000000001000000:2112 00000000000000000000000000000000:0000";
        check(&format!("0: {six} 0A {rest}"), Some("4711 [::1]:8466"));
        check(&format!("0: 0100007F:2112 0100007F:9C40 01 {rest}"), None);
        check("0: 0100007F:2112", None);
        check("", None);
        check(&format!("0: 01€0007F:2112 00000000:0000 0A {rest}"), None);
    }

    /// Beside the kernel itself.
    #[test]
    fn an_open_port_of_this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let six = std::net::TcpListener::bind("[::1]:0");
        let found = Board::here().listens(std::process::id()).unwrap();
        assert!(found.contains(&listener.local_addr().unwrap()), "{found:?}");
        if let Ok(six) = six {
            assert!(found.contains(&six.local_addr().unwrap()), "{found:?}");
        }
    }
}
