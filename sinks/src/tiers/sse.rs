//! Server-sent events, as far as model servers use them: the `data` of each event, wherever the bytes are cut.
//!
//! Comments and other fields are passed over. A line may be 64 KiB long.

/// The longest line that is read.
pub(super) const MOST_EVENT_BYTES: usize = 64 * 1024;

/// A line is too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooLong;

/// Reads a stream.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The line that has begun.
    line: Vec<u8>,
    /// The data of the event that has begun, if any.
    data: Option<String>,
}

impl Events {
    /// Takes bytes, and gives the data of the events that are whole.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut whole = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + part.len() > MOST_EVENT_BYTES {
                return Err(TooLong);
            }
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                whole.extend(self.take(&String::from_utf8_lossy(&line))?);
            }
        }
        Ok(whole)
    }

    /// Whether something has begun that is not whole.
    pub(super) fn is_half(&self) -> bool {
        !self.line.is_empty() || self.data.is_some()
    }

    fn take(&mut self, line: &str) -> Result<Option<String>, TooLong> {
        let line = line.trim_end_matches(['\n', '\r']);
        if line.is_empty() {
            return Ok(self.data.take());
        }
        let Some(value) = line.strip_prefix("data:") else { return Ok(None) };
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut self.data {
            None => self.data = Some(value.to_owned()),
            Some(data) if data.len() + value.len() >= MOST_EVENT_BYTES => return Err(TooLong),
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str =
        ": hello\r\ndata: {\"a\":\r\ndata: \"ä😀\"}\r\n\r\nevent: x\nid: 7\n\ndata:b\n\ndata: [DONE]\n\n";

    #[test]
    fn events_are_the_same_wherever_the_bytes_are_cut() {
        let bytes = STREAM.as_bytes();
        for size in 1..=bytes.len() {
            let mut events = Events::default();
            let read: Vec<String> =
                bytes.chunks(size).flat_map(|part| events.push(part).expect("short lines")).collect();
            assert_eq!(read, ["{\"a\":\n\"ä😀\"}", "b", "[DONE]"], "{size}");
            assert!(!events.is_half());
        }
    }

    #[test]
    fn what_is_half_is_known_and_what_is_long_refused() {
        for half in ["data: a", "data: a\n", "dat"] {
            let mut events = Events::default();
            assert_eq!((events.push(half.as_bytes()), events.is_half()), (Ok(vec![]), true), "{half}");
        }
        let mut events = Events::default();
        let line = vec![b'x'; MOST_EVENT_BYTES];
        assert_eq!(events.push(&line), Ok(vec![]));
        assert_eq!(events.push(b"x"), Err(TooLong));
        let mut events = Events::default();
        let line = format!("data: {}\n", "x".repeat(MOST_EVENT_BYTES / 2));
        assert_eq!(events.push(line.as_bytes()), Ok(vec![]));
        assert_eq!(events.push(line.as_bytes()), Err(TooLong), "an event of many lines");
    }
}
