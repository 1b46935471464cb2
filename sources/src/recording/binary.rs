//! worldflow's own binary form: a dictionary of strings and columns of fixed width.
//!
//! `magic version, then sections: kind u8, length u32, crc32 u32, payload`, all little-endian. The
//! first section says how much there is and of which producer; a strings section adds to the dictionary, an events section
//! holds up to [`EVENTS_PER_SECTION`] events by column, a commands section the other inputs, and the
//! last one is the end. A file without an end is cut off. Interned numbers never enter the file.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use worldflow_schemas::{Event, EventId, Sym, Value};

use super::counted::Counted;
use super::{Block, Dated, RecordingError, Told};

const MAGIC: &[u8; 6] = b"wfrec\0";
const VERSION: u16 = 2;
const TOTALS: u8 = 1;
const STRINGS: u8 = 2;
const EVENTS: u8 = 3;
const COMMANDS: u8 = 4;
const END: u8 = 5;

/// Events of one section.
const EVENTS_PER_SECTION: usize = 8192;
/// No section is longer; a length beyond it means damage, and is not allocated.
const MOST_SECTION_BYTES: u32 = 1 << 28;
const EVENT_BYTES: usize = 40;
const SECTIONS_FROM: u64 = 8;

type Attributes = Vec<(u32, Vec<(u32, Value)>)>;

/// Writes a recording.
#[derive(Debug)]
pub struct BinaryWriter {
    path: PathBuf,
    file: BufWriter<File>,
    numbers: FxHashMap<Sym, u32>,
    new_strings: Vec<&'static str>,
    source: Sym,
    events: u64,
    commands: u64,
    last_ms: i64,
}

impl BinaryWriter {
    /// Creates the file for the inputs of one producer, replacing what was there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path, source: Sym) -> Result<BinaryWriter, RecordingError> {
        let file = File::create(path).map_err(|error| RecordingError::io(path, error))?;
        let mut writer = BinaryWriter {
            path: path.to_owned(),
            file: BufWriter::with_capacity(1 << 20, file),
            numbers: FxHashMap::default(),
            new_strings: Vec::new(),
            source,
            events: 0,
            commands: 0,
            last_ms: i64::MIN,
        };
        writer.number(Sym::NONE);
        writer.raw(MAGIC)?;
        writer.raw(&VERSION.to_le_bytes())?;
        writer.totals()?;
        Ok(writer)
    }

    /// Adds events and other inputs, both in the order of their times and not before what was
    /// added earlier.
    ///
    /// # Errors
    /// When they are out of order, or the file cannot be written.
    pub fn write(&mut self, events: &[Event], mut commands: &[Dated]) -> Result<(), RecordingError> {
        for chunk in events.chunks(EVENTS_PER_SECTION) {
            let last_ms = chunk.last().map_or(i64::MAX, |event| event.at_ms);
            let with_chunk = commands.partition_point(|dated| dated.at_ms <= last_ms);
            let (now, later) = commands.split_at(with_chunk);
            self.commands_section(now)?;
            commands = later;
            self.events_section(chunk)?;
        }
        self.commands_section(commands)
    }

    fn commands_section(&mut self, commands: &[Dated]) -> Result<(), RecordingError> {
        if commands.is_empty() {
            return Ok(());
        }
        self.commands += commands.len() as u64;
        let payload = postcard::to_stdvec(commands).expect("commands have no unserializable part");
        self.section(COMMANDS, &payload)
    }

    fn events_section(&mut self, events: &[Event]) -> Result<(), RecordingError> {
        if events.iter().any(|event| std::mem::replace(&mut self.last_ms, event.at_ms) > event.at_ms) {
            return Err(RecordingError::damaged(
                &self.path,
                "events are written out of the order of their times",
            ));
        }
        self.events += events.len() as u64;
        let payload = self.events_payload(events);
        if !self.new_strings.is_empty() {
            let strings = std::mem::take(&mut self.new_strings);
            let strings = postcard::to_stdvec(&strings).expect("strings serialize");
            self.section(STRINGS, &strings)?;
        }
        self.section(EVENTS, &payload)
    }

    /// Completes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> Result<(), RecordingError> {
        self.section(END, &[])?;
        let io = |error| RecordingError::io(&self.path, error);
        self.file.seek(SeekFrom::Start(SECTIONS_FROM)).map_err(io)?;
        self.totals()?;
        self.file.flush().map_err(|error| RecordingError::io(&self.path, error))
    }

    fn totals(&mut self) -> Result<(), RecordingError> {
        let mut payload = Vec::new();
        payload.extend(self.events.to_le_bytes());
        payload.extend(self.commands.to_le_bytes());
        payload.extend(self.source.as_str().as_bytes());
        self.section(TOTALS, &payload)
    }

    fn number(&mut self, sym: Sym) -> u32 {
        let next = u32::try_from(self.numbers.len()).expect("symbols are numbered in 32 bits");
        *self.numbers.entry(sym).or_insert_with(|| {
            self.new_strings.push(sym.as_str());
            next
        })
    }

    fn events_payload(&mut self, events: &[Event]) -> Vec<u8> {
        let count = u32::try_from(events.len()).expect("a section is small");
        let mut out = Vec::with_capacity(4 + EVENT_BYTES * events.len() + 64);
        out.extend(count.to_le_bytes());
        for event in events {
            out.extend(event.at_ms.to_le_bytes());
        }
        for event in events {
            let position = if let EventId::Position(position) = event.id { position } else { 0 };
            out.extend(position.to_le_bytes());
        }
        for event in events {
            out.extend(event.amount.to_le_bytes());
        }
        let columns: [fn(&Event) -> Sym; 4] = [|e| e.player, |e| e.kind, |e| e.target, |e| e.region];
        for column in columns {
            for event in events {
                out.extend(self.number(column(event)).to_le_bytes());
            }
        }
        let mut named: Vec<(u32, &str)> = Vec::new();
        let mut attributes: Attributes = Vec::new();
        for (place, event) in (0..).zip(events) {
            if let EventId::Named(name) = &event.id {
                named.push((place, name));
            }
            if let Some(with) = &event.with {
                let with = with.iter().map(|(name, value)| (self.number(*name), value.clone())).collect();
                attributes.push((place, with));
            }
        }
        let sparse = postcard::to_stdvec(&(named, attributes)).expect("ids and values serialize");
        out.extend(sparse);
        out
    }

    fn section(&mut self, kind: u8, payload: &[u8]) -> Result<(), RecordingError> {
        let length = u32::try_from(payload.len()).ok().filter(|length| *length <= MOST_SECTION_BYTES);
        let length = length.ok_or_else(|| RecordingError::damaged(&self.path, "a block is too large"))?;
        self.raw(&[kind])?;
        self.raw(&length.to_le_bytes())?;
        self.raw(&crc32fast::hash(payload).to_le_bytes())?;
        self.raw(payload)
    }

    fn raw(&mut self, bytes: &[u8]) -> Result<(), RecordingError> {
        self.file.write_all(bytes).map_err(|error| RecordingError::io(&self.path, error))
    }
}

/// Reads a recording block by block.
#[derive(Debug)]
pub struct BinaryReader {
    path: PathBuf,
    file: BufReader<Counted>,
    syms: Vec<Sym>,
    buffer: Vec<u8>,
    source: Sym,
    events: u64,
    ended: bool,
}

impl BinaryReader {
    /// Whether the file begins as the binary form does.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_binary(path: &Path) -> Result<bool, RecordingError> {
        let io = |error| RecordingError::io(path, error);
        let mut first = Vec::new();
        File::open(path).map_err(io)?.take(MAGIC.len() as u64).read_to_end(&mut first).map_err(io)?;
        Ok(first == MAGIC)
    }

    /// Opens a file and reads its totals.
    ///
    /// # Errors
    /// When it cannot be read, or is of another form or version.
    pub fn open(path: &Path) -> Result<BinaryReader, RecordingError> {
        BinaryReader::open_told(path, None)
    }

    /// As [`BinaryReader::open`]; `told` hears of every part of the file.
    pub(super) fn open_told(path: &Path, told: Option<Told>) -> Result<BinaryReader, RecordingError> {
        let io = |error| RecordingError::io(path, error);
        let mut file = BufReader::with_capacity(1 << 16, Counted::open(path, told).map_err(io)?);
        let mut head = [0; 8];
        file.read_exact(&mut head).map_err(|_| RecordingError::damaged(path, "the file has no header"))?;
        if head[..6] != MAGIC[..] {
            return Err(RecordingError::damaged(path, "the file is not a binary recording"));
        }
        let version = u16::from_le_bytes([head[6], head[7]]);
        if version != VERSION {
            return Err(RecordingError::damaged(path, format!("version {version} is not known here")));
        }
        let mut reader = BinaryReader {
            path: path.to_owned(),
            file,
            syms: Vec::new(),
            buffer: Vec::new(),
            source: Sym::NONE,
            events: 0,
            ended: false,
        };
        let kind = reader.section()?;
        let source = reader.buffer.get(16..).and_then(|name| std::str::from_utf8(name).ok());
        let Some(source) = source.filter(|_| kind == TOTALS).and_then(Sym::try_new) else {
            return Err(reader.damaged("the totals are missing"));
        };
        reader.source = source;
        reader.events = u64_at(&reader.buffer, 0);
        Ok(reader)
    }

    /// The producer of everything in the file.
    #[must_use]
    pub fn source(&self) -> Sym {
        self.source
    }

    /// How many events the file says it holds.
    #[must_use]
    pub fn expected_events(&self) -> u64 {
        self.events
    }

    /// The next block: events of one section, and the other inputs up to the last of them.
    ///
    /// # Errors
    /// When the file is damaged or cut off.
    pub fn next_block(&mut self) -> Result<Option<Block>, RecordingError> {
        let mut block = Block::default();
        while !self.ended {
            match self.section()? {
                END => self.ended = true,
                STRINGS => self.strings()?,
                EVENTS => {
                    block.events = self
                        .decode_events()
                        .ok_or_else(|| self.damaged("an events section does not add up"))?;
                    return Ok(Some(block));
                }
                COMMANDS => {
                    let commands: Vec<Dated> = postcard::from_bytes(&self.buffer).map_err(|error| {
                        self.damaged(&format!("a commands section does not add up: {error}"))
                    })?;
                    block.commands.extend(commands);
                }
                kind => return Err(self.damaged(&format!("a section of the unknown kind {kind}"))),
            }
        }
        Ok((!block.commands.is_empty()).then_some(block))
    }

    fn strings(&mut self) -> Result<(), RecordingError> {
        let strings: Vec<&str> = postcard::from_bytes(&self.buffer)
            .map_err(|error| self.damaged(&format!("a strings block does not add up: {error}")))?;
        for text in strings {
            let sym = Sym::try_new(text)
                .ok_or_else(|| self.damaged("there are more ids than one process holds"))?;
            self.syms.push(sym);
        }
        Ok(())
    }

    fn decode_events(&self) -> Option<Vec<Event>> {
        let (count, rest) = self.buffer.split_first_chunk::<4>()?;
        let count = u32::from_le_bytes(*count) as usize;
        if count > EVENTS_PER_SECTION {
            return None;
        }
        let (wide, rest) = rest.split_at_checked(24 * count)?;
        let (narrow, sparse) = rest.split_at_checked(16 * count)?;
        let wide = |column: usize| wide[8 * count * column..][..8 * count].as_chunks::<8>().0;
        let narrow = |column: usize| narrow[4 * count * column..][..4 * count].as_chunks::<4>().0;
        let (at, position, amount) = (wide(0), wide(1), wide(2));
        let (player, kind, target, region) = (narrow(0), narrow(1), narrow(2), narrow(3));
        let sym = |bytes: [u8; 4]| self.syms.get(u32::from_le_bytes(bytes) as usize).copied();
        let mut events = Vec::with_capacity(count);
        for n in 0..count {
            events.push(Event {
                at_ms: i64::from_le_bytes(at[n]),
                source: self.source,
                id: EventId::Position(u64::from_le_bytes(position[n])),
                player: sym(player[n])?,
                kind: sym(kind[n])?,
                target: sym(target[n])?,
                region: sym(region[n])?,
                amount: i64::from_le_bytes(amount[n]),
                with: None,
            });
        }
        let (named, attributes): (Vec<(u32, &str)>, Attributes) = postcard::from_bytes(sparse).ok()?;
        for (place, name) in named {
            events.get_mut(place as usize)?.id = EventId::Named(name.into());
        }
        for (place, with) in attributes {
            let with = with.into_iter().map(|(name, value)| Some((*self.syms.get(name as usize)?, value)));
            events.get_mut(place as usize)?.with = Some(with.collect::<Option<Arc<[_]>>>()?);
        }
        Some(events)
    }

    fn section(&mut self) -> Result<u8, RecordingError> {
        let cut = |_| RecordingError::damaged(&self.path, "the file is cut off");
        let mut head = [0; 9];
        self.file.read_exact(&mut head).map_err(cut)?;
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
        if length > MOST_SECTION_BYTES {
            return Err(self.damaged("a block has an impossible length"));
        }
        self.buffer.clear();
        let read = (&mut self.file).take(u64::from(length)).read_to_end(&mut self.buffer);
        if read.map_err(|error| RecordingError::io(&self.path, error))? != length as usize {
            return Err(self.damaged("the file is cut off"));
        }
        if crc32fast::hash(&self.buffer).to_le_bytes() != head[5..] {
            return Err(self.damaged("a checksum does not match"));
        }
        Ok(head[0])
    }

    fn damaged(&self, reason: &str) -> RecordingError {
        RecordingError::damaged(&self.path, reason)
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use worldflow_schemas::Command;
    use worldflow_schemas::input::{ClockCommand, ClockWrite, WriteOrder};

    use super::*;

    fn events(count: u64) -> Vec<Event> {
        (0..count)
            .map(|n| Event {
                at_ms: 1_700_000_000_000 + i64::try_from(n).unwrap() / 3,
                source: "bots".into(),
                id: if n % 7 == 0 { EventId::Named(format!("e{n}").into()) } else { EventId::Position(n) },
                player: Sym::new(&format!("p{}", n % 100)),
                kind: "kill".into(),
                target: if n % 5 == 0 { Sym::NONE } else { "wolf".into() },
                region: Sym::NONE,
                amount: i64::try_from(n % 4).unwrap() - 1,
                with: (n % 11 == 0).then(|| Arc::from(vec![("weapon".into(), Value::Sym("bow".into()))])),
            })
            .collect()
    }

    fn written(events: &[Event]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wfr");
        let mut writer = BinaryWriter::create(&path, "bots".into()).unwrap();
        let pause = Dated {
            at_ms: 0,
            source: "s".into(),
            id: EventId::Position(1),
            command: Command::Clock(ClockWrite {
                order: WriteOrder { at_ms: 0, source: "s".into(), id: EventId::Position(1) },
                command: ClockCommand::Pause,
            }),
        };
        writer.write(&[], &[pause]).unwrap();
        for part in events.chunks(9000) {
            writer.write(part, &[]).unwrap();
        }
        writer.finish().unwrap();
        (dir, path)
    }

    fn read(path: &Path) -> Result<(Vec<Event>, usize), RecordingError> {
        let (mut reader, mut events, mut commands) = (BinaryReader::open(path)?, Vec::new(), 0);
        while let Some(block) = reader.next_block()? {
            events.extend(block.events);
            commands += block.commands.len();
        }
        Ok((events, commands))
    }

    #[test]
    fn what_is_written_is_read() {
        let events = events(20_000);
        let (_dir, path) = written(&events);
        assert!(BinaryReader::is_binary(&path).unwrap());
        assert_eq!(BinaryReader::open(&path).unwrap().expected_events(), 20_000);
        let (read, commands) = read(&path).unwrap();
        assert!(read == events, "every field of every event comes back");
        assert_eq!(commands, 1);
    }

    #[test]
    fn events_out_of_order_are_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = BinaryWriter::create(&dir.path().join("a.wfr"), "bots".into()).unwrap();
        let mut events = events(10);
        events.reverse();
        assert!(writer.write(&events, &[]).is_err());
    }

    #[test]
    fn damage_at_any_place_is_an_error_and_never_a_panic() {
        let (_dir, path) = written(&events(50));
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            std::fs::write(&path, &bytes).unwrap();
            assert!(read(&path).is_err(), "a changed byte at {at}");
            std::fs::write(&path, &whole[..at]).unwrap();
            assert!(read(&path).is_err(), "cut off at {at}");
        }
    }
}
