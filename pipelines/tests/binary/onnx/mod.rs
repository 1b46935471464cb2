//! Lore found by what it means: ONNX Runtime with a model that was trained, all-MiniLM-L6-v2. `./test` installs both.

mod embedder;
mod search;
mod tiny;

use std::path::PathBuf;

use crate::process::installed;

/// The folder with library, model and tokenizer.
fn folder() -> PathBuf {
    installed("embedder", "model.onnx")
}
