//! The loudspeaker of this machine: sounds one after the other, stopped at once when somebody wants to speak.
//!
//! The device is open only while something is heard, so that it costs nothing else, others may use it, and one that was
//! unplugged is found again when it is back.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, SampleFormat, SizedSample, StreamConfig, SupportedStreamConfigRange};
use tokio::sync::oneshot;

use super::closing::Closer;
use super::sound::{RATES, Sound};

/// Sounds that may wait; an answer is a handful of sentences.
const MOST_WAITING: usize = 32;
/// Longest that all of them may take, in seconds.
const MOST_SECONDS: f32 = 180.0;
/// A device that takes nothing for so long is lost.
const STALLED: Duration = Duration::from_secs(5);
/// The device stays open so long for what may follow: the next sentence.
const LINGER: Duration = Duration::from_millis(400);
/// How much the device is given at a time, per second: what is there is still heard when it is stopped.
const PERIODS_PER_SECOND: u32 = 25;
/// How long something is on its way from here over the loudspeaker's buffers and the room to the microphone's end.
const ECHO: Duration = Duration::from_millis(600);
/// Rates that are asked of a device before its own, in samples per second; first the voice's.
const LIKED: [u32; 2] = [48_000, 44_100];

/// Why something was not heard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlayError {
    /// There is no such device.
    #[error("there is no loudspeaker{}", .0.as_deref().map(|name| format!(" `{name}`")).unwrap_or_default())]
    NoDevice(Option<String>),
    /// It cannot be used.
    #[error("the loudspeaker cannot be used: {0}")]
    Failed(String),
    /// Too much is to be heard already.
    #[error("too much waits to be heard")]
    Busy,
    /// It was stopped.
    #[error("it was stopped")]
    Stopped,
}

/// Told when a sound was heard to its end, or why not.
pub type Played = oneshot::Receiver<Result<(), PlayError>>;

/// What is to be heard until the loudspeaker is next stopped. What is still being made of an answer when somebody stops
/// it belongs to a turn that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn(u64);

/// A sound and who waits for its end.
struct Job {
    sound: Sound,
    heard: oneshot::Sender<Result<(), PlayError>>,
    turn: Turn,
}

/// A loudspeaker. Clones share one queue.
#[derive(Debug, Clone)]
pub struct Loudspeaker {
    jobs: SyncSender<Job>,
    state: Arc<Mutex<State>>,
    given: Arc<Mutex<Given>>,
}

/// What waits and plays, as both sides see it.
#[derive(Debug, Default)]
struct State {
    /// How often it was stopped.
    n_stops: u64,
    /// Seconds that wait or play.
    seconds: f32,
}

/// How loud what the device was given in the last moments is: when, and the mean power, from 0 to 1.
type Given = VecDeque<(Instant, f32)>;

impl Loudspeaker {
    /// Starts the thread of a device: its name as ALSA has it or a part of its description; the system's own without.
    /// Whether there is such a device turns out when something is to be heard.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(device: Option<String>) -> std::io::Result<Self> {
        let (jobs, inbox) = mpsc::sync_channel(MOST_WAITING);
        let state = Arc::new(Mutex::new(State::default()));
        let given = Arc::new(Mutex::new(Given::new()));
        let (theirs, log) = (Arc::clone(&state), Arc::clone(&given));
        thread::Builder::new()
            .name("loudspeaker".to_owned())
            .spawn(move || work(&inbox, device.as_deref(), &theirs, &log))?;
        Ok(Self { jobs, state, given })
    }

    /// Plays a sound after those that wait.
    pub fn play(&self, sound: Sound) -> Played {
        self.play_in(self.turn(), sound)
    }

    /// The turn that lasts until it is next stopped.
    pub fn turn(&self) -> Turn {
        Turn(lock(&self.state).n_stops)
    }

    /// Plays a sound after those that wait, unless its turn is over.
    pub fn play_in(&self, turn: Turn, sound: Sound) -> Played {
        let (heard, told) = oneshot::channel();
        let seconds = sound.seconds();
        let mut state = lock(&self.state);
        let job = Job { sound, heard, turn };
        let refused = if state.seconds + seconds > MOST_SECONDS {
            Some((job, PlayError::Busy))
        } else {
            match self.jobs.try_send(job) {
                Ok(()) => {
                    state.seconds += seconds;
                    None
                }
                Err(TrySendError::Full(job)) => Some((job, PlayError::Busy)),
                Err(TrySendError::Disconnected(job)) => {
                    Some((job, PlayError::Failed("its thread has ended".to_owned())))
                }
            }
        };
        if let Some((job, why)) = refused {
            // Whoever does not listen does not mind.
            let _ = job.heard.send(Err(why));
        }
        told
    }

    /// Silence, at once: what plays ends, what waits is dropped.
    pub fn stop(&self) {
        lock(&self.state).n_stops += 1;
    }

    /// Whether something plays or waits.
    pub fn is_busy(&self) -> bool {
        lock(&self.state).seconds > 0.0
    }

    /// The mean power, from 0 to 1, of the loudest moment of what can be heard of it now, with the time that sound takes
    /// through the device, the room and a microphone.
    pub fn power(&self) -> f32 {
        let now = now();
        let given = lock(&self.given);
        let recent = given.iter().filter(|(at, _)| now.duration_since(*at) <= ECHO);
        recent.fold(0.0, |most, (_, power)| most.max(*power))
    }
}

fn note(given: &Mutex<Given>, power: f32) {
    let now = now();
    let mut given = lock(given);
    given.push_back((now, power));
    while given.front().is_some_and(|(at, _)| now.duration_since(*at) > ECHO) {
        given.pop_front();
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(
    inbox: &Receiver<Job>,
    device: Option<&str>,
    state: &Mutex<State>,
    given: &Arc<Mutex<Given>>,
) {
    let mut output: Option<Output> = None;
    let closer = Closer::default();
    let close = |output: &mut Option<Output>| {
        if let Some(output) = output.take() {
            closer.close(output);
        }
    };
    loop {
        let job = match &output {
            Some(_) => inbox.recv_timeout(LINGER),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match job {
            Ok(Job { sound, heard, turn }) => {
                let seconds = sound.seconds();
                let is_stopped = || lock(state).n_stops > turn.0;
                let open = || {
                    closer.may_open().map_err(PlayError::Failed)?;
                    Output::open(device, sound.rate(), given)
                };
                let result = hear(&sound, open, &mut output, &is_stopped);
                if result.is_err() {
                    // What the device still has is not to be heard, or it is broken.
                    close(&mut output);
                }
                let mut state = lock(state);
                state.seconds = (state.seconds - seconds).max(0.0);
                drop(state);
                let _ = heard.send(result);
            }
            Err(RecvTimeoutError::Timeout) => close(&mut output),
            Err(RecvTimeoutError::Disconnected) => return close(&mut output),
        }
    }
}

/// Plays one sound to its end.
fn hear(
    sound: &Sound,
    open: impl FnOnce() -> Result<Output, PlayError>,
    output: &mut Option<Output>,
    is_stopped: &dyn Fn() -> bool,
) -> Result<(), PlayError> {
    if is_stopped() {
        return Err(PlayError::Stopped);
    }
    let output = match output {
        Some(output) => output,
        None => output.insert(open()?),
    };
    output.feed(sound);
    let mut left = output.n_left();
    let mut moved_at = now();
    loop {
        thread_wait(Duration::from_millis(10));
        if is_stopped() {
            return Err(PlayError::Stopped);
        }
        let feed = lock(&output.feed);
        if let Some(why) = &feed.broken {
            return Err(PlayError::Failed(why.clone()));
        }
        if feed.samples.is_empty() {
            return Ok(());
        }
        if feed.samples.len() < left {
            left = feed.samples.len();
            moved_at = now();
        } else if moved_at.elapsed() > STALLED {
            return Err(PlayError::Failed("it takes no sound".to_owned()));
        }
    }
}

/// The thread of a loudspeaker is its own and waits by the real clock, as the device does.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

/// See [`now`].
#[allow(clippy::disallowed_methods)]
fn thread_wait(time: Duration) {
    thread::sleep(time);
}

/// An open device.
struct Output {
    /// Plays as long as it lives.
    _stream: cpal::Stream,
    feed: Arc<Mutex<Feed>>,
    /// Its rate; sounds of another one are made to fit.
    rate: u32,
}

/// What the device takes, sample by sample.
#[derive(Default)]
struct Feed {
    samples: VecDeque<i16>,
    broken: Option<String>,
}

impl Output {
    fn open(name: Option<&str>, rate: u32, given: &Arc<Mutex<Given>>) -> Result<Self, PlayError> {
        let device = find(name)?;
        let configs = device.supported_output_configs().map_err(|error| failed(&error))?;
        let (config, format) = choose(configs, rate)
            .ok_or_else(|| PlayError::Failed("it has no format that is known".to_owned()))?;
        let feed = Arc::default();
        let ends = (&feed, given);
        let stream = match format {
            SampleFormat::I16 => build::<i16>(&device, config, ends, |sample| sample),
            SampleFormat::I32 => {
                build::<i32>(&device, config, ends, |sample| i32::from(sample) << 16)
            }
            SampleFormat::F32 => {
                build::<f32>(&device, config, ends, |sample| f32::from(sample) / 32_768.0)
            }
            _ => build::<u8>(&device, config, ends, |sample| ((sample >> 8) + 128) as u8),
        };
        let stream = stream.map_err(|error| failed(&error))?;
        stream.play().map_err(|error| failed(&error))?;
        Ok(Self { _stream: stream, feed, rate: config.sample_rate })
    }

    fn feed(&self, sound: &Sound) {
        let samples = sound.at_rate(self.rate);
        lock(&self.feed).samples.extend(samples);
    }

    fn n_left(&self) -> usize {
        lock(&self.feed).samples.len()
    }
}

fn failed(error: &cpal::Error) -> PlayError {
    PlayError::Failed(error.to_string())
}

/// The device of this name; else the first whose name or description has it in it.
fn find(name: Option<&str>) -> Result<cpal::Device, PlayError> {
    let none = || PlayError::NoDevice(name.map(str::to_owned));
    let host = cpal::default_host();
    let Some(wanted) = name else { return host.default_output_device().ok_or_else(none) };
    let devices: Vec<_> = host.output_devices().map_err(|error| failed(&error))?.collect();
    let is_it = |device: &&cpal::Device| device.id().is_ok_and(|id| id.id() == wanted);
    let wanted = wanted.to_lowercase();
    let has_it = |device: &&cpal::Device| {
        let id = device.id().is_ok_and(|id| id.id().to_lowercase().contains(&wanted));
        id || device.to_string().to_lowercase().contains(&wanted)
    };
    let found = devices.iter().find(is_it).or_else(|| devices.iter().find(has_it));
    found.cloned().ok_or_else(none)
}

/// The way of a device that costs least: the sound's own rate if it has it, few channels, whole numbers.
fn choose(
    configs: impl Iterator<Item = SupportedStreamConfigRange>,
    rate: u32,
) -> Option<(StreamConfig, SampleFormat)> {
    let formats = [SampleFormat::I16, SampleFormat::I32, SampleFormat::F32, SampleFormat::U8];
    let rank = |config: &SupportedStreamConfigRange| {
        let format = formats.iter().position(|format| *format == config.sample_format())?;
        let range = config.min_sample_rate()..=config.max_sample_rate();
        let rates: Vec<u32> =
            std::iter::once(rate).chain(LIKED).filter(|rate| range.contains(rate)).collect();
        let rate = rates.first().copied().unwrap_or(*range.start().max(RATES.start()));
        let n_misses = 3 - rates.len();
        (RATES.contains(&rate)).then_some(((format, n_misses, config.channels()), rate))
    };
    let best = configs.filter_map(|config| Some((rank(&config)?, config)));
    let ((_, rate), config) = best.min_by_key(|((rank, _), _)| *rank)?;
    let period = BufferSize::Fixed(rate / PERIODS_PER_SECOND);
    let found =
        StreamConfig { channels: config.channels(), sample_rate: rate, buffer_size: period };
    Some((found, config.sample_format()))
}

/// A stream that gives each sample to all channels, and silence when there is none.
fn build<S: SizedSample + Send + 'static>(
    device: &cpal::Device,
    config: StreamConfig,
    (feed, given): (&Arc<Mutex<Feed>>, &Arc<Mutex<Given>>),
    convert: impl Fn(i16) -> S + Send + 'static,
) -> Result<cpal::Stream, cpal::Error> {
    let channels = usize::from(config.channels.max(1));
    let (taken, told, given) = (Arc::clone(feed), Arc::clone(feed), Arc::clone(given));
    device.build_output_stream(
        config,
        move |frames: &mut [S], _| {
            let (mut power, mut n) = (0.0, 0.0);
            let mut feed = lock(&taken);
            for frame in frames.chunks_mut(channels) {
                let sample = feed.samples.pop_front().unwrap_or(0);
                power += (f32::from(sample) / 32_768.0).powi(2);
                n += 1.0;
                frame.fill(convert(sample));
            }
            drop(feed);
            note(&given, power / f32::max(n, 1.0));
        },
        // After an underrun it goes on by itself.
        move |error: cpal::Error| {
            if error.kind() != cpal::ErrorKind::Xrun {
                lock(&told).broken.get_or_insert_with(|| error.to_string());
            }
        },
        Some(Duration::from_secs(1)),
    )
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use super::*;

    /// Set for the run of these tests that has a sound card of ours.
    const INSIDE: &str = "HOMARD_TEST_SOUND";

    /// Runs one of the tests below again, in a process whose ALSA writes what is played into a file: `type file` of
    /// alsa-lib, through a program that takes it a few times faster than a loudspeaker would.
    fn with_sound_card(test: &str) -> Option<Vec<i16>> {
        let folder =
            std::env::temp_dir().join(format!("homard-sound-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let played = folder.join("played.raw");
        let configuration = folder.join("asound.conf");
        let text = format!(
            "</usr/share/alsa/alsa.conf>\n\
             pcm.card {{ type file slave.pcm null format raw file \"| {pace} {played}\" }}\n\
             pcm.!default {{ type plug slave {{ pcm card rate 48000 channels 2 format S16_LE }} }}\n",
            pace = pace(&folder).display(),
            played = played.display(),
        );
        std::fs::write(&configuration, text).unwrap();
        let run = Command::new(std::env::current_exe().unwrap())
            .args([&format!("speech::play::tests::{test}"), "--exact", "--nocapture"])
            .env("ALSA_CONFIG_PATH", &configuration)
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let said = [run.stdout.as_slice(), run.stderr.as_slice()].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(run.status.success(), "{said}");
        let bytes = std::fs::read(&played).unwrap_or_default();
        let _ = std::fs::remove_dir_all(&folder);
        // Two channels.
        let samples = crate::speech::sound::samples(&bytes);
        assert!(samples.chunks_exact(2).all(|frame| frame[0] == frame[1]), "channels differ");
        Some(samples.chunks_exact(2).map(|frame| frame[0]).collect())
    }

    /// A loudspeaker takes its time; the null device of ALSA does not.
    fn pace(folder: &Path) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.join("pace");
        let script = "#!/bin/sh\nexec >>\"$1\"\nwhile dd bs=38400 count=1 iflag=fullblock 2>/dev/null >\"$1.part\" \
                      && [ -s \"$1.part\" ]; do cat \"$1.part\"; sleep 0.05; done\n";
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn is_inside() -> bool {
        std::env::var_os(INSIDE).is_some()
    }

    fn tone(seconds: f32, rate: u32) -> Sound {
        let n = (seconds * rate as f32) as u32;
        let turn = std::f32::consts::TAU * 440.0 / rate as f32;
        let samples = (0..n).map(|at| ((at as f32 * turn).sin() * 8_000.0) as i16).collect();
        Sound::new(samples, rate).unwrap()
    }

    /// How often a sound goes up through zero. What a converter of rates adds to silence does not count.
    fn cycles(samples: &[i16]) -> usize {
        let loud: Vec<i16> = samples.iter().copied().filter(|s| s.unsigned_abs() > 200).collect();
        loud.windows(2).filter(|two| two[0] < 0 && two[1] >= 0).count()
    }

    #[tokio::test]
    async fn sounds_are_heard_whole_and_in_order_by_the_real_device() {
        if is_inside() {
            let loudspeaker = Loudspeaker::start(None).unwrap();
            let first = loudspeaker.play(tone(1.0, 22_050));
            let second = loudspeaker.play(tone(0.5, 16_000));
            assert!(loudspeaker.is_busy());
            assert_eq!(first.await.unwrap(), Ok(()));
            assert_eq!(second.await.unwrap(), Ok(()));
            assert!(!loudspeaker.is_busy());
            // What the device has is played out before it is closed.
            tokio::time::sleep(Duration::from_secs(1)).await;
            return;
        }
        let Some(played) =
            with_sound_card("sounds_are_heard_whole_and_in_order_by_the_real_device")
        else {
            return;
        };
        let heard = cycles(&played);
        assert!((645..=675).contains(&heard), "{heard} cycles instead of 660");
        let loudest = played.iter().map(|sample| sample.unsigned_abs()).max();
        assert!(loudest.is_some_and(|loudest| (7_600..=8_400).contains(&loudest)), "{loudest:?}");
    }

    #[tokio::test]
    async fn a_voice_is_stopped_at_once() {
        if is_inside() {
            let loudspeaker = Loudspeaker::start(None).unwrap();
            let turn = loudspeaker.turn();
            let first = loudspeaker.play(tone(60.0, 22_050));
            let second = loudspeaker.play(tone(60.0, 22_050));
            tokio::time::sleep(Duration::from_millis(700)).await;
            loudspeaker.stop();
            assert_eq!(first.await.unwrap(), Err(PlayError::Stopped));
            assert_eq!(second.await.unwrap(), Err(PlayError::Stopped));
            assert!(!loudspeaker.is_busy());
            // The next sentence of what was stopped is not heard; what comes after the stop is.
            let late = loudspeaker.play_in(turn, tone(1.0, 22_050));
            assert_eq!(late.await.unwrap(), Err(PlayError::Stopped));
            assert_eq!(loudspeaker.play(Sound::tone()).await.unwrap(), Ok(()));
            assert!(loudspeaker.power() > 1e-4, "{}", loudspeaker.power());
            tokio::time::sleep(ECHO * 2).await;
            assert_eq!(loudspeaker.power(), 0.0);
            return;
        }
        let Some(played) = with_sound_card("a_voice_is_stopped_at_once") else { return };
        let seconds = played.len() as f32 / 48_000.0;
        assert!((0.1..20.0).contains(&seconds), "{seconds} s of 120 s were played");
    }

    #[tokio::test]
    async fn what_cannot_be_heard_says_why() {
        let missing = Loudspeaker::start(Some("no such device".to_owned())).unwrap();
        let error = missing.play(tone(0.1, 22_050)).await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "there is no loudspeaker `no such device`");
        let waiting: Vec<_> = (0..4).map(|_| missing.play(tone(60.0, 8_000))).collect();
        let last = waiting.into_iter().next_back().unwrap().await.unwrap();
        assert!(matches!(last, Err(PlayError::Busy | PlayError::NoDevice(_))), "{last:?}");
    }

    #[test]
    fn the_way_of_a_device_that_costs_least_is_chosen() {
        let config = |channels, (least, most), format| {
            let size = cpal::SupportedBufferSize::Unknown;
            SupportedStreamConfigRange::new(channels, least, most, size, format)
        };
        let check = |configs: &[SupportedStreamConfigRange], expected| {
            let found = choose(configs.iter().copied(), 22_050);
            let found = found.map(|(config, format)| (config.channels, config.sample_rate, format));
            assert_eq!(found, expected);
        };
        use SampleFormat::{F32, F64, I16, I32};
        check(
            &[
                config(2, (4_000, 192_000), F32),
                config(2, (4_000, 192_000), I16),
                config(1, (4_000, 192_000), I16),
            ],
            Some((1, 22_050, I16)),
        );
        check(&[config(2, (44_100, 48_000), I32)], Some((2, 48_000, I32)));
        check(&[config(8, (96_000, 96_000), F32)], Some((8, 96_000, F32)));
        check(&[config(2, (48_000, 48_000), F64)], None);
        check(&[], None);
    }
}
