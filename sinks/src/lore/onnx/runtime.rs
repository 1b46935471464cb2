//! ONNX Runtime: a library that is loaded while this process runs, once.
//!
//! Nothing of `ort` may be used before [`environment`] has succeeded: on its own it would look for the library, and panic
//! where it finds none.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

/// The library that was loaded, and what it gave. It stays for as long as the process runs.
static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// What there is to do about a library that is not there, or is none.
const HINT: &str = "name the file of ONNX Runtime, 1.17 or later, with `library` or the variable ORT_DYLIB_PATH; \
                    the Python package `onnxruntime` has it in `capi/`";

/// What models are opened in; the first call loads the library.
///
/// # Errors
/// In words, when there is no such library, it cannot be loaded, or another one has been.
pub(super) fn environment(library: &Path) -> Result<Environment, String> {
    // A bare name is one for which the system looks.
    if library.components().count() > 1 && !library.is_file() {
        return Err(format!("there is no library of ONNX Runtime at `{}`\nhint: {HINT}", library.display()));
    }
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((path, environment)) = &*loaded {
        return if path == library {
            Ok(environment.clone())
        } else {
            Err(format!(
                "ONNX Runtime has been loaded from `{}` already, and not from `{}`\nhint: all worlds of a \
                 process have one `library`",
                path.display(),
                library.display()
            ))
        };
    }
    let builder = ort::init_from(library)
        .map_err(|error| format!("ONNX Runtime cannot be loaded: {error}\nhint: {HINT}"))?;
    let environment = builder
        .with_name("worldflow")
        .with_telemetry(false)
        .with_logger(Arc::new(log))
        .build()
        .map_err(|error| format!("ONNX Runtime does not start: {error}\nhint: {HINT}"))?;
    environment.set_log_level(LogLevel::Warning);
    *loaded = Some((library.to_owned(), environment.clone()));
    Ok(environment)
}

/// What the library says; what keeps it from working comes back as an error, too.
fn log(_: LogLevel, _: &str, _: &str, _: &str, message: &str) {
    tracing::debug!(message, "ONNX Runtime");
}
