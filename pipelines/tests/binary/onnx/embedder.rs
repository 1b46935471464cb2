//! The embedder by itself: what its vectors are, whatever else is embedded with them.

use std::sync::Arc;

use serde_json::{Value, json};
use worldflow_sinks::lore::{Embedder as _, MOST_TEXTS, Onnx};

use super::{folder, tiny};

/// The model that is installed, with these keys besides.
pub(super) fn onnx(more: &Value) -> Arc<Onnx> {
    let mut def =
        json!({"model": "model.onnx", "tokenizer": "tokenizer.json", "library": "libonnxruntime.so"});
    for (key, value) in more.as_object().expect("keys and values") {
        def[key] = value.clone();
    }
    let def = serde_json::from_value(def).expect("a model");
    Onnx::open(&def, Some(&folder()), |_| None).expect("it refers to no variable")
}

async fn vectors(onnx: &Onnx, texts: &[&str]) -> Vec<Vec<f32>> {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    let vectors = onnx.embed(&texts).await.expect("it is installed");
    assert_eq!(vectors.len(), texts.len());
    vectors
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The numbers are those that the card of the model shows for its example, and the cosine the one of its makers' examples:
/// <https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2>, <https://www.sbert.net/docs/quickstart.html>.
#[tokio::test]
async fn vectors_are_those_that_the_model_is_known_to_give() {
    let onnx = onnx(&json!({}));
    let texts = [
        "This is an example sentence",
        "Each sentence is converted",
        "A man is eating food.",
        "A man is eating a piece of bread.",
        "The girl is carrying a baby.",
    ];
    let all = vectors(&onnx, &texts).await;
    for vector in &all {
        assert_eq!(vector.len(), 384);
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-5);
    }
    assert!(furthest(&all[0][..4], &[0.0677, 0.0635, 0.0487, 0.0793]) < 1e-4, "{:?}", &all[0][..4]);
    assert!(furthest(&all[1][..4], &[0.0864, 0.1028, 0.0054, 0.0020]) < 1e-4, "{:?}", &all[1][..4]);
    assert!((cosine(&all[2], &all[3]) - 0.7553).abs() < 1e-3, "{}", cosine(&all[2], &all[3]));
    assert!(cosine(&all[2], &all[4]) < 0.05, "{}", cosine(&all[2], &all[4]));
}

#[tokio::test]
async fn a_text_has_the_same_vector_alone_and_beside_longer_ones() {
    let onnx = onnx(&json!({}));
    let texts: Vec<String> = (0..MOST_TEXTS)
        .map(|n| format!("Bell {n} rings. {}", "The lake is deep. ".repeat(n % 7 * 9)))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let together = vectors(&onnx, &texts).await;
    for (text, of_all) in texts.iter().zip(&together) {
        let alone = &vectors(&onnx, &[text]).await[0];
        assert!(furthest(alone, of_all) < 1e-4, "{text}: {}", furthest(alone, of_all));
    }
    assert!(furthest(&together[0], &together[1]) > 1e-3, "other texts have other vectors");
}

#[tokio::test]
async fn a_question_does_not_wait_for_all_lore() {
    let onnx = onnx(&json!({}));
    vectors(&onnx, &["What is loaded is loaded."]).await;
    let lore = vec!["The lake is deep. ".repeat(60); MOST_TEXTS];
    let question = ["how deep is the lake".to_owned()];
    let asked = tokio::select! {
        biased;
        lore = onnx.embed(&lore) => panic!("{} texts came first", lore.map_or(0, |lore| lore.len())),
        asked = onnx.embed(&question) => asked,
    };
    assert_eq!(asked.expect("it is installed").len(), 1);
}

#[tokio::test]
async fn what_says_the_same_in_other_words_is_nearer() {
    let onnx = onnx(&json!({}));
    for (said, meant, other) in [
        ("Children drowned in the pond", "A kid died in the water", "The miller bakes his bread at dawn"),
        ("Where can I buy a sword?", "The blacksmith sells blades in his shop", "Wolves hunt in packs"),
    ] {
        let all = vectors(&onnx, &[said, meant, other]).await;
        let (near, far) = (cosine(&all[0], &all[1]), cosine(&all[0], &all[2]));
        assert!(near > far + 0.2, "{said}: {near} and {far}");
    }
}

#[tokio::test]
async fn the_model_is_called_by_what_its_vectors_depend_on() {
    let (usual, short) = (onnx(&json!({})), onnx(&json!({"most_tokens": 16})));
    let cls = onnx(&json!({"pooling": "cls"}));
    let beginning = "The bell under the lake rings at night when nobody who hears it may sleep, ";
    let texts = [format!("{beginning}say the old"), format!("{beginning}and the wolves are gone")];
    let texts = [texts[0].as_str(), texts[1].as_str()];
    let apart = |all: &[Vec<f32>]| furthest(&all[0], &all[1]);
    let (of_usual, of_short) = (vectors(&usual, &texts).await, vectors(&short, &texts).await);
    assert!(apart(&of_usual) > 1e-3 && apart(&of_short) < 1e-4, "of sixteen tokens the end is not read");
    assert!(furthest(&of_usual[0], &vectors(&cls, &texts).await[0]) > 1e-3);
    let names = [usual.model(), short.model(), cls.model()];
    assert!(names.iter().all(|name| name.starts_with("model.onnx-")), "{names:?}");
    assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2], "{names:?}");

    // Of other bytes under the same name it is another model.
    let place = tempfile::tempdir().expect("a folder");
    let mut seen = Vec::new();
    for output in ["sentence_embedding", "sentence_embedding_"] {
        std::fs::write(place.path().join("model.onnx"), tiny::model(&tiny::INPUTS, output, tiny::FLOAT))
            .expect("it is written");
        // Whoever still holds the former goes on with that.
        let other = onnx(&json!({"model": place.path().join("model.onnx")}));
        vectors(&other, &texts).await;
        seen.push(other.model().to_owned());
    }
    assert!(seen[0] != seen[1] && seen[0] != names[0], "{seen:?}");
}

/// Of a model that gives one vector for each text that is taken; it needs no `token_type_ids`.
#[tokio::test]
async fn a_model_may_pool_by_itself() {
    let place = tempfile::tempdir().expect("a folder");
    let model = place.path().join("own.onnx");
    std::fs::write(&model, tiny::model(&tiny::INPUTS, "sentence_embedding", tiny::FLOAT)).expect("written");
    // It gives the numbers of the tokens: [CLS], the, [SEP].
    let [cls, the, sep] = [101.0_f32, 1996.0, 102.0];
    let length = (cls * cls + the * the + sep * sep).sqrt();
    let all = vectors(&onnx(&json!({"model": model})), &["the"]).await;
    assert!(furthest(&all[0], &[cls / length, the / length, sep / length]) < 1e-6, "{all:?}");
}

#[tokio::test]
async fn a_model_that_is_not_understood_is_an_error_that_says_so() {
    let place = tempfile::tempdir().expect("a folder");
    let [ids, mask] = tiny::INPUTS;
    for (name, bytes, said) in [
        (
            "pixels",
            tiny::model(&[ids, mask, "pixel_values"], "x", tiny::FLOAT),
            "wants an input `pixel_values`",
        ),
        ("unmasked", tiny::model(&[ids], "x", tiny::FLOAT), "has no input `attention_mask`"),
        ("whole", tiny::model(&tiny::INPUTS, "x", tiny::INT64), "gives `x` as"),
        ("text", b"This is no model.".to_vec(), "cannot be read as a model"),
        ("empty", Vec::new(), "cannot be read as a model"),
    ] {
        let path = place.path().join(name);
        std::fs::write(&path, bytes).expect("it is written");
        let error = onnx(&json!({"model": path})).embed(&["the".to_owned()]).await.expect_err(name);
        assert!(error.contains(said) && error.contains("\nhint: "), "{name}: {error}");
    }
    // What was missing is read once it is there.
    let late = onnx(&json!({"model": place.path().join("late")}));
    let error = late.embed(&["the".to_owned()]).await.expect_err("it is not there");
    assert!(error.starts_with("there is no model at `"), "{error}");
    let bytes = tiny::model(&tiny::INPUTS, "x", tiny::FLOAT);
    std::fs::write(place.path().join("late"), bytes).expect("it is written");
    assert_eq!(vectors(&late, &["the"]).await[0].len(), 3);
    // A process has one library.
    let other = folder().join("tokenizer.json");
    let other = onnx(&json!({"library": other}));
    let error = other.embed(&["the".to_owned()]).await.expect_err("it is another");
    assert!(error.contains("has been loaded from"), "{error}");
}
