//! The worldflow command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    worldflow::cli::main()
}
