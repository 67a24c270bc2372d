//! Zeroconf: others in the house find the server without being told where it is.

use std::net::{IpAddr, SocketAddr};

use mdns_sd::{ServiceDaemon, ServiceInfo};

/// What Wyoming servers are announced as.
const SERVICE: &str = "_wyoming._tcp.local.";

/// Announced as long as it lives. It answers who asks on this network, and asks nobody beyond it.
pub struct Announced {
    daemon: ServiceDaemon,
    name: String,
}

impl Announced {
    /// Announces a server that others can reach; one that only this machine can reach is not.
    ///
    /// # Errors
    /// When the network has no room for it.
    pub fn start(name: &str, listen: SocketAddr) -> Result<Option<Self>, mdns_sd::Error> {
        if listen.ip().is_loopback() {
            return Ok(None);
        }
        let daemon = ServiceDaemon::new()?;
        let service = service(name, listen)?;
        let name = service.get_fullname().to_owned();
        daemon.register(service)?;
        Ok(Some(Self { daemon, name }))
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        // Others are told that it goes; whether they hear it does not matter.
        let _ = self.daemon.unregister(&self.name);
        let _ = self.daemon.shutdown();
    }
}

fn service(name: &str, listen: SocketAddr) -> Result<ServiceInfo, mdns_sd::Error> {
    // Names of hosts have fewer letters than names of homes.
    let host: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(40)
        .collect::<String>()
        .to_lowercase();
    let host = format!("homard-{host}.local.");
    // A dot would divide the name.
    let name: String = name.chars().map(|c| if c == '.' { ' ' } else { c }).take(30).collect();
    let every_address = listen.ip().is_unspecified();
    let address: &[IpAddr] = &[listen.ip()];
    let address = if every_address { &[] } else { address };
    let properties: &[(&str, &str)] = &[];
    let service = ServiceInfo::new(SERVICE, &name, &host, address, listen.port(), properties)?;
    Ok(if every_address { service.enable_addr_auto() } else { service })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_others_can_reach_is_announced() {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 10_700));
        assert!(Announced::start("Home", loopback).unwrap().is_none());
        let everywhere = SocketAddr::from(([0, 0, 0, 0], 10_700));
        let service = service("Chez nous, n° 3.1", everywhere).unwrap();
        assert_eq!(service.get_fullname(), "Chez nous, n° 3 1._wyoming._tcp.local.");
        assert_eq!(service.get_hostname(), "homard-cheznousn31.local.");
        assert_eq!(service.get_port(), 10_700);
        assert!(service.is_addr_auto());
    }
}
