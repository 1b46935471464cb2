//! Lore found by what it means: ONNX Runtime with a model that was trained, all-MiniLM-L6-v2. `./test` installs both.

mod embedder;
mod search;
mod tiny;

use std::path::{Path, PathBuf};

/// The folder in which `./test` has put library, model and tokenizer.
fn folder() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder");
    let folder = target.join("embedder");
    assert!(
        folder.join("model.onnx").is_file(),
        "there is no embedder in {}; `./test` installs it, and so does `./test --test binary`",
        folder.display()
    );
    folder
}
