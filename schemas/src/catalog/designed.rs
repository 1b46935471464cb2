//! Views of designers: what they are made from, and the table of those that this process has met.
//!
//! As with interned text, what has once been met is kept for good, so that a row names its view by a number and
//! whoever has the number reads the entry without a lock. The same view is kept once, however often it is defined.
//! It does not know how the rows come about.

use std::sync::{LazyLock, OnceLock, PoisonError, RwLock};

use rustc_hash::FxHashMap;

use super::names::{self, ViewProblem};
use super::{CATALOG, Column, ColumnType, ViewDef, ViewId};
use crate::sym::Sym;

/// A column of a designer's view.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DesignedColumn {
    /// Its name everywhere.
    pub name: String,
    /// What it holds.
    pub kind: ColumnType,
    /// One line; may be empty.
    pub doc: String,
}

impl DesignedColumn {
    /// A column.
    #[must_use]
    pub fn new(name: &str, kind: ColumnType, doc: &str) -> DesignedColumn {
        DesignedColumn { name: name.to_owned(), kind, doc: doc.to_owned() }
    }
}

/// A view of a designer, by its parts. It is always deterministic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DesignedView {
    /// Its name everywhere.
    pub name: String,
    /// How many leading columns are the key. No two rows are alike in it, and none of it is ever null.
    pub key: usize,
    /// The columns; the first is `realm`.
    pub columns: Vec<DesignedColumn>,
    /// Columns, besides the key's, by which a subscriber may filter.
    pub filters: Vec<String>,
    /// One line; may be empty.
    pub doc: String,
}

impl DesignedView {
    /// Whether it may be a view of a realm.
    ///
    /// # Errors
    /// With the first rule that it breaks.
    pub fn check(&self) -> Result<(), ViewProblem> {
        names::check(self)
    }

    /// The view as others name it. Do this once a view is to run: what has been met is kept for good.
    ///
    /// # Errors
    /// When it may not be a view of a realm.
    pub fn id(&self) -> Result<ViewId, ViewProblem> {
        self.check()?;
        let column = |column: &DesignedColumn| Column {
            name: kept(&column.name),
            kind: column.kind,
            doc: kept(&column.doc),
        };
        let columns: Vec<Column> = self.columns.iter().map(column).collect();
        let filters: Vec<&'static str> = self.filters.iter().map(|name| kept(name)).collect();
        Ok(met(kept(&self.name), kept(&self.doc), self.key, &columns, &filters))
    }
}

fn kept(text: &str) -> &'static str {
    Sym::new(text).as_str()
}

/// What is kept of a view that has been met.
struct Entry {
    def: ViewDef,
    /// What [`crate::wire_hash`] keeps of its columns.
    hashes: OnceLock<Box<[u64]>>,
}

/// Chunks of doubling size; an entry is written once, before its number is given out.
static ENTRIES: [OnceLock<Box<[OnceLock<Entry>]>>; CHUNKS] = [const { OnceLock::new() }; CHUNKS];
const CHUNKS: usize = 20;
const FIRST_CHUNK: usize = 1 << 6;

/// The numbers of those that have been met, by name, past those built in.
static MET: LazyLock<RwLock<Met>> = LazyLock::new(RwLock::default);

#[derive(Default)]
struct Met {
    by_name: FxHashMap<&'static str, Vec<usize>>,
    count: usize,
}

fn place(number: usize) -> (usize, usize) {
    let from_first = number + FIRST_CHUNK;
    let chunk = (from_first / FIRST_CHUNK).ilog2();
    (chunk as usize, from_first - (FIRST_CHUNK << chunk))
}

/// The entry of a view that has been met.
pub(super) fn of(number: usize) -> &'static ViewDef {
    &entry(number).def
}

/// The hashes of the columns of a view that is not built in, made the first time.
pub(crate) fn hashes(view: ViewId, make: impl FnOnce() -> Box<[u64]>) -> &'static [u64] {
    entry(view.index() - CATALOG.len()).hashes.get_or_init(make)
}

fn entry(number: usize) -> &'static Entry {
    let (chunk, place) = place(number);
    let entries = ENTRIES[chunk].get().expect("a number is given out after its entry is written");
    entries[place].get().expect("a number is given out after its entry is written")
}

/// The number of a view; a new one if none like it has been met.
fn met(
    name: &'static str,
    doc: &'static str,
    key: usize,
    columns: &[Column],
    filters: &[&'static str],
) -> ViewId {
    let same = |def: &ViewDef| {
        (def.name, def.doc, def.key) == (name, doc, key) && def.columns == columns && def.filters == filters
    };
    let mut met = MET.write().unwrap_or_else(PoisonError::into_inner);
    let found = met.by_name.get(name).into_iter().flatten().find(|number| same(of(**number)));
    if let Some(number) = found {
        return id(*number);
    }
    let number = met.count;
    let (chunk, place) = place(number);
    let entries = ENTRIES
        .get(chunk)
        .expect("so many views would have filled the memory")
        .get_or_init(|| (0..FIRST_CHUNK << chunk).map(|_| OnceLock::new()).collect());
    let def = ViewDef {
        name,
        key,
        columns: Box::leak(columns.into()),
        filters: Box::leak(filters.into()),
        deterministic: true,
        doc,
    };
    entries[place].get_or_init(|| Entry { def, hashes: OnceLock::new() });
    met.count += 1;
    met.by_name.entry(name).or_default().push(number);
    id(number)
}

fn id(number: usize) -> ViewId {
    ViewId(u32::try_from(CATALOG.len() + number).expect("chunks end before"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str, kind: ColumnType) -> DesignedView {
        let columns = [("realm", ColumnType::Text), ("zone", ColumnType::Text), ("n", kind)];
        DesignedView {
            name: name.to_owned(),
            key: 2,
            columns: columns.map(|(name, kind)| DesignedColumn::new(name, kind, "")).into(),
            filters: vec!["n".to_owned()],
            doc: String::new(),
        }
    }

    #[test]
    fn a_view_is_its_name_and_shape_and_is_met_once() {
        let (int, dec) = (view("met_once", ColumnType::Int), view("met_once", ColumnType::Dec));
        let (id, other) = (int.id().expect("good"), dec.id().expect("good"));
        assert_eq!(int.id(), Ok(id));
        assert_ne!(id, other);
        assert!(!id.is_built_in());
        let def = id.def();
        assert_eq!((def.name, def.key, def.deterministic), ("met_once", 2, true));
        assert_eq!((def.columns[2].name, def.columns[2].kind), ("n", ColumnType::Int));
        assert_eq!(other.def().columns[2].kind, ColumnType::Dec);
        assert_eq!(def.filters, ["n"]);
    }

    #[test]
    fn entries_of_all_chunks_are_found_again_from_every_thread() {
        let names: Vec<String> = (0..3 * FIRST_CHUNK).map(|n| format!("chunked_{n}")).collect();
        let meet = || names.iter().map(|name| view(name, ColumnType::Int).id()).collect::<Vec<_>>();
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(meet)).collect();
            threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
        });
        assert!(all.windows(2).all(|two| two[0] == two[1]));
        for (name, id) in names.iter().zip(&all[0]) {
            assert_eq!(id.as_ref().expect("good").def().name, name);
        }
    }
}
