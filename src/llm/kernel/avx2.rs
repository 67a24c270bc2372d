//! The kernels for AVX2: a block's 32 products in six instructions. What would be small functions are macros, as functions
//! for certain processors cannot be `inline(always)` and the whole program is compiled for size.

use std::arch::x86_64::*;

use super::Piece;
use super::format::{Block, Format, High};

/// A one in each byte.
const EVERY: i64 = 0x0101_0101_0101_0101;
/// In the first byte all bits but the first, in the second all but the second, and so on.
const ALL_BUT_ONE: i64 = 0x7FBF_DFEF_F7FB_FDFE;

/// Whether this processor has it.
#[inline(always)]
pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c")
}

/// What the products of a row with a vector sum up to so far: eight sums side by side, and that of the smallest weights.
struct Sum {
    products: __m256,
    of_mins: f32,
}

macro_rules! nothing {
    () => {
        Sum { products: _mm256_setzero_ps(), of_mins: 0.0 }
    };
}

/// Some bits of a block's weights.
macro_rules! bits {
    ($bits:expr) => {
        _mm256_and_si256(
            _mm256_srlv_epi64(bytemuck::cast($bits.words), bytemuck::cast($bits.shift)),
            _mm256_set1_epi8($bits.mask as i8),
        )
    };
}

/// A block's weights, and nothing taken from them.
macro_rules! raw {
    ($block:expr) => {{
        let q = bits!($block.low);
        match &$block.high {
            High::None => q,
            High::Bits(high) => _mm256_or_si256(q, _mm256_slli_epi16::<4>(bits!(high))),
            High::Fifth(fifth) => {
                // Each of the four bytes eight times, of which each keeps another bit and has all others.
                let each = _mm256_setr_epi64x(0, EVERY, 2 * EVERY, 3 * EVERY);
                let bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(*fifth as i32), each);
                let bytes = _mm256_or_si256(bytes, _mm256_set1_epi64x(ALL_BUT_ONE));
                let is_set = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(-1));
                _mm256_or_si256(q, _mm256_and_si256(is_set, _mm256_set1_epi8(16)))
            }
        }
    }};
}

/// A block's weights and scales side by side.
macro_rules! wide {
    ($block:expr) => {{
        let q = raw!($block);
        let q = match $block.less {
            0 => q,
            less => _mm256_sub_epi8(q, _mm256_set1_epi8(less as i8)),
        };
        let scale = _mm256_set_m128(_mm_set1_ps($block.scale[1]), _mm_set1_ps($block.scale[0]));
        (q, scale)
    }};
}

/// Adds the products of a block.
macro_rules! add {
    ($sum:ident, $x:expr, $wide:ident, $block:ident) => {
        let (q, scale) = $wide;
        let x: __m256i = bytemuck::cast($x.q);
        // One factor has to be without a sign: the other gets it.
        let pairs = match F::HAS_MIN {
            true => _mm256_maddubs_epi16(q, x),
            false => _mm256_maddubs_epi16(_mm256_abs_epi8(q), _mm256_sign_epi8(x, q)),
        };
        let fours = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
        let scale = _mm256_mul_ps(scale, _mm256_set1_ps($x.scale));
        $sum.products = _mm256_fmadd_ps(fours, scale, $sum.products);
        if F::HAS_MIN {
            $sum.of_mins = $block.min.mul_add($x.sum, $sum.of_mins);
        }
    };
}

macro_rules! none {
    () => {
        _mm256_setzero_si256()
    };
}

/// A block's weights, and its two scales eight times each.
macro_rules! spread {
    ($block:ident, $shared:ident, $at:expr) => {{
        let which = _mm_set_epi64x((2 * $at + 1) as i64 * EVERY, (2 * $at) as i64 * EVERY);
        let scales = _mm_shuffle_epi8(bytemuck::cast($shared.scales), which);
        (raw!($block), _mm256_cvtepi8_epi16(scales))
    }};
}

/// Adds the products of a block, times its own scales.
macro_rules! count {
    ($count:ident, $x:expr, $spread:ident, $block:ident) => {
        let (q, scales) = $spread;
        let x: __m256i = bytemuck::cast($x.q);
        let pairs = _mm256_maddubs_epi16(q, x);
        let pairs = match $block.less {
            0 => pairs,
            less => {
                let less = _mm256_maddubs_epi16(_mm256_set1_epi8(less as i8), x);
                _mm256_sub_epi16(pairs, less)
            }
        };
        $count = _mm256_add_epi32($count, _mm256_madd_epi16(pairs, scales));
    };
}

/// Adds what eight blocks came to.
macro_rules! settle {
    ($sum:ident, $count:ident, $x:expr, $shared:ident) => {
        let x: &[Piece; N] = $x;
        let scale = _mm256_set1_ps($shared.scale * x[0].scale);
        $sum.products = _mm256_fmadd_ps(_mm256_cvtepi32_ps($count), scale, $sum.products);
        if F::HAS_MIN {
            let mins = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128($shared.mins as i64));
            let mins = _mm256_mul_ps(_mm256_cvtepi32_ps(mins), _mm256_set1_ps($shared.min));
            let [a, b, c, d, e, f, g, h] = &x[..] else { continue };
            let sums = _mm256_setr_ps(a.sum, b.sum, c.sum, d.sum, e.sum, f.sum, g.sum, h.sum);
            $sum.products = _mm256_fmadd_ps(mins, sums, $sum.products);
        }
    };
}

macro_rules! whole {
    ($sum:expr) => {{
        let (low, high) =
            (_mm256_castps256_ps128($sum.products), _mm256_extractf128_ps::<1>($sum.products));
        let sum = _mm_add_ps(low, high);
        let sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
        _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum))) + $sum.of_mins
    }};
}

times!(
    "avx2,fma,f16c",
    /// A row times a vector.
    times_one, 1, xa a na
);
times!(
    "avx2,fma,f16c",
    /// A row times four vectors.
    times_four, 4, xa a na, xb b nb, xc c nc, xd d nd
);
times!(
    "avx2,fma,f16c",
    /// A row times eight vectors.
    times_eight, 8, xa a na, xb b nb, xc c nc, xd d nd, xe e ne, xf f nf, xg g ng, xh h nh
);

/// The sum of the products of two vectors, which are as long.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut sums = Sum { products: _mm256_setzero_ps(), of_mins: 0.0 };
    let mut more = _mm256_setzero_ps();
    for (a, b) in a.iter().zip(b) {
        let [a, a_more]: [__m256; 2] = bytemuck::cast(*a);
        let [b, b_more]: [__m256; 2] = bytemuck::cast(*b);
        sums.products = _mm256_fmadd_ps(a, b, sums.products);
        more = _mm256_fmadd_ps(a_more, b_more, more);
    }
    sums.products = _mm256_add_ps(sums.products, more);
    for (a, b) in a_rest.iter().zip(b_rest) {
        sums.of_mins = a.mul_add(*b, sums.of_mins);
    }
    whole!(sums)
}

/// Adds a multiple of a vector to another, which is as long.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn add(sum: &mut [f32], factor: f32, x: &[f32]) {
    let ((sum, sum_rest), (x, x_rest)) = (sum.as_chunks_mut::<8>(), x.as_chunks::<8>());
    let eight = _mm256_set1_ps(factor);
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum = bytemuck::cast(_mm256_fmadd_ps(eight, bytemuck::cast(*x), bytemuck::cast(*sum)));
    }
    for (sum, x) in sum_rest.iter_mut().zip(x_rest) {
        *sum = factor.mul_add(*x, *sum);
    }
}

/// The number farthest from zero, without its sign.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn farthest(x: &[f32; 32]) -> f32 {
    let [a, b, c, d]: [__m256; 4] = bytemuck::cast(*x);
    let sign = _mm256_set1_ps(-0.0);
    let abs = |x: __m256| _mm256_andnot_ps(sign, x);
    let most = _mm256_max_ps(_mm256_max_ps(abs(a), abs(b)), _mm256_max_ps(abs(c), abs(d)));
    let most = _mm_max_ps(_mm256_castps256_ps128(most), _mm256_extractf128_ps::<1>(most));
    let most = _mm_max_ps(most, _mm_movehl_ps(most, most));
    _mm_cvtss_f32(_mm_max_ss(most, _mm_movehdup_ps(most)))
}

/// See [`super::whole`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn whole(x: &[f32; 32], inverse: f32) -> ([u64; 4], i32) {
    let [a, b, c, d]: [__m256; 4] = bytemuck::cast(*x);
    let inverse = _mm256_set1_ps(inverse);
    // To the nearest, of two as near the even one.
    let round = |x: __m256| _mm256_cvtps_epi32(_mm256_mul_ps(x, inverse));
    let (a, b, c, d) = (round(a), round(b), round(c), round(d));
    let sum = _mm256_add_epi32(_mm256_add_epi32(a, b), _mm256_add_epi32(c, d));
    let sum = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
    let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b01_00_11_10>(sum));
    let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b10_11_00_01>(sum));
    // Packing works in halves of the vector, which leaves fours of bytes in another order.
    let bytes = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let bytes = _mm256_permutevar8x32_epi32(bytes, order);
    (bytemuck::cast(bytes), _mm_cvtsi128_si32(sum))
}
