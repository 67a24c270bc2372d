//! The `homard` command: reads the command line, does what it says, ends with its exit code.

use std::process::ExitCode;

use clap::Parser;
use homard::cli::Cli;

fn main() -> ExitCode {
    // Before anything can speak TLS: without a provider rustls would panic.
    // It can only fail when one is installed already, and then all is well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Cli::parse().run()
}
