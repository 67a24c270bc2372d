//! Packs the texts that are part of the program (`src/packed.rs`), and tells the linker how to write the program down.

// This is how a build script speaks to cargo; and what it panics with is what cargo shows.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Files, and folders of files, whose texts are packed.
const TEXTS: [&str; 5] = [
    "models/sentences/en",
    "models/sentences/fr",
    "src/web/openapi.json",
    "src/web/panel/files",
    "src/web/panel/words",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo says where"));
    for text in TEXTS {
        println!("cargo::rerun-if-changed={text}");
        pack(Path::new(text), &out).expect("texts can be packed");
    }
    tell_linker();
}

/// Writes `PATH.gz` below `out`, for a file or each file of a folder.
fn pack(path: &Path, out: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return fs::read_dir(path)?.try_for_each(|entry| pack(&entry?.path(), out));
    }
    let mut packed = out.join(path).into_os_string();
    packed.push(".gz");
    let packed = PathBuf::from(packed);
    fs::create_dir_all(packed.parent().unwrap_or(out))?;
    // Never into the file of an earlier build, which a copy of the folder may share.
    let _ = fs::remove_file(&packed);
    let mut encoder = GzEncoder::new(File::create(packed)?, Compression::best());
    encoder.write_all(&fs::read(path)?)?;
    encoder.finish().map(drop)
}

fn tell_linker() {
    let is = |name, word| std::env::var(name).is_ok_and(|value| value == word);
    if !is("CARGO_CFG_TARGET_ENV", "gnu") {
        return;
    }
    // Rust links with LLD on x86-64; elsewhere, and with a linker that was named, only where it is told where LLD is.
    println!("cargo::rerun-if-env-changed=HOMARD_LLD");
    let lld = std::env::var("HOMARD_LLD").ok();
    if let Some(folder) = &lld {
        println!("cargo::rustc-link-arg-bins=-B{folder}");
        println!("cargo::rustc-link-arg-bins=-fuse-ld=lld");
    }
    let is_lld = lld.is_some()
        || is("CARGO_CFG_TARGET_ARCH", "x86_64") && std::env::var_os("RUSTC_LINKER").is_none();
    // The places that are adjusted when the program is loaded, as a bitmap in place of a list: 1 MB
    // less of file and memory. Needs glibc 2.36 (Debian 12); linkers that do not know it go on
    // without.
    println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    // Functions of the same instructions once; not in a build for debugging, where each function keeps its name.
    if is_lld && is("PROFILE", "release") {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}
