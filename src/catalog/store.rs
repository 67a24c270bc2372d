//! The folder of models: what is there, and whether it is what the catalogue says. It fetches nothing.

use std::fs::{self, File as Handle};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{File, Model};

/// The file in which it is noted what was verified, so that large files need not be read again.
const VERIFIED: &str = ".verified";
/// Bytes read at once.
const CHUNK: usize = 128 << 10;

/// The folder in which models lie.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

/// How much of a model is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// All of it.
    Whole,
    /// So many files of it, at least one and not all; or files of another version.
    Partial(usize),
    /// Nothing.
    Absent,
}

/// What was found where a file should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is what it should be.
    Right,
    /// Nothing is there.
    Missing,
    /// Something else is there, damaged or of another version.
    Wrong,
}

impl Store {
    /// The store in this folder, which need not exist.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a file of a model lies, if it is there.
    pub fn path(&self, file: &File) -> PathBuf {
        self.dir.join(&file.path)
    }

    /// How much of a model is there. Reads only what was not verified before.
    pub fn presence(&self, model: &Model) -> Presence {
        let notes = Notes::read(&self.dir);
        let verdicts = model.files.iter().map(|file| self.known(file, &notes));
        let (mut n_right, mut n_wrong) = (0, 0);
        for verdict in verdicts {
            n_right += usize::from(verdict == Verdict::Right);
            n_wrong += usize::from(verdict == Verdict::Wrong);
        }
        match (n_right, n_wrong) {
            (n, _) if n == model.files.len() => Presence::Whole,
            (0, 0) => Presence::Absent,
            (n, _) => Presence::Partial(n),
        }
    }

    /// Reads a file wholly and compares it with the catalogue.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn check(&self, file: &File) -> io::Result<Verdict> {
        let path = self.path(file);
        let handle = match Handle::open(&path) {
            Ok(handle) => handle,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Verdict::Missing),
            Err(error) => return Err(error),
        };
        if handle.metadata()?.len() != file.size {
            return Ok(Verdict::Wrong);
        }
        let hash = hash_of(handle)?;
        Ok(if hash == file.sha256 { Verdict::Right } else { Verdict::Wrong })
    }

    /// The files of a model that are not there or not right.
    pub(super) fn missing<'m>(&self, model: &'m Model) -> Vec<&'m File> {
        let mut notes = Notes::read(&self.dir);
        let n_notes = notes.0.len();
        let mut missing = Vec::new();
        for file in &model.files {
            if self.known(file, &notes) == Verdict::Right {
                notes.add(&self.dir, file);
            } else {
                missing.push(file);
            }
        }
        if notes.0.len() != n_notes {
            notes.write(&self.dir);
        }
        missing
    }

    /// Notes that a file was verified just now.
    pub(super) fn note(&self, file: &File) {
        let mut notes = Notes::read(&self.dir);
        notes.add(&self.dir, file);
        notes.write(&self.dir);
    }

    fn known(&self, file: &File, notes: &Notes) -> Verdict {
        match Note::of(&self.dir, file) {
            Some(note) if notes.0.contains(&note) => Verdict::Right,
            _ => self.check(file).unwrap_or(Verdict::Wrong),
        }
    }
}

/// That a file with this hash was seen with this size, time of change and inode.
#[derive(Debug, PartialEq, Eq)]
struct Note {
    sha256: String,
    stamp: String,
    path: String,
}

/// All that was noted. Where notes are lost, files are read again; nothing else happens.
#[derive(Debug, Default)]
struct Notes(Vec<Note>);

impl Note {
    fn of(dir: &Path, file: &File) -> Option<Self> {
        let found = fs::metadata(dir.join(&file.path)).ok()?;
        let stamp =
            format!("{}:{}:{}.{}", found.len(), found.ino(), found.mtime(), found.mtime_nsec());
        Some(Self { sha256: file.sha256.clone(), stamp, path: file.path.clone() })
    }
}

impl Notes {
    fn read(dir: &Path) -> Self {
        let text = fs::read_to_string(dir.join(VERIFIED)).unwrap_or_default();
        let note = |line: &str| {
            let mut words = line.split(' ');
            let mut word = || words.next().map(str::to_owned);
            Some(Note { sha256: word()?, stamp: word()?, path: word()? })
        };
        Self(text.lines().filter_map(note).collect())
    }

    fn add(&mut self, dir: &Path, file: &File) {
        self.0.retain(|note| note.path != file.path);
        self.0.extend(Note::of(dir, file));
    }

    fn write(&self, dir: &Path) {
        let lines =
            self.0.iter().map(|note| format!("{} {} {}\n", note.sha256, note.stamp, note.path));
        let text: String = lines.collect();
        let new = dir.join(format!("{VERIFIED}.new"));
        // Without notes the next look takes longer.
        let _ = fs::write(&new, text).and_then(|()| fs::rename(&new, dir.join(VERIFIED)));
    }
}

/// SHA-256 in lower-case hexadecimal.
pub(super) fn hash_of(mut from: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk)? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&chunk[..n]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
