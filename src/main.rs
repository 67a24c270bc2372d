//! The `homard` command.

fn main() {}
