//! Texts that are part of the program, packed with gzip when it is built (`build.rs`), as most of them are read rarely and
//! all of them lie on a small disk. Owns how they are unpacked; what they are is the affair of those who name them.

use std::io::Read;

use flate2::read::GzDecoder;

/// A text of the program; made with [`packed!`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed(&'static [u8]);

impl Packed {
    /// What `build.rs` wrote.
    pub(crate) const fn new(gzip: &'static [u8]) -> Self {
        Self(gzip)
    }

    /// As it is: a gzip file.
    pub(crate) fn gzip(self) -> &'static [u8] {
        self.0
    }

    /// The text. Unpacked anew each time.
    pub(crate) fn text(self) -> String {
        let mut text = String::new();
        // Packed by ourselves: a test reads each.
        let read = GzDecoder::new(self.0).read_to_string(&mut text);
        debug_assert!(read.is_ok(), "{read:?}");
        text
    }
}

/// A file of the repository, by its path from the root, which has to be one of those that `build.rs` packs.
macro_rules! packed {
    ($($path:expr),+) => {
        $crate::packed::Packed::new(include_bytes!(concat!(env!("OUT_DIR"), "/", $($path,)+ ".gz")))
    };
}

pub(crate) use packed;
