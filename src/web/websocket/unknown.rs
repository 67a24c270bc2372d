//! Sockets on which nobody has said yet who they are, by address: a few at a time, so that who only opens sockets takes
//! none from the others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use crate::web::auth::lock;

/// Of one address. A whole household may come back at once through one proxy.
const MOST_OF_ONE: u32 = 48;

/// How many each address has.
#[derive(Debug, Clone, Default)]
pub(in crate::web) struct Unknown {
    by_address: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Stranger {
    unknown: Unknown,
    from: IpAddr,
}

impl Unknown {
    /// Counts one; `None` when its address has too many.
    pub(super) fn enter(&self, from: IpAddr) -> Option<Stranger> {
        let mut by_address = lock(&self.by_address);
        let n = by_address.entry(from).or_default();
        if *n >= MOST_OF_ONE {
            return None;
        }
        *n += 1;
        Some(Stranger { unknown: self.clone(), from })
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut by_address = lock(&self.unknown.by_address);
        if let Some(n) = by_address.get_mut(&self.from) {
            *n -= 1;
            if *n == 0 {
                by_address.remove(&self.from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_and_nothing_is_left_behind() {
        let unknown = Unknown::default();
        let [here, there] = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        let mut all: Vec<_> = (0..MOST_OF_ONE).map(|_| unknown.enter(here).unwrap()).collect();
        assert!(unknown.enter(here).is_none() && unknown.enter(there).is_some());
        all.pop();
        all.push(unknown.enter(here).unwrap());
        drop(all);
        assert!(lock(&unknown.by_address).is_empty());
    }
}
