//! What several tests share.

pub(crate) mod browser;
pub(crate) mod daemon;
pub(crate) mod fake_broker;
pub(crate) mod homard;
pub(crate) mod house;
pub(crate) mod mosquitto;
pub(crate) mod sampler;
pub(crate) mod signing;
pub(crate) mod stack;

use std::path::PathBuf;

/// The folder of shared facts and corpora, if it is there: `$HOMARD_SHARED`, else `../shared`
/// beside the checkout. Without it a test says so and passes.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("HOMARD_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let file = root.join(path);
    if file.exists() {
        return Some(file);
    }
    println!("skipped: {path} is not in the shared folder (set HOMARD_SHARED)");
    None
}

/// The folder of models with the sentence packs in it, if it is there: `$HOMARD_MODELS`, else
/// `.cache/models` of the checkout, where `make setup` puts them. Without it a test says so and passes.
pub(crate) fn models() -> Option<PathBuf> {
    let dir = std::env::var_os("HOMARD_MODELS")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".cache/models"));
    if dir.join("sentences/intents.json").exists() {
        return Some(dir);
    }
    println!(
        "skipped: no sentence packs (run `make setup`, or set HOMARD_MODELS to a folder that \
         `homard models pull --models` filled)"
    );
    None
}

/// The folder of models if this file is in it, as after `homard models pull`. Without it a test says so and passes.
#[cfg(any(feature = "speech", feature = "model"))]
pub(crate) fn models_with(file: &str) -> Option<PathBuf> {
    let dir = std::env::var_os("HOMARD_MODELS")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".cache/models"));
    if dir.join(file).exists() {
        return Some(dir);
    }
    println!("skipped: no {file} (run `make setup`, or set HOMARD_MODELS to a folder of models)");
    None
}

/// The text of a zstd-compressed file of the shared folder; `zstd` is a Debian package.
pub(crate) fn unzstd(path: &str) -> Option<String> {
    let file = shared(path)?;
    let output = std::process::Command::new("zstd").arg("-dc").arg(&file).output();
    match output {
        Ok(output) if output.status.success() => Some(String::from_utf8(output.stdout).unwrap()),
        _ => {
            println!("skipped: `zstd` is needed to read {path}");
            None
        }
    }
}
