//! What is to be heard: samples of one channel, as a voice makes them and a loudspeaker wants them.

/// Rates that a loudspeaker or an engine may have, in samples per second.
pub(super) const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// Full volume, in percent.
pub const FULL_VOLUME: u8 = 100;

/// A piece of sound: one channel, 16 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    samples: Vec<i16>,
    rate: u32,
}

/// Sound that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SoundError {
    /// It is no WAV of 16 bits and one channel.
    #[error("it is no sound of one channel with 16 bits")]
    Unknown,
    /// Its rate is no loudspeaker's.
    #[error("{0} samples per second are none of a loudspeaker")]
    Rate(u32),
}

impl Sound {
    /// Samples that are to be heard at `rate` per second.
    ///
    /// # Errors
    /// When no loudspeaker has that rate.
    pub fn new(samples: Vec<i16>, rate: u32) -> Result<Self, SoundError> {
        if !RATES.contains(&rate) {
            return Err(SoundError::Rate(rate));
        }
        Ok(Self { samples, rate })
    }

    /// Samples as bytes, little end first; half a sample at the end is none.
    ///
    /// # Errors
    /// When no loudspeaker has that rate.
    pub fn from_bytes(bytes: &[u8], rate: u32) -> Result<Self, SoundError> {
        Self::new(samples(bytes), rate)
    }

    /// A WAV as a program writes it into a pipe: the lengths in its head are not known when the head is written, so they
    /// are not believed.
    ///
    /// # Errors
    /// When it is anything but one channel of 16 bits.
    pub(super) fn from_piped_wav(bytes: &[u8]) -> Result<Self, SoundError> {
        let unknown = SoundError::Unknown;
        let rest = bytes.strip_prefix(b"RIFF").ok_or(unknown)?;
        let mut rest = rest.get(4..).and_then(|rest| rest.strip_prefix(b"WAVE")).ok_or(unknown)?;
        let mut rate = None;
        loop {
            let (head, body) = rest.split_at_checked(8).ok_or(unknown)?;
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            if &head[..4] == b"data" {
                let samples = samples(body);
                return Self::new(samples, rate.ok_or(unknown)?);
            }
            let chunk = body.get(..length).ok_or(unknown)?;
            if &head[..4] == b"fmt " {
                let (kind, format) = chunk.split_at_checked(4).ok_or(unknown)?;
                let bits = format.get(10..12).ok_or(unknown)?;
                if kind != [1, 0, 1, 0] || bits != [16, 0] {
                    return Err(unknown);
                }
                rate = Some(u32::from_le_bytes([format[0], format[1], format[2], format[3]]));
            }
            rest = &body[length..];
        }
    }

    /// The same at another volume, in percent.
    pub fn at(mut self, volume: u8) -> Self {
        if volume < FULL_VOLUME {
            // Loudness is heard by its logarithm: the square is near enough to it that half sounds like half.
            let gain = (f32::from(volume) / f32::from(FULL_VOLUME)).powi(2);
            for sample in &mut self.samples {
                *sample = (f32::from(*sample) * gain) as i16;
            }
        }
        self
    }

    /// The samples.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Samples per second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// How long it is, in seconds.
    pub fn seconds(&self) -> f32 {
        self.samples.len() as f32 / self.rate as f32
    }

    /// The samples for a device of another rate.
    pub(super) fn at_rate(&self, rate: u32) -> Vec<i16> {
        if rate == self.rate || self.samples.is_empty() {
            return self.samples.clone();
        }
        // Voices are sampled above what matters of speech, so that a straight line between two samples is near enough.
        let step = f64::from(self.rate) / f64::from(rate);
        let n = (self.samples.len() as f64 / step) as usize;
        let value = |at: usize| {
            let last = self.samples.len() - 1;
            f64::from(self.samples[at.min(last)])
        };
        let at = |index: usize| {
            let place = index as f64 * step;
            let (before, part) = (value(place as usize), place.fract());
            (before + (value(place as usize + 1) - before) * part) as i16
        };
        (0..n).map(at).collect()
    }

    /// This and then another one.
    pub fn and(mut self, next: &Self) -> Self {
        self.samples.extend(next.at_rate(self.rate));
        self
    }

    /// As a WAV file.
    pub fn wav(&self) -> Vec<u8> {
        super::wav::file(self.rate, &self.samples)
    }

    /// The samples as a microphone of this rate gives them, from -1 to 1.
    pub fn heard_as(&self, rate: u32) -> Vec<f32> {
        self.at_rate(rate).into_iter().map(|sample| f32::from(sample) / 32_768.0).collect()
    }

    /// A soft rising tone of two notes, a quarter of a second: the house listens.
    pub fn tone() -> Self {
        /// Beginning and end in seconds, frequency in hertz: a fifth.
        const NOTES: [(f32, f32, f32); 2] = [(0.0, 0.16, 587.33), (0.08, 0.25, 880.0)];
        const RATE: u32 = 22_050;
        let at = |index: u32| {
            let time = index as f32 / RATE as f32;
            let note = |(from, to, frequency): (f32, f32, f32)| {
                if !(from..to).contains(&time) {
                    return 0.0;
                }
                // It swells and fades like a hill, so that nothing clicks.
                let hill = (std::f32::consts::PI * (time - from) / (to - from)).sin().powi(2);
                (std::f32::consts::TAU * frequency * time).sin() * hill
            };
            (NOTES.into_iter().map(note).sum::<f32>() * 4_000.0) as i16
        };
        Self { samples: (0..RATE / 4).map(at).collect(), rate: RATE }
    }

    /// The samples as bytes, little end first.
    pub fn bytes(&self) -> Vec<u8> {
        self.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }
}

/// Samples from their bytes, little end first; half a sample at the end is none.
pub(super) fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(kind: u16, channels: u16, rate: u32, bits: u16, length: u32) -> Vec<u8> {
        let mut bytes = b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0".to_vec();
        bytes.extend(kind.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * 2).to_le_bytes());
        bytes.extend(2_u16.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend(b"data");
        bytes.extend(length.to_le_bytes());
        bytes.extend([0, 64, 0, 192, 7]);
        bytes
    }

    #[test]
    fn a_wav_from_a_pipe_is_read_whatever_length_it_says() {
        for length in [0, 4, u32::MAX] {
            let sound = Sound::from_piped_wav(&wav(1, 1, 22_050, 16, length)).unwrap();
            assert_eq!((sound.samples(), sound.rate()), ([16_384, -16_384].as_slice(), 22_050));
        }
        assert_eq!(Sound::from_piped_wav(&wav(1, 1, 7, 16, 4)), Err(SoundError::Rate(7)));
        for bad in [wav(1, 2, 22_050, 16, 4), wav(1, 1, 22_050, 8, 4), wav(3, 1, 22_050, 16, 4)] {
            assert_eq!(Sound::from_piped_wav(&bad), Err(SoundError::Unknown));
        }
        let whole = wav(1, 1, 22_050, 16, 4);
        for end in 0..44 {
            assert_eq!(Sound::from_piped_wav(&whole[..end]), Err(SoundError::Unknown), "{end}");
        }
    }

    #[test]
    fn half_the_volume_is_a_quarter_of_the_amplitude() {
        let sound = Sound::new(vec![1_000, i16::MIN, i16::MAX], 16_000).unwrap();
        assert_eq!(sound.clone().at(100), sound);
        assert_eq!(sound.clone().at(255), sound);
        assert_eq!(sound.clone().at(50).samples(), [250, -8_192, 8_191]);
        assert_eq!(sound.at(0).samples(), [0, 0, 0]);
    }
}
