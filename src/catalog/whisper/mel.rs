//! The filters that turn a spectrum into bands as wide as the ear's: triangles on Slaney's mel scale, each of the same
//! area. Source: `librosa.filters.mel(sr=16000, n_fft=400, n_mels=80)`, with which Whisper was trained.

/// Bands.
pub(super) const N_MELS: u32 = 80;
/// Samples of a window.
const N_FFT: u32 = 400;
/// Samples per second.
const RATE: f64 = 16_000.0;

/// Up to this frequency in Hz the scale is linear.
const LINEAR_TO: f64 = 1000.0;
/// Hz per mel there.
const LINEAR_STEP: f64 = 200.0 / 3.0;
/// Above it, 27 mel are a factor of 6.4.
fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

fn to_mel(hertz: f64) -> f64 {
    if hertz < LINEAR_TO {
        return hertz / LINEAR_STEP;
    }
    LINEAR_TO / LINEAR_STEP + (hertz / LINEAR_TO).ln() / log_step()
}

fn to_hertz(mel: f64) -> f64 {
    let knee = LINEAR_TO / LINEAR_STEP;
    if mel < knee {
        return mel * LINEAR_STEP;
    }
    LINEAR_TO * (log_step() * (mel - knee)).exp()
}

/// One row a band, one column for each of the 201 frequencies.
pub(super) fn filters() -> Vec<Vec<f32>> {
    let highest = to_mel(RATE / 2.0);
    let corner = |at: u32| to_hertz(highest * f64::from(at) / f64::from(N_MELS + 1));
    let corners: Vec<f64> = (0..N_MELS + 2).map(corner).collect();
    let row = |corners: &[f64]| {
        let &[low, middle, high] = corners else { return Vec::new() };
        let area = 2.0 / (high - low);
        let weight = |bin: u32| {
            let hertz = RATE * f64::from(bin) / f64::from(N_FFT);
            let rising = (hertz - low) / (middle - low);
            let falling = (high - hertz) / (high - middle);
            // Rounded before and after the scaling, as the original does it.
            let triangle = rising.min(falling).max(0.0) as f32;
            (f64::from(triangle) * area) as f32
        };
        (0..=N_FFT / 2).map(weight).collect()
    };
    corners.windows(3).map(row).collect()
}
