//! The microphone: what the sound card gives, of whatever kind, as 16,000 samples a second of one channel.
//!
//! A thread opens the device, opens it again when it is pulled out and put back, and hands on what it hears. Nothing is
//! kept but what the next stage has not taken yet, and of that only so much. Nothing is written anywhere.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::thread;
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    BufferSize, Device, ErrorKind, FromSample, SampleFormat, SizedSample, Stream, StreamConfig,
    SupportedStreamConfig,
};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters, WindowFunction};
use tokio::sync::watch;
use tracing::{info, warn};

use super::clip::RATE;
use super::closing::Closer;

/// How often a card gives what it has.
const PIECES_PER_SECOND: u32 = 25;
/// Pieces that wait to be taken.
const MOST_WAITING: usize = 64;
/// A device that gives nothing for so long is gone, even if it does not say so.
const SILENT: Duration = Duration::from_secs(3);
/// The first and the longest wait before it is tried again.
const SOON: Duration = Duration::from_secs(1);
const LATE: Duration = Duration::from_secs(30);
/// How soon it stops when it is told to while nothing is heard.
const STEP: Duration = Duration::from_millis(100);
/// How long its end is waited for: a driver may hang.
const FAREWELL: Duration = Duration::from_secs(1);
/// Samples that are resampled at once, and the taps of the filter.
const CHUNK: usize = 480;
const TAPS: usize = 64;

/// Which microphone, and how it is heard.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Source {
    /// The device as ALSA names it (`plughw:CARD=Device,DEV=0`), or a part of its description; the system's default
    /// where there is none.
    pub device: Option<String>,
    /// Made louder by so much, in dB.
    pub gain: f32,
}

/// How the microphone is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is about to be opened.
    Opening,
    /// It listens: to which device, in its words, with so many samples a second and channels.
    Listening {
        /// The device.
        device: String,
        /// Samples per second.
        rate: u32,
        /// Channels.
        channels: u16,
    },
    /// It cannot be heard, and why; it is tried again.
    Missing(String),
}

/// A microphone that is listened to, until this is dropped.
#[derive(Debug)]
pub struct Microphone {
    state: watch::Receiver<State>,
    /// Gone when it is to end.
    wanted: Option<SyncSender<()>>,
    /// Gone when it has ended.
    alive: Receiver<()>,
}

/// What reaches the thread from the sound card.
enum Piece {
    Samples(Vec<f32>),
    Broken(String),
}

impl Microphone {
    /// Listens, on a thread of its own. `hear` gets what is heard, [`RATE`] samples a second between -1 and 1, in pieces
    /// of some 10 to 100 milliseconds; while it takes longer than a second for one, what comes is lost. It is called with
    /// nothing when the device is gone, as what comes then does not continue what came before.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn listen(
        source: Source,
        hear: impl FnMut(&[f32]) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (shown, state) = watch::channel(State::Opening);
        let (wanted, unwanted) = mpsc::sync_channel(0);
        let (lives, alive) = mpsc::sync_channel(0);
        thread::Builder::new().name("microphone".to_owned()).spawn(move || {
            keep_listening(&source, &shown, &unwanted, hear);
            drop(lives);
        })?;
        Ok(Self { state, wanted: Some(wanted), alive })
    }

    /// How it is now.
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// To learn when that changes.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.clone()
    }
}

impl Drop for Microphone {
    fn drop(&mut self) {
        self.wanted = None;
        // A panic there was told by the thread itself.
        let _ = self.alive.recv_timeout(FAREWELL);
    }
}

fn keep_listening(
    source: &Source,
    state: &watch::Sender<State>,
    unwanted: &Receiver<()>,
    mut hear: impl FnMut(&[f32]),
) {
    let mut wait = SOON;
    let mut is_told = false;
    let closer = Closer::default();
    loop {
        let why = match closer.may_open().and_then(|()| open(source)) {
            Ok(opened) => {
                let Opened { device, rate, channels, .. } = &opened;
                info!(%device, rate, channels, "The microphone listens.");
                state.send_replace(State::Listening {
                    device: device.clone(),
                    rate: *rate,
                    channels: *channels,
                });
                (wait, is_told) = (SOON, false);
                let Opened { pieces, rate, stream, .. } = opened;
                let why = pass_on(source, (&pieces, rate), unwanted, &mut hear);
                closer.close(stream);
                hear(&[]);
                why
            }
            Err(why) => Some(why),
        };
        let Some(why) = why else { return };
        if !is_told {
            warn!(%why, "The microphone cannot be heard; it is tried again.");
            is_told = true;
        }
        state.send_replace(State::Missing(why));
        if unwanted.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        wait = (wait * 2).min(LATE);
    }
}

/// Hands on what is heard until the device is gone, and says why; nothing when it is not wanted any more.
fn pass_on(
    source: &Source,
    (pieces, rate): (&Receiver<Piece>, u32),
    unwanted: &Receiver<()>,
    hear: &mut impl FnMut(&[f32]),
) -> Option<String> {
    let mut converter = match Converter::new(rate, source.gain) {
        Ok(converter) => converter,
        Err(why) => return Some(why),
    };
    let mut silent = Duration::ZERO;
    loop {
        match pieces.recv_timeout(STEP) {
            Ok(Piece::Samples(samples)) => {
                silent = Duration::ZERO;
                match converter.convert(&samples) {
                    Ok([]) => {}
                    Ok(heard) => hear(heard),
                    Err(why) => return Some(why),
                }
            }
            Ok(Piece::Broken(why)) => return Some(why),
            Err(RecvTimeoutError::Timeout) if silent < SILENT => silent += STEP,
            Err(_) => return Some("it gives no sound".to_owned()),
        }
        if unwanted.try_recv() == Err(mpsc::TryRecvError::Disconnected) {
            return None;
        }
    }
}

/// A device that gives sound.
struct Opened {
    device: String,
    rate: u32,
    channels: u16,
    pieces: Receiver<Piece>,
    /// It gives sound as long as this lives.
    stream: Stream,
}

fn open(source: &Source) -> Result<Opened, String> {
    let device = find(source.device.as_deref())?;
    let name = name(&device);
    let failed = |error: cpal::Error| match error.kind() {
        ErrorKind::PermissionDenied => {
            format!("{name}: {error}; is the user in the group `audio`?")
        }
        _ => format!("{name}: {error}"),
    };
    let config = choose(&device).map_err(failed)?;
    let (sender, pieces) = mpsc::sync_channel(MOST_WAITING);
    let build = match config.sample_format() {
        SampleFormat::I16 => build::<i16>,
        SampleFormat::I32 => build::<i32>,
        SampleFormat::U8 => build::<u8>,
        SampleFormat::F32 => build::<f32>,
        other => return Err(format!("{name}: samples of the kind {other} are not read")),
    };
    let mut wanted = config.config();
    // What a device chooses by itself may be a second long.
    wanted.buffer_size = BufferSize::Fixed(config.sample_rate() / PIECES_PER_SECOND);
    let stream = build(&device, wanted, sender.clone()).or_else(|_| {
        wanted.buffer_size = BufferSize::Default;
        build(&device, wanted, sender)
    });
    let stream = stream.map_err(failed)?;
    stream.play().map_err(failed)?;
    Ok(Opened {
        rate: config.sample_rate(),
        channels: config.channels(),
        pieces,
        stream,
        device: name,
    })
}

/// The device of this name, or that says it of itself; without a name the system's default.
fn find(wanted: Option<&str>) -> Result<Device, String> {
    let host = cpal::default_host();
    let Some(wanted) = wanted else {
        return host.default_input_device().ok_or_else(|| "there is no microphone".to_owned());
    };
    let devices: Vec<Device> = host.input_devices().map_err(|error| error.to_string())?.collect();
    let is_id = |device: &&Device| device.id().is_ok_and(|id| id.id() == wanted);
    let lower = wanted.to_lowercase();
    let says_it = |device: &&Device| {
        device.description().is_ok_and(|about| about.to_string().to_lowercase().contains(&lower))
    };
    let found = devices.iter().find(is_id).or_else(|| devices.iter().find(says_it));
    found.cloned().ok_or_else(|| {
        let there: Vec<String> = devices.iter().map(name).collect();
        match there.as_slice() {
            [] => format!("there is no microphone `{wanted}`, and no other"),
            _ => format!("there is no microphone `{wanted}`; there are: {}", there.join(", ")),
        }
    })
}

fn name(device: &Device) -> String {
    device.id().map_or_else(|_| "a microphone".to_owned(), |id| id.id().to_owned())
}

/// The microphones of this machine, as they can be named.
pub fn microphones() -> Vec<String> {
    let devices = cpal::default_host().input_devices();
    devices.map(|devices| devices.map(|device| name(&device)).collect()).unwrap_or_default()
}

/// The rate of recognition if the hardware has it. A virtual device claims every rate and converts badly to most, so
/// that it is asked for its usual one.
fn choose(device: &Device) -> Result<SupportedStreamConfig, cpal::Error> {
    const KINDS: [SampleFormat; 4] =
        [SampleFormat::I16, SampleFormat::F32, SampleFormat::I32, SampleFormat::U8];
    let usual = device.default_input_config()?;
    let rank = |format: SampleFormat| KINDS.iter().position(|kind| *kind == format);
    let ranges = device.supported_input_configs()?;
    let best = ranges
        .filter(|range| rank(range.sample_format()).is_some())
        .min_by_key(|range| (range.channels(), rank(range.sample_format())));
    let Some(best) = best else { return Ok(usual) };
    let rates = best.min_sample_rate()..=best.max_sample_rate();
    let is_hardware = device.id().is_ok_and(|id| id.id().starts_with("hw:"));
    let preferred = if is_hardware { [RATE, 48_000, 44_100] } else { [48_000, 44_100, RATE] };
    let rate = preferred.into_iter().find(|rate| rates.contains(rate));
    Ok(best.with_sample_rate(rate.unwrap_or(*rates.start())))
}

fn build<T>(
    device: &Device,
    config: StreamConfig,
    pieces: SyncSender<Piece>,
) -> Result<Stream, cpal::Error>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels.max(1));
    let errors = pieces.clone();
    device.build_input_stream(
        config,
        move |samples: &[T], _| {
            let mix = |frame: &[T]| {
                let sum: f32 = frame.iter().map(|sample| f32::from_sample_(*sample)).sum();
                sum / channels as f32
            };
            let mixed = samples.chunks_exact(channels).map(mix).collect();
            // The sound card does not wait: who is too slow misses some.
            let _ = pieces.try_send(Piece::Samples(mixed));
        },
        move |error: cpal::Error| {
            // What was missed while the machine was busy is no reason to begin anew.
            let is_harmless = matches!(
                error.kind(),
                ErrorKind::Xrun | ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged
            );
            if !is_harmless
                && let Err(TrySendError::Full(_)) =
                    errors.try_send(Piece::Broken(error.to_string()))
            {
                // It falls silent then, which is noticed too.
            }
        },
        Some(STEP),
    )
}

/// One channel of any rate to [`RATE`], piece by piece.
struct Converter {
    gain: f32,
    /// None where the rate is right.
    resampler: Option<Async<f32>>,
    /// What is no whole chunk yet.
    rest: Vec<f32>,
    heard: Vec<f32>,
}

impl Converter {
    /// For pieces of `rate` samples a second, made louder by `gain` dB.
    fn new(rate: u32, gain: f32) -> Result<Self, String> {
        let filter = SincInterpolationParameters::new(TAPS, WindowFunction::BlackmanHarris2);
        let ratio = f64::from(RATE) / f64::from(rate);
        let resampler = match rate {
            RATE => None,
            _ => Some(
                Async::new_sinc(ratio, 1.0, &filter, CHUNK, 1, FixedAsync::Input)
                    .map_err(|error| format!("{rate} samples per second: {error}"))?,
            ),
        };
        let gain = 10.0_f32.powf(gain / 20.0);
        Ok(Self { gain, resampler, rest: Vec::new(), heard: Vec::new() })
    }

    /// What can be said so far; the rest comes with the next piece.
    fn convert(&mut self, samples: &[f32]) -> Result<&[f32], String> {
        let louder = samples.iter().map(|sample| {
            let louder = sample * self.gain;
            if louder.is_finite() { louder.clamp(-1.0, 1.0) } else { 0.0 }
        });
        self.heard.clear();
        let Some(resampler) = &mut self.resampler else {
            self.heard.extend(louder);
            return Ok(&self.heard);
        };
        self.rest.extend(louder);
        let n_whole = self.rest.len() / CHUNK * CHUNK;
        for chunk in self.rest[..n_whole].chunks_exact(CHUNK) {
            let input =
                InterleavedSlice::new(chunk, 1, CHUNK).map_err(|error| error.to_string())?;
            let output = resampler.process(&input, None).map_err(|error| error.to_string())?;
            self.heard.extend_from_slice(&output.take_data());
        }
        self.rest.drain(..n_whole);
        Ok(&self.heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_rate_becomes_ours_also_in_pieces_of_odd_lengths() {
        for rate in [8_000, 16_000, 22_050, 44_100, 48_000, 96_000] {
            let turn = 2.0 * std::f32::consts::PI * 440.0 / rate as f32;
            let tone: Vec<f32> = (0..rate).map(|at| (at as f32 * turn).sin() * 0.25).collect();
            // Twice as loud.
            let mut converter = Converter::new(rate, 6.02).unwrap();
            let mut heard = Vec::new();
            for piece in tone.chunks(777) {
                heard.extend_from_slice(converter.convert(piece).unwrap());
            }
            // The end of it waits for more.
            assert!((15_000..=16_000).contains(&heard.len()), "{rate}: {}", heard.len());
            // What rings before the tone begins is no part of it.
            let heard = &heard[500..];
            let cycles = heard.windows(2).filter(|two| two[0] < 0.0 && two[1] >= 0.0).count();
            let expected = heard.len() * 440 / 16_000;
            assert!(cycles.abs_diff(expected) <= 3, "{rate}: {cycles} for {expected}");
            let loudest = heard.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
            assert!((0.47..0.53).contains(&loudest), "{rate}: {loudest}");
        }
        let mut converter = Converter::new(RATE, 40.0).unwrap();
        assert_eq!(converter.convert(&[f32::NAN, 0.5, -0.001]).unwrap(), [0.0, 1.0, -0.1]);
    }
}
