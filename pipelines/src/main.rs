//! The worldflow command line.

use std::process::ExitCode;

/// Rows are made on one thread and freed on another, which this allocator is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    worldflow::cli::main()
}
