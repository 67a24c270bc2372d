//! What the ear thinks about beside the loop, and what comes of it. Without a language model it never does.

#[cfg(feature = "model")]
pub(super) use self::with_model::Pending;
#[cfg(not(feature = "model"))]
pub(super) use self::without_model::Pending;

#[cfg(feature = "model")]
mod with_model {
    use std::sync::Arc;

    use tokio::sync::oneshot;
    use tokio::task::JoinSet;

    use crate::home::person::Rights;
    use crate::hub::books::{Sight, To};
    use crate::hub::ear::{Thinking, Thought};
    use crate::hub::event::Reply;
    use crate::hub::{Hub, Turn, read};

    /// A thought, on whose behalf, and who waits for the answer.
    pub(in crate::hub) type Done = (Thought, Rights, oneshot::Sender<Reply>);

    /// All that is thought about.
    #[derive(Default)]
    pub(in crate::hub) struct Pending(JoinSet<Done>);

    impl Pending {
        pub(in crate::hub) fn begin(
            &mut self,
            thinking: Thinking,
            by: Rights,
            reply: oneshot::Sender<Reply>,
        ) {
            self.0.spawn(async move { (thinking.await, by, reply) });
        }

        /// What is thought to its end next.
        pub(in crate::hub) async fn next(&mut self) -> Done {
            loop {
                match self.0.join_next().await {
                    Some(Ok(done)) => return done,
                    // Who asked hears that there is no answer.
                    Some(Err(_)) => {}
                    None => std::future::pending().await,
                }
            }
        }
    }

    impl Hub {
        pub(in crate::hub) fn thought(&mut self, (thought, by, reply): Done) {
            let shared = Arc::clone(&self.home);
            let home = read(&shared);
            let sight = home.seen_by(&by);
            let seen = sight.as_ref().unwrap_or(&home);
            let heard = thought(seen, self.clock.now());
            let mut turn = Turn::default();
            let sight = Sight { home: &home, seen, by: &by };
            self.deal_with(heard, To::Person(reply), sight, &mut turn);
            drop(home);
            self.send_out(turn);
        }
    }
}

#[cfg(not(feature = "model"))]
mod without_model {
    use std::convert::Infallible;

    use crate::hub::Hub;

    /// Nothing.
    #[derive(Default)]
    pub(in crate::hub) struct Pending(());

    impl Pending {
        pub(in crate::hub) async fn next(&mut self) -> Infallible {
            std::future::pending().await
        }
    }

    impl Hub {
        pub(in crate::hub) fn thought(&mut self, done: Infallible) {
            match done {}
        }
    }
}
