//! The JSON that a simulated server says: frames of streams, whole answers, errors.

use serde_json::{Value as Json, json};

/// Which of the two endpoints answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Endpoint {
    Chat,
    Completions,
}

/// What all frames of an answer say.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    pub(super) endpoint: Endpoint,
    pub(super) id: String,
    pub(super) model: String,
}

/// Why an answer ends.
pub(super) fn finish(cut: bool) -> &'static str {
    if cut { "length" } else { "stop" }
}

impl Heading {
    fn object(&self, choices: &Json, whole: bool) -> Json {
        let kind = match (self.endpoint, whole) {
            (Endpoint::Chat, true) => "chat.completion",
            (Endpoint::Chat, false) => "chat.completion.chunk",
            (Endpoint::Completions, _) => "text_completion",
        };
        json!({"id": self.id, "object": kind, "created": 0, "model": self.model, "choices": choices})
    }

    /// A frame with text, or the last one of a choice.
    pub(super) fn frame(&self, index: usize, text: &str, finish: Option<&str>) -> String {
        let choice = match self.endpoint {
            Endpoint::Chat => json!({"index": index, "delta": {"content": text}, "finish_reason": finish}),
            Endpoint::Completions => json!({"index": index, "text": text, "finish_reason": finish}),
        };
        sse(&self.object(&json!([choice]), false))
    }

    /// The first frame of a choice of a chat, which says who speaks.
    pub(super) fn role(&self, index: usize) -> String {
        let delta = json!({"role": "assistant", "content": ""});
        sse(&self.object(&json!([{"index": index, "delta": delta, "finish_reason": null}]), false))
    }

    /// The frame with the usage, without choices.
    pub(super) fn usage(&self, prompt_tokens: u64, tokens: u64) -> String {
        let mut frame = self.object(&json!([]), false);
        frame["usage"] = usage(prompt_tokens, tokens);
        sse(&frame)
    }

    /// An answer that is not streamed: of each choice the text and whether it was cut.
    pub(super) fn whole(&self, choices: &[(String, bool)], prompt_tokens: u64, tokens: u64) -> Json {
        let choices = choices.iter().enumerate().map(|(index, (text, cut))| match self.endpoint {
            Endpoint::Chat => {
                let message = json!({"role": "assistant", "content": text});
                json!({"index": index, "message": message, "finish_reason": finish(*cut)})
            }
            Endpoint::Completions => json!({"index": index, "text": text, "finish_reason": finish(*cut)}),
        });
        let mut answer = self.object(&choices.collect(), true);
        answer["usage"] = usage(prompt_tokens, tokens);
        answer
    }
}

fn usage(prompt_tokens: u64, tokens: u64) -> Json {
    json!({
        "prompt_tokens": prompt_tokens, "completion_tokens": tokens, "total_tokens": prompt_tokens + tokens,
    })
}

fn sse(data: &Json) -> String {
    format!("data: {data}\n\n")
}

/// The end of a stream.
pub(super) const DONE: &str = "data: [DONE]\n\n";

/// What an error looks like.
pub(super) fn error(code: u16, kind: &str, message: &str) -> Json {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}
