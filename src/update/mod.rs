//! Newer programs beside the one that was installed: whether one is to be trusted, where it lies, which is started, and that
//! the old one comes back. Who starts and judges them is `trial`.
//!
//! # How it is
//!
//! What was installed, by a package or by hand, is never touched. Newer programs lie in the folder `program` of the data
//! directory, each with its signature, and links there say what they are: [`WANTED`] is to be tried at the next start,
//! [`TRYING`] is being tried, [`CURRENT`] has proved itself, [`REFUSED`] has not. A link changes in one step, so that a
//! power cut at any moment leaves either what was before or what comes after. Whoever is started as `homard run` looks there
//! first: a newer program that proved itself is started in its place, after its signature was looked at again. A package
//! that is newer than all of them wins, as its version is higher.
//!
//! What a signature says is its trusted comment: `homard 0.2.0 aarch64`.

pub(crate) mod trial;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use minisign_verify::{PublicKey, Signature};

/// For which processors this program was built; programs for others are not taken.
pub const PROCESSOR: &str = if cfg!(not(target_arch = "x86_64")) {
    std::env::consts::ARCH
} else if cfg!(target_feature = "avx2") {
    "x86_64-v3"
} else {
    "x86_64-v2"
};

/// The folder below the data directory.
const FOLDER: &str = "program";
const WANTED: &str = "wanted";
const TRYING: &str = "trying";
const CURRENT: &str = "current";
const REFUSED: &str = "refused";
/// What comes behind a program's name for its signature.
pub const SIGNATURE: &str = ".minisig";
/// Larger ones are none.
pub const MOST_SIGNATURE: u64 = 4 << 10;
/// And larger programs are none.
pub const MOST_PROGRAM: u64 = 256 << 20;
/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// `0.2.0`. Nothing but numbers, so that it is never unclear which is newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32, u32, u32);

impl Version {
    /// This program's own.
    pub fn own() -> Self {
        env!("CARGO_PKG_VERSION").parse().unwrap_or(Self(0, 0, 0))
    }
}

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts =
            text.split('.').map(|part| match part.bytes().all(|b| b.is_ascii_digit()) {
                true => part.parse::<u32>().map_err(|_| ()),
                false => Err(()),
            });
        let mut part = || parts.next().ok_or(())?;
        let version = Self(part()?, part()?, part()?);
        if parts.next().is_some() { Err(()) } else { Ok(version) }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Why a program is not taken.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// Nobody said whom to trust.
    #[error("it is not known whose programs are to be trusted: `[update] key` names no key")]
    NoKey,
    /// The key is none, or the signature is none.
    #[error("{0} is not understood: {1}")]
    Garbled(&'static str, minisign_verify::Error),
    /// Somebody else has signed it, or it is another file than the signed one.
    #[error("the signature is not right ({0}); nothing was changed")]
    Untrusted(minisign_verify::Error),
    /// The signature is of something else than a program of ours.
    #[error("what is signed is `{0}`, and no program of Homard's for this machine (`{PROCESSOR}`)")]
    Strange(String),
    /// It is not newer.
    #[error("version {offered} is not newer than {known}, which is here; going back is not done")]
    NotNewer {
        /// Which.
        offered: Version,
        /// The newest that is here.
        known: Version,
    },
    /// The disk.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// What a signature says: that this is a program of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// Which.
    pub version: Version,
}

impl Release {
    /// What a signature claims. True only where it was verified with the program.
    ///
    /// # Errors
    /// When it is no signature, or of something else than a program for this machine.
    pub fn claimed(signature: &str) -> Result<Self, UpdateError> {
        let signature = Signature::decode(signature);
        let signature = signature.map_err(|error| UpdateError::Garbled("the signature", error))?;
        Self::of(signature.trusted_comment())
    }

    fn of(comment: &str) -> Result<Self, UpdateError> {
        let mut words = comment.split_whitespace();
        let named = (words.next(), words.next().map(str::parse), words.next());
        match named {
            (Some("homard"), Some(Ok(version)), Some(PROCESSOR)) => Ok(Self { version }),
            _ => Err(UpdateError::Strange(comment.chars().take(100).collect())),
        }
    }
}

/// Reads a program to its end and says what it is, if who has this key has signed it.
fn verified(program: &Path, signature: &str, key: Option<&str>) -> Result<Release, UpdateError> {
    let key = PublicKey::from_base64(key.ok_or(UpdateError::NoKey)?)
        .map_err(|error| UpdateError::Garbled("the key", error))?;
    let signature = Signature::decode(signature)
        .map_err(|error| UpdateError::Garbled("the signature", error))?;
    let mut file = File::open(program).map_err(at(program))?.take(MOST_PROGRAM);
    let mut verifier = key.verify_stream(&signature).map_err(UpdateError::Untrusted)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk).map_err(at(program))? {
            0 => break,
            n => verifier.update(&chunk[..n]),
        }
    }
    verifier.finalize().map_err(UpdateError::Untrusted)?;
    Release::of(signature.trusted_comment())
}

/// The programs beside the one that was installed.
#[derive(Debug, Clone)]
pub struct Programs {
    data_dir: PathBuf,
    dir: PathBuf,
    key: Option<String>,
}

/// What lies there, by what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Is tried at the next start.
    pub wanted: Option<Version>,
    /// Is being tried.
    pub trying: Option<Version>,
    /// Runs, where nothing newer was installed.
    pub current: Option<Version>,
    /// Did not prove itself, the last time that one was tried.
    pub refused: Option<Version>,
}

/// What is to be started.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// What was installed.
    Itself,
    /// One that has proved itself.
    Current(PathBuf),
    /// One that has not yet.
    Trial(PathBuf, Version),
}

impl Programs {
    /// Those of a house, trusted with this key.
    pub fn new(data_dir: &Path, key: Option<String>) -> Self {
        Self { data_dir: data_dir.to_owned(), dir: data_dir.join(FOLDER), key }
    }

    /// What lies there.
    pub fn standing(&self) -> Standing {
        Standing {
            wanted: self.linked(WANTED),
            trying: self.linked(TRYING),
            current: self.linked(CURRENT),
            refused: self.linked(REFUSED),
        }
    }

    /// Where the registry is kept while a program is tried.
    pub(crate) fn registry(&self) -> PathBuf {
        self.dir.join("before.mdb")
    }

    /// The newest version that is here and good.
    pub fn newest(&self) -> Version {
        self.linked(CURRENT).map_or_else(Version::own, |current| current.max(Version::own()))
    }

    /// Where one is fetched to, before it is looked at.
    ///
    /// # Errors
    /// When there is no place for it.
    pub(crate) fn fetched(&self) -> Result<PathBuf, UpdateError> {
        self.make_folder()?;
        Ok(self.dir.join("homard-fetched.part"))
    }

    /// Puts a program there, to be tried at the next start. Nothing of it is of any use before it is whole, verified as it
    /// lies there, and on the disk.
    ///
    /// # Errors
    /// See [`UpdateError`]; what runs is as before.
    pub fn install(&self, program: &Path, signature: &str) -> Result<Release, UpdateError> {
        if self.key.is_none() {
            return Err(UpdateError::NoKey);
        }
        // Looked at before twenty megabytes are copied.
        let release = Release::claimed(signature)?;
        self.is_newer(release)?;
        self.make_folder()?;
        let name = name_of(release.version);
        let part = self.dir.join(format!("{name}.part"));
        let placed = self.place(program, &part, signature, &name);
        let _ = fs::remove_file(&part);
        placed?;
        self.link(WANTED, &name)?;
        self.unlink(REFUSED)?;
        self.give_to_owner();
        Ok(release)
    }

    fn place(
        &self,
        from: &Path,
        part: &Path,
        signature: &str,
        name: &str,
    ) -> Result<(), UpdateError> {
        let source = File::open(from).map_err(at(from))?;
        let mut file = fresh(part, 0o755)?;
        io::copy(&mut source.take(MOST_PROGRAM), &mut file).map_err(at(part))?;
        file.sync_all().map_err(at(part))?;
        drop(file);
        // What lies here now, and not what lay there.
        let release = verified(part, signature, self.key.as_deref())?;
        self.is_newer(release)?;
        let beside = self.dir.join(format!("{name}{SIGNATURE}"));
        let mut file = fresh(&beside, 0o644)?;
        file.write_all(signature.as_bytes()).map_err(at(&beside))?;
        file.sync_all().map_err(at(&beside))?;
        let whole = self.dir.join(name);
        fs::rename(part, &whole).map_err(at(&whole))?;
        self.sync()
    }

    /// Whether a program is newer than all that are here.
    ///
    /// # Errors
    /// [`UpdateError::NotNewer`].
    pub(crate) fn is_newer(&self, release: Release) -> Result<(), UpdateError> {
        let (offered, known) = (release.version, self.newest());
        if offered > known { Ok(()) } else { Err(UpdateError::NotNewer { offered, known }) }
    }

    /// Decides what is started now, and notes it. What was being tried when everything ended is not tried again.
    fn next(&self) -> Result<Next, UpdateError> {
        if !self.dir.exists() {
            return Ok(Next::Itself);
        }
        if let Some(version) = self.linked(TRYING) {
            tracing::warn!(%version, "A new program was being tried when it ended; the old one is back.");
            self.rename(TRYING, REFUSED)?;
        }
        if let Some(version) = self.linked(WANTED) {
            match self.trusted(version).and_then(|release| self.is_newer(release)) {
                Ok(()) => {
                    self.rename(WANTED, TRYING)?;
                    return Ok(Next::Trial(self.dir.join(name_of(version)), version));
                }
                Err(error) => {
                    tracing::error!(%version, %error, "A new program is not tried.");
                    self.rename(WANTED, REFUSED)?;
                }
            }
        }
        let Some(version) = self.linked(CURRENT) else { return Ok(Next::Itself) };
        if version <= Version::own() {
            // A package has overtaken it.
            return Ok(Next::Itself);
        }
        match self.trusted(version) {
            Ok(_) => Ok(Next::Current(self.dir.join(name_of(version)))),
            Err(error) => {
                tracing::error!(%version, %error, "The newer program is left alone; what was installed runs.");
                self.rename(CURRENT, REFUSED)?;
                Ok(Next::Itself)
            }
        }
    }

    /// A program that lies there, if it is what it is called.
    fn trusted(&self, version: Version) -> Result<Release, UpdateError> {
        let program = self.dir.join(name_of(version));
        let beside = self.dir.join(format!("{}{SIGNATURE}", name_of(version)));
        let signature = read_signature(&beside)?;
        let release = verified(&program, &signature, self.key.as_deref())?;
        if release.version == version {
            return Ok(release);
        }
        Err(UpdateError::Strange(format!("homard {}", release.version)))
    }

    /// What was tried has proved itself.
    fn accept(&self) -> Result<(), UpdateError> {
        self.rename(TRYING, CURRENT)?;
        self.tidy();
        Ok(())
    }

    /// What was tried has not.
    fn refuse(&self) -> Result<(), UpdateError> {
        self.rename(TRYING, REFUSED)?;
        self.tidy();
        Ok(())
    }

    /// It was not its fault that it could not prove itself.
    fn postpone(&self) -> Result<(), UpdateError> {
        self.rename(TRYING, WANTED)
    }

    /// Removes programs that nothing leads to.
    fn tidy(&self) {
        let standing = self.standing();
        let kept: Vec<String> = [standing.wanted, standing.trying, standing.current]
            .into_iter()
            .flatten()
            .map(name_of)
            .collect();
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            let program = name.trim_end_matches(".part").trim_end_matches(SIGNATURE);
            if is_file && program.starts_with("homard-") && !kept.iter().any(|kept| kept == program)
            {
                // It is in nobody's way.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// To which version a link leads, if there is one. The program itself may be missing.
    fn linked(&self, link: &str) -> Option<Version> {
        let target = fs::read_link(self.dir.join(link)).ok()?;
        target.to_str()?.strip_prefix("homard-")?.parse().ok()
    }

    fn link(&self, link: &str, name: &str) -> Result<(), UpdateError> {
        let (beside, place) = (self.dir.join(format!("{link}.new")), self.dir.join(link));
        let _ = fs::remove_file(&beside);
        std::os::unix::fs::symlink(name, &beside).map_err(at(&beside))?;
        fs::rename(&beside, &place).map_err(at(&place))?;
        self.sync()
    }

    fn unlink(&self, link: &str) -> Result<(), UpdateError> {
        let place = self.dir.join(link);
        match fs::remove_file(&place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&place)(error)),
            _ => self.sync(),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), UpdateError> {
        let (from, to) = (self.dir.join(from), self.dir.join(to));
        fs::rename(&from, &to).map_err(at(&to))?;
        self.sync()
    }

    /// So that a new name is there after a power cut.
    fn sync(&self) -> Result<(), UpdateError> {
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(at(&self.dir))
    }

    fn make_folder(&self) -> Result<(), UpdateError> {
        let made = DirBuilder::new().recursive(true).mode(0o755).create(&self.dir);
        made.map_err(at(&self.dir))
    }

    /// What root has put there belongs to whom the house belongs to.
    fn give_to_owner(&self) {
        let Ok(owner) = fs::metadata(&self.data_dir) else { return };
        let mine = fs::metadata(&self.dir).is_ok_and(|dir| dir.uid() == owner.uid());
        let (uid, gid) = (Some(owner.uid()), Some(owner.gid()));
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()).chain([self.dir.clone()]) {
            let is_theirs =
                fs::symlink_metadata(&path).is_ok_and(|found| found.uid() == owner.uid());
            if !(mine && is_theirs) {
                // Where it cannot be given, the links cannot be moved later, and that is told then.
                let _ = std::os::unix::fs::lchown(&path, uid, gid);
            }
        }
    }
}

/// The signature that lies beside a program.
///
/// # Errors
/// When it cannot be read.
pub fn read_signature(path: &Path) -> Result<String, UpdateError> {
    let mut text = String::new();
    let file = File::open(path).map_err(at(path))?;
    file.take(MOST_SIGNATURE).read_to_string(&mut text).map_err(at(path))?;
    Ok(text)
}

fn name_of(version: Version) -> String {
    format!("homard-{version}")
}

fn fresh(path: &Path, mode: u32) -> Result<File, UpdateError> {
    // An old one may have other rights, or be a link.
    let _ = fs::remove_file(path);
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(at(path))
}

fn at(path: &Path) -> impl Fn(io::Error) -> UpdateError {
    let path = path.to_owned();
    move |source| UpdateError::File { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        let check = |text: &str, expected: Option<Version>| {
            assert_eq!(text.parse().ok(), expected, "{text}");
        };
        check("0.2.0", Some(Version(0, 2, 0)));
        check("10.20.30", Some(Version(10, 20, 30)));
        for text in ["", "1", "1.2", "1.2.3.4", "1.2.x", "1.2.+3", "1.2.3-beta", "1..3", "v1.2.3"] {
            check(text, None);
        }
        assert!(Version(0, 10, 0) > Version(0, 9, 9));
        assert_eq!(Version::own().to_string(), env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn a_comment_names_a_program_for_this_machine() {
        let check = |comment: String, is_ours: bool| {
            assert_eq!(Release::of(&comment).is_ok(), is_ours, "{comment}");
        };
        check(format!("homard 9.0.0 {PROCESSOR}"), true);
        check(format!("homard 9.0.0 {PROCESSOR} of today"), true);
        check("homard 9.0.0 riscv64".to_owned(), false);
        check("homard 9.0.0".to_owned(), false);
        check(format!("other 9.0.0 {PROCESSOR}"), false);
        check(format!("homard 9.0 {PROCESSOR}"), false);
        check("timestamp:1555779966\tfile:test".to_owned(), false);
    }
}
