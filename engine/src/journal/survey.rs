//! What is in each segment of a journal: for whoever examines a folder. Changes nothing, and goes on after what is wrong.

use serde::Serialize;
use worldflow_schemas::Tick;

use super::JournalError;
use super::reader::{Head, Walked, heads, read_good, take_idle, walk};
use super::record::{Body, JournaledTick};
use crate::disk::{Folder, SharedDisk};

/// A segment of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// Its file's name.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Frames that became durable together.
    pub groups: u64,
    /// Ticks with inputs.
    pub ticks: u64,
    /// Events and commands in them.
    pub inputs: u64,
    /// The first tick with inputs.
    pub first: Option<Tick>,
    /// The last tick with inputs.
    pub last: Option<Tick>,
    /// The inputs before it are of ticks up to this one.
    pub after: Option<Tick>,
    /// From this byte on it was given up by the writer: the next segment goes on from there.
    pub given_up_at: Option<u64>,
    /// From this byte on it was cut off while it was being written.
    pub torn_at: Option<u64>,
    /// What is wrong with it.
    pub error: Option<String>,
}

/// Looks at every segment of a folder. `said` hears what records say of the state: a tick, and the hash at its end.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn survey(
    folder: &Folder,
    said: &mut dyn FnMut(Tick, u128),
) -> Result<Vec<Segment>, JournalError> {
    let mut heads = heads(folder)?;
    let idle = take_idle(&mut heads);
    let count = heads.len();
    let segments =
        heads.iter().enumerate().map(|(place, head)| look(&folder.disk, head, place + 1 == count, said));
    let idle = idle.iter().map(|head| Segment { torn_at: (head.bytes > 0).then_some(0), ..begun(head) });
    Ok(segments.chain(idle).collect())
}

fn begun(head: &Head) -> Segment {
    let file = head.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let given_up_at = head.good_bytes.filter(|good| *good < head.bytes);
    Segment { file, bytes: head.bytes, after: head.after(), given_up_at, ..Segment::default() }
}

fn look(disk: &SharedDisk, head: &Head, last: bool, said: &mut dyn FnMut(Tick, u128)) -> Segment {
    let mut segment = begun(head);
    let bytes = match read_good(disk, &head.path, head.good_bytes) {
        Ok(bytes) => bytes,
        Err(error) => {
            segment.error = Some(error.to_string());
            return segment;
        }
    };
    let walked = walk(&head.path, &bytes, &mut |_, group| {
        segment.groups += 1;
        for record in group.records {
            let Some(body) = record.body else { return Err("a record of an unknown kind".to_owned()) };
            if let Body::Inputs(inputs) = body {
                segment.ticks += 1;
                segment.first = segment.first.or(Some(inputs.tick));
                segment.last = segment.last.max(Some(inputs.tick));
                let JournaledTick { sealed, state, .. } = inputs.decode()?;
                segment.inputs += sealed.len() as u64;
                if let Some((tick, hash)) = state {
                    said(tick, hash);
                }
            }
        }
        Ok(())
    });
    match walked {
        Ok(Walked::Whole) => {}
        Ok(Walked::Torn(at)) => {
            segment.torn_at = Some(at as u64);
            if !last {
                let what = "a frame is cut off, and later segments follow".to_owned();
                let (path, offset) = (head.path.clone(), at);
                segment.error = Some(JournalError::Corrupt { path, offset, what }.to_string());
            }
        }
        Err(error) => segment.error = Some(error.to_string()),
    }
    segment
}
