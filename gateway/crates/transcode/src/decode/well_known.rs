//! Printing the messages that have a form of their own in JSON, `Any` left aside.
//!
//! Their fields are few: each reads all pieces with the last value counting, so none of them needs the careful way,
//! but for the maps inside `Struct`.

use smallvec::SmallVec;

use super::{
    Decoder, digits,
    halt::Halt,
    room::Room,
    text,
    wire::{self, RawTag},
};
use crate::{
    DecodeErrorKind,
    plan::{MessagePlan, WellKnown, WireType},
};

impl<'a> Decoder<'a, '_> {
    /// Prints a well-known message. Its depth was checked.
    pub(super) fn well_known(
        &mut self,
        plan: &'a MessagePlan,
        pieces: &[&'a [u8]],
        depth: u32,
    ) -> Result<(), Halt> {
        match plan.well_known {
            WellKnown::Timestamp => self.timestamp(plan, pieces),
            WellKnown::Duration => self.duration(plan, pieces),
            WellKnown::FieldMask => self.field_mask(pieces),
            WellKnown::Wrapper => self.wrapper(plan, pieces),
            WellKnown::Struct => self.structure(plan, pieces, depth),
            WellKnown::Value => self.value(plan, pieces, depth),
            WellKnown::ListValue => self.list_value(plan, pieces, depth),
            WellKnown::Any => self.any(pieces, depth),
            WellKnown::None | WellKnown::Empty => Err(Halt::malformed("an ordinary message")),
        }
    }

    /// Calls `field` for each field, with the input behind its tag. Where it answers false, the field is passed over.
    pub(super) fn each_field(
        &self,
        pieces: &[&'a [u8]],
        mut field: impl FnMut(RawTag, &mut &'a [u8]) -> Result<bool, Halt>,
    ) -> Result<(), Halt> {
        for piece in pieces {
            let mut input = *piece;
            while !input.is_empty() {
                let tag = wire::tag(&mut input)?;
                if !field(tag, &mut input)? {
                    wire::skip(tag, &mut input, self.options.max_depth)?;
                }
            }
        }
        Ok(())
    }

    fn seconds_and_nanos(&self, pieces: &[&'a [u8]]) -> Result<(i64, i32), Halt> {
        let (mut seconds, mut nanos) = (0, 0);
        self.each_field(pieces, |tag, input| {
            match tag.number() {
                1 if tag.is(WireType::Varint) => seconds = wire::varint(input)?.cast_signed(),
                2 if tag.is(WireType::Varint) => nanos = wire::varint(input)? as i32,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok((seconds, nanos))
    }

    fn timestamp(&mut self, plan: &MessagePlan, pieces: &[&'a [u8]]) -> Result<(), Halt> {
        let (seconds, nanos) = self.seconds_and_nanos(pieces)?;
        let in_range = (-62_135_596_800..=253_402_300_799).contains(&seconds);
        if !in_range || !(0..1_000_000_000).contains(&nanos) {
            return Err(out_of_range(
                plan,
                seconds,
                nanos,
                "0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z",
            ));
        }
        let (year, month, day) = civil(seconds.div_euclid(86_400));
        let time = seconds.rem_euclid(86_400).cast_unsigned();
        let room = &mut Room::new(self.out, 40);
        room.push(b'"');
        digits::exactly(room, year.cast_unsigned(), 4);
        room.push(b'-');
        digits::exactly(room, month.cast_unsigned(), 2);
        room.push(b'-');
        digits::exactly(room, day.cast_unsigned(), 2);
        room.push(b'T');
        digits::exactly(room, time / 3600, 2);
        room.push(b':');
        digits::exactly(room, time / 60 % 60, 2);
        room.push(b':');
        digits::exactly(room, time % 60, 2);
        fraction(room, nanos.unsigned_abs());
        room.bytes(b"Z\"");
        Ok(())
    }

    fn duration(&mut self, plan: &MessagePlan, pieces: &[&'a [u8]]) -> Result<(), Halt> {
        let (seconds, nanos) = self.seconds_and_nanos(pieces)?;
        let in_range = seconds.unsigned_abs() <= 315_576_000_000 && nanos.unsigned_abs() < 1_000_000_000;
        let one_sign = seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0);
        if !in_range || !one_sign {
            return Err(out_of_range(plan, seconds, nanos, "10,000 years, seconds and nanos of one sign"));
        }
        let room = &mut Room::new(self.out, 40);
        room.push(b'"');
        if seconds < 0 || nanos < 0 {
            room.push(b'-');
        }
        text::unsigned(room, seconds.unsigned_abs());
        fraction(room, nanos.unsigned_abs());
        room.bytes(b"s\"");
        Ok(())
    }

    fn field_mask(&mut self, pieces: &[&'a [u8]]) -> Result<(), Halt> {
        let mut paths: SmallVec<[&[u8]; 8]> = SmallVec::new();
        self.each_field(pieces, |tag, input| {
            if tag.number() != 1 || !tag.is(WireType::Len) {
                return Ok(false);
            }
            paths.push(wire::piece(input)?);
            Ok(true)
        })?;
        self.out.push(b'"');
        for (index, path) in paths.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            camel_case(self.out, path).map_err(|halt| halt.at(index))?;
        }
        self.out.push(b'"');
        Ok(())
    }

    fn wrapper(&mut self, plan: &'a MessagePlan, pieces: &[&'a [u8]]) -> Result<(), Halt> {
        let Some(field) = plan.fields.first() else {
            return Err(Halt::malformed("a wrapper without a field"));
        };
        let mut value = None;
        self.each_field(pieces, |tag, input| {
            if tag.number() == 1 && wire::fits(field.kind, tag) {
                value = Some(*input);
            }
            Ok(false)
        })?;
        match value {
            Some(mut value) => self.scalar(field, &mut value).map(drop),
            None => {
                self.default(field);
                Ok(())
            }
        }
    }

    fn structure(&mut self, plan: &'a MessagePlan, pieces: &[&'a [u8]], depth: u32) -> Result<(), Halt> {
        let Some((field, map)) = plan.fields.first().and_then(|field| Some((field, field.map()?))) else {
            return Err(Halt::malformed("a Struct without fields"));
        };
        let open = self.out.len();
        if self.careful {
            self.gathered_entries(plan, field, map, pieces, depth)?;
        } else {
            let keys = self.keys.len();
            for piece in pieces {
                let mut input = *piece;
                while !input.is_empty() {
                    let tag = wire::tag(&mut input)?;
                    if tag.number() == 1 && tag.is(WireType::Len) {
                        self.entry(map, wire::piece(&mut input)?, depth)?;
                    } else {
                        wire::skip(tag, &mut input, self.options.max_depth)?;
                    }
                }
            }
            self.check_keys(keys)?;
        }
        self.close(open, b'{', b'}');
        Ok(())
    }

    fn list_value(&mut self, plan: &'a MessagePlan, pieces: &[&'a [u8]], depth: u32) -> Result<(), Halt> {
        let Some((field, value)) = plan.fields.first().and_then(|field| Some((field, field.message()?)))
        else {
            return Err(Halt::malformed("a ListValue without values"));
        };
        let value = self.schema.plan(value);
        let open = self.out.len();
        let mut index = 0;
        for piece in pieces {
            let mut input = *piece;
            while !input.is_empty() {
                let tag = wire::tag(&mut input)?;
                if tag.number() == field.number && tag.is(WireType::Len) {
                    let piece = wire::piece(&mut input)?;
                    self.out.push(b',');
                    self.message(value, &[piece], depth + 1).map_err(|halt| halt.at(index))?;
                    index += 1;
                } else {
                    wire::skip(tag, &mut input, self.options.max_depth)?;
                }
            }
        }
        self.close(open, b'[', b']');
        Ok(())
    }

    /// Prints a `Value`: the member of its oneof that came last; `null` if none did.
    fn value(&mut self, plan: &'a MessagePlan, pieces: &[&'a [u8]], depth: u32) -> Result<(), Halt> {
        let mut last: Option<(u32, &'a [u8])> = None;
        let mut merged: SmallVec<[&[u8]; 1]> = SmallVec::new();
        self.each_field(pieces, |tag, input| {
            let (number, value) = (tag.number(), *input);
            match number {
                1 | 4 if tag.is(WireType::Varint) => {}
                2 if tag.is(WireType::Fixed64) => {}
                3 if tag.is(WireType::Len) => {}
                5 | 6 if tag.is(WireType::Len) => {
                    if last.is_some_and(|(member, _)| member != number) {
                        merged.clear();
                    }
                    merged.push(wire::piece(input)?);
                    last = Some((number, value));
                    return Ok(true);
                }
                _ => return Ok(false),
            }
            last = Some((number, value));
            merged.clear();
            Ok(false)
        })?;
        let Some((number, mut input)) = last else {
            self.out.extend_from_slice(b"null");
            return Ok(());
        };
        match number {
            1 => self.out.extend_from_slice(b"null"),
            2 => {
                let number = f64::from_bits(wire::fixed64(&mut input)?);
                if !number.is_finite() {
                    return Err(Halt::unprintable(format!("a google.protobuf.Value cannot hold {number}")));
                }
                text::double(&mut Room::new(self.out, 32), number);
            }
            3 => drop(text::piece(&mut Room::new(self.out, 40), &mut input)?),
            4 => {
                let text: &[u8] = if wire::varint(&mut input)? == 0 { b"false" } else { b"true" };
                self.out.extend_from_slice(text);
            }
            _ => {
                let Some(index) = plan.field_by_number(number).and_then(|field| field.message()) else {
                    return Err(Halt::malformed("a Value of another shape"));
                };
                self.message(self.schema.plan(index), &merged, depth + 1)?;
            }
        }
        Ok(())
    }
}

#[cold]
fn out_of_range(plan: &MessagePlan, seconds: i64, nanos: i32, range: &str) -> Halt {
    let name = &plan.full_name;
    Halt::unprintable(format!("{name} of {seconds} seconds and {nanos} nanos is out of range ({range})"))
}

/// Year, month and day of a count of days since 1970-01-01, in the proleptic Gregorian calendar.
///
/// Years are counted from March, in eras of 400 years, which all have the same number of days.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Nanoseconds in 0, 3, 6 or 9 digits, with the point.
#[inline]
fn fraction(room: &mut Room<'_>, nanos: u32) {
    let nanos = u64::from(nanos);
    if nanos == 0 {
        return;
    }
    room.push(b'.');
    if nanos.is_multiple_of(1_000_000) {
        digits::exactly(room, nanos / 1_000_000, 3);
    } else if nanos.is_multiple_of(1000) {
        digits::exactly(room, nanos / 1000, 6);
    } else {
        digits::exactly(room, nanos / 1000, 6);
        digits::exactly(room, nanos % 1000, 3);
    }
}

/// A path of a FieldMask in lowerCamelCase; an error if that could not be turned back.
fn camel_case(out: &mut Vec<u8>, path: &[u8]) -> Result<(), Halt> {
    let start = out.len();
    let mut bytes = path.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'_' => match bytes.next() {
                Some(letter @ b'a'..=b'z') => out.push(letter.to_ascii_uppercase()),
                _ => return Err(no_camel_case(path)),
            },
            b'A'..=b'Z' => return Err(no_camel_case(path)),
            // What else stands in a path is not ours to judge, but it must stay one string, and one path.
            b',' => return Err(no_camel_case(path)),
            0x20..0x80 if !matches!(byte, b'"' | b'\\') => out.push(byte),
            _ => {
                out.truncate(start);
                std::str::from_utf8(path).map_err(|_| Halt::new(DecodeErrorKind::Utf8))?;
                return Err(no_camel_case(path));
            }
        }
    }
    Ok(())
}

#[cold]
fn no_camel_case(path: &[u8]) -> Halt {
    Halt::unprintable(format!(
        "the FieldMask path {:?} has no lowerCamelCase form that reads back",
        String::from_utf8_lossy(path)
    ))
}
