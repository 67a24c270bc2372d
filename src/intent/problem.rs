//! What can be wrong with a language pack, in words for whoever wrote it. `pack` and `compile` find it.

use crate::intent::sentence::TemplateError;

/// Something in a pack that could not be used; the rest of the pack is.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PackProblem {
    /// The file is not YAML or JSON, or not a mapping.
    #[error("{file}: {problem}")]
    File {
        /// The file.
        file: String,
        /// What the reader says, with line and column.
        problem: String,
    },
    /// A template that cannot be read.
    #[error("{file}: {place}: `{template}`: {error}")]
    Template {
        /// The file.
        file: String,
        /// The intent, rule or list.
        place: String,
        /// As written.
        template: String,
        /// What is wrong and where.
        error: TemplateError,
    },
    /// A key with the wrong kind of value, or an unknown one where it matters.
    #[error("{file}: {place}: {problem}")]
    Entry {
        /// The file.
        file: String,
        /// The intent, rule or list.
        place: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A sentence that names a rule or list that does not exist, or a rule that leads to itself.
    #[error("{file}: {place}: `{template}`: {problem}")]
    Reference {
        /// The file.
        file: String,
        /// The intent or rule.
        place: String,
        /// As written.
        template: String,
        /// What is missing.
        problem: String,
    },
}
