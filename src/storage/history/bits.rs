//! Numbers as few bits: a stream of bits, and Rice codes that follow what they are given.
//!
//! Columns of a home are nearly regular: the difference to what was expected is small and its usual
//! size changes slowly. For such numbers Rice's codes (R. F. Rice and J. R. Plaunt, "Adaptive
//! Variable-Length Coding for Efficient Compression of Spacecraft Television Data", 1971) are within
//! a fraction of a bit of the best; how their parameter follows the mean is that of JPEG-LS
//! (ITU-T T.87, A.5).

/// The bits end before what they should hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the block is broken")]
pub(super) struct Broken;

/// Bits that are written, the highest first.
#[derive(Debug, Clone, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are not used yet.
    n_free: u32,
}

impl BitWriter {
    /// Writes the lowest `n` bits, 64 at most.
    pub(super) fn put(&mut self, value: u64, n: u32) {
        let mut left = n;
        while left > 0 {
            if self.n_free == 0 {
                self.bytes.push(0);
                self.n_free = 8;
            }
            let now = left.min(self.n_free);
            let part = (value >> (left - now)) & ((1 << now) - 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= (part << (self.n_free - now)) as u8;
            }
            self.n_free -= now;
            left -= now;
        }
    }

    /// Writes a number of any size: its length, then its bits.
    pub(super) fn put_any(&mut self, value: u64) {
        let n_bits = 64 - value.leading_zeros();
        self.put(n_bits.into(), 7);
        self.put(value, n_bits);
    }

    /// What was written, the last byte filled with zeros.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Bits that are read back.
#[derive(Debug, Clone)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// In bits.
    at: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// At least the next 57 bits, at the high end; zeros after the last.
    #[inline(always)]
    fn peek(&self) -> u64 {
        let first = self.at / 8;
        let word = match self.bytes.get(first..first + 8) {
            Some(&[a, b, c, d, e, f, g, h]) => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            _ => {
                let mut word = [0; 8];
                let rest = self.bytes.get(first..).unwrap_or_default();
                word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                u64::from_be_bytes(word)
            }
        };
        word << (self.at % 8)
    }

    #[inline(always)]
    fn skip(&mut self, n: u32) -> Result<(), Broken> {
        self.at += n as usize;
        if self.at <= self.bytes.len() * 8 { Ok(()) } else { Err(Broken) }
    }

    /// The next `n` bits, 64 at most.
    #[inline(always)]
    pub(super) fn take(&mut self, n: u32) -> Result<u64, Broken> {
        if n > 32 {
            let high = self.take(n - 32)?;
            return Ok(high << 32 | self.take(32)?);
        }
        if n == 0 {
            return Ok(0);
        }
        let value = self.peek() >> (64 - n);
        self.skip(n)?;
        Ok(value)
    }

    /// What [`BitWriter::put_any`] wrote.
    pub(super) fn take_any(&mut self) -> Result<u64, Broken> {
        let n_bits = self.take(7)? as u32;
        if n_bits > 64 {
            return Err(Broken);
        }
        self.take(n_bits)
    }
}

/// Longer quotients are written plainly: an outlier must not cost thousands of bits.
const MAX_QUOTIENT: u32 = 20;
/// After so many numbers what was before counts half: the code follows a change within minutes.
const MEMORY: u32 = 32;
/// An outlier counts as this at most.
const MOST: u64 = 1 << 40;

/// How large the numbers of one column are of late. The writer and the reader change it alike.
#[derive(Debug, Clone)]
pub(super) struct Rice {
    sum: u64,
    n: u32,
}

impl Rice {
    /// For numbers that are about this large at first.
    pub(super) fn new(about: u64) -> Self {
        Self { sum: about.max(1), n: 1 }
    }

    /// The least bits `k` for which `n · 2^k` reaches the sum.
    #[inline(always)]
    fn k(&self) -> u32 {
        let k = (64 - self.sum.leading_zeros()).saturating_sub(32 - self.n.leading_zeros());
        if u64::from(self.n) << k < self.sum { k + 1 } else { k }
    }

    #[inline(always)]
    fn note(&mut self, value: u64) {
        self.sum += value.min(MOST);
        self.n += 1;
        if self.n >= MEMORY {
            self.sum = self.sum.div_ceil(2);
            self.n /= 2;
        }
    }

    pub(super) fn put(&mut self, value: u64, bits: &mut BitWriter) {
        let k = self.k();
        let quotient = value >> k;
        if quotient < u64::from(MAX_QUOTIENT) {
            let ones = quotient as u32;
            // As many ones, and a zero.
            bits.put((1 << (ones + 1)) - 2, ones + 1);
            bits.put(value, k);
        } else {
            bits.put((1 << MAX_QUOTIENT) - 1, MAX_QUOTIENT);
            bits.put(value, 64);
        }
        self.note(value);
    }

    #[inline(always)]
    pub(super) fn take(&mut self, bits: &mut BitReader<'_>) -> Result<u64, Broken> {
        let k = self.k();
        let ones = (!bits.peek()).leading_zeros();
        let value = if ones < MAX_QUOTIENT {
            bits.skip(ones + 1)?;
            u64::from(ones) << k | bits.take(k)?
        } else {
            bits.skip(MAX_QUOTIENT)?;
            bits.take(64)?
        };
        self.note(value);
        Ok(value)
    }

    pub(super) fn put_signed(&mut self, value: i64, bits: &mut BitWriter) {
        self.put(zigzag(value), bits);
    }

    #[inline]
    pub(super) fn take_signed(&mut self, bits: &mut BitReader<'_>) -> Result<i64, Broken> {
        Ok(unzigzag(self.take(bits)?))
    }
}

/// Small numbers of either sign as small ones without: 0, −1, 1, −2, …
pub(super) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

#[inline]
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_of_number_comes_back() {
        let mut numbers: Vec<i64> = vec![0, 1, -1, i64::MAX, i64::MIN, 5, -5];
        for shift in 0..63 {
            numbers.extend([1_i64 << shift, -(1_i64 << shift), (1_i64 << shift) - 1]);
        }
        let (mut bits, mut rice) = (BitWriter::default(), Rice::new(100));
        for number in &numbers {
            rice.put_signed(*number, &mut bits);
            bits.put_any(zigzag(*number));
            bits.put(1, 1);
        }
        let (mut read, mut rice) = (BitReader::new(bits.bytes()), Rice::new(100));
        for number in &numbers {
            assert_eq!(rice.take_signed(&mut read), Ok(*number));
            assert_eq!(read.take_any(), Ok(zigzag(*number)));
            assert_eq!(read.take(1), Ok(1));
        }
        assert_eq!(read.take(32), Err(Broken));
    }

    #[test]
    fn the_parameter_is_the_least_that_reaches_the_mean() {
        for sum in 1..2_000 {
            for n in 1..MEMORY {
                let k = Rice { sum, n }.k();
                assert!(u64::from(n) << k >= sum, "{sum}/{n}: {k}");
                assert!(k == 0 || u64::from(n) << (k - 1) < sum, "{sum}/{n}: {k}");
            }
        }
    }
}
