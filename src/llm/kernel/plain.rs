//! The kernels in plain loops: for processors without the instructions of the others, and what those are held against.

use super::Piece;
use super::format::{BLOCK, Format};

/// A row times a vector.
pub(super) fn times_one<F: Format<SIZE, N>, const SIZE: usize, const N: usize>(
    row: &[[u8; SIZE]],
    x: [&[Piece]; 1],
) -> [f32; 1] {
    x.map(|x| product::<F, SIZE, N>(row, x))
}

/// A row times four vectors.
pub(super) fn times_four<F: Format<SIZE, N>, const SIZE: usize, const N: usize>(
    row: &[[u8; SIZE]],
    xs: [&[Piece]; 4],
) -> [f32; 4] {
    xs.map(|x| product::<F, SIZE, N>(row, x))
}

/// A row times eight vectors.
pub(super) fn times_eight<F: Format<SIZE, N>, const SIZE: usize, const N: usize>(
    row: &[[u8; SIZE]],
    xs: [&[Piece]; 8],
) -> [f32; 8] {
    xs.map(|x| product::<F, SIZE, N>(row, x))
}

fn product<F: Format<SIZE, N>, const SIZE: usize, const N: usize>(
    row: &[[u8; SIZE]],
    x: &[Piece],
) -> f32 {
    let mut sum = 0.0;
    for (unit, bytes) in row.iter().enumerate() {
        for n in 0..N {
            let (block, x) = (F::unpack(bytes, n), &x[unit * N + n]);
            let ([a, b, c, d], [xa, xb, xc, xd]) = (block.q(), x.q);
            let (low, high) = (of_bytes([a, b], [xa, xb]), of_bytes([c, d], [xc, xd]));
            sum += (low as f32 * block.scale[0] + high as f32 * block.scale[1]) * x.scale;
            if F::HAS_MIN {
                sum += block.min * x.sum;
            }
        }
    }
    sum
}

/// The sum of the products of 16 signed bytes.
fn of_bytes(a: [u64; 2], b: [u64; 2]) -> i32 {
    let bytes = |words: [u64; 2]| words.map(u64::to_le_bytes);
    let (a, b) = (bytes(a), bytes(b));
    let products = a.as_flattened().iter().zip(b.as_flattened());
    products.map(|(a, b)| i32::from(*a as i8) * i32::from(*b as i8)).sum()
}

/// The sum of the products of two vectors, which are as long.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Adds a multiple of a vector to another, which is as long.
pub(super) fn add(sum: &mut [f32], factor: f32, x: &[f32]) {
    sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += factor * x);
}

/// The number farthest from zero, without its sign.
pub(super) fn farthest(x: &[f32; BLOCK]) -> f32 {
    x.iter().fold(0.0, |most, x| x.abs().max(most))
}

/// Rounded to whole numbers from -128 to 127, of two as near the even one, as signed bytes in words; and their sum.
pub(super) fn whole(x: &[f32; BLOCK], inverse: f32) -> ([u64; 4], i32) {
    let (mut bytes, mut sum) = ([[0; 8]; 4], 0);
    for (byte, x) in bytes.as_flattened_mut().iter_mut().zip(x) {
        let whole = (x * inverse).round_ties_even() as i8;
        *byte = whole as u8;
        sum += i32::from(whole);
    }
    (bytes.map(u64::from_le_bytes), sum)
}
