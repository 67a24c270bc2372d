//! The owner's sentence files: `sentences/<language>/*.yaml` in the data directory. It owns which files count, their
//! limits, and what holds while one of them is broken: its last good version.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::intent::pack::{Pack, PackProblem, Source};
use crate::intent::script::{self, Script};

/// Largest file, in bytes; hundreds of sentences have some ten thousand.
const LARGEST: u64 = 1 << 20;
/// Most files of one language.
const MOST_FILES: usize = 200;
/// Most languages with files.
const MOST_LANGUAGES: usize = 100;

/// The files as they were read last.
#[derive(Debug)]
pub(super) struct Owner {
    /// The folder `sentences`.
    dir: PathBuf,
    /// The last good text of each file that was read, by its name as people know it.
    good: BTreeMap<String, Arc<str>>,
}

/// The files of a language, to be made a pack of.
#[derive(Debug, Default)]
pub(super) struct Files {
    files: Vec<File>,
    /// What kept files from being read at all.
    problems: Vec<String>,
}

#[derive(Debug)]
struct File {
    /// `sentences/en/lights.yaml`.
    name: String,
    /// As it is now.
    text: Arc<str>,
    /// As it was when it was good, if that is another.
    good: Option<Arc<str>>,
}

/// What the files of a language come to.
#[derive(Debug, Default)]
pub(super) struct Sentences {
    pub(super) pack: Pack,
    pub(super) scripts: BTreeMap<Arc<str>, Script>,
}

/// How a file or folder is: another when it was changed. Missing ones are alike.
type Stamp = (u64, u64, i64, i64);

impl Owner {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, good: BTreeMap::new() }
    }

    /// The folder, and those of the languages in it.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        let folders = self.languages().into_iter().map(|code| self.dir.join(code));
        std::iter::once(self.dir.clone()).chain(folders).collect()
    }

    /// The languages that have files.
    pub(super) fn languages(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.dir) else { return Vec::new() };
        let name = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            let is_code = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
            (is_code && entry.path().is_dir()).then_some(name)
        };
        let mut names: Vec<String> = entries.flatten().filter_map(name).collect();
        names.sort();
        names.truncate(MOST_LANGUAGES);
        names
    }

    /// The paths of a language's files, in order; with those of its family first (`de` for `de-CH`).
    fn paths(&self, code: &str) -> Vec<PathBuf> {
        let code = code.replace('_', "-").to_lowercase();
        let family = code.split('-').next().unwrap_or_default();
        let mut folders = self.languages();
        folders.retain(|name| {
            let name = name.replace('_', "-").to_lowercase();
            name == code || name == family
        });
        folders.sort_by_key(String::len);
        let mut paths = Vec::new();
        for folder in folders {
            let Ok(entries) = fs::read_dir(self.dir.join(folder)) else { continue };
            let is_yaml = |path: &PathBuf| {
                path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
            };
            let mut found: Vec<PathBuf> =
                entries.flatten().map(|entry| entry.path()).filter(is_yaml).collect();
            found.sort();
            paths.extend(found);
        }
        paths
    }

    /// What the files of a language are like now, to notice a change.
    pub(super) fn stamps(&self, code: &str) -> Vec<(PathBuf, Stamp)> {
        self.paths(code).into_iter().map(|path| (path.clone(), stamp(&path))).collect()
    }

    /// Reads the files of a language.
    pub(super) fn read(&self, code: &str) -> Files {
        let mut read = Files::default();
        let paths = self.paths(code);
        if paths.len() > MOST_FILES {
            let text = format!(
                "sentences/{code} has {} files; only the first {MOST_FILES} are read",
                paths.len()
            );
            read.problems.push(text);
        }
        for path in paths.into_iter().take(MOST_FILES) {
            let name = self.name(&path);
            let good = self.good.get(&name).cloned();
            match text_of(&path) {
                Ok(text) => {
                    let text: Arc<str> = text.into();
                    let good = good.filter(|good| *good != text);
                    read.files.push(File { name, text, good });
                }
                Err(error) => {
                    read.problems.push(format!("{name}: {error}"));
                    read.files.extend(good.map(|text| File { name, text, good: None }));
                }
            }
        }
        read
    }

    /// `sentences/en/lights.yaml`
    fn name(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.dir).unwrap_or(path);
        format!("sentences/{}", below.display())
    }

    /// Notes the files in which nothing was wrong as good, and forgets those that are gone.
    pub(super) fn keep(&mut self, code: &str, files: &Files, problems: &[PackProblem]) {
        for file in &files.files {
            if problems.iter().all(|problem| file_of(problem) != file.name) {
                self.good.insert(file.name.clone(), Arc::clone(&file.text));
            }
        }
        let there: Vec<String> = self.paths(code).iter().map(|path| self.name(path)).collect();
        let here = format!("sentences/{code}/");
        self.good.retain(|name, _| !name.starts_with(&here) || there.contains(name));
    }
}

impl Files {
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Whether a problem is in one of these files.
    pub(super) fn has(&self, problem: &PackProblem) -> bool {
        self.files.iter().any(|file| file.name == file_of(problem))
    }

    /// What kept files from being read at all.
    pub(super) fn unreadable(&self) -> &[String] {
        &self.problems
    }

    /// Makes a pack of the files. Of those in `broken` the last good version counts, where there is one.
    pub(super) fn sentences(
        &self,
        code: &str,
        broken: &[PackProblem],
    ) -> (Sentences, Vec<PackProblem>) {
        let sources: Vec<Source<'_>> = self
            .files
            .iter()
            .map(|file| {
                let is_broken = broken.iter().any(|problem| file_of(problem) == file.name);
                let good = file.good.as_ref().filter(|_| is_broken);
                Source { file: &file.name, text: good.unwrap_or(&file.text) }
            })
            .collect();
        let (pack, mut problems) = Pack::read(code, &sources);
        let mut scripts = BTreeMap::new();
        for source in &sources {
            let (found, more) = script::read(source);
            scripts.extend(found);
            problems.extend(more);
        }
        (Sentences { pack, scripts }, problems)
    }

    /// A problem in words, with the line where it can be found.
    pub(super) fn words(&self, problem: &PackProblem) -> String {
        let name = file_of(problem);
        let told = problem.to_string();
        let Some(file) = self.files.iter().find(|file| file.name == name) else { return told };
        let line = match problem {
            // The reader names line and column itself.
            PackProblem::File { .. } => None,
            PackProblem::Template { place, template, .. }
            | PackProblem::Reference { place, template, .. } => {
                line_with(&file.text, template).or_else(|| line_with(&file.text, place))
            }
            PackProblem::Entry { place, problem, .. } => {
                // What is quoted first is the word in question.
                let word = problem
                    .split('`')
                    .nth(1)
                    .filter(|word| problem.starts_with('`') && !word.is_empty());
                let from = line_of_key(&file.text, place);
                let after = from.map_or(0, |line| line.saturating_sub(1));
                word.and_then(|word| line_after(&file.text, word, after)).or(from)
            }
        };
        let keeps = if file.good.is_some() { " (the last good version stays)" } else { "" };
        let rest = told.strip_prefix(name).unwrap_or(&told);
        match line {
            Some(line) => format!("{name}:{line}{rest}{keeps}"),
            None => format!("{name}{rest}{keeps}"),
        }
    }
}

fn file_of(problem: &PackProblem) -> &str {
    match problem {
        PackProblem::File { file, .. }
        | PackProblem::Template { file, .. }
        | PackProblem::Entry { file, .. }
        | PackProblem::Reference { file, .. } => file,
    }
}

/// The first line, counted from 1, with these words.
fn line_with(text: &str, words: &str) -> Option<usize> {
    line_after(text, words.lines().next().unwrap_or(words), 0)
}

/// The first line with these words after so many lines.
fn line_after(text: &str, words: &str, n_before: usize) -> Option<usize> {
    let words = words.trim();
    let found = text.lines().skip(n_before).position(|line| line.contains(words))?;
    (!words.is_empty()).then_some(found + n_before + 1)
}

/// The line in which a key stands; `list {color}` and `rule <on>` are called `color` and `on` there.
fn line_of_key(text: &str, place: &str) -> Option<usize> {
    let key = place.rsplit(' ').next().unwrap_or(place).trim_matches(['{', '}', '<', '>']);
    let key = key.rsplit('.').next().unwrap_or(key);
    let is_key = |line: &str| {
        line.trim_start()
            .trim_start_matches("- ")
            .trim_matches(['"', '\''])
            .strip_prefix(key)
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
    };
    Some(text.lines().position(is_key)? + 1)
}

fn text_of(path: &Path) -> io::Result<String> {
    let file = fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("is no file"));
    }
    let mut text = String::new();
    let n = file.take(LARGEST + 1).read_to_string(&mut text)?;
    if n as u64 > LARGEST {
        return Err(io::Error::other(format!("is larger than {LARGEST} bytes")));
    }
    Ok(text)
}

pub(super) fn stamp(path: &Path) -> Stamp {
    let of = |found: fs::Metadata| (found.len(), found.ino(), found.mtime(), found.mtime_nsec());
    fs::metadata(path).map(of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_with_its_line() {
        let text = "language: en\nlists:\n  color:\n    values: 5\nintents:\n  On:\n    data:\n      \
                    - sentences: [\"go (home\"]\n        nonsense: 1\n      - sentences:\n          - \"go <gone>\"\n";
        let name = "sentences/en/a.yaml".to_owned();
        let file = File { name, text: text.into(), good: None };
        let files = Files { files: vec![file], problems: Vec::new() };
        let (_, problems) = files.sentences("en", &[]);
        let told: Vec<String> = problems.iter().map(|problem| files.words(problem)).collect();
        assert_eq!(
            told,
            [
                "sentences/en/a.yaml:3: list {color}: needs `values:`, `range:` or `wildcard: true`",
                "sentences/en/a.yaml:9: On: `nonsense` is not a key of a sentence block",
                "sentences/en/a.yaml:8: On: `go (home`: column 4: `(` is never closed",
            ]
        );
        let problem = PackProblem::Reference {
            file: "sentences/en/a.yaml".into(),
            place: "On".into(),
            template: "go <gone>".into(),
            problem: "there is no rule <gone>".into(),
        };
        let expected = "sentences/en/a.yaml:11: On: `go <gone>`: there is no rule <gone>";
        assert_eq!(files.words(&problem), expected);
    }
}
