//! CTranslate2's file of weights: an index of named variables, read one at a time.
//!
//! Little-endian: u32 version (6), the name of the kind of model, u32 revision, u32 number of variables; per variable
//! its name, u8 rank, u32 dimensions, u8 type, u32 bytes, the data; then aliases, which are not needed here. A text is
//! a u16 length that counts a closing NUL, then the bytes.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

use half::f16;

use super::ConvertError;

/// The version of the file format that is known.
const VERSION: u32 = 6;
/// What the file calls a Whisper model.
const KIND: &str = "WhisperSpec";
/// More variables than the largest Whisper has by far.
const MAX_VARIABLES: u32 = 10_000;
/// More dimensions than any weight has.
const MAX_RANK: u8 = 4;
/// Bytes of the largest variable that is read: twice that of the largest Whisper.
const MAX_BYTES: u64 = 512 << 20;

/// Types of values, by their numbers in the file.
const F32: u8 = 0;
const I16: u8 = 2;
const F16: u8 = 4;

/// An opened file of weights.
pub(super) struct Weights<R> {
    from: R,
    index: BTreeMap<String, Place>,
}

/// Where a variable lies.
#[derive(Debug, Clone)]
struct Place {
    dimensions: Vec<u32>,
    kind: u8,
    at: u64,
    n_bytes: u64,
}

/// A variable as numbers, the last dimension running fastest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variable {
    pub(super) dimensions: Vec<u32>,
    pub(super) values: Vec<f32>,
}

impl<R: Read + Seek> Weights<R> {
    /// Reads the index.
    pub(super) fn open(mut from: R) -> Result<Self, ConvertError> {
        let end = from.seek(SeekFrom::End(0))?;
        from.seek(SeekFrom::Start(0))?;
        let mut reader = Reader(&mut from);
        let version = reader.u32()?;
        if version != VERSION {
            let text = format!("version {version} instead of {VERSION}");
            return Err(ConvertError::Unreadable(text));
        }
        let kind = reader.text()?;
        if kind != KIND {
            return Err(ConvertError::Foreign(format!("it is called `{kind}`")));
        }
        let _revision = reader.u32()?;
        let n_variables = reader.u32()?;
        if n_variables > MAX_VARIABLES {
            return Err(ConvertError::Unreadable(format!("{n_variables} variables")));
        }
        let mut index = BTreeMap::new();
        for _ in 0..n_variables {
            let (name, place) = reader.place()?;
            let after = place.at + place.n_bytes;
            if after > end {
                return Err(ConvertError::Unreadable(format!("it ends within `{name}`")));
            }
            reader.0.seek(SeekFrom::Start(after))?;
            index.insert(name, place);
        }
        Ok(Self { from, index })
    }

    /// How many rows, columns and so on a variable has.
    pub(super) fn dimensions(&self, name: &str) -> Result<Vec<u32>, ConvertError> {
        Ok(self.place(name)?.dimensions.clone())
    }

    /// A variable that is one whole number of at least 0.
    pub(super) fn number(&mut self, name: &str) -> Result<u32, ConvertError> {
        let place = self.place(name)?.clone();
        let number = match (place.kind, &*self.bytes(&place)?) {
            (I16, &[low, high]) => u32::try_from(i16::from_le_bytes([low, high])).ok(),
            _ => None,
        };
        number.ok_or_else(|| ConvertError::Foreign(format!("`{name}` is no number")))
    }

    /// How many layers of this name there are.
    pub(super) fn layers(&self, half: &str) -> u32 {
        let has = |layer: &u32| {
            self.index.contains_key(&format!("{half}/layer_{layer}/ffn/linear_0/weight"))
        };
        (0..).take_while(has).count() as u32
    }

    /// A variable of numbers with a fraction.
    pub(super) fn values(&mut self, name: &str) -> Result<Variable, ConvertError> {
        let place = self.place(name)?.clone();
        let bytes = self.bytes(&place)?;
        let values: Vec<f32> = match place.kind {
            F16 => {
                let value = |two: &[u8]| f16::from_le_bytes([two[0], two[1]]).to_f32();
                bytes.chunks_exact(2).map(value).collect()
            }
            F32 => {
                let value = |four: &[u8]| f32::from_le_bytes([four[0], four[1], four[2], four[3]]);
                bytes.chunks_exact(4).map(value).collect()
            }
            other => {
                let text =
                    format!("`{name}` has values of type {other}; only f16 and f32 are known");
                return Err(ConvertError::Foreign(text));
            }
        };
        let expected: u64 = place.dimensions.iter().map(|&n| u64::from(n)).product();
        if values.len() as u64 != expected {
            return Err(ConvertError::Unreadable(format!("`{name}` is not as long as it says")));
        }
        Ok(Variable { dimensions: place.dimensions, values })
    }

    fn place(&self, name: &str) -> Result<&Place, ConvertError> {
        self.index.get(name).ok_or_else(|| ConvertError::Foreign(format!("it has no `{name}`")))
    }

    fn bytes(&mut self, place: &Place) -> Result<Vec<u8>, ConvertError> {
        if place.n_bytes > MAX_BYTES {
            return Err(ConvertError::Unreadable(format!("{} bytes in one piece", place.n_bytes)));
        }
        self.from.seek(SeekFrom::Start(place.at))?;
        // `open` saw that so many bytes are there.
        let mut bytes = vec![0; place.n_bytes as usize];
        self.from.read_exact(&mut bytes).map_err(cut_off)?;
        Ok(bytes)
    }
}

/// Reads the small things of the file.
struct Reader<'a, R>(&'a mut R);

impl<R: Read + Seek> Reader<'_, R> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], ConvertError> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).map_err(cut_off)?;
        Ok(bytes)
    }

    fn u8(&mut self) -> Result<u8, ConvertError> {
        self.bytes().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, ConvertError> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn text(&mut self) -> Result<String, ConvertError> {
        let length = self.bytes().map(u16::from_le_bytes)?;
        let mut bytes = vec![0; usize::from(length)];
        self.0.read_exact(&mut bytes).map_err(cut_off)?;
        if bytes.pop() != Some(0) {
            return Err(ConvertError::Unreadable("a name does not end".to_owned()));
        }
        String::from_utf8(bytes)
            .map_err(|_| ConvertError::Unreadable("a name is no text".to_owned()))
    }

    /// The head of a variable.
    fn place(&mut self) -> Result<(String, Place), ConvertError> {
        let name = self.text()?;
        let rank = self.u8()?;
        if rank > MAX_RANK {
            return Err(ConvertError::Unreadable(format!("`{name}` has {rank} dimensions")));
        }
        let dimensions = (0..rank).map(|_| self.u32()).collect::<Result<_, _>>()?;
        let kind = self.u8()?;
        let n_bytes = u64::from(self.u32()?);
        let at = self.0.stream_position()?;
        Ok((name, Place { dimensions, kind, at, n_bytes }))
    }
}

/// A file that ends too early is a bad file, not a bad disk.
fn cut_off(error: io::Error) -> ConvertError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ConvertError::Unreadable("it is cut off".to_owned()),
        _ => ConvertError::Disk(error),
    }
}
