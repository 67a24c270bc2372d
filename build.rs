//! Generates nothing: only tells the linker how to write the program down.

// This is how a build script speaks to cargo.
#![allow(clippy::print_stdout)]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_gnu = |name| std::env::var(name).is_ok_and(|word| word == "gnu");
    // The places that are adjusted when the program is loaded, as a bitmap in place of a list: 1 MB
    // less of file and memory. Needs glibc 2.36 (Debian 12); linkers that do not know it go on
    // without.
    if is_gnu("CARGO_CFG_TARGET_ENV") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }    // Functions of the same instructions once. Known to LLD, which Rust links with on this target; who names another
    // linker goes without, and so does a build for debugging, where each function keeps its name.
    let is_lld = is_gnu("CARGO_CFG_TARGET_ENV")
        && std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64")
        && std::env::var_os("RUSTC_LINKER").is_none();
    if is_lld && std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}
