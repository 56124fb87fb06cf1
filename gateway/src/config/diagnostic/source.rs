//! The texts that a configuration was read from, and places in them.

use std::ops::Range;
use std::sync::Arc;

use super::Diagnostic;
use super::hidden::Hidden;

/// One of the [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A range of bytes in a source. A place with an empty range is between two characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The source.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Place {
    /// The place of these bytes.
    pub(in crate::config) fn of(file: FileId, range: Range<usize>) -> Self {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { file, start: clamp(range.start), end: clamp(range.end) }
    }
}

/// A place as people name it. Lines and columns count from 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position<'s> {
    /// The file, as it was named when it was read.
    pub file: &'s str,
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

#[derive(Debug, Clone)]
struct Source {
    name: Arc<str>,
    text: Arc<str>,
    /// The byte at which each line begins: positions are asked for by the ten thousand.
    lines: Arc<[u32]>,
    /// The number of characters before each block of [`BLOCK`] bytes, since a line may be as long as the text.
    characters: Arc<[u32]>,
}

/// The bytes of which the characters are counted anew for each column.
const BLOCK: usize = 1024;

impl Source {
    fn new(name: Arc<str>, text: Arc<str>) -> Self {
        let starts = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        let lines = std::iter::once(0).chain(starts).map_while(|at| u32::try_from(at).ok()).collect();
        let mut before = 0_u32;
        let blocks = text.as_bytes().chunks(BLOCK).map(|block| {
            let here = before;
            before = before.saturating_add(u32::try_from(characters(block)).unwrap_or(u32::MAX));
            here
        });
        let characters = blocks.collect();
        Self { name, text, lines, characters }
    }

    /// The number of characters that begin before a byte of the text.
    fn characters_before(&self, at: usize) -> Option<u32> {
        if at == 0 {
            return Some(0);
        }
        let block = (at - 1) / BLOCK;
        let rest = self.text.as_bytes().get(block * BLOCK..at)?;
        self.characters.get(block)?.checked_add(u32::try_from(characters(rest)).ok()?)
    }
}

/// The number of characters that begin in these bytes of a text.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

/// The texts that were read, by the order of reading.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Source>,
    hidden: Hidden,
}

impl Sources {
    /// Adds a text under the name that findings call it by. Of a text beyond 4 GiB only the beginning has places.
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(Source::new(name.into(), text.into()));
        id
    }

    /// The name of a source.
    pub fn name(&self, file: FileId) -> &str {
        self.get(file).map_or("", |source| &source.name)
    }

    /// The name of a source, to keep.
    pub fn shared_name(&self, file: FileId) -> Arc<str> {
        self.get(file).map_or_else(|| Arc::from(""), |source| Arc::clone(&source.name))
    }

    /// The whole text of a source.
    pub fn text(&self, file: FileId) -> &str {
        self.get(file).map_or("", |source| &source.text)
    }

    /// The whole text of a source, to keep.
    pub fn shared_text(&self, file: FileId) -> Arc<str> {
        self.get(file).map_or_else(|| Arc::from(""), |source| Arc::clone(&source.text))
    }

    /// The bytes of the line that a byte of a source is in, without its end.
    pub(super) fn line_around(&self, file: FileId, at: usize) -> Range<usize> {
        let Some(source) = self.get(file) else { return 0..0 };
        let next = source.lines.partition_point(|start| *start as usize <= at);
        let start = next.checked_sub(1).and_then(|line| source.lines.get(line)).map_or(0, |at| *at as usize);
        let end = source.lines.get(next).map_or(source.text.len(), |next| *next as usize - 1);
        start..end
    }

    /// The text at a place; empty when the place is not inside the source.
    pub fn slice(&self, place: Place) -> &str {
        let range = place.start as usize..place.end as usize;
        self.text(place.file).get(range).unwrap_or("")
    }

    /// File, line and column of the beginning of a place.
    pub fn position(&self, place: Place) -> Option<Position<'_>> {
        let source = self.get(place.file)?;
        let line = source.lines.partition_point(|start| *start <= place.start);
        let start = *source.lines.get(line.checked_sub(1)?)?;
        let at = place.start as usize;
        if !source.text.is_char_boundary(at) {
            return None;
        }
        let column = source.characters_before(at)?.checked_sub(source.characters_before(start as usize)?)?;
        Some(Position { file: &source.name, line: u32::try_from(line).ok()?, column: column + 1 })
    }

    /// The place of a line and column, both from 1, in characters; as near as there is one.
    pub fn place_of(&self, file: FileId, line: u64, column: u64) -> Place {
        let text = self.text(file);
        let start = self.get(file).and_then(|source| {
            let line = usize::try_from(line.max(1)).ok()?;
            source.lines.get(line - 1).copied()
        });
        let start = start.map_or(text.len(), |start| start as usize);
        let column = usize::try_from(column.max(1)).map_or(0, |column| column - 1);
        let rest = text.get(start..).unwrap_or("");
        let line_text = rest.split('\n').next().unwrap_or("");
        let offset = line_text.char_indices().nth(column).map_or(line_text.len(), |(at, _)| at);
        let at = start + offset;
        let len = line_text.get(offset..).and_then(|s| s.chars().next()).map_or(0, char::len_utf8);
        Place::of(file, at..at + len)
    }

    /// The place of the character at a byte of a source.
    pub fn place_at(&self, file: FileId, at: usize) -> Place {
        let len = self.text(file).get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        Place::of(file, at..at + len)
    }

    /// The source of this name.
    pub fn find(&self, name: &str) -> Option<FileId> {
        let index = self.files.iter().position(|source| &*source.name == name)?;
        Some(FileId(u32::try_from(index).ok()?))
    }

    /// The text of a line, without its indentation.
    pub fn line_of(&self, file: FileId, line: u32) -> Place {
        let start = self.place_of(file, line.into(), 1).start as usize;
        let rest = self.text(file).get(start..).unwrap_or("");
        let text = rest.lines().next().unwrap_or("");
        let indent = text.len() - text.trim_start().len();
        Place::of(file, start + indent..start + text.trim_end().len().max(indent))
    }

    /// The place of a piece of a value, given by its range in the value's text: exact where the source spells the value
    /// as it is, and the whole value where escapes or variables stand between.
    pub fn inside(&self, place: Place, text: &str, range: &Range<usize>) -> Place {
        let source = self.slice(place);
        let narrow = source.find(text).filter(|_| !text.is_empty()).and_then(|at| {
            let start = place.start.checked_add(u32::try_from(at + range.start).ok()?)?;
            let end = start.checked_add(u32::try_from(range.len()).ok()?)?;
            Some(Place { file: place.file, start, end })
        });
        narrow.unwrap_or(place)
    }

    /// Makes what stands at these places of one source unreadable: findings show the lines that they are about.
    pub(crate) fn mask(&mut self, places: &[Place]) {
        let Some(first) = places.first() else { return };
        let Some(source) = self.files.get_mut(first.file.0 as usize) else { return };
        let mut text = source.text.to_string().into_bytes();
        for place in places.iter().filter(|place| place.file == first.file) {
            // Whole characters, so that what is left is text.
            let start = source.text.floor_char_boundary(place.start as usize);
            let end = source.text.ceil_char_boundary(place.end as usize);
            // As long as it was, line by line, so that all places stay where they are.
            let secret = text.get_mut(start..end).unwrap_or_default();
            secret.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
        }
        *source = Source::new(Arc::clone(&source.name), String::from_utf8_lossy(&text).into());
    }

    /// Remembers that what stands at this place is secret, and what it says: findings do not quote it.
    pub(crate) fn conceal(&mut self, place: Place, text: &str) {
        self.hidden.add(place, text);
    }

    /// Remembers a text that findings about other places do not quote either.
    pub(crate) fn conceal_everywhere(&mut self, text: &str) {
        self.hidden.add_everywhere(text);
    }

    /// Whether exactly this place is known to be secret.
    pub(crate) fn is_concealed(&self, place: Place) -> bool {
        self.hidden.contains(place)
    }

    pub(super) fn strike_secrets(&self, diagnostic: &mut Diagnostic) {
        self.hidden.strike_from(diagnostic);
    }

    fn get(&self, file: FileId) -> Option<&Source> {
        self.files.get(file.0 as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_named_by_line_and_character() {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", "x: 1\nä: é y\n\nlast");
        for (start, line, column) in
            [(0, 1, 1), (3, 1, 4), (5, 2, 1), (9, 2, 4), (12, 2, 6), (14, 3, 1), (15, 4, 1)]
        {
            let place = Place { file, start, end: start };
            let position = sources.position(place).unwrap();
            assert_eq!((position.line, position.column), (line, column), "at byte {start}");
            assert_eq!(sources.place_of(file, line.into(), column.into()).start, start);
        }
    }

    #[test]
    fn columns_of_a_long_line_are_counted_in_characters() {
        let mut sources = Sources::default();
        let text = format!("x\n{}y\n", "é_\u{1f600}".repeat(3000));
        let file = sources.add("a.yaml", text.as_str());
        let line = text.lines().nth(1).unwrap();
        for (column, (at, _)) in line.char_indices().enumerate() {
            let start = u32::try_from(at).unwrap() + 2;
            let position = sources.position(Place { file, start, end: start }).unwrap();
            assert_eq!((position.line, position.column as usize), (2, column + 1), "at byte {start}");
        }
        assert_eq!(sources.position(Place { file, start: 3, end: 3 }), None, "inside a character");
    }

    #[test]
    fn what_is_masked_is_not_shown_and_everything_else_stays_where_it_is() {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", "secret: hüsh\nx: secret: no");
        // From the middle of a letter to beyond the end of a line.
        sources.mask(&[Place { file, start: 10, end: 15 }, Place { file, start: 16, end: 99 }]);
        assert_eq!(sources.text(file), "secret: h****\n*:***********");
    }

    #[test]
    fn places_outside_the_text_are_harmless() {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", "é");
        let place = Place { file, start: 1, end: 90 };
        assert_eq!(sources.slice(place), "");
        assert_eq!(sources.position(place), None);
        assert_eq!(sources.place_of(file, 7, 9).start, 2);
    }
}
