//! NDJSON recordings, gzip or plain, mapped or in worldflow's own lines.
//!
//! The file is read as a whole and sorted by time, because streams that each begin anew overlap.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use worldflow_schemas::{EventId, Sym};

use super::counted::Counted;
use super::mapping::Pass;
use super::{BadLine, Block, Mapping, RecordingError, Told, line};
use crate::check::{id_text, intern, refuse};

/// How much of a file is read at once.
const FILE_BUFFER: usize = 64 * 1024;

/// The longest line that is read; a longer one is reported and passed over.
const MOST_LINE_BYTES: u64 = 64 * 1024;

/// Reads a file. Without a mapping its lines are worldflow's own.
///
/// # Errors
/// When the file cannot be read; a line that is wrong is a [`BadLine`].
pub fn read_ndjson(path: &Path, mapping: Option<&Mapping>) -> Result<Block, RecordingError> {
    read_ndjson_told(path, mapping, None)
}

/// As [`read_ndjson`]; `told` hears of every part of the file.
pub(super) fn read_ndjson_told(
    path: &Path,
    mapping: Option<&Mapping>,
    told: Option<Told>,
) -> Result<Block, RecordingError> {
    let io = |error| RecordingError::io(path, error);
    let mut file = BufReader::with_capacity(FILE_BUFFER, Counted::open(path, told).map_err(io)?);
    let gzip = file.fill_buf().map_err(io)?.starts_with(&[0x1f, 0x8b]);
    let source = source_of(path, mapping)?;
    if gzip {
        read_ndjson_from(BufReader::new(MultiGzDecoder::new(file)), source, mapping).map_err(io)
    } else {
        read_ndjson_from(file, source, mapping).map_err(io)
    }
}

/// The producer of a file: its mapping says, or else it is the file's name without its endings.
pub(super) fn source_of(path: &Path, mapping: Option<&Mapping>) -> Result<Sym, RecordingError> {
    if let Some(mapping) = mapping {
        return Ok(mapping.source());
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("recording");
    let name = name.split('.').next().unwrap_or(name);
    let source = id_text("", name).and_then(intern);
    source.map_err(|refusal| RecordingError::Damaged {
        path: path.to_owned(),
        reason: format!("the file's name is that of its producer, and cannot be: {}", refusal.reason),
        hint: "rename the file",
    })
}

/// Reads lines from anywhere.
///
/// # Errors
/// When reading fails; a line that is wrong is a [`BadLine`].
pub fn read_ndjson_from(
    mut reader: impl BufRead,
    source: Sym,
    mapping: Option<&Mapping>,
) -> std::io::Result<Block> {
    let (mut block, mut pass, mut bytes) = (Block::default(), Pass::default(), Vec::new());
    for number in 1.. {
        bytes.clear();
        if (&mut reader).take(MOST_LINE_BYTES).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        if bytes.len() as u64 == MOST_LINE_BYTES && bytes.last() != Some(&b'\n') {
            reader.skip_until(b'\n')?;
            let reason = format!("the line is longer than {MOST_LINE_BYTES} bytes");
            block.bad.push(bad(number, "line_too_long", reason));
            continue;
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match std::str::from_utf8(&bytes) {
            Err(error) => block.bad.push(bad(number, "malformed", error.to_string())),
            Ok(text) => read_line(number, text, source, mapping, &mut pass, &mut block),
        }
    }
    block.events.sort_by_key(|event| event.at_ms);
    block.commands.sort_by_key(|dated| dated.at_ms);
    number(&mut block);
    Ok(block)
}

/// Gives every input without a name its place in the order of times as its position, because the
/// positions of a source must increase: other inputs first, then events, and equal times by line.
fn number(block: &mut Block) {
    let (mut position, mut commands) = (0, block.commands.iter_mut().peekable());
    let mut next = |id: &mut EventId| {
        position += 1;
        if let EventId::Position(place) = id {
            *place = position;
        }
    };
    for event in &mut block.events {
        while let Some(dated) = commands.next_if(|dated| dated.at_ms <= event.at_ms) {
            next(&mut dated.id);
            dated.command.set_id(&dated.id);
        }
        next(&mut event.id);
    }
    for dated in commands {
        next(&mut dated.id);
        dated.command.set_id(&dated.id);
    }
}

fn read_line(
    number: u64,
    text: &str,
    source: Sym,
    mapping: Option<&Mapping>,
    pass: &mut Pass,
    block: &mut Block,
) {
    match mapping {
        None => line::read(source, number, text, block),
        Some(mapping) => mapping.read(number, text.as_bytes(), pass, block),
    }
}

fn bad(line: u64, code: &'static str, reason: String) -> BadLine {
    BadLine::new(line, refuse(code, "", reason, "a line is one JSON object in UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use worldflow_schemas::Command;

    use super::*;

    const LINES: &str = r#"{"at": "2024-01-01T00:00:01Z", "player": "ann", "kind": "kill", "target": "wolf"}
{"at": 1704067200000, "membership": {"player": "ann", "scope": "party", "group": "red"}}
{"at": 1704067200000, "id": "k1", "player": "ann", "kind": "kill", "amount": 3, "with": {"weapon": "bow"}}

{"at": 1704067200000, "player": "ann", "kill": "typo"}
{"at": 1704067200000, "player": "ann"
{"at": "soon", "kind": "kill"}
"#;

    #[test]
    fn own_lines_are_sorted_by_time_and_wrong_ones_reported() {
        let block = read_ndjson_from(LINES.as_bytes(), "bots".into(), None).unwrap();
        let ids: Vec<_> = block.events.iter().map(|event| event.id.clone()).collect();
        assert_eq!(ids, [EventId::Named("k1".into()), EventId::Position(3)]);
        assert!(matches!(&block.commands[0].command, Command::Membership(write)
            if write.order.id == EventId::Position(1)));
        let bad: Vec<_> = block.bad.iter().map(|bad| (bad.line, bad.code)).collect();
        assert_eq!(bad, [(5, "unknown_field"), (6, "malformed"), (7, "bad_time")]);
    }

    #[test]
    fn gzip_is_recognised_by_its_first_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.ndjson");
        let mut gzip =
            flate2::write::GzEncoder::new(File::create(&path).unwrap(), flate2::Compression::fast());
        gzip.write_all(LINES.as_bytes()).unwrap();
        gzip.finish().unwrap();
        assert_eq!(read_ndjson(&path, None).unwrap().events.len(), 2);
    }

    #[test]
    fn broken_bytes_and_endless_lines_are_reported() {
        let mut bytes = vec![b'x'; 200_000];
        bytes.extend(b"\n\xff\xfe\n{\"at\": 1, \"kind\": \"kill\"}\n");
        let block = read_ndjson_from(bytes.as_slice(), "bots".into(), None).unwrap();
        let bad: Vec<_> = block.bad.iter().map(|bad| (bad.line, bad.code)).collect();
        assert_eq!(bad, [(1, "line_too_long"), (2, "malformed")]);
        assert_eq!(block.events.len(), 1);
    }
}
