//! The text of an answer as it grows, and what may be used of it.

use serde_json::Value as Json;
use tokio::time::Instant;
use worldflow_schemas::input::Finish;

use super::call::Answer;

/// What has been said so far.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    pub(super) text: String,
    pub(super) finish: Finish,
    /// When the first text came.
    pub(super) first: Option<Instant>,
    pieces: u32,
    prompt_tokens: Option<u32>,
    tokens: Option<u32>,
}

impl Spoken {
    /// Takes a frame of a stream (its text is the `delta`) or a whole body (the `message`), and gives its text.
    pub(super) fn take(&mut self, data: &Json, part: &str, sent: Instant) -> String {
        let count = |name: &str| {
            let count = data["usage"][name].as_u64()?;
            Some(u32::try_from(count).unwrap_or(u32::MAX))
        };
        self.prompt_tokens = count("prompt_tokens").or(self.prompt_tokens);
        self.tokens = count("completion_tokens").or(self.tokens);
        let choice = &data["choices"][0];
        match choice["finish_reason"].as_str() {
            Some("length") => self.finish = Finish::Length,
            Some(_) => self.finish = Finish::Stop,
            None => {}
        }
        let piece = choice[part]["content"].as_str().unwrap_or_default().to_owned();
        if !piece.is_empty() {
            self.first.get_or_insert_with(|| Instant::now().max(sent));
            self.pieces += 1;
            self.text.push_str(&piece);
        }
        piece
    }

    /// The answer with this text.
    pub(super) fn answer(&self, text: String, sent: Instant) -> Answer {
        let first = self.first.map_or_else(|| sent.elapsed(), |first| first - sent);
        Answer {
            text,
            finish: self.finish,
            first,
            prompt_tokens: self.prompt_tokens.unwrap_or(0),
            // A stream that broke off says no usage; most servers send a frame for each token.
            tokens: self.tokens.unwrap_or(if self.finish == Finish::Truncated { self.pieces } else { 0 }),
        }
    }
}

/// Without control characters, trimmed; line breaks and tabs become spaces.
pub(super) fn clean(text: &str) -> String {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    let kept: String = spaced.filter(|c| !c.is_control()).collect();
    kept.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_clean() {
        assert_eq!(clean(" Hail,\n\u{1b}friend.\u{0} "), "Hail, friend.");
    }

    #[test]
    fn frames_and_bodies_say_text_finish_and_usage() {
        let sent = Instant::now();
        let mut spoken = Spoken::default();
        for frame in [
            serde_json::json!({"choices": [{"delta": {"role": "assistant", "content": ""}}]}),
            serde_json::json!({"choices": [{"delta": {"content": "Hail"}}]}),
            serde_json::json!({"choices": [{"delta": {"content": "."}, "finish_reason": "length"}]}),
            serde_json::json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}),
            serde_json::json!([7]),
        ] {
            spoken.take(&frame, "delta", sent);
        }
        let answer = spoken.answer(spoken.text.clone(), sent);
        assert_eq!((answer.text.as_str(), answer.finish), ("Hail.", Finish::Length));
        assert_eq!((answer.prompt_tokens, answer.tokens), (9, 2));
        let mut spoken = Spoken::default();
        let body = serde_json::json!({"choices": [{"message": {"content": "Aye."}}]});
        assert_eq!(spoken.take(&body, "message", sent), "Aye.");
    }
}
