//! Keeps a port alive: starts it again when it panics or ends, later each time, and tells the
//! house.

use std::fmt::Display;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::error;

use crate::hub::HubHandle;
use crate::hub::event::{Event, Place, Problem};

/// First and longest wait before a port is started again.
const WAIT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(60));
/// A port that ran this long is well again.
const WELL: Duration = Duration::from_secs(300);

/// Runs a port until `stop` turns true, however often it ends before.
pub(super) async fn keep<F, E>(
    name: &'static str,
    hub: HubHandle,
    mut stop: watch::Receiver<bool>,
    mut start: impl FnMut() -> F,
) where
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let mut wait = WAIT.0;
    loop {
        let started = Instant::now();
        let ended = Caught(Box::pin(start())).await;
        if *stop.borrow() {
            return;
        }
        let why = match ended {
            Ok(Ok(())) => "it ended by itself".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => format!("it failed inside: {panic}"),
        };
        if started.elapsed() > WELL {
            wait = WAIT.0;
        }
        error!(port = name, error = %why, again_in = ?wait, "A part of Homard ended; started again.");
        let text = format!("this part of Homard had to be started again: {why}");
        let problem = Problem { place: Place::Part(name), producer: None, text };
        // A hub that is gone ends the program anyway.
        let _ = hub.send(vec![Event::ProblemFound(problem)]).await;
        tokio::select! {
            () = sleep(wait) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        wait = (wait * 2).min(WAIT.1);
    }
}

/// A future whose panic is a value.
struct Caught<F>(Pin<Box<F>>);

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = self.0.as_mut();
        // Unwind safe: after a panic the future is dropped and never polled again.
        match catch_unwind(AssertUnwindSafe(|| inner.poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => {
                let text = panic
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned());
                Poll::Ready(Err(text.unwrap_or_else(|| "no reason given".to_owned())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_value() {
        let text = Caught(Box::pin(async { panic!("out of {}", "tea") })).await;
        let text: Result<(), String> = text;
        assert_eq!(text, Err("out of tea".to_owned()));
        assert_eq!(Caught(Box::pin(async { 3 })).await, Ok(3));
    }
}
