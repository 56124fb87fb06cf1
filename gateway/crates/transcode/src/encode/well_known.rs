//! The messages that have their own form in JSON.

use super::{Encoder, any::InAny, number, scan::Step};
use crate::{
    Reason, parse,
    parse::{duration::DurationError, timestamp::TimestampError},
    plan::{MessagePlan, WellKnown},
};

/// The tags that the fields of these messages have: their shapes are proven when plans are compiled.
mod tag {
    /// Field 1, a varint: seconds.
    pub(super) const SECONDS: u8 = 0x08;
    /// Field 2, a varint: nanoseconds.
    pub(super) const NANOS: u8 = 0x10;
    /// Field 1, length-delimited: an entry of a struct, a path of a mask, an element of a list, a key.
    pub(super) const FIRST: u8 = 0x0a;
    /// Field 2, length-delimited: the value of an entry.
    pub(super) const ENTRY_VALUE: u8 = 0x12;
    /// The members of `Value`.
    pub(super) const NULL: u8 = 0x08;
    pub(super) const NUMBER: u8 = 0x11;
    pub(super) const STRING: u8 = 0x1a;
    pub(super) const BOOL: u8 = 0x20;
    pub(super) const STRUCT: u8 = 0x2a;
    pub(super) const LIST: u8 = 0x32;
}

impl<'a> Encoder<'a, '_> {
    /// Encodes the special JSON form of a message as its fields.
    pub(super) fn well_known(&mut self, plan: &'a MessagePlan) -> Step<bool> {
        match plan.well_known {
            WellKnown::None | WellKnown::Empty | WellKnown::MessageSet => self.object(plan, InAny::No),
            WellKnown::Any => self.any(),
            WellKnown::Wrapper => match plan.fields.first() {
                Some(field) => self.value(field, &field.tag, false),
                None => self.object(plan, InAny::No),
            },
            WellKnown::Timestamp => self.timestamp(),
            WellKnown::Duration => self.duration(),
            WellKnown::FieldMask => self.field_mask(),
            WellKnown::Struct => self.structure(),
            WellKnown::ListValue => self.list_value(),
            WellKnown::Value => self.any_value(),
        }
    }

    fn timestamp(&mut self) -> Step<bool> {
        const EXPECTED: &str = "a timestamp as \"2006-01-02T15:04:05Z\"";
        if self.scan.token() != b'"' {
            return self.mismatch(EXPECTED);
        }
        let at = self.scan.pos();
        match parse::timestamp::parse(self.scan.string()?.resolve(&mut self.scratch)) {
            Ok((seconds, nanos)) => {
                self.seconds_and_nanos(seconds, nanos as i32);
                Ok(true)
            }
            Err(TimestampError::Format) => self.refuse(at, Reason::Format, EXPECTED),
            Err(TimestampError::Range) => {
                self.refuse(at, Reason::Range, "a timestamp from the year 1 to 9999")
            }
        }
    }

    fn duration(&mut self) -> Step<bool> {
        const EXPECTED: &str = "a duration as \"1.5s\"";
        if self.scan.token() != b'"' {
            return self.mismatch(EXPECTED);
        }
        let at = self.scan.pos();
        match parse::duration::parse(self.scan.string()?.resolve(&mut self.scratch)) {
            Ok((seconds, nanos)) => {
                self.seconds_and_nanos(seconds, nanos);
                Ok(true)
            }
            Err(DurationError::Format) => self.refuse(at, Reason::Format, EXPECTED),
            Err(DurationError::Range) => {
                self.refuse(at, Reason::Range, "a duration of at most 315576000000.999999999s")
            }
        }
    }

    fn seconds_and_nanos(&mut self, seconds: i64, nanos: i32) {
        self.out.append(|out| seconds_and_nanos(seconds, nanos, out));
    }

    fn field_mask(&mut self) -> Step<bool> {
        const EXPECTED: &str = "field names in lowerCamelCase, separated by commas";
        if self.scan.token() != b'"' {
            return self.mismatch(EXPECTED);
        }
        let at = self.scan.pos();
        let text = self.scan.string()?.resolve(&mut self.scratch);
        let out = &mut self.out;
        let fits = parse::field_mask::parse(text, false, |path| {
            out.byte(tag::FIRST);
            out.delimited(path);
        });
        if fits { Ok(true) } else { self.refuse(at, Reason::Format, EXPECTED) }
    }

    fn structure(&mut self) -> Step<bool> {
        if self.scan.token() != b'{' {
            return self.mismatch("an object");
        }
        let mut more = self.scan.begin(b'}')?;
        let mut keys = self.keys.enter();
        while more {
            self.scan.token();
            let key_at = self.scan.pos();
            let key = self.scan.key()?.resolve(&mut self.scratch);
            self.out.byte(tag::FIRST);
            let entry = self.out.open();
            self.out.byte(tag::FIRST);
            self.out.delimited(key);
            if self.keys.insert(&mut keys, key, &self.schema.hash_sets) {
                self.duplicate(key_at)?;
            } else {
                self.out.byte(tag::ENTRY_VALUE);
                let value = self.out.open();
                self.any_value()?;
                self.out.close(value);
            }
            self.out.close(entry);
            more = self.scan.more(b'}')?;
        }
        self.keys.leave(&keys);
        Ok(true)
    }

    fn list_value(&mut self) -> Step<bool> {
        if self.scan.token() != b'[' {
            return self.mismatch("a list");
        }
        let mut more = self.scan.begin(b']')?;
        while more {
            self.out.byte(tag::FIRST);
            let value = self.out.open();
            self.any_value()?;
            self.out.close(value);
            more = self.scan.more(b']')?;
        }
        Ok(true)
    }

    /// Any JSON value, as a `Value`.
    fn any_value(&mut self) -> Step<bool> {
        match self.scan.token() {
            b'n' => {
                self.scan.literal("null")?;
                self.out.bytes(&[tag::NULL, 0]);
            }
            b't' => {
                self.scan.literal("true")?;
                self.out.bytes(&[tag::BOOL, 1]);
            }
            b'f' => {
                self.scan.literal("false")?;
                self.out.bytes(&[tag::BOOL, 0]);
            }
            b'"' => {
                let text = self.scan.string()?.resolve(&mut self.scratch);
                self.out.byte(tag::STRING);
                self.out.delimited(text);
            }
            b'{' => {
                self.out.byte(tag::STRUCT);
                let mark = self.out.open();
                self.structure()?;
                self.out.close(mark);
            }
            b'[' => {
                self.out.byte(tag::LIST);
                let mark = self.out.open();
                self.list_value()?;
                self.out.close(mark);
            }
            _ => return self.number_value(),
        }
        Ok(true)
    }

    fn number_value(&mut self) -> Step<bool> {
        let at = self.scan.pos();
        let value = match number::short_double(self.scan.rest()) {
            Some((value, len)) => {
                self.scan.advance(len);
                Ok(value)
            }
            None if matches!(self.scan.peek(), b'-' | b'0'..=b'9') => number::double(self.scan.number()?),
            None => return self.scan.unexpected("a JSON value"),
        };
        match value {
            Ok(value) => {
                self.out.byte(tag::NUMBER);
                self.out.bytes(&value.to_le_bytes());
                Ok(true)
            }
            Err(error) => self.refuse_number(at, "double", error),
        }
    }
}

/// Writes the fields of a `Timestamp` or `Duration`.
pub(super) fn seconds_and_nanos(seconds: i64, nanos: i32, out: &mut Vec<u8>) {
    for (tag, value) in [(tag::SECONDS, seconds), (tag::NANOS, i64::from(nanos))] {
        if value != 0 {
            out.push(tag);
            prost::encoding::encode_varint(value as u64, out);
        }
    }
}
