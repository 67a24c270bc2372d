//! Weights in fewer bits: blocks of 32 values with a scale in common. Source: `quantize_row_q8_0_ref` and
//! `quantize_row_q5_1_ref` of ggml, whose results these are bit for bit.

use half::f16;

/// Values in a block.
pub(super) const LENGTH: u32 = 32;
const N: usize = LENGTH as usize;

/// A block is its scale with 16 bits, then its values with 8. What is left over of the last block is not written.
pub(super) fn q8_0(values: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() / N * (2 + N));
    for block in values.chunks_exact(N) {
        let largest = block.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let scale = largest / 127.0;
        let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
        bytes.extend(f16::from_f32(scale).to_le_bytes());
        bytes.extend(block.iter().map(|value| (value * inverse).round() as i8 as u8));
    }
    bytes
}

/// A block is its scale and its minimum with 16 bits each, then the fifth bits of its values, then their lower four:
/// those of the first half in the lower halves of the bytes.
pub(super) fn q5_1(values: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() / N * (8 + N / 2));
    for block in values.chunks_exact(N) {
        let lowest = block.iter().copied().fold(f32::INFINITY, f32::min);
        let highest = block.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let scale = (highest - lowest) / 31.0;
        let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
        bytes.extend(f16::from_f32(scale).to_le_bytes());
        bytes.extend(f16::from_f32(lowest).to_le_bytes());
        let level = |value: f32| (((value - lowest) * inverse) + 0.5) as u8;
        let (first, second) = block.split_at(N / 2);
        let mut fifths = 0_u32;
        let mut fours = [0_u8; N / 2];
        for (at, (&one, &other)) in first.iter().zip(second).enumerate() {
            let (one, other) = (level(one), level(other));
            fours[at] = (one & 0x0f) | ((other & 0x0f) << 4);
            fifths |= u32::from((one >> 4) & 1) << at;
            fifths |= u32::from((other >> 4) & 1) << (at + N / 2);
        }
        bytes.extend(fifths.to_le_bytes());
        bytes.extend(fours);
    }
    bytes
}
