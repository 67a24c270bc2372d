//! What is wrong in a configuration: where, what, and what would be right.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// What is wrong, naming the key; without a final dot.
    pub text: String,
    /// What would be right.
    pub hint: String,
}

/// Everything that is wrong in one file, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    path: PathBuf,
    /// Byte offset at which each line begins.
    line_starts: Vec<usize>,
    found: Vec<Problem>,
}

impl Problems {
    /// Nothing wrong yet in this text.
    pub(super) fn new(path: &Path, text: &str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(after_breaks).collect();
        Self { path: path.to_owned(), line_starts, found: Vec::new() }
    }

    /// The file cannot even be read.
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let mut problems = Self::new(path, "");
        let hint = match error.kind() {
            io::ErrorKind::NotFound => {
                "Check the path after --config, or leave --config out to run with the defaults."
            }
            io::ErrorKind::PermissionDenied => "Homard's user must be allowed to read it.",
            _ => "It must be a text file in UTF-8.",
        };
        let text = format!("cannot be read: {error}");
        problems.found.push(Problem { line: 0, text, hint: hint.to_owned() });
        problems
    }

    /// Notes a problem at a place of the text.
    pub(super) fn add(&mut self, span: Range<usize>, text: String, hint: impl Into<String>) {
        let line = self.line_starts.partition_point(|start| *start <= span.start);
        let problem = Problem { line, text, hint: hint.into() };
        let at = self.found.partition_point(|other| other.line <= line);
        if !self.found.contains(&problem) {
            self.found.insert(at, problem);
        }
    }

    /// Whether all is well.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All problems, in the order of their lines.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.found.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.found.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}", self.path.display())?;
            if problem.line > 0 {
                write!(f, ":{}", problem.line)?;
            }
            write!(f, ": {}", problem.text)?;
            if !problem.hint.is_empty() {
                write!(f, "\n    {}", problem.hint)?;
            }
        }
        Ok(())
    }
}
