//! WAV files.

use std::io::Cursor;

use hound::{SampleFormat, WavReader};

use super::clip::{Clip, ClipError, MAX_SECONDS, RATE};

/// More than any microphone array has.
const MAX_CHANNELS: u16 = 32;

/// Reads a file; its channels become one. A file whose head promises more than is there is read as far as it goes, as
/// recorders that are stopped hard leave such files.
pub(super) fn read(bytes: &[u8]) -> Result<Clip, ClipError> {
    let mut reader = WavReader::new(Cursor::new(bytes)).map_err(told)?;
    let hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format } = reader.spec();
    if channels == 0 || channels > MAX_CHANNELS {
        return Err(ClipError::Unsupported(format!("{channels} channels")));
    }
    if sample_rate == 0 {
        return Err(ClipError::Unsupported("0 samples per second".to_owned()));
    }
    let most = u64::from(sample_rate) * u64::from(MAX_SECONDS);
    let n_there = bytes.len() as u64 * 8 / u64::from(bits_per_sample.max(1)) / u64::from(channels);
    if u64::from(reader.duration()).min(n_there) > most {
        return Err(ClipError::TooLong);
    }
    let samples: Vec<f32> = match sample_format {
        SampleFormat::Float => until_cut(reader.samples::<f32>()),
        SampleFormat::Int => {
            let scale = 1.0 / (1_u64 << (bits_per_sample.clamp(1, 32) - 1)) as f32;
            let values = until_cut(reader.samples::<i32>());
            values.into_iter().map(|value| value as f32 * scale).collect()
        }
    };
    let channels = usize::from(channels);
    let mix = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
    Clip::new(samples.chunks_exact(channels).map(mix).collect(), sample_rate)
}

/// A file of one channel, 16 bits.
pub(super) fn write(clip: &Clip) -> Vec<u8> {
    let sample = |sample: &f32| (sample * f32::from(i16::MAX)) as i16;
    file(RATE, &clip.samples().iter().map(sample).collect::<Vec<_>>())
}

/// The same of samples of another rate.
pub(super) fn file(rate: u32, samples: &[i16]) -> Vec<u8> {
    const HEAD: usize = 44;
    let n = samples.len() * 2;
    let word = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = Vec::with_capacity(HEAD + n);
    bytes.extend(b"RIFF");
    bytes.extend(word(HEAD - 8 + n));
    bytes.extend(b"WAVEfmt ");
    bytes.extend(word(16));
    // Plain samples; one channel.
    bytes.extend([1, 0, 1, 0]);
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * 2).to_le_bytes());
    // Bytes and bits of a sample.
    bytes.extend([2, 0, 16, 0]);
    bytes.extend(b"data");
    bytes.extend(word(n));
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

/// Samples up to the first that cannot be read.
fn until_cut<S>(samples: impl Iterator<Item = hound::Result<S>>) -> Vec<S> {
    samples.map_while(Result::ok).collect()
}

fn told(error: hound::Error) -> ClipError {
    match error {
        hound::Error::Unsupported => ClipError::Unsupported("an unusual form of WAV".to_owned()),
        other => ClipError::Damaged(other.to_string()),
    }
}
