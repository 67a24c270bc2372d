//! What the model's time is spent in: products of quantised rows with vectors, in whole numbers. A vector is rounded to
//! eight bits, and each block of its numbers is multiplied with one of weights; a prompt's tokens are multiplied four by
//! four with each row while it is unpacked.
//!
//! Roundings are those of llama.cpp, so that the numbers are, too. Which instructions there are is asked when the program
//! runs; where there are neither AVX2 nor NEON, plain loops do.

/// Does something with each of a unit's one or eight blocks. No loop: where the number of a block is known, so is where
/// its bits are.
macro_rules! each_block {
    ($n_blocks:expr, $n:ident, $body:block) => {{
        macro_rules! block {
            ($number:literal) => {{
                let $n: usize = $number;
                $body
            }};
        }
        block!(0);
        if $n_blocks == 8 {
            block!(1);
            block!(2);
            block!(3);
            block!(4);
            block!(5);
            block!(6);
            block!(7);
        }
    }};
}
/// A function that multiplies a row with so many vectors, of a processor's own `nothing!`, `wide!`, `add!` and `whole!`; and
/// for blocks that share a scale, whose products stay whole numbers until they are all added, of its `none!`, `spread!`,
/// `count!` and `settle!`.
macro_rules! times {
    ($features:literal, $(#[$doc:meta])* $name:ident, $n:literal, $($x:ident $sum:ident $count:ident),*) => {
        $(#[$doc])*
        #[target_feature(enable = $features)]
        pub(super) fn $name<F: Format<SIZE, N>, const SIZE: usize, const N: usize>(
            row: &[[u8; SIZE]],
            [$($x),*]: [&[Piece]; $n],
        ) -> [f32; $n] {
            $(let mut $sum = nothing!();)*
            $(let mut $x = $x.as_chunks::<N>().0.iter();)*
            for bytes in row {
                $(let Some($x) = $x.next() else { break };)*
                if let Some(shared) = F::shared(bytes) {
                    $(let mut $count = none!();)*
                    each_block!(N, n, {
                        let block: Block = F::unpack(bytes, n);
                        let spread = spread!(block, shared, n);
                        $(count!($count, $x[n], spread, block);)*
                    });
                    $(settle!($sum, $count, $x, shared);)*
                    continue;
                }
                each_block!(N, n, {
                    let block: Block = F::unpack(bytes, n);
                    let q = wide!(block);
                    $(add!($sum, $x[n], q, block);)*
                });
            }
            [$(whole!($sum)),*]
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2;
mod format;
#[cfg(target_arch = "aarch64")]
mod neon;
mod plain;

use candle_core::quantized::GgmlDType;
use half::f16;
use rayon::prelude::*;

use self::format::{BLOCK, Block, Format, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0, Rounding};

/// Parts of a product for each thread, so that none waits long for another that was held up.
const PARTS: usize = 4;
/// Fewer rows are not worth a thread's while.
const LEAST_ROWS: usize = 32;

/// Vectors, rounded to eight bits.
struct Rounded {
    rounding: Rounding,
    /// Pieces of a vector.
    n_pieces: usize,
    pieces: Vec<Piece>,
}

/// As many numbers of a vector as a block has weights.
#[derive(Debug, Clone, Copy)]
struct Piece {
    /// Whole numbers, as signed bytes in words.
    q: [u64; 4],
    scale: f32,
    /// What they sum up to, times their scale.
    sum: f32,
}

/// A kind of quantised weights that rows are multiplied with here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
}

/// Calls a generic function with the format of a kind.
macro_rules! with_format {
    ($kind:expr, $function:ident($($argument:expr),*)) => {
        match $kind {
            Kind::Q4_0 => $function::<Q4_0, 18, 1>($($argument),*),
            Kind::Q4_1 => $function::<Q4_1, 20, 1>($($argument),*),
            Kind::Q5_0 => $function::<Q5_0, 22, 1>($($argument),*),
            Kind::Q5_1 => $function::<Q5_1, 24, 1>($($argument),*),
            Kind::Q8_0 => $function::<Q8_0, 34, 1>($($argument),*),
            Kind::Q4K => $function::<Q4K, 144, 8>($($argument),*),
            Kind::Q5K => $function::<Q5K, 176, 8>($($argument),*),
            Kind::Q6K => $function::<Q6K, 210, 8>($($argument),*),
        }
    };
}

impl Kind {
    /// That of a tensor; `None` where candle's own kernels are used. They are in builds without optimisation too, as
    /// candle is optimised in all: there these would be thirty times slower.
    pub(super) fn of(dtype: GgmlDType) -> Option<Self> {
        if cfg!(debug_assertions) {
            return None;
        }
        Some(match dtype {
            GgmlDType::Q4_0 => Self::Q4_0,
            GgmlDType::Q4_1 => Self::Q4_1,
            GgmlDType::Q5_0 => Self::Q5_0,
            GgmlDType::Q5_1 => Self::Q5_1,
            GgmlDType::Q8_0 => Self::Q8_0,
            GgmlDType::Q4K => Self::Q4K,
            GgmlDType::Q5K => Self::Q5K,
            GgmlDType::Q6K => Self::Q6K,
            _ => return None,
        })
    }

    /// The weights of a row.
    pub(super) fn unpack(self, row: &[u8]) -> Vec<f32> {
        with_format!(self, unpack(row))
    }

    /// Bytes of a row.
    fn row_bytes(self, columns: usize) -> usize {
        fn of<F: Format<SIZE, N>, const SIZE: usize, const N: usize>(columns: usize) -> usize {
            columns / (BLOCK * N) * SIZE
        }
        with_format!(self, of(columns))
    }

    /// How vectors are rounded for this kind.
    fn rounding(self) -> Rounding {
        fn of<F: Format<SIZE, N>, const SIZE: usize, const N: usize>() -> Rounding {
            F::ROUNDING
        }
        with_format!(self, of())
    }
}

/// A matrix that vectors are multiplied with.
pub(super) struct Product<'a> {
    pub(super) kind: Kind,
    /// Its rows, as they lie in the file.
    pub(super) rows: &'a [u8],
    /// One vector's products with all rows after the other's.
    pub(super) out: &'a mut Vec<f32>,
}

/// Each of some vectors of `columns` numbers times each row of some matrices: in one go, as the threads have to be woken
/// for each.
pub(super) fn multiply(columns: usize, xs: &[f32], products: &mut [Product<'_>]) {
    let n_vectors = xs.len() / columns;
    let mut rounded: Vec<Rounded> = Vec::with_capacity(1);
    for product in &*products {
        let rounding = product.kind.rounding();
        if rounded.iter().all(|rounded| rounded.rounding != rounding) {
            rounded.push(Rounded::new(xs, columns, rounding));
        }
    }
    let n_rows: usize = products.iter().map(|product| product.n_rows(columns)).sum();
    let rows_at_once = n_rows.div_ceil(rayon::current_num_threads() * PARTS).max(LEAST_ROWS);
    let mut parts = Vec::new();
    for product in &mut *products {
        product.out.clear();
        product.out.resize(product.n_rows(columns) * n_vectors, 0.0);
        let xs = rounded.iter().find(|rounded| rounded.rounding == product.kind.rounding());
        let Some(xs) = xs else { continue };
        let rows = product.rows.chunks(rows_at_once * product.kind.row_bytes(columns));
        let out = product.out.chunks_mut(rows_at_once * n_vectors);
        parts.extend(rows.zip(out).map(|(rows, out)| (product.kind, xs, rows, out)));
    }
    // Row by row, so that each part has a piece of the products to itself.
    parts.into_par_iter().with_max_len(1).for_each(|(kind, xs, rows, out)| {
        with_format!(kind, multiply_part(rows, xs, out));
    });
    if n_vectors > 1 {
        products.iter_mut().for_each(|product| turn(product.out, n_vectors));
    }
}

impl Product<'_> {
    fn n_rows(&self, columns: usize) -> usize {
        self.rows.len() / self.kind.row_bytes(columns)
    }
}

/// Numbers that stand row by row, vector by vector.
fn turn(numbers: &mut Vec<f32>, n_vectors: usize) {
    let n_rows = numbers.len() / n_vectors;
    let mut turned = vec![0.0; numbers.len()];
    for (row, products) in numbers.chunks_exact(n_vectors).enumerate() {
        for (vector, product) in products.iter().enumerate() {
            turned[vector * n_rows + row] = *product;
        }
    }
    *numbers = turned;
}

fn unpack<F: Format<SIZE, N>, const SIZE: usize, const N: usize>(row: &[u8]) -> Vec<f32> {
    let blocks =
        row.as_chunks::<SIZE>().0.iter().flat_map(|unit| (0..N).map(|n| F::unpack(unit, n)));
    let numbers = blocks.flat_map(|block| {
        let Block { scale, min, .. } = block;
        let bytes = block.q().into_iter().flat_map(u64::to_le_bytes).enumerate();
        bytes.map(move |(n, byte)| f32::from(byte as i8) * scale[n / 16] + min)
    });
    numbers.collect()
}

/// Some rows times all vectors, row by row in `out`.
fn multiply_part<F: Format<SIZE, N>, const SIZE: usize, const N: usize>(
    rows: &[u8],
    xs: &Rounded,
    out: &mut [f32],
) {
    let (units, n_vectors) = (rows.as_chunks::<SIZE>().0, xs.pieces.len() / xs.n_pieces);
    let rows = || units.chunks_exact(xs.n_pieces / N);
    let mut begin = 0;
    // As many vectors at once as there are registers for their sums, as long as there are as many.
    while let Some(eight) = xs.several(begin) {
        for (row, out) in rows().zip(out.chunks_exact_mut(n_vectors)) {
            out[begin..begin + 8].copy_from_slice(&times_eight::<F, SIZE, N>(row, eight));
        }
        begin += 8;
    }
    while let Some(four) = xs.several(begin) {
        for (row, out) in rows().zip(out.chunks_exact_mut(n_vectors)) {
            out[begin..begin + 4].copy_from_slice(&times_four::<F, SIZE, N>(row, four));
        }
        begin += 4;
    }
    for begin in begin..n_vectors {
        for (row, out) in rows().zip(out.chunks_exact_mut(n_vectors)) {
            [out[begin]] = times_one::<F, SIZE, N>(row, [xs.vector(begin)]);
        }
    }
}

/// Calls the function of that name for this processor.
macro_rules! best {
    ($name:ident $(::<$($generic:ident),*>)?($($argument:expr),*)) => {{
        #[cfg(target_arch = "x86_64")]
        if avx2::is_there() {
            // SAFETY: the processor was asked.
            #[allow(unsafe_code)]
            return unsafe { avx2::$name$(::<$($generic),*>)?($($argument),*) };
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: NEON is part of what this is compiled for.
        #[allow(unsafe_code)]
        return unsafe { neon::$name$(::<$($generic),*>)?($($argument),*) };
        #[allow(unreachable_code)]
        plain::$name$(::<$($generic),*>)?($($argument),*)
    }};
}

fn times_one<F: Format<SIZE, N>, const SIZE: usize, const N: usize>(
    row: &[[u8; SIZE]],
    x: [&[Piece]; 1],
) -> [f32; 1] {
    best!(times_one::<F, SIZE, N>(row, x))
}

fn times_four<F: Format<SIZE, N>, const SIZE: usize, const N: usize>(
    row: &[[u8; SIZE]],
    xs: [&[Piece]; 4],
) -> [f32; 4] {
    best!(times_four::<F, SIZE, N>(row, xs))
}

fn times_eight<F: Format<SIZE, N>, const SIZE: usize, const N: usize>(
    row: &[[u8; SIZE]],
    xs: [&[Piece]; 8],
) -> [f32; 8] {
    best!(times_eight::<F, SIZE, N>(row, xs))
}

/// The sum of the products of two vectors, which are as long.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    best!(dot(a, b))
}

/// Adds a multiple of a vector to another, which is as long.
pub(super) fn add(sum: &mut [f32], factor: f32, x: &[f32]) {
    best!(add(sum, factor, x));
}

impl Rounded {
    fn new(xs: &[f32], columns: usize, rounding: Rounding) -> Self {
        let mut pieces = Vec::with_capacity(xs.len() / BLOCK);
        match rounding {
            Rounding::By32 => pieces.extend(xs.as_chunks().0.iter().map(Piece::of_32)),
            Rounding::By256 => pieces.extend(xs.as_chunks().0.iter().flat_map(Piece::of_256)),
        }
        Self { rounding, n_pieces: columns / BLOCK, pieces }
    }

    /// So many vectors from one on, if there are as many.
    fn several<const N: usize>(&self, begin: usize) -> Option<[&[Piece]; N]> {
        let is_there = (begin + N) * self.n_pieces <= self.pieces.len();
        is_there.then(|| std::array::from_fn(|n| self.vector(begin + n)))
    }

    fn vector(&self, n: usize) -> &[Piece] {
        &self.pieces[n * self.n_pieces..(n + 1) * self.n_pieces]
    }
}

impl Piece {
    /// ggml's `quantize_row_q8_0` and `quantize_row_q8_1`.
    fn of_32(x: &[f32; BLOCK]) -> Self {
        let scale = farthest(x) / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        let (q, sum) = whole(x, inverse);
        let half = |number: f32| f16::from_f32(number).to_f32();
        Self { q, scale: half(scale), sum: half(scale * sum as f32) }
    }

    /// ggml's `quantize_row_q8_K`: the number farthest from zero becomes -127.
    fn of_256(x: &[f32; 256]) -> [Self; 8] {
        let far = x.iter().fold(0.0_f32, |far, x| if x.abs() > far.abs() { *x } else { far });
        let inverse = if far == 0.0 { 0.0 } else { -127.0 / far };
        let scale = if far == 0.0 { 0.0 } else { 1.0 / inverse };
        std::array::from_fn(|n| {
            let (q, sum) = whole(&x.as_chunks().0[n], inverse);
            Self { q, scale, sum: scale * sum as f32 }
        })
    }
}

/// The number farthest from zero, without its sign.
fn farthest(x: &[f32; BLOCK]) -> f32 {
    best!(farthest(x))
}

/// Rounded to whole numbers from -128 to 127, of two as near the even one, as signed bytes in words; and their sum.
fn whole(x: &[f32; BLOCK], inverse: f32) -> ([u64; 4], i32) {
    best!(whole(x, inverse))
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::QTensor;
    use candle_core::{Device, Tensor};

    use super::*;

    const KINDS: [(Kind, GgmlDType); 8] = [
        (Kind::Q4_0, GgmlDType::Q4_0),
        (Kind::Q4_1, GgmlDType::Q4_1),
        (Kind::Q5_0, GgmlDType::Q5_0),
        (Kind::Q5_1, GgmlDType::Q5_1),
        (Kind::Q8_0, GgmlDType::Q8_0),
        (Kind::Q4K, GgmlDType::Q4K),
        (Kind::Q5K, GgmlDType::Q5K),
        (Kind::Q6K, GgmlDType::Q6K),
    ];
    const COLUMNS: usize = 512;
    const ROWS: usize = 70;

    /// Numbers that look like those of models, the same each time: some large ones among many near zero.
    fn numbers(n: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let numbers = (0..n).map(|_| {
            // The generator of Numerical Recipes.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let share = (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5;
            share * share * share * 8.0
        });
        numbers.collect()
    }

    fn quantised(dtype: GgmlDType) -> (Vec<u8>, Vec<f32>) {
        let weights = Tensor::from_vec(numbers(ROWS * COLUMNS, 7), (ROWS, COLUMNS), &Device::Cpu);
        let weights = QTensor::quantize(&weights.unwrap(), dtype).unwrap();
        let plain = weights.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap();
        (weights.data().unwrap().into_owned(), plain.to_vec1().unwrap())
    }

    #[test]
    fn weights_are_those_of_candle() {
        for (kind, dtype) in KINDS {
            let (bytes, expected) = quantised(dtype);
            let found: Vec<f32> = bytes
                .chunks_exact(kind.row_bytes(COLUMNS))
                .flat_map(|row| kind.unpack(row))
                .collect();
            assert_eq!(found.len(), expected.len());
            let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-6, "{dtype:?}: {worst}");
        }
    }

    /// A rounded number is off by a step over the square root of 12 in the mean, a step being a 127th of the largest.
    #[test]
    fn products_are_right_but_for_rounding_whatever_the_number_of_vectors() {
        for (kind, dtype) in KINDS {
            let (bytes, weights) = quantised(dtype);
            for n_vectors in [1, 3, 4, 8, 13] {
                let xs = numbers(n_vectors * COLUMNS, 11);
                let (mut once, mut twice) = (Vec::new(), Vec::new());
                let product = |out| Product { kind, rows: &bytes, out };
                multiply(COLUMNS, &xs, &mut [product(&mut once), product(&mut twice)]);
                assert_eq!(once, twice);
                assert_eq!(once.len(), n_vectors * ROWS);
                for (x, products) in xs.chunks(COLUMNS).zip(once.chunks(ROWS)) {
                    for (row, product) in weights.chunks(COLUMNS).zip(products) {
                        let exact: f64 =
                            row.iter().zip(x).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                        let off = (f64::from(*product) - exact).abs();
                        let largest = x.iter().fold(0.0_f32, |most, x| x.abs().max(most));
                        let norm = row.iter().map(|weight| weight * weight).sum::<f32>().sqrt();
                        let deviation = f64::from(norm * largest / 127.0) / 12.0_f64.sqrt();
                        assert!(off < 5.0 * deviation, "{dtype:?}: {product} for {exact}");
                    }
                }
            }
        }
    }

    /// Sums come in another order; everything else is the same.
    #[test]
    fn this_processor_s_kernels_are_the_plain_ones() {
        fn check<F: Format<SIZE, N>, const SIZE: usize, const N: usize>(rows: &[u8]) {
            let xs = Rounded::new(&numbers(8 * COLUMNS, 13), COLUMNS, F::ROUNDING);
            let four: [&[Piece]; 4] = xs.several(0).unwrap();
            let eight: [&[Piece]; 8] = xs.several(0).unwrap();
            for row in rows.as_chunks::<SIZE>().0.chunks_exact(COLUMNS / BLOCK / N) {
                let plain = plain::times_eight::<F, SIZE, N>(row, eight);
                let near = |a: &[f32]| a.iter().zip(plain).all(|(a, b)| (a - b).abs() < 1e-4);
                assert!(near(&times_eight::<F, SIZE, N>(row, eight)));
                assert!(near(&times_four::<F, SIZE, N>(row, four)));
                assert!(near(&times_one::<F, SIZE, N>(row, [eight[0]])));
            }
        }
        for (kind, dtype) in KINDS {
            with_format!(kind, check(&quantised(dtype).0));
        }
        let (a, b) = (numbers(77, 1), numbers(77, 2));
        assert!((dot(&a, &b) - plain::dot(&a, &b)).abs() < 1e-5);
        let (mut sum, mut plain_sum) = (a.clone(), a.clone());
        add(&mut sum, 0.3, &b);
        plain::add(&mut plain_sum, 0.3, &b);
        assert!(sum.iter().zip(&plain_sum).all(|(a, b)| (a - b).abs() < 1e-6));
        for x in numbers(320, 3).as_chunks().0 {
            assert_eq!(farthest(x), plain::farthest(x));
            assert_eq!(whole(x, 127.0 / farthest(x)), plain::whole(x, 127.0 / farthest(x)));
        }
        assert_eq!(whole(&[0.5; BLOCK], 1.0), plain::whole(&[0.5; BLOCK], 1.0));
        assert_eq!(whole(&[0.0; BLOCK], 0.0), ([0; 4], 0));
    }

    #[test]
    fn a_vector_of_zeros_or_of_what_is_no_number_does_no_harm() {
        for (kind, dtype) in KINDS {
            let (bytes, _) = quantised(dtype);
            for x in [0.0, f32::NAN, f32::INFINITY, f32::MIN_POSITIVE] {
                let mut out = Vec::new();
                let product = Product { kind, rows: &bytes, out: &mut out };
                multiply(COLUMNS, &[x; COLUMNS], &mut [product]);
                assert_eq!(out.len(), ROWS);
                assert!(x != 0.0 || out.iter().all(|product| *product == 0.0));
            }
        }
    }
}
