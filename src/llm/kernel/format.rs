//! How quantised weights lie in a file, after the comments and code of ggml (`ggml-common.h`, `ggml-quants.c`), whose
//! formats these are: whole numbers of a few bits, in blocks of 32 that share a scale. In the formats with a `K`, eight
//! blocks share the scale of their scales.

/// Weights of a block.
pub(super) const BLOCK: usize = 32;

/// 32 weights: each is `scale * q + min`, the scale being that of its half, and `q` its bits less [`Block::less`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// The lowest bits.
    pub(super) low: Bits,
    /// Those above the lowest four.
    pub(super) high: High,
    pub(super) less: u8,
    pub(super) scale: [f32; 2],
    pub(super) min: f32,
}

/// Some bits of 32 weights. What is done with words is left to each processor's kernel: the program is compiled for
/// size, where the compiler makes no vectors of loops over bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits {
    /// Bytes that have them, eight in a word, the first in its lowest bits.
    pub(super) words: [u64; 4],
    /// How far each word is moved down.
    pub(super) shift: [u64; 4],
    /// Which bits of each byte are meant then.
    pub(super) mask: u8,
}

/// The bits above the lowest four.
#[derive(Debug, Clone, Copy)]
pub(super) enum High {
    /// There are none.
    None,
    /// One or two for each weight, which stand like the lower ones.
    Bits(Bits),
    /// One for each weight, all in a word, the first weight's lowest.
    Fifth(u32),
}

impl Block {
    /// The whole numbers, as signed bytes in words. Never below zero where the format has a smallest weight.
    #[inline(always)]
    pub(super) fn q(&self) -> [u64; 4] {
        // The highest bit keeps a byte from borrowing from the next.
        let (top, less) = (every(128), every(self.less));
        let mut q = self.low.taken();
        let high = match &self.high {
            High::None => [0; 4],
            High::Bits(bits) => bits.taken(),
            High::Fifth(bits) => bits.to_le_bytes().map(|bits| SPREAD[usize::from(bits)]),
        };
        for n in 0..4 {
            q[n] |= high[n] << 4;
            if self.less != 0 {
                q[n] = ((q[n] | top) - less) ^ top;
            }
        }
        q
    }
}

impl Bits {
    #[inline(always)]
    fn taken(&self) -> [u64; 4] {
        std::array::from_fn(|n| self.words[n] >> self.shift[n] & every(self.mask))
    }
}

/// How vectors are rounded that are multiplied with a format's weights; as llama.cpp rounds them, so that numbers are its.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    /// Each 32 numbers have a scale, in 16 bits.
    By32,
    /// Each 256 numbers have a scale.
    By256,
}

/// What blocks of a format with a `K` share: each has a scale of its own for its first and its second half, and perhaps a
/// smallest weight, all of them whole numbers of one scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shared {
    /// Of each block two, as signed bytes in words.
    pub(super) scales: [u64; 2],
    /// What they are multiplied with.
    pub(super) scale: f32,
    /// Of each block one, as bytes in a word.
    pub(super) mins: u64,
    /// What they are multiplied with.
    pub(super) min: f32,
}

/// A format: `SIZE` bytes are `N` blocks.
pub(super) trait Format<const SIZE: usize, const N: usize> {
    /// Whether blocks have a smallest weight.
    const HAS_MIN: bool;
    /// How vectors are rounded for it.
    const ROUNDING: Rounding;
    /// Unpacks block `n`, below `N`.
    fn unpack(bytes: &[u8; SIZE], n: usize) -> Block;
    /// What its blocks share, where they are eight.
    #[inline(always)]
    fn shared(_: &[u8; SIZE]) -> Option<Shared> {
        None
    }
}

/// Q4_0: 4 bits around zero.
pub(super) struct Q4_0;
/// Q4_1: 4 bits above a smallest weight.
pub(super) struct Q4_1;
/// Q5_0: 5 bits around zero.
pub(super) struct Q5_0;
/// Q5_1: 5 bits above a smallest weight.
pub(super) struct Q5_1;
/// Q8_0: 8 bits.
pub(super) struct Q8_0;
/// Q4_K: 4 bits above a smallest weight, scales of 6 bits.
pub(super) struct Q4K;
/// Q5_K: the same with 5 bits.
pub(super) struct Q5K;
/// Q6_K: 6 bits around zero, a scale of 8 bits for 16 weights.
pub(super) struct Q6K;

/// So many bytes from one on; zeros behind the end, where no format has any.
#[inline(always)]
fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([0; N])
}

/// A number of 16 bits, but none that is infinite. In whole numbers, and the exponent put right by a factor: the
/// processor's own instruction is made to wait for the sum of the block before.
#[inline(always)]
fn half(bytes: &[u8], at: usize) -> f32 {
    let bits = i32::from(i16::from_le_bytes(part(bytes, at))) << 13;
    f32::from_bits(bits as u32 & 0x8FFF_FFFF) * f32::from_bits((127 + 112) << 23)
}

/// 32 bytes, of which the same bits are meant.
#[inline(always)]
fn bits(bytes: &[u8], at: usize, shift: usize, mask: u8) -> Bits {
    let word = |n: usize| u64::from_le_bytes(part(bytes, at + n));
    // Written out: compiled for size, `[shift; 4]` is a loop that stores them and waits for what it stored.
    let shift = shift as u64;
    let shift = [shift, shift, shift, shift];
    Bits { words: [word(0), word(8), word(16), word(24)], shift, mask }
}

/// The lower and then the upper four bits of 16 bytes.
#[inline(always)]
fn nibbles(bytes: &[u8], at: usize) -> Bits {
    let word = |n: usize| u64::from_le_bytes(part(bytes, at + n));
    Bits { words: [word(0), word(8), word(0), word(8)], shift: [0, 0, 4, 4], mask: 15 }
}

/// Words whose bytes are these.
#[inline(always)]
const fn every(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// For each byte, its bits as the lowest bits of eight bytes.
static SPREAD: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            table[byte] |= ((byte as u64 >> bit) & 1) << (8 * bit);
            bit += 1;
        }
        byte += 1;
    }
    table
};

/// Fifth bits that stand together.
#[inline(always)]
fn fifth(bytes: &[u8], at: usize) -> High {
    High::Fifth(u32::from_le_bytes(part(bytes, at)))
}

impl Format<18, 1> for Q4_0 {
    const HAS_MIN: bool = false;
    const ROUNDING: Rounding = Rounding::By32;

    #[inline(always)]
    fn unpack(bytes: &[u8; 18], _: usize) -> Block {
        let scale = [half(bytes, 0); 2];
        Block { low: nibbles(bytes, 2), high: High::None, less: 8, scale, min: 0.0 }
    }
}

impl Format<20, 1> for Q4_1 {
    const HAS_MIN: bool = true;
    const ROUNDING: Rounding = Rounding::By32;

    #[inline(always)]
    fn unpack(bytes: &[u8; 20], _: usize) -> Block {
        let (scale, min) = ([half(bytes, 0); 2], half(bytes, 2));
        Block { low: nibbles(bytes, 4), high: High::None, less: 0, scale, min }
    }
}

impl Format<22, 1> for Q5_0 {
    const HAS_MIN: bool = false;
    const ROUNDING: Rounding = Rounding::By32;

    #[inline(always)]
    fn unpack(bytes: &[u8; 22], _: usize) -> Block {
        let (high, scale) = (fifth(bytes, 2), [half(bytes, 0); 2]);
        Block { low: nibbles(bytes, 6), high, less: 16, scale, min: 0.0 }
    }
}

impl Format<24, 1> for Q5_1 {
    const HAS_MIN: bool = true;
    const ROUNDING: Rounding = Rounding::By32;

    #[inline(always)]
    fn unpack(bytes: &[u8; 24], _: usize) -> Block {
        let (scale, min) = ([half(bytes, 0); 2], half(bytes, 2));
        Block { low: nibbles(bytes, 8), high: fifth(bytes, 4), less: 0, scale, min }
    }
}

impl Format<34, 1> for Q8_0 {
    const HAS_MIN: bool = false;
    const ROUNDING: Rounding = Rounding::By32;

    #[inline(always)]
    fn unpack(bytes: &[u8; 34], _: usize) -> Block {
        let scale = [half(bytes, 0); 2];
        Block { low: bits(bytes, 2, 0, 255), high: High::None, less: 0, scale, min: 0.0 }
    }
}

/// Scale and smallest weight of one of eight blocks: 6 bits each, in 12 bytes.
#[inline(always)]
fn six_bits(bytes: [u8; 12], n: usize) -> (f32, f32) {
    let byte = |n: usize| bytes[n % 12];
    let (scale, min) = if n < 4 {
        (byte(n) & 63, byte(n + 4) & 63)
    } else {
        let (scale, min) = (byte(n + 4) & 15, byte(n + 4) >> 4);
        (scale | (byte(n - 4) >> 6) << 4, min | (byte(n) >> 6) << 4)
    };
    (f32::from(scale), f32::from(min))
}

/// One of eight blocks of 4 or 5 bits: two blocks have the lower and the upper bits of the same 32 bytes.
#[inline(always)]
fn unpack_k(bytes: &[u8], n: usize, at: usize, high: High) -> Block {
    let (scale, min) = six_bits(part(bytes, 4), n);
    let low = bits(bytes, at + n / 2 * BLOCK, n % 2 * 4, 15);
    Block { low, high, less: 0, scale: [half(bytes, 0) * scale; 2], min: -half(bytes, 2) * min }
}

/// The scales and smallest weights of [`six_bits`], all at once.
#[inline(always)]
fn shared_k(bytes: &[u8]) -> Shared {
    let word = |n: usize| u32::from_le_bytes(part(bytes, 4 + 4 * n));
    let (a, b, c) = (word(0), word(1), word(2));
    let high = |word: u32| word >> 2 & every(0b11_0000) as u32;
    let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    let (six, four) = (every(63) as u32, every(15) as u32);
    let scales = join(a & six, c & four | high(a)).to_le_bytes();
    let pair = |n: usize| u64::from(scales[n]) * 0x0101;
    let four = |n: usize| pair(n) | pair(n + 1) << 16 | pair(n + 2) << 32 | pair(n + 3) << 48;
    Shared {
        scales: [four(0), four(4)],
        scale: half(bytes, 0),
        mins: join(b & six, c >> 4 & every(15) as u32 | high(b)),
        min: -half(bytes, 2),
    }
}

impl Format<144, 8> for Q4K {
    const HAS_MIN: bool = true;
    const ROUNDING: Rounding = Rounding::By256;

    #[inline(always)]
    fn unpack(bytes: &[u8; 144], n: usize) -> Block {
        unpack_k(bytes, n, 16, High::None)
    }

    #[inline(always)]
    fn shared(bytes: &[u8; 144]) -> Option<Shared> {
        Some(shared_k(bytes))
    }
}

impl Format<176, 8> for Q5K {
    const HAS_MIN: bool = true;
    const ROUNDING: Rounding = Rounding::By256;

    #[inline(always)]
    fn unpack(bytes: &[u8; 176], n: usize) -> Block {
        unpack_k(bytes, n, 48, High::Bits(bits(bytes, 16, n, 1)))
    }

    #[inline(always)]
    fn shared(bytes: &[u8; 176]) -> Option<Shared> {
        Some(shared_k(bytes))
    }
}

impl Format<210, 8> for Q6K {
    const HAS_MIN: bool = false;
    const ROUNDING: Rounding = Rounding::By256;

    #[inline(always)]
    fn unpack(bytes: &[u8; 210], n: usize) -> Block {
        // Two groups of four blocks: the lower bits of a pair of blocks stand in the same bytes, and the upper bits of
        // all four.
        let (group, n) = (n / 4, n % 4);
        let low = bits(bytes, group * 64 + n % 2 * BLOCK, n / 2 * 4, 15);
        let high = High::Bits(bits(bytes, 128 + group * BLOCK, n * 2, 3));
        let [first, second]: [u8; 2] = part(bytes, 192 + group * 8 + n * 2);
        let of_scales = half(bytes, 208);
        let scale = [of_scales * f32::from(first as i8), of_scales * f32::from(second as i8)];
        Block { low, high, less: 32, scale, min: 0.0 }
    }

    #[inline(always)]
    fn shared(bytes: &[u8; 210]) -> Option<Shared> {
        let word = |at: usize| u64::from_le_bytes(part(bytes, at));
        let scales = [word(192), word(200)];
        Some(Shared { scales, scale: half(bytes, 208), mins: 0, min: 0.0 })
    }
}
