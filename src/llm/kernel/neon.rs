//! The kernels for NEON, which every 64-bit ARM processor has. Macros for what would be small functions, for the reason of
//! `avx2.rs`. The Pi 5 has an instruction for four products at once (`sdot`); Rust does not offer it yet.

use std::arch::aarch64::*;

use super::Piece;
use super::format::{Block, Format};

/// What the products of a row with a vector sum up to so far: four sums side by side, and that of the smallest weights.
struct Sum {
    products: float32x4_t,
    of_mins: f32,
}

macro_rules! nothing {
    () => {
        Sum { products: vdupq_n_f32(0.0), of_mins: 0.0 }
    };
}

/// 16 signed bytes of two words.
macro_rules! bytes {
    ($words:expr, $n:literal) => {
        vreinterpretq_s8_u64(vcombine_u64(
            vcreate_u64($words[2 * $n]),
            vcreate_u64($words[2 * $n + 1]),
        ))
    };
}

/// A block's weights, 16 and 16.
macro_rules! wide {
    ($block:expr) => {{
        let q = $block.q();
        (bytes!(q, 0), bytes!(q, 1))
    }};
}

/// Adds the products of a block.
macro_rules! add {
    ($sum:ident, $x:expr, $wide:ident, $block:ident) => {
        let (a, b) = $wide;
        let x: &Piece = &$x;
        let (xa, xb) = (bytes!(x.q, 0), bytes!(x.q, 1));
        // Two products of signed bytes, none of them -128 twice, are no more than 16 bits hold.
        let a = vmlal_high_s8(vmull_s8(vget_low_s8(a), vget_low_s8(xa)), a, xa);
        let b = vmlal_high_s8(vmull_s8(vget_low_s8(b), vget_low_s8(xb)), b, xb);
        let (a, b) = (vcvtq_f32_s32(vpaddlq_s16(a)), vcvtq_f32_s32(vpaddlq_s16(b)));
        $sum.products = vfmaq_n_f32($sum.products, a, $block.scale[0] * x.scale);
        $sum.products = vfmaq_n_f32($sum.products, b, $block.scale[1] * x.scale);
        if F::HAS_MIN {
            $sum.of_mins = $block.min.mul_add(x.sum, $sum.of_mins);
        }
    };
}

macro_rules! none {
    () => {
        vdupq_n_s32(0)
    };
}

/// A block's weights, 16 and 16, and the scale of each half.
macro_rules! spread {
    ($block:ident, $shared:ident, $at:expr) => {{
        let (word, shift) = ($shared.scales[$at / 4], $at % 4 * 16);
        let scale = |shift: usize| i32::from((word >> shift) as i8);
        (wide!($block), scale(shift), scale(shift + 8))
    }};
}

/// Adds the products of a block, times its own scales.
macro_rules! count {
    ($count:ident, $x:expr, $spread:ident, $block:ident) => {
        let ((a, b), first, second) = $spread;
        let x: &Piece = &$x;
        let (xa, xb) = (bytes!(x.q, 0), bytes!(x.q, 1));
        let a = vmlal_high_s8(vmull_s8(vget_low_s8(a), vget_low_s8(xa)), a, xa);
        let b = vmlal_high_s8(vmull_s8(vget_low_s8(b), vget_low_s8(xb)), b, xb);
        $count = vmlaq_n_s32($count, vpaddlq_s16(a), first);
        $count = vmlaq_n_s32($count, vpaddlq_s16(b), second);
    };
}

/// Adds what eight blocks came to.
macro_rules! settle {
    ($sum:ident, $count:ident, $x:expr, $shared:ident) => {
        let x: &[Piece; N] = $x;
        let scale = $shared.scale * x[0].scale;
        $sum.products = vfmaq_n_f32($sum.products, vcvtq_f32_s32($count), scale);
        if F::HAS_MIN {
            let mins = $shared.mins.to_le_bytes().into_iter().zip(x);
            let of_mins: f32 = mins.map(|(min, x)| f32::from(min) * x.sum).sum();
            $sum.of_mins = $shared.min.mul_add(of_mins, $sum.of_mins);
        }
    };
}

macro_rules! whole {
    ($sum:expr) => {
        vaddvq_f32($sum.products) + $sum.of_mins
    };
}

times!(
    "neon",
    /// A row times a vector.
    times_one, 1, xa a na
);
times!(
    "neon",
    /// A row times four vectors.
    times_four, 4, xa a na, xb b nb, xc c nc, xd d nd
);
times!(
    "neon",
    /// A row times eight vectors.
    times_eight, 8, xa a na, xb b nb, xc c nc, xd d nd, xe e ne, xf f nf, xg g ng, xh h nh
);

/// Four numbers.
macro_rules! four {
    ($numbers:expr, $at:literal) => {
        vcombine_f32(
            vcreate_f32(bytemuck::cast([$numbers[$at], $numbers[$at + 1]])),
            vcreate_f32(bytemuck::cast([$numbers[$at + 2], $numbers[$at + 3]])),
        )
    };
}

/// The sum of the products of two vectors, which are as long.
#[target_feature(enable = "neon")]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let (mut sums, mut more) = (vdupq_n_f32(0.0), vdupq_n_f32(0.0));
    for (a, b) in a.iter().zip(b) {
        sums = vfmaq_f32(sums, four!(a, 0), four!(b, 0));
        more = vfmaq_f32(more, four!(a, 4), four!(b, 4));
    }
    let mut sum = vaddvq_f32(vaddq_f32(sums, more));
    for (a, b) in a_rest.iter().zip(b_rest) {
        sum = a.mul_add(*b, sum);
    }
    sum
}

/// Adds a multiple of a vector to another, which is as long.
#[target_feature(enable = "neon")]
pub(super) fn add(sum: &mut [f32], factor: f32, x: &[f32]) {
    let ((sum, sum_rest), (x, x_rest)) = (sum.as_chunks_mut::<4>(), x.as_chunks::<4>());
    for (sum, x) in sum.iter_mut().zip(x) {
        let new = vfmaq_n_f32(four!(sum, 0), four!(x, 0), factor);
        let halves = [vget_low_f32(new), vget_high_f32(new)].map(|half| {
            bytemuck::cast::<u64, [f32; 2]>(vget_lane_u64::<0>(vreinterpret_u64_f32(half)))
        });
        *sum = bytemuck::cast(halves);
    }
    for (sum, x) in sum_rest.iter_mut().zip(x_rest) {
        *sum = factor.mul_add(*x, *sum);
    }
}

/// The number farthest from zero, without its sign.
#[target_feature(enable = "neon")]
pub(super) fn farthest(x: &[f32; 32]) -> f32 {
    let mut most = vdupq_n_f32(0.0);
    for x in x.as_chunks::<4>().0 {
        most = vmaxq_f32(most, vabsq_f32(four!(x, 0)));
    }
    vmaxvq_f32(most)
}

/// See [`super::whole`].
#[target_feature(enable = "neon")]
pub(super) fn whole(x: &[f32; 32], inverse: f32) -> ([u64; 4], i32) {
    let (mut words, mut sum) = ([0; 4], vdupq_n_s32(0));
    for (word, x) in words.iter_mut().zip(x.as_chunks::<8>().0) {
        let a = vcvtnq_s32_f32(vmulq_n_f32(four!(x, 0), inverse));
        let b = vcvtnq_s32_f32(vmulq_n_f32(four!(x, 4), inverse));
        sum = vaddq_s32(sum, vaddq_s32(a, b));
        let bytes = vqmovn_s16(vcombine_s16(vqmovn_s32(a), vqmovn_s32(b)));
        *word = vget_lane_u64::<0>(vreinterpret_u64_s8(bytes));
    }
    (words, vaddvq_s32(sum))
}
