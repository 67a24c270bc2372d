//! What several tests share.

pub(crate) mod fake_broker;
pub(crate) mod homard;
pub(crate) mod house;
pub(crate) mod mosquitto;
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
