//! A recording as the recogniser wants it: one channel, 16,000 samples a second.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters, WindowFunction};

use super::{ogg, wav};

/// Samples per second.
pub const RATE: u32 = 16_000;
/// Longest recording that is listened to, in seconds: what is longer is no command.
pub(super) const MAX_SECONDS: u32 = 60;
/// Rates that a sound card may have, in samples per second.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;
/// Samples that are resampled at once.
const CHUNK: usize = 1024;
/// Taps of the filter: more than enough for speech.
const TAPS: usize = 64;

/// Samples between -1 and 1, one channel, [`RATE`].
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    samples: Vec<f32>,
}

/// A recording that cannot be listened to.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ClipError {
    /// It is neither WAV nor Ogg.
    #[error("this is no recording that is known; WAV and Ogg with Opus are")]
    Unknown,
    /// It says it is one and is not, or is cut off.
    #[error("the recording is damaged: {0}")]
    Damaged(String),
    /// It is one of a kind that is not read.
    #[error("recordings of this kind are not read: {0}")]
    Unsupported(String),
    /// Nothing is in it.
    #[error("the recording is empty")]
    Empty,
    /// Longer than anything one says to a house.
    #[error("the recording is longer than {MAX_SECONDS} seconds")]
    TooLong,
}

impl Clip {
    /// Reads a recording: WAV with 8 to 32 bits or floating point, any rate, up to 32 channels; or Ogg with Opus.
    ///
    /// # Errors
    /// When it is none of these, damaged, empty, or longer than a minute.
    pub fn read(bytes: &[u8]) -> Result<Self, ClipError> {
        match bytes {
            [b'R', b'I', b'F', b'F', ..] => wav::read(bytes),
            [b'O', b'g', b'g', b'S', ..] => ogg::read(bytes),
            [] => Err(ClipError::Empty),
            _ => Err(ClipError::Unknown),
        }
    }

    /// A recording of one channel with `rate` samples per second. What is no number becomes silence.
    ///
    /// # Errors
    /// When it is empty, longer than a minute, or the rate is none of a sound card's.
    pub fn new(mut samples: Vec<f32>, rate: u32) -> Result<Self, ClipError> {
        if !RATES.contains(&rate) {
            return Err(ClipError::Unsupported(format!("{rate} samples per second")));
        }
        if samples.is_empty() {
            return Err(ClipError::Empty);
        }
        if samples.len() as u64 > u64::from(rate) * u64::from(MAX_SECONDS) {
            return Err(ClipError::TooLong);
        }
        for sample in &mut samples {
            *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        }
        if rate == RATE {
            return Ok(Self { samples });
        }
        let failed =
            |error: String| ClipError::Unsupported(format!("{rate} samples per second: {error}"));
        let filter = SincInterpolationParameters::new(TAPS, WindowFunction::BlackmanHarris2);
        let ratio = f64::from(RATE) / f64::from(rate);
        let mut resampler = Async::new_sinc(ratio, 1.0, &filter, CHUNK, 1, FixedAsync::Input)
            .map_err(|error| failed(error.to_string()))?;
        let input = InterleavedSlice::new(&samples, 1, samples.len())
            .map_err(|error| failed(error.to_string()))?;
        let output = resampler
            .process_all(&input, samples.len(), None)
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { samples: output.take_data() })
    }

    /// As a WAV file of 16 bits.
    pub fn to_wav(&self) -> Vec<u8> {
        wav::write(self)
    }

    /// The samples.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// How long it is, in seconds.
    pub fn seconds(&self) -> f32 {
        self.samples.len() as f32 / RATE as f32
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use hound::{SampleFormat, WavSpec, WavWriter};

    use super::*;

    /// A second of a tone of 440 Hz, half as loud as can be.
    fn tone(rate: u32) -> Vec<f32> {
        let turn = 2.0 * std::f32::consts::PI * 440.0 / rate as f32;
        (0..rate).map(|at| (at as f32 * turn).sin() * 0.5).collect()
    }

    fn wav(rate: u32, channels: u16, bits: u16) -> Vec<u8> {
        let sample_format = if bits == 32 { SampleFormat::Float } else { SampleFormat::Int };
        let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format };
        let mut file = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut file, spec).unwrap();
        for sample in tone(rate) {
            for _ in 0..channels {
                match bits {
                    32 => writer.write_sample(sample).unwrap(),
                    _ => {
                        let full = (1_i64 << (bits - 1)) as f32;
                        writer.write_sample((sample * full) as i32).unwrap();
                    }
                }
            }
        }
        writer.finalize().unwrap();
        file.into_inner()
    }

    /// How often the sound goes up through zero.
    fn cycles(clip: &Clip) -> usize {
        clip.samples().windows(2).filter(|two| two[0] < 0.0 && two[1] >= 0.0).count()
    }

    #[test]
    fn whatever_a_sound_card_gives_becomes_one_channel_of_16_khz() {
        for (rate, channels, bits) in
            [(16_000, 1, 16), (8_000, 1, 8), (44_100, 2, 16), (96_000, 10, 24), (48_000, 2, 32)]
        {
            let clip = Clip::read(&wav(rate, channels, bits)).unwrap();
            let case = format!("{rate} Hz, {channels} channels, {bits} bits");
            assert!((clip.seconds() - 1.0).abs() < 0.01, "{case}: {} s", clip.seconds());
            assert!((435..=445).contains(&cycles(&clip)), "{case}: {} cycles", cycles(&clip));
            let loudest =
                clip.samples().iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
            assert!((0.45..0.56).contains(&loudest), "{case}: {loudest}");
        }
    }

    #[test]
    fn what_is_no_recording_is_refused_and_what_is_cut_off_is_heard_as_far_as_it_goes() {
        let check = |bytes: &[u8], expected: &str| {
            let error = Clip::read(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(b"", "empty");
        check(b"ID3 some music", "no recording that is known");
        check(b"RIFF", "damaged");
        check(b"OggS nonsense", "");
        check(&wav(16_000, 1, 16)[..44], "empty");
        check(&wav(16_000, 33, 16), "33 channels");
        let whole = wav(16_000, 1, 16);
        let clip = Clip::read(&whole).unwrap();
        let again = Clip::read(&clip.to_wav()).unwrap();
        assert_eq!(again.samples().len(), clip.samples().len());
        let pairs = again.samples().iter().zip(clip.samples());
        assert!(pairs.into_iter().all(|(one, other)| (one - other).abs() < 1e-3));
        let half = Clip::read(&whole[..whole.len() / 2]).unwrap();
        assert!((half.seconds() - 0.5).abs() < 0.01, "{}", half.seconds());
        let long = Clip::new(vec![0.0; 61 * 16_000], RATE).unwrap_err();
        assert_eq!(long, ClipError::TooLong);
        let strange = Clip::new(vec![f32::NAN, f32::INFINITY, -7.0], RATE).unwrap();
        assert_eq!(strange.samples(), [0.0, 0.0, -1.0]);
    }
}
