//! Everything that a house knows in one file, made while the house lives, and put back into a data directory.
//!
//! The file is a ZIP archive, which anybody can open: first [`MANIFEST`], which says what it is, then the files of the
//! data directory. The databases in it are copies that LMDB makes of one moment each, without what was freed. Models are
//! not in it (`homard models pull` fetches them again), nor is what only a running daemon is of use with.
//!
//! Putting it back never leaves a house without data: each file takes the place of the one before in one step, the
//! registry last, and what was there before is kept beside.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use heed::types::Str;
use heed::{CommitOrAbort, CompactionOption, Env, WithoutTls};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::sealed::{self, Key, Lock, Sealer};
use super::{
    Error, FORMAT, MAP_SIZE, MAX_TABLES, Storage, UPGRADES, format_of, lock, make_directory,
    open_env,
};

/// The name of the first entry of a backup.
const MANIFEST: &str = "homard-backup.json";
/// The newest layout of backups that is known.
const LAYOUT: u32 = 1;
/// The registry.
const HOUSE: &str = "data.mdb";
/// Below the data directory: what is being unpacked, and what a restore has replaced.
const UNPACKED: &str = "restoring";
const OPENED: &str = "restoring.zip";
const COPY: &str = "backup.mdb";
const BEFORE: &str = "before-restore";
/// What of a data directory is in no backup, but for the databases, which are copied.
const LEFT_OUT: &[&str] = &[
    "models",
    "program",
    "lock.mdb",
    "homard.lock",
    "running.json",
    "demo-token",
    UNPACKED,
    BEFORE,
    OPENED,
    COPY,
    UPLOADED,
    INCOMING,
];
/// Deepest folder that is looked into.
const DEPTH: usize = 4;
/// Most that a file may be unpacked to: more than the largest database.
const MOST: u64 = 4 << 30;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The layout of the archive.
    pub layout: u32,
    /// The format of the registry.
    pub format: usize,
    /// The version of Homard that has made it.
    pub homard: String,
    /// When, as RFC 3339 writes it, in UTC.
    pub made_at: String,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data directory has no house in it.
    #[error("there are no data of a house in {}", .0.display())]
    Nothing(PathBuf),
    /// The databases.
    #[error(transparent)]
    Storage(#[from] Error),
    /// A file.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The archive is damaged, or none.
    #[error("{} is no whole backup: {source}", .path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: ZipError,
    },
    /// It is an archive, but not of a house.
    #[error("{} is no backup of Homard: {why}", .path.display())]
    Strange {
        /// Which.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// It is sealed, and was not opened.
    #[error("{} is encrypted: {why}", .path.display())]
    Sealed {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A later Homard has made it.
    #[error("{} was made by Homard {homard}, which keeps its data in a form that this one does not know", .path.display())]
    Newer {
        /// Which.
        path: PathBuf,
        /// The version that has made it.
        homard: String,
    },
}

/// Below the data directory: a backup that came by the panel and is put back at the next start.
const UPLOADED: &str = "restore.zip";
const INCOMING: &str = "restore.part";

/// Writes everything that is known in `dir` into the new file `to`, sealed if there is a lock, also while a daemon works on it. Only this user can
/// read the file, which holds what opens the house; it has its name when it is whole and on the disk.
///
/// # Errors
/// See [`BackupError`]; there is no file then, or the one of before.
pub fn write(
    dir: &Path,
    to: &Path,
    now: Timestamp,
    lock: Option<&Lock>,
) -> Result<Manifest, BackupError> {
    if !Storage::is_there(dir) {
        return Err(BackupError::Nothing(dir.to_owned()));
    }
    let beside = with_suffix(to, ".part");
    // What is sealed never lies unsealed where the file does.
    let copy = if lock.is_some() { dir.join(COPY) } else { with_suffix(to, ".copy") };
    let result = write_parts(dir, &beside, &copy, now, lock).and_then(|manifest| {
        fs::rename(&beside, to).map_err(at(to))?;
        sync_folder(to)?;
        Ok(manifest)
    });
    let _ = fs::remove_file(&copy);
    if result.is_err() {
        let _ = fs::remove_file(&beside);
    }
    result
}

fn write_parts(
    dir: &Path,
    to: &Path,
    copy: &Path,
    now: Timestamp,
    lock: Option<&Lock>,
) -> Result<Manifest, BackupError> {
    let damaged = |source| BackupError::Damaged { path: to.to_owned(), source };
    let mut options = File::options();
    let file =
        options.write(true).create(true).truncate(true).mode(0o600).open(to).map_err(at(to))?;
    let file = BufWriter::new(file);
    let out = match lock {
        None => Out::Plain(file),
        Some(lock) => Out::Sealed(Box::new(Sealer::new(file, lock).map_err(at(to))?)),
    };
    let mut archive = ZipWriter::new_stream(out);
    let packed = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .large_file(true)
        .unix_permissions(0o600);
    // Copied first: the manifest says in which format it is.
    let env = copy_database(dir, copy)?;
    let manifest = Manifest {
        layout: LAYOUT,
        format: format(&env, dir)?.unwrap_or_default(),
        homard: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: now.to_string(),
    };
    archive.start_file(MANIFEST, packed).map_err(damaged)?;
    let text = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
    archive.write_all(&text).map_err(at(to))?;
    let mut add = |name: &str, from: &Path| {
        archive.start_file(name, packed).map_err(damaged)?;
        let mut from_file = File::open(from).map_err(at(from))?;
        io::copy(&mut from_file, &mut archive).map_err(at(from))?;
        Ok::<(), BackupError>(())
    };
    add(HOUSE, copy)?;
    for name in files(dir, DEPTH) {
        let from = dir.join(&name);
        let name = name.to_string_lossy();
        if name == HOUSE {
            continue;
        }
        if from.file_name() == Path::new(HOUSE).file_name() {
            copy_database(from.parent().unwrap_or(dir), copy)?;
            add(&name, copy)?;
        } else {
            add(&name, &from)?;
        }
    }
    let file = match archive.finish().map_err(damaged)?.into_inner() {
        Out::Plain(file) => file,
        Out::Sealed(sealer) => sealer.finish().map_err(at(to))?,
    };
    let file = file.into_inner().map_err(|error| at(to)(error.into_error()))?;
    file.sync_all().map_err(at(to))?;
    Ok(manifest)
}

/// Where an archive is written to.
enum Out {
    Plain(BufWriter<File>),
    Sealed(Box<Sealer<BufWriter<File>>>),
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Sealed(sealer) => sealer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Sealed(sealer) => sealer.flush(),
        }
    }
}

/// Copies an environment as it is at one moment.
fn copy_database(dir: &Path, to: &Path) -> Result<Env<WithoutTls>, BackupError> {
    let env = open_env(dir, MAP_SIZE, MAX_TABLES)?;
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(to).map_err(at(to))?;
    env.copy_to_file(&mut file, CompactionOption::Enabled).map_err(Error::from)?;
    Ok(env)
}

/// The format of a registry, which is not changed by asking.
fn format(env: &Env<WithoutTls>, dir: &Path) -> Result<Option<usize>, Error> {
    let opened = env.open_databases_and_commit(env.read_txn()?, |opener, txn| {
        opener.open_database::<Str, Str>(txn, Some("meta")).map(CommitOrAbort::<_, ()>::Commit)
    })?;
    let CommitOrAbort::Commit(Some(meta)) = opened else { return Ok(None) };
    let txn = env.read_txn()?;
    format_of(dir, meta.get(&txn, FORMAT)?)
}

/// Puts a backup into `dir`, in which no daemon may be at work. What is replaced is kept in `before-restore`.
///
/// # Errors
/// See [`BackupError`]; the data are those of before, unless the disk failed in the middle of it. Then the same again
/// completes it.
pub fn restore(from: &Path, dir: &Path, key: Option<&Key>) -> Result<Manifest, BackupError> {
    make_directory(dir)?;
    let _lock = lock(dir)?;
    let opened = dir.join(OPENED);
    let from = unsealed(from, key, &opened)?;
    let done = put_back(&from, dir);
    let _ = fs::remove_file(&opened);
    done
}

fn put_back(from: &Path, dir: &Path) -> Result<Manifest, BackupError> {
    let (manifest, mut archive) = open(from)?;
    let unpacked = dir.join(UNPACKED);
    remove_folder(&unpacked)?;
    let names = unpack(from, &mut archive, &unpacked)?;
    whole(from, &unpacked)?;
    let before = dir.join(BEFORE);
    remove_folder(&before)?;
    // The registry last: as long as it is the old one, nothing was restored.
    let house = PathBuf::from(HOUSE);
    for name in names.iter().filter(|name| **name != house).chain([&house]) {
        replace(&unpacked.join(name), &dir.join(name), &before.join(name))?;
    }
    remove_folder(&unpacked)?;
    give_to_owner(dir)?;
    Ok(manifest)
}

/// Copies the registry as it is now, before a newer program writes to it: its users go through one by one if need be.
///
/// # Errors
/// See [`BackupError`].
pub fn keep_registry(dir: &Path, to: &Path) -> Result<(), BackupError> {
    if !Storage::is_there(dir) {
        return Ok(());
    }
    drop(copy_database(dir, to)?);
    File::open(to).and_then(|file| file.sync_all()).map_err(at(to))?;
    sync_folder(to)
}

/// Puts a registry back that was kept, where the one in `dir` is of a form that only a newer program knows; whether it was.
///
/// # Errors
/// See [`BackupError`]; what was there before is there then.
pub fn put_back_registry(kept: &Path, dir: &Path) -> Result<bool, BackupError> {
    if !kept.exists() {
        return Ok(false);
    }
    let _lock = lock(dir)?;
    let env = open_env(dir, MAP_SIZE, MAX_TABLES)?;
    let found = format(&env, dir)?;
    drop(env);
    let is_newer = found.is_some_and(|found| found > UPGRADES.len() + 1);
    if is_newer {
        let (house, newer) = (dir.join(HOUSE), dir.join(format!("{HOUSE}.newer")));
        fs::rename(&house, &newer).map_err(at(&newer))?;
        fs::rename(kept, &house).map_err(at(&house))?;
        sync_folder(&house)?;
        give_to_owner(dir)?;
    }
    Ok(is_newer)
}

/// The file itself, or what was sealed in it, opened into `to`.
fn unsealed(from: &Path, key: Option<&Key>, to: &Path) -> Result<PathBuf, BackupError> {
    let mut file = BufReader::new(File::open(from).map_err(at(from))?);
    let is_sealed = file.fill_buf().map_err(at(from))?.starts_with(sealed::MAGIC.as_bytes());
    if !is_sealed {
        return Ok(from.to_owned());
    }
    let sealed = |why: String| BackupError::Sealed { path: from.to_owned(), why };
    let key = key.ok_or_else(|| sealed("a passphrase or a secret key is needed".to_owned()))?;
    let mut options = File::options();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut opened = BufWriter::new(options.open(to).map_err(at(to))?);
    let done = sealed::open(&mut file, key, &mut opened).and_then(|()| opened.flush());
    done.map_err(|error| {
        let _ = fs::remove_file(to);
        sealed(error.to_string())
    })?;
    Ok(to.to_owned())
}

/// Where a backup is put while it comes by the panel.
pub fn incoming(dir: &Path) -> PathBuf {
    dir.join(INCOMING)
}

/// Where a backup is put that came by the panel, and is good.
fn uploaded(dir: &Path) -> PathBuf {
    dir.join(UPLOADED)
}

/// Looks whether a backup that came by the panel can be put back, and readies it for the next start.
///
/// # Errors
/// See [`BackupError`]; nothing happens at the next start then.
pub fn ready(from: &Path, dir: &Path, key: Option<&Key>) -> Result<Manifest, BackupError> {
    let opened = dir.join(OPENED);
    let done = unsealed(from, key, &opened).and_then(|plain| {
        let (manifest, mut archive) = open(&plain)?;
        let unpacked = dir.join(UNPACKED);
        remove_folder(&unpacked)?;
        let read = unpack(&plain, &mut archive, &unpacked).and_then(|_| whole(&plain, &unpacked));
        remove_folder(&unpacked)?;
        read?;
        File::open(&plain).and_then(|file| file.sync_all()).map_err(at(&plain))?;
        let place = uploaded(dir);
        fs::rename(&plain, &place).map_err(at(&place))?;
        sync_folder(&place)?;
        Ok(manifest)
    });
    let _ = fs::remove_file(&opened);
    done
}

/// Puts the backup back that came by the panel, if there is one and nobody runs the house. It is gone afterwards, or kept
/// as `….bad`.
///
/// # Errors
/// See [`restore`].
pub fn restore_uploaded(dir: &Path) -> Result<Option<Manifest>, BackupError> {
    let place = uploaded(dir);
    if !place.exists() {
        return Ok(None);
    }
    if !Storage::open(dir)?.people().is_empty()? {
        // Somebody has become the owner since it came, and what they have is theirs. Or it was put back, and the power
        // went before it was removed.
        tracing::warn!("A backup that came by the panel is left out, as the house has an owner.");
        remove_folder(&dir.join(UNPACKED))?;
        fs::remove_file(&place).map_err(at(&place))?;
        return Ok(None);
    }
    let done = restore(&place, dir, None);
    match &done {
        Ok(_) => fs::remove_file(&place).map_err(at(&place))?,
        Err(_) => fs::rename(&place, with_suffix(&place, ".bad")).map_err(at(&place))?,
    }
    done.map(Some)
}

/// Reads what a backup says of itself.
///
/// # Errors
/// When it is none, or of a Homard that is newer than this.
fn open(from: &Path) -> Result<(Manifest, ZipArchive<BufReader<File>>), BackupError> {
    let damaged = |source| BackupError::Damaged { path: from.to_owned(), source };
    let strange = |why| BackupError::Strange { path: from.to_owned(), why };
    let file = File::open(from).map_err(at(from))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let mut text = String::new();
    archive
        .by_name(MANIFEST)
        .map_err(|_| strange("it does not say what it is"))?
        .take(1 << 16)
        .read_to_string(&mut text)
        .map_err(at(from))?;
    let manifest: Manifest = serde_json::from_str(&text)
        .map_err(|_| strange("what it says of itself is not understood"))?;
    if manifest.layout > LAYOUT || manifest.format > UPGRADES.len() + 1 {
        let path = from.to_owned();
        return Err(BackupError::Newer { path, homard: manifest.homard });
    }
    Ok((manifest, archive))
}

/// Unpacks all files into a new folder; their names.
fn unpack(
    from: &Path,
    archive: &mut ZipArchive<BufReader<File>>,
    into: &Path,
) -> Result<BTreeSet<PathBuf>, BackupError> {
    let damaged = |source| BackupError::Damaged { path: from.to_owned(), source };
    let strange = |why| BackupError::Strange { path: from.to_owned(), why };
    let mut names = BTreeSet::new();
    make_folder(into)?;
    for at_index in 0..archive.len() {
        let mut entry = archive.by_index(at_index).map_err(damaged)?;
        let name = PathBuf::from(entry.name().map_err(damaged)?.into_owned());
        if name == Path::new(MANIFEST) {
            continue;
        }
        let is_inside = name.components().all(|part| matches!(part, Component::Normal(_)));
        let first = name.components().next().map(|part| part.as_os_str().to_owned());
        let is_ours = first.is_some_and(|first| !LEFT_OUT.iter().any(|out| first == *out));
        if !is_inside || !is_ours || !entry.is_file() {
            return Err(strange("it has files that lie elsewhere"));
        }
        let to = into.join(&name);
        make_folder(to.parent().unwrap_or(into))?;
        let mut options = File::options();
        let mut file =
            options.write(true).create_new(true).mode(0o600).open(&to).map_err(at(&to))?;
        // Checks the checksum too.
        let n = io::copy(&mut entry.by_ref().take(MOST), &mut file).map_err(at(&to))?;
        if n == MOST {
            return Err(strange("a file in it is too large"));
        }
        file.sync_all().map_err(at(&to))?;
        names.insert(name);
    }
    if !names.contains(Path::new(HOUSE)) {
        return Err(strange("there is no house in it"));
    }
    Ok(names)
}

/// Whether what was unpacked can be read.
fn whole(from: &Path, unpacked: &Path) -> Result<(), BackupError> {
    let env = open_env(unpacked, MAP_SIZE, MAX_TABLES)?;
    let found = format(&env, unpacked)?;
    drop(env);
    // LMDB's own, made by opening it.
    let _ = fs::remove_file(unpacked.join("lock.mdb"));
    match found {
        Some(found) if found <= UPGRADES.len() + 1 => Ok(()),
        _ => Err(BackupError::Strange { path: from.to_owned(), why: "its format is not known" }),
    }
}

/// Puts a file in the place of another in one step, and keeps the other.
fn replace(new: &Path, old: &Path, kept: &Path) -> Result<(), BackupError> {
    make_folder(old.parent().unwrap_or(old))?;
    if old.exists() {
        make_folder(kept.parent().unwrap_or(kept))?;
        fs::hard_link(old, kept).map_err(at(kept))?;
    }
    fs::rename(new, old).map_err(at(old))?;
    sync_folder(old)
}

/// Where root has restored the data of another user, they are that user's.
fn give_to_owner(dir: &Path) -> Result<(), BackupError> {
    let owner = fs::metadata(dir).map_err(at(dir))?;
    let mut all: BTreeSet<PathBuf> = files(dir, DEPTH);
    for file in all.clone() {
        all.extend(file.ancestors().skip(1).map(Path::to_owned));
    }
    all.extend([BEFORE, "homard.lock", "lock.mdb"].map(PathBuf::from));
    all.extend(
        files(&dir.join(BEFORE), DEPTH).into_iter().map(|file| Path::new(BEFORE).join(file)),
    );
    for path in all.iter().map(|path| dir.join(path)) {
        let Ok(found) = fs::symlink_metadata(&path) else { continue };
        if found.uid() != owner.uid() || found.gid() != owner.gid() {
            std::os::unix::fs::lchown(&path, Some(owner.uid()), Some(owner.gid()))
                .map_err(at(&path))?;
        }
    }
    Ok(())
}

/// The files of a data directory that belong into a backup, by their names below it; links are not followed.
fn files(dir: &Path, depth: usize) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let Ok(entries) = fs::read_dir(dir) else { return found };
    for entry in entries.flatten() {
        let name = PathBuf::from(entry.file_name());
        if LEFT_OUT.iter().any(|out| name == Path::new(out)) {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_file() => {
                found.insert(name);
            }
            Ok(kind) if kind.is_dir() && depth > 0 => {
                found.extend(
                    files(&entry.path(), depth - 1).into_iter().map(|file| name.join(file)),
                );
            }
            Ok(_) | Err(_) => {}
        }
    }
    found
}

fn make_folder(path: &Path) -> Result<(), BackupError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))
}

fn remove_folder(path: &Path) -> Result<(), BackupError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

/// So that a new name is there after a power cut.
fn sync_folder(of: &Path) -> Result<(), BackupError> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn at(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File { path: path.clone(), source }
}
