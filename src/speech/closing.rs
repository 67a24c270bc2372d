//! Closing sound devices where that hangs nobody: a driver may never come back from it, as when the sound server behind it
//! was stopped while something was recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a device is waited for, so that it is free when it is opened again: most take a few milliseconds.
const PATIENCE: Duration = Duration::from_millis(500);
/// Devices that are still being closed; as long as there are more, none is opened.
const MOST: usize = 4;

/// Closes devices, and knows how many of them hang. Clones share the number.
#[derive(Debug, Clone, Default)]
pub(super) struct Closer {
    n_hanging: Arc<AtomicUsize>,
}

impl Closer {
    /// Whether another device may be opened.
    ///
    /// # Errors
    /// Why not: so many hang.
    pub(super) fn may_open(&self) -> Result<(), String> {
        match self.n_hanging.load(Ordering::Relaxed) < MOST {
            true => Ok(()),
            false => Err("the sound system hangs; start Homard again".to_owned()),
        }
    }

    /// Drops a device, on a thread that may take as long as it likes.
    pub(super) fn close<T: Send + 'static>(&self, device: T) {
        self.n_hanging.fetch_add(1, Ordering::Relaxed);
        let counted = Arc::clone(&self.n_hanging);
        let (done, closed) = mpsc::channel();
        let closing = thread::Builder::new().name("closing".to_owned()).spawn(move || {
            drop(device);
            counted.fetch_sub(1, Ordering::Relaxed);
            // Nobody may wait for it any more.
            let _ = done.send(());
        });
        match closing {
            // Whether it was closed in time makes no difference here.
            Ok(_) => drop(closed.recv_timeout(PATIENCE)),
            // It was dropped where it was.
            Err(_) => drop(self.n_hanging.fetch_sub(1, Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that hangs until its other end is dropped.
    struct Hangs(mpsc::Receiver<()>);

    impl Drop for Hangs {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }

    #[test]
    fn what_hangs_hangs_nobody_else_and_is_counted() {
        let closer = Closer::default();
        closer.close("a good one");
        let mut ends = Vec::new();
        for n in 0..MOST {
            assert_eq!(closer.may_open(), Ok(()), "{n}");
            let (end, other) = mpsc::channel();
            ends.push(end);
            closer.close(Hangs(other));
        }
        assert!(closer.may_open().is_err());
        ends.pop();
        while closer.may_open().is_err() {
            thread::yield_now();
        }
    }
}
