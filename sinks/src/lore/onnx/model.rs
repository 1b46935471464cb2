//! A model in ONNX with its tokenizer: texts in, vectors out, one batch at a time.
//!
//! What it is given: `input_ids`, `attention_mask`, and `token_type_ids` where it has that input. What is taken of it: its output
//! `sentence_embedding`, else the vectors of the tokens, which are pooled.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use ort::session::Session;
use ort::value::{Outlet, Tensor, TensorElementType, ValueType};
use tokenizers::{Tokenizer, TruncationParams};
use worldflow_schemas::definitions::PoolingDef;
use xxhash_rust::xxh3::Xxh3;

use super::OnnxConfig;
use super::pooling::{pooled, unit};
use super::runtime;

/// The tokens of one batch, with those that fill up shorter texts; a longer text is a batch by itself. On one thread larger
/// batches are no faster, and a question waits for a whole one.
const MOST_BATCH_TOKENS: usize = 512;

/// The largest tokenizer, in bytes.
const MOST_TOKENIZER_BYTES: u64 = 128 << 20;

/// What a model may be given.
const INPUTS: [&str; 3] = ["input_ids", "attention_mask", "token_type_ids"];

/// The outputs that are known by name, the best first. Of a model that has none of these it is the first.
const OUTPUTS: [&str; 3] = ["sentence_embedding", "last_hidden_state", "token_embeddings"];

/// A model that is loaded.
pub(super) struct Model {
    name: String,
    tokenizer: Tokenizer,
    session: Session,
    /// The output that is taken.
    output: String,
    /// Whether it has the input `token_type_ids`.
    has_types: bool,
    pooling: PoolingDef,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Model {
    /// Reads the files, and loads the library where that has not been done.
    ///
    /// # Errors
    /// In words, with what to do about it.
    pub(super) fn load(config: &OnnxConfig) -> Result<Model, String> {
        let OnnxConfig { model, tokenizer, library, most_tokens, pooling, threads } = config;
        let mut hash = Xxh3::new();
        hash.update(format!("{most_tokens} {pooling:?}").as_bytes());
        let tokenizer = read_tokenizer(tokenizer, *most_tokens, &mut hash)?;
        hash_file(model, &mut hash)?;
        let environment = runtime::environment(library)?;
        let session = open(&environment, model, *threads).map_err(|error| {
            let path = model.display();
            format!("`{path}` cannot be read as a model: {error}\nhint: export it to ONNX with 32-bit floats")
        })?;
        let fits = |error: String| format!("the model `{}` {error}", model.display());
        let has_types = check_inputs(session.inputs()).map_err(fits)?;
        let output = output(session.outputs()).map_err(fits)?;
        let file = model.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("{file}-{:016x}", hash.digest());
        Ok(Model { name, tokenizer, session, output, has_types, pooling: *pooling })
    }

    /// The name of the model's file, with a hash of what its vectors depend on.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The vectors of the first of these texts, as many as are one batch, at least of one.
    ///
    /// # Errors
    /// In words.
    pub(super) fn embed(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, String> {
        let (mut batch, mut longest) = (Vec::new(), 0);
        for text in texts {
            let encoding = self.tokenizer.encode(text.as_str(), true);
            let encoding = encoding.map_err(|error| format!("the tokenizer cannot read a text: {error}"))?;
            let longer = encoding.len().max(longest);
            if !batch.is_empty() && (batch.len() + 1) * longer > MOST_BATCH_TOKENS {
                break;
            }
            longest = longer;
            batch.push(encoding);
        }
        if longest == 0 {
            return Err("the tokenizer finds no token in a text".to_owned());
        }
        // What fills up a shorter text is masked, so any token will do.
        let filled = |part: fn(&tokenizers::Encoding) -> &[u32]| -> Vec<i64> {
            let whole = batch.iter().flat_map(|encoding| {
                let part = part(encoding).iter().map(|number| i64::from(*number));
                part.chain(std::iter::repeat(0)).take(longest)
            });
            whole.collect()
        };
        let (ids, mask) =
            (filled(tokenizers::Encoding::get_ids), filled(tokenizers::Encoding::get_attention_mask));
        let types = self.has_types.then(|| filled(tokenizers::Encoding::get_type_ids));
        let vectors = self.run([batch.len(), longest], ids, &mask, types).map_err(|error| {
            format!(
                "the model cannot embed a text: {error}\nhint: the tokenizer is to be the model's own, and \
                 `most_tokens` no more than the model reads"
            )
        })?;
        vectors.into_iter().map(unit).collect()
    }

    fn run(
        &mut self,
        shape: [usize; 2],
        ids: Vec<i64>,
        mask: &[i64],
        types: Option<Vec<i64>>,
    ) -> Result<Vec<Vec<f32>>, String> {
        let tensor =
            |numbers: Vec<i64>| Tensor::from_array((shape, numbers)).map_err(|error| error.to_string());
        let [input_ids, attention_mask, token_type_ids] = INPUTS;
        let mut inputs = vec![(input_ids, tensor(ids)?), (attention_mask, tensor(mask.to_vec())?)];
        if let Some(types) = types {
            inputs.push((token_type_ids, tensor(types)?));
        }
        let outputs = self.session.run(inputs).map_err(|error| error.to_string())?;
        let output = outputs.get(&self.output).ok_or_else(|| format!("it gives no `{}`", self.output))?;
        let (dims, numbers) = output.try_extract_tensor::<f32>().map_err(|error| error.to_string())?;
        pooled(dims, numbers, shape, mask, self.pooling)
    }
}

fn open(
    environment: &ort::environment::Environment,
    model: &Path,
    threads: usize,
) -> Result<Session, ort::Error> {
    let builder = Session::builder(environment)?.with_intra_threads(threads)?;
    // A thread that has nothing to do sleeps: the processors are the graph's.
    builder.with_intra_op_spinning(false)?.commit_from_file(model)
}

/// Reads a tokenizer, which takes at most so many tokens of a text.
fn read_tokenizer(path: &Path, most_tokens: usize, hash: &mut Xxh3) -> Result<Tokenizer, String> {
    let mut bytes = Vec::new();
    let read = File::open(path)
        .and_then(|file| file.take(MOST_TOKENIZER_BYTES + 1).read_to_end(&mut bytes).map(|_| bytes.len()));
    let hint = "`tokenizer` is the path of the model's own `tokenizer.json`, relative to the world's folder";
    let path = path.display();
    match read {
        Ok(length) if length as u64 > MOST_TOKENIZER_BYTES => {
            return Err(format!("the tokenizer `{path}` has more than {MOST_TOKENIZER_BYTES} bytes"));
        }
        Ok(_) => hash.update(&bytes),
        Err(error) => return Err(format!("there is no tokenizer at `{path}`: {error}\nhint: {hint}")),
    }
    let unreadable = |error| format!("`{path}` cannot be read as a tokenizer: {error}\nhint: {hint}");
    let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(unreadable)?;
    tokenizer.with_padding(None);
    let truncation = TruncationParams { max_length: most_tokens, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(unreadable)?;
    Ok(tokenizer)
}

/// Takes a file into a hash, piece by piece: a model may be large.
fn hash_file(path: &Path, hash: &mut Xxh3) -> Result<(), String> {
    let missing = |error: std::io::Error| {
        let path = path.display();
        format!(
            "there is no model at `{path}`: {error}\nhint: `model` is the path of an ONNX file, relative to the \
             world's folder"
        )
    };
    let mut file = File::open(path).map_err(missing)?;
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece).map_err(missing)? {
            0 => return Ok(()),
            length => hash.update(&piece[..length]),
        }
    }
}

/// Whether a model has the input `token_type_ids`; an error when it wants what nobody gives it.
fn check_inputs(inputs: &[Outlet]) -> Result<bool, String> {
    let named = |name: &str| inputs.iter().any(|input| input.name() == name);
    for input in inputs {
        let name = input.name();
        if !INPUTS.contains(&name) {
            let known = INPUTS.join("`, `");
            return Err(format!("wants an input `{name}`\nhint: what it can be given is `{known}`"));
        }
        if !matches!(input.dtype(), ValueType::Tensor { ty: TensorElementType::Int64, .. }) {
            return Err(format!("wants no 64-bit integers as `{name}`\nhint: export it with these"));
        }
    }
    match INPUTS[..2].iter().find(|name| !named(name)) {
        Some(name) => Err(format!("has no input `{name}`\nhint: is it a model that embeds texts?")),
        None => Ok(named(INPUTS[2])),
    }
}

/// The name of the output that is taken: a vector of 32-bit floats for each text or for each token.
fn output(outputs: &[Outlet]) -> Result<String, String> {
    let named = |name: &&str| outputs.iter().find(|output| output.name() == *name);
    let output = OUTPUTS.iter().find_map(named).or(outputs.first());
    let output = output.filter(|output| !output.name().is_empty()).ok_or("has no output")?;
    let name = output.name();
    match output.dtype() {
        ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } if matches!(shape.len(), 2 | 3) => {
            Ok(name.to_owned())
        }
        other => Err(format!(
            "gives `{name}` as {other}, which is not understood\nhint: it is to be 32-bit floats, a vector \
             for each text or for each token"
        )),
    }
}
