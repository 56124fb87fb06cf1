//! Printing map entries, each key once.

use std::{
    hash::{BuildHasher as _, Hasher as _},
    mem,
};

use smallvec::SmallVec;

use super::{
    Decoder, FEW_KEYS,
    halt::Halt,
    number::{quoted_integer, quoted_unsigned},
    scalar::Value,
    text, wire,
};
use crate::plan::{FieldPlan, Kind, MapPlan, Print, WireType};

/// A list of more hashes than this is not kept for the next call.
const KEPT: usize = 1 << 14;

/// The key of an entry as far as telling keys apart goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key<'a> {
    Number(u64),
    Text(&'a [u8]),
}

/// An entry taken apart: where its key and value lie.
#[derive(Debug)]
struct Entry<'a> {
    key: Key<'a>,
    /// What follows the tag of the last value; `None` if there is none.
    value: Option<&'a [u8]>,
    /// The pieces of a value that is a message. More than one merge.
    pieces: SmallVec<[&'a [u8]; 1]>,
}

impl<'a> Decoder<'a, '_> {
    /// Prints `,"key":value`, and remembers the key for [`check_keys`](Self::check_keys).
    pub(super) fn entry(&mut self, map: &'a MapPlan, entry: &'a [u8], depth: u32) -> Result<(), Halt> {
        if self.usual_entry(map, entry, depth)? {
            return Ok(());
        }
        let entry = self.read_entry(map, entry)?;
        let before = self.out.len();
        self.out.push(b',');
        self.print_key(map, entry.key)?;
        let key = before + 1..self.out.len();
        self.out.push(b':');
        let printed = self
            .print_value(&map.value, &entry, depth)
            .map_err(|halt| halt.at_key(self.out.written().get(key).unwrap_or_default()))?;
        if !printed {
            self.out.truncate(before);
            return Ok(());
        }
        if !self.careful {
            self.remember(hash(entry.key));
        }
        Ok(())
    }

    /// Prints an entry that is as serializers write it: a key, then a value, and nothing else. False if it is not, and
    /// nothing was printed.
    #[inline]
    fn usual_entry(&mut self, map: &'a MapPlan, entry: &'a [u8], depth: u32) -> Result<bool, Halt> {
        let whole = self.from(entry);
        let Some((field, key, start)) = usual_parts(map, whole, entry.len()) else { return Ok(false) };
        let Some(rest) = whole.get(start..) else { return Ok(false) };
        let Some(window) = rest.first_chunk() else { return Ok(false) };
        let before = self.out.len();
        self.out.push(b',');
        self.print_key(map, key)?;
        let end = self.out.len();
        let taken = self
            .predicted(field, window, rest, entry.len() - start, depth)
            .map_err(|halt| halt.at_key(self.out.written().get(before + 1..end).unwrap_or_default()))?;
        if taken == 0 {
            self.out.truncate(before);
            return Ok(false);
        }
        if !self.careful {
            self.remember(hash(key));
        }
        Ok(true)
    }

    /// Adds the hash of a key. When there are many, memory that another call has left is used.
    #[inline]
    fn remember(&mut self, hash: u64) {
        if self.keys.len() == FEW_KEYS && !self.keys.spilled() {
            let mut list = self.schema.hash_lists.take().unwrap_or_default();
            list.reserve(4 * FEW_KEYS);
            list.extend_from_slice(&self.keys);
            self.keys = SmallVec::from_vec(list);
        }
        self.keys.push(hash);
    }

    /// Leaves the memory for the next call, unless it is very much.
    pub(super) fn leave_keys(&mut self) {
        if self.keys.spilled() && self.keys.capacity() <= KEPT {
            let mut list = mem::take(&mut self.keys).into_vec();
            list.clear();
            self.schema.hash_lists.give(list);
        }
    }

    /// Stops if a key since `base` may have come twice: equal hashes are enough, the careful way looks closer.
    pub(super) fn check_keys(&mut self, base: usize) -> Result<(), Halt> {
        let keys = self.keys.get_mut(base..).unwrap_or_default();
        if keys.len() > 1 {
            keys.sort_unstable();
            if keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
                return Err(Halt::split());
            }
        }
        self.keys.truncate(base);
        Ok(())
    }

    /// The key of an entry; `None` if the entry counts as unknown, because of a number that a closed enum has not.
    pub(super) fn key_of(&self, map: &MapPlan, entry: &'a [u8]) -> Result<Option<Key<'a>>, Halt> {
        let entry = self.read_entry(map, entry)?;
        if let (Kind::Enum(index), Some(mut value)) = (map.value.kind, entry.value) {
            let plan = self.schema.enum_plan(index);
            let number = wire::varint(&mut value)? as i32;
            if plan.closed && plan.by_number(number).is_none() {
                return Ok(None);
            }
        }
        Ok(Some(entry.key))
    }

    fn read_entry(&self, map: &MapPlan, mut input: &'a [u8]) -> Result<Entry<'a>, Halt> {
        let text = map.key.kind == Kind::String;
        let key = if text { Key::Text(&[]) } else { Key::Number(0) };
        let mut entry = Entry { key, value: None, pieces: SmallVec::new() };
        while !input.is_empty() {
            let tag = wire::tag(&mut input)?;
            match tag.number() {
                1 if wire::fits(map.key.kind, tag) => entry.key = read_key(map.key.kind, &mut input)?,
                2 if wire::fits(map.value.kind, tag) => {
                    entry.value = Some(input);
                    match map.value.kind {
                        Kind::Message(_) => entry.pieces.push(wire::piece(&mut input)?),
                        Kind::Group(_) => {
                            entry.pieces.push(wire::group(tag, &mut input, self.options.max_depth)?);
                        }
                        _ => wire::skip(tag, &mut input, self.options.max_depth)?,
                    }
                }
                _ => wire::skip(tag, &mut input, self.options.max_depth)?,
            }
        }
        Ok(entry)
    }

    fn print_key(&mut self, map: &MapPlan, key: Key<'a>) -> Result<(), Halt> {
        let number = match key {
            Key::Text(key) => {
                let source = self.from(key);
                return text::string(&mut self.out, source, key.len());
            }
            Key::Number(number) => number,
        };
        match map.key.kind {
            Kind::Bool if number == 0 => self.out.bytes(b"\"false\""),
            Kind::Bool => self.out.bytes(b"\"true\""),
            Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => {
                self.out.claim(|claim| quoted_unsigned(claim, number));
            }
            _ => self.out.claim(|claim| quoted_integer(claim, number.cast_signed())),
        }
        Ok(())
    }

    /// Prints the value, or the default where there is none. False if the value is unknown and nothing was printed.
    fn print_value(&mut self, field: &'a FieldPlan, entry: &Entry<'a>, depth: u32) -> Result<bool, Halt> {
        if let Kind::Message(index) | Kind::Group(index) = field.kind {
            // No piece at all is an empty message.
            let none: &[&[u8]] = &[&[]];
            let pieces = if entry.pieces.is_empty() { none } else { &entry.pieces };
            if pieces.len() > 1 && !self.careful {
                return Err(Halt::split());
            }
            self.message(self.schema.plan(index), pieces, depth + 1)?;
            return Ok(true);
        }
        match entry.value {
            Some(mut value) => Ok(self.scalar(field, &mut value)? != Value::Unknown),
            None => {
                self.default(field);
                Ok(true)
            }
        }
    }
}

/// How the value of an entry is printed, its key, and where the value begins with its tag; if there is nothing else in it.
#[inline]
fn usual_parts<'a>(map: &'a MapPlan, whole: &'a [u8], left: usize) -> Option<(&'a Print, Key<'a>, usize)> {
    let field = map.value_print.as_ref()?;
    let &[tag] = map.key.tag.as_bytes() else { return None };
    let mut rest = whole.get(..left)?;
    let (first, behind) = rest.split_first()?;
    if *first != tag {
        return None;
    }
    rest = behind;
    let key = read_key(map.key.kind, &mut rest).ok()?;
    let start = left - rest.len();
    let (first, behind) = rest.split_first()?;
    if *first != field.tag {
        return None;
    }
    rest = behind;
    let behind = match map.value.kind.wire_type() {
        WireType::Varint => wire::varint_of(whole.get(start + 1..)?, rest.len()).ok()?.1,
        WireType::Len => {
            wire::piece(&mut rest).ok()?;
            return rest.is_empty().then_some((field, key, start));
        }
        WireType::Fixed64 => 8,
        WireType::Fixed32 => 4,
        WireType::StartGroup | WireType::EndGroup => return None,
    };
    (behind == rest.len()).then_some((field, key, start))
}

/// A key as a number of its own width, sign-extended: the same key written in two ways is the same.
fn read_key<'a>(kind: Kind, input: &mut &'a [u8]) -> Result<Key<'a>, Halt> {
    let number = match kind {
        Kind::String => return Ok(Key::Text(wire::piece(input)?)),
        Kind::Int32 => i64::from(wire::varint(input)? as i32).cast_unsigned(),
        Kind::Uint32 => u64::from(wire::varint(input)? as u32),
        Kind::Sint32 => {
            let value = wire::varint(input)? as u32;
            i64::from((value >> 1).cast_signed() ^ -(value & 1).cast_signed()).cast_unsigned()
        }
        Kind::Sint64 => {
            let value = wire::varint(input)?;
            (value >> 1) ^ (value & 1).wrapping_neg()
        }
        Kind::Fixed32 => u64::from(wire::fixed32(input)?),
        Kind::Sfixed32 => i64::from(wire::fixed32(input)?.cast_signed()).cast_unsigned(),
        Kind::Fixed64 | Kind::Sfixed64 => wire::fixed64(input)?,
        Kind::Bool => u64::from(wire::varint(input)? != 0),
        _ => wire::varint(input)?,
    };
    Ok(Key::Number(number))
}

/// Nobody gains by making hashes collide: it only brings the careful way.
fn hash(key: Key<'_>) -> u64 {
    match key {
        Key::Number(number) => number,
        Key::Text(text) => {
            let mut hasher = foldhash::fast::FixedState::default().build_hasher();
            hasher.write(text);
            hasher.finish()
        }
    }
}
