//! An embedder in this process: a model in ONNX, run by ONNX Runtime.
//!
//! `texts ─tokenizer→ batches of tokens ─model→ vectors of tokens ─pooling→ a vector of length one for each text`
//!
//! Library, model and tokenizer are read when the first text is embedded, and again after each failure, so what is missing at
//! the start may be put there later. Nothing is fetched. Realms that name the same files share a model.

mod model;
mod pooling;
mod runtime;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as StdMutex, OnceLock, PoisonError, Weak};

use tokio::sync::Mutex;
use worldflow_schemas::definitions::{OnnxDef, PoolingDef};

use self::model::Model;
use super::LoreError;
use super::embedder::{Embedder, Embedding};
use crate::tiers::servers::reference;

/// The variable that says where the library lies, where the world does not.
const LIBRARY: &str = "ORT_DYLIB_PATH";

/// What is loaded, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
struct OnnxConfig {
    model: PathBuf,
    tokenizer: PathBuf,
    /// A path, or a bare name for which the system looks.
    library: PathBuf,
    most_tokens: usize,
    pooling: PoolingDef,
    threads: usize,
}

impl OnnxConfig {
    /// What a definition says. `folder` is where its paths begin.
    fn of(
        def: &OnnxDef,
        folder: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<OnnxConfig, LoreError> {
        let path = |key: &'static str, text: &str| -> Result<PathBuf, LoreError> {
            let path = match reference(text) {
                None => text.to_owned(),
                Some(name) => {
                    let path = variable(name).filter(|path| !path.is_empty());
                    path.ok_or_else(|| LoreError::Unset { key, variable: name.to_owned() })?
                }
            };
            Ok(absolute(&folder.unwrap_or(Path::new("")).join(path)))
        };
        let library = match &def.library {
            Some(library) => path("library", library)?,
            None => match variable(LIBRARY).filter(|path| !path.is_empty()) {
                Some(library) if library.contains(std::path::MAIN_SEPARATOR) => absolute(Path::new(&library)),
                Some(library) => library.into(),
                None => {
                    format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
                        .into()
                }
            },
        };
        Ok(OnnxConfig {
            model: path("model", &def.model)?,
            tokenizer: path("tokenizer", &def.tokenizer)?,
            library,
            most_tokens: usize::try_from(def.most_tokens).unwrap_or(usize::MAX),
            pooling: def.pooling,
            threads: usize::try_from(def.threads).unwrap_or(usize::MAX),
        })
    }
}

/// The same path from wherever this process is.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A model in ONNX.
#[derive(Debug)]
pub struct Onnx {
    config: OnnxConfig,
    /// `None` until it has been loaded. Whoever comes first is served first.
    model: Arc<Mutex<Option<Model>>>,
    /// What its vectors are called by, once it has been loaded.
    name: Arc<OnceLock<String>>,
}

/// The models that are in use.
static OPEN: StdMutex<Vec<Weak<Onnx>>> = StdMutex::new(Vec::new());

impl Onnx {
    /// The model of a definition whose paths begin at `folder`. Loads nothing yet. `variable` looks up an environment
    /// variable, for a path by reference.
    ///
    /// # Errors
    /// When a variable is not set.
    pub fn open(
        def: &OnnxDef,
        folder: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Arc<Onnx>, LoreError> {
        let config = OnnxConfig::of(def, folder, variable)?;
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|onnx| onnx.strong_count() > 0);
        if let Some(onnx) = open.iter().filter_map(Weak::upgrade).find(|onnx| onnx.config == config) {
            return Ok(onnx);
        }
        let onnx = Arc::new(Onnx { config, model: Arc::default(), name: Arc::default() });
        open.push(Arc::downgrade(&onnx));
        Ok(onnx)
    }

    /// The vectors of the first texts, at least of one. Between two of these somebody else has a turn: a question does not
    /// wait for all lore.
    async fn turn(&self, texts: Arc<[String]>, from: usize) -> Result<Vec<Vec<f32>>, String> {
        let mut slot = Arc::clone(&self.model).lock_owned().await;
        let (config, name) = (self.config.clone(), Arc::clone(&self.name));
        let turn = tokio::task::spawn_blocking(move || {
            // A model that breaks off in the middle is not used again.
            let mut model = match slot.take() {
                Some(model) => model,
                None => Model::load(&config)?,
            };
            if name.get_or_init(|| model.name().to_owned()) != model.name() {
                return Err("the files of the embedder have changed\nhint: start again, so that all lore \
                            is embedded by the new ones"
                    .to_owned());
            }
            let vectors = model.embed(texts.get(from..).unwrap_or_default());
            *slot = Some(model);
            vectors
        });
        turn.await.unwrap_or_else(|_| Err("the embedder's model broke off".to_owned()))
    }
}

impl Embedder for Onnx {
    /// The file's name with a hash of what vectors depend on; before it is loaded, when there are no vectors, the path.
    fn model(&self) -> &str {
        self.name.get().map_or_else(|| self.config.model.to_str().unwrap_or("onnx"), String::as_str)
    }

    fn embed<'a>(&'a self, texts: &'a [String]) -> Embedding<'a> {
        Box::pin(async move {
            let texts: Arc<[String]> = texts.into();
            let mut vectors = Vec::with_capacity(texts.len());
            while vectors.len() < texts.len() {
                vectors.extend(self.turn(Arc::clone(&texts), vectors.len()).await?);
            }
            Ok(vectors)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn def(more: &str) -> OnnxDef {
        serde_json::from_str(&format!(r#"{{"model": "m.onnx", "tokenizer": "${{TOKENS}}"{more}}}"#))
            .expect("a model")
    }

    #[test]
    fn paths_begin_at_the_world_and_may_be_in_variables() {
        let set = |name: &str| (name == "TOKENS").then(|| "/models/t.json".to_owned());
        let config = OnnxConfig::of(&def(""), Some(Path::new("/world")), set).expect("it is set");
        assert_eq!(config.model, Path::new("/world/m.onnx"));
        assert_eq!(config.tokenizer, Path::new("/models/t.json"));
        assert_eq!(config.library.components().count(), 1, "the system looks for it: {config:?}");
        let with = def(r#", "library": "lib/x.so""#);
        let config = OnnxConfig::of(&with, Some(Path::new("/world")), set).expect("it is set");
        assert_eq!(config.library, Path::new("/world/lib/x.so"));
        let all = |name: &str| Some(format!("/all/{name}"));
        let config = OnnxConfig::of(&def(""), None, all).expect("it is set");
        assert_eq!(config.library, Path::new("/all/ORT_DYLIB_PATH"));
        let unset = Onnx::open(&def(""), None, |_| None).expect_err("it is not set");
        assert!(unset.to_string().contains("lore.embedder.onnx.tokenizer: the variable `TOKENS`"), "{unset}");
    }

    #[test]
    fn the_same_files_are_the_same_model() {
        let open = |more: &str| Onnx::open(&def(more), None, |_| Some("/x".to_owned())).expect("it is set");
        let first = open("");
        assert!(Arc::ptr_eq(&first, &open("")));
        assert!(!Arc::ptr_eq(&first, &open(r#", "pooling": "cls""#)));
    }
}
