//! Tries whether a broker can be used: one connection, a goodbye, nothing subscribed and nothing said. Under an id of its
//! own, so that whoever uses the broker already is not thrown out.

use std::time::Duration;

use tokio::time::timeout;

use super::attempts::Version;
use super::connection::attempt;
use super::failure::Verdict;
use super::{Settings, Timing};

/// Why a broker cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Its word: `nobody`, `no_host`, `silent`, `credentials`, `certificate`, `no_tls`, `no_mqtt`, `other`.
    pub code: &'static str,
    /// In plain words; never holds a password.
    pub text: String,
}

/// Connects in MQTT 5 or, where the broker does not speak it, 3.1.1; says which it was.
///
/// # Errors
/// Why it did not work out within `patience`.
pub async fn try_out(mut settings: Settings, patience: Duration) -> Result<&'static str, Trouble> {
    let mut random = [0_u8; 4];
    // Without random numbers the id is the same each time, which does no harm.
    let _ = getrandom::fill(&mut random);
    settings.client_id = format!("homard-trial-{:08x}", u32::from_le_bytes(random));
    settings.will = None;
    let timing = Timing { connect: patience, ..Timing::default() };
    let trial = async {
        match attempt(&settings, &timing, Version::V5).await {
            Ok(()) => Ok(Version::V5.name()),
            Err(failure) if failure.verdict == Verdict::Unrelated => Err(failure),
            Err(_) => match attempt(&settings, &timing, Version::V311).await {
                Ok(()) => Ok(Version::V311.name()),
                Err(failure) => Err(failure),
            },
        }
    };
    match timeout(patience, trial).await {
        Ok(Ok(version)) => Ok(version),
        Ok(Err(failure)) => Err(Trouble { code: failure.code.word(), text: failure.text }),
        Err(_) => {
            let text = format!("no answer in {} s", patience.as_secs());
            Err(Trouble { code: "silent", text })
        }
    }
}
