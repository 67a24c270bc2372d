//! Keeps the resident memory small. glibc gives each thread a heap of its own, and keeps what a
//! burst of announcements freed; a home needs neither.

use std::time::Duration;

use tokio::time::{Instant, interval_at};

/// Heaps that threads share; more cost memory and gain nothing with so little contention.
#[cfg(target_env = "gnu")]
const HEAPS: i32 = 2;
/// The announcements after a start are over by then.
const FIRST: Duration = Duration::from_secs(10);
/// And from time to time, for what comes later. Takes milliseconds.
const AGAIN: Duration = Duration::from_secs(600);

/// To be called before there are threads.
pub(super) fn share_heaps() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `mallopt` only sets a number of the allocator, at any time and under its own lock.
    #[allow(unsafe_code)]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, HEAPS);
    }
}

/// Gives freed memory back to the system, now and then.
pub(super) async fn give_back() {
    let mut ticks = interval_at(Instant::now() + FIRST, AGAIN);
    loop {
        ticks.tick().await;
        #[cfg(target_env = "gnu")]
        // SAFETY: `malloc_trim` may be called from any thread at any time; it takes the
        // allocator's own locks.
        #[allow(unsafe_code)]
        unsafe {
            libc::malloc_trim(0);
        }
    }
}
