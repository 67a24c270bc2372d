//! The wall clock and the time zone of the house. The only file that asks the system for the time, so that
//! everything above it can be run at a time of a test's choosing. Measuring durations is not its business.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a system without timers that notice a clock being set is trusted not to set it.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Tells the time of day, in the house's time zone. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    /// Zero of the steady clock.
    started: Instant,
}

#[derive(Clone, Debug)]
enum Source {
    System(TimeZone),
    Fixed(Zoned),
    Movable(TimeZone, Arc<Movable>),
}

#[derive(Debug)]
struct Movable {
    instant: Mutex<Timestamp>,
    /// What has passed on the steady clock.
    passed: Mutex<SignedDuration>,
    /// Told each time it is set.
    set: watch::Sender<()>,
}

impl Clock {
    /// The system's clock, read in `zone`.
    pub fn system(zone: TimeZone) -> Self {
        Self { source: Source::System(zone), started: Instant::now() }
    }

    /// A clock that stands still at `at`; its zone is that of `at`.
    pub fn fixed(at: Zoned) -> Self {
        Self { source: Source::Fixed(at), started: Instant::now() }
    }

    /// A clock that stands still until it is [set](Clock::set); its zone is that of `at`. Its
    /// clones are set with it.
    pub fn movable(at: &Zoned) -> Self {
        let movable = Movable {
            instant: Mutex::new(at.timestamp()),
            passed: Mutex::default(),
            set: watch::Sender::default(),
        };
        let source = Source::Movable(at.time_zone().clone(), Arc::new(movable));
        Self { source, started: Instant::now() }
    }

    /// Sets a [movable](Clock::movable) clock; does nothing to others.
    pub fn set(&self, at: Timestamp) {
        if let Source::Movable(_, movable) = &self.source {
            *movable.instant.lock().unwrap_or_else(PoisonError::into_inner) = at;
            movable.set.send_replace(());
        }
    }

    /// Lets time pass on a [movable](Clock::movable) clock, on the wall and on the steady clock;
    /// does nothing to others.
    pub fn pass(&self, time: SignedDuration) {
        if let Source::Movable(_, movable) = &self.source {
            let mut instant = movable.instant.lock().unwrap_or_else(PoisonError::into_inner);
            *instant = instant.saturating_add(time).unwrap_or(*instant);
            drop(instant);
            let mut passed = movable.passed.lock().unwrap_or_else(PoisonError::into_inner);
            *passed = passed.saturating_add(time);
            drop(passed);
            movable.set.send_replace(());
        }
    }

    /// Time that has passed since this clock was made; setting it changes nothing of that.
    pub fn steady(&self) -> SignedDuration {
        match &self.source {
            Source::System(_) | Source::Fixed(_) => {
                SignedDuration::try_from(self.started.elapsed()).unwrap_or(SignedDuration::MAX)
            }
            Source::Movable(_, movable) => {
                *movable.passed.lock().unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    /// Done when so much time has passed; see [`Clock::steady`]. Of a movable clock also when it is
    /// set or time passes.
    pub fn until_steady(&self, at: SignedDuration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match &self.source {
            Source::System(_) | Source::Fixed(_) => {
                let at = self.started + Duration::try_from(at).unwrap_or_default();
                Box::pin(tokio::time::sleep_until(at))
            }
            Source::Movable(_, movable) => changed(movable, self.steady() >= at),
        }
    }

    /// The present instant.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    pub fn now(&self) -> Timestamp {
        match &self.source {
            Source::System(_) => Timestamp::now(),
            Source::Fixed(at) => at.timestamp(),
            Source::Movable(_, movable) => {
                *movable.instant.lock().unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    /// The present instant as the house's wall clock shows it.
    pub fn zoned(&self) -> Zoned {
        self.now().to_zoned(self.time_zone().clone())
    }

    /// Done when the clock shows `at`, and also when it is set before: then it shows something
    /// else, and whoever waits looks again. Costs nothing while it waits.
    pub fn until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match &self.source {
            Source::System(_) => {
                let now = self.now();
                Box::pin(async move {
                    let rang = match alarm(at) {
                        Ok(alarm) => alarm.readable().await.map(|_| ()),
                        Err(error) => Err(error),
                    };
                    if rang.is_err() {
                        let rest = at.duration_since(now).max(SignedDuration::ZERO);
                        tokio::time::sleep(rest.unsigned_abs().min(LOOK_AGAIN)).await;
                    }
                })
            }
            Source::Fixed(now) if now.timestamp() >= at => Box::pin(std::future::ready(())),
            Source::Fixed(_) => Box::pin(std::future::pending()),
            Source::Movable(_, movable) => changed(movable, self.now() >= at),
        }
    }

    /// The house's time zone.
    pub fn time_zone(&self) -> &TimeZone {
        match &self.source {
            Source::System(zone) | Source::Movable(zone, _) => zone,
            Source::Fixed(at) => at.time_zone(),
        }
    }
}

/// Done when a movable clock is set, or at once.
fn changed(movable: &Movable, is_past: bool) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let mut set = movable.set.subscribe();
    Box::pin(async move {
        if !is_past && set.changed().await.is_err() {
            std::future::pending().await
        }
    })
}

/// A timer of the kernel that becomes readable when its clock shows `at`, or is set.
#[allow(unsafe_code)]
fn alarm(at: Timestamp) -> io::Result<AsyncFd<OwnedFd>> {
    let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
    let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
    // Zero would disarm it; before 1970 is long ago either way.
    let at =
        Timespec { tv_sec: at.as_second().max(1), tv_nsec: at.subsec_nanosecond().max(0).into() };
    let never = Timespec { tv_sec: 0, tv_nsec: 0 };
    let once = Itimerspec { it_interval: never, it_value: at };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    timerfd_settime(&timer, flags, &once)?;
    // SAFETY: the descriptor is open, is nobody else's and stays in the `AsyncFd` until that closes
    // it.
    Ok(unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) }?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_stands_still_in_its_zone() {
        let at: Zoned = "2026-11-22T09:35:39+01:00[Europe/Paris]".parse().unwrap();
        let clock = Clock::fixed(at.clone());
        assert_eq!(clock.zoned(), at);
        assert_eq!(clock.now(), at.timestamp());
        assert_eq!(clock.zoned().hour(), 9);
    }

    #[test]
    fn a_movable_clock_is_set_with_its_clones() {
        let at: Zoned = "2026-11-22T09:35:39+01:00[Europe/Paris]".parse().unwrap();
        let clock = Clock::movable(&at);
        let other = clock.clone();
        assert_eq!(other.zoned(), at);
        clock.set(Timestamp::UNIX_EPOCH);
        assert_eq!(other.now(), Timestamp::UNIX_EPOCH);
    }

    #[tokio::test]
    async fn waiting_ends_at_the_time_and_when_the_clock_is_set() {
        let soon =
            |clock: &Clock, millis| clock.until(clock.now() + SignedDuration::from_millis(millis));
        let within = |millis| Duration::from_millis(millis);
        let system = Clock::system(TimeZone::UTC);
        let began = tokio::time::Instant::now();
        tokio::time::timeout(within(5_000), soon(&system, 150)).await.unwrap();
        assert!(began.elapsed() >= within(140), "{:?}", began.elapsed());
        tokio::time::timeout(within(5_000), soon(&system, -5_000)).await.unwrap();
        assert!(tokio::time::timeout(within(100), system.until(Timestamp::MAX)).await.is_err());

        let at: Zoned = "2026-11-22T09:35:39+01:00[Europe/Paris]".parse().unwrap();
        let movable = Clock::movable(&at);
        let waits = soon(&movable, 1_000);
        let mut waits = tokio::spawn(waits);
        assert!(tokio::time::timeout(within(50), &mut waits).await.is_err());
        movable.set(Timestamp::UNIX_EPOCH);
        tokio::time::timeout(within(5_000), waits).await.unwrap().unwrap();
        let fixed = Clock::fixed(at);
        tokio::time::timeout(within(5_000), soon(&fixed, 0)).await.unwrap();
        assert!(tokio::time::timeout(within(50), soon(&fixed, 1)).await.is_err());
    }

    #[test]
    fn the_system_clock_moves_on() {
        let clock = Clock::system(TimeZone::UTC);
        let before = clock.now();
        assert!(clock.now() >= before);
        assert_eq!(clock.zoned().offset().seconds(), 0);
    }
}
