//! The values of scalar fields: strings, bytes, numbers, enums.

use super::{
    Encoder,
    number::{self, Integer, NumberError},
    report::{Note, Said},
    scan::{self, Step},
};
use crate::{
    Reason, parse,
    plan::{EnumPlan, Kind, Tag},
};

impl<'a> Encoder<'a, '_> {
    #[inline]
    pub(super) fn string(&mut self, tag: &Tag, keep_default: bool) -> Step<bool> {
        if self.scan.token() != b'"' {
            return self.mismatch("string");
        }
        let text = self.scan.string()?;
        if text.escaped {
            self.out.tag(tag);
            let mark = self.out.open();
            self.out.append(|out| text.append_to(out));
            self.out.close(mark);
        } else if keep_default || !text.raw.is_empty() {
            self.out.tag(tag);
            self.out.delimited(text.raw);
        }
        Ok(true)
    }

    pub(super) fn base64(&mut self, tag: &Tag, keep_default: bool) -> Step<bool> {
        if self.scan.token() != b'"' {
            return self.mismatch("bytes in base64");
        }
        let at = self.scan.pos();
        let text = self.scan.string()?.resolve(&mut self.scratch);
        if text.is_empty() && !keep_default {
            return Ok(true);
        }
        self.out.tag(tag);
        self.out.varint(parse::base64::decoded_len(text) as u64);
        if !self.out.append(|out| parse::base64::decode(text, out)) {
            return self.refuse(at, Reason::Format, "bytes in base64");
        }
        Ok(true)
    }

    pub(super) fn boolean(&mut self, tag: &Tag, keep_default: bool) -> Step<bool> {
        let value = match self.scan.token() {
            b't' => {
                self.scan.literal("true")?;
                true
            }
            b'f' => {
                self.scan.literal("false")?;
                false
            }
            _ => return self.mismatch("bool"),
        };
        if value || keep_default {
            self.out.tag(tag);
            self.out.byte(u8::from(value));
        }
        Ok(true)
    }

    #[inline]
    pub(super) fn integer(&mut self, kind: Kind, tag: &Tag, keep_default: bool) -> Step<bool> {
        self.scan.token();
        if let Some((bits, length)) = self.short_integer(kind) {
            self.scan.advance(length);
            if bits != 0 || keep_default {
                self.out.tag(tag);
                self.write_integer(kind, bits);
            }
            return Ok(true);
        }
        let at = self.scan.pos();
        let value = match self.plain_integer() {
            Some(value) => value,
            None => match self.unusual_integer(kind.name(), at)? {
                Some(value) => value,
                None => return Ok(true),
            },
        };
        match fit(kind, value) {
            Ok(0) if !keep_default => {}
            Ok(bits) => {
                self.out.tag(tag);
                self.write_integer(kind, bits);
            }
            Err(error) => return self.refuse_number(at, kind.name(), error),
        }
        Ok(true)
    }

    /// Takes an integer in plain digits, in quotes or not (64-bit integers come in quotes).
    #[inline]
    fn plain_integer(&mut self) -> Option<Integer> {
        let rest = self.scan.rest();
        if let Some((b'"', quoted)) = rest.split_first() {
            let (value, len) = number::plain_integer(quoted)?;
            if quoted.get(len) != Some(&b'"') {
                return None;
            }
            self.scan.advance(len + 2);
            return Some(value);
        }
        let (value, len) = number::plain_integer(rest)?;
        self.scan.advance(len);
        Some(value)
    }

    /// An integer that is not plain digits: a string, or written with a fraction or exponent.
    fn unusual_integer(&mut self, expected: &'static str, at: usize) -> Step<Option<Integer>> {
        let parsed = match self.scan.token() {
            b'-' | b'0'..=b'9' => number::integer(self.scan.number()?).map_err(Some),
            b'"' => quoted_integer(self.scan.string()?.resolve(&mut self.scratch)),
            _ => {
                self.mismatch(expected)?;
                return Ok(None);
            }
        };
        match parsed {
            Ok(value) => Ok(Some(value)),
            Err(Some(error)) => self.refuse_number(at, expected, error).map(|_| None),
            Err(None) => self.refuse(at, Reason::Type, expected).map(|_| None),
        }
    }

    #[cold]
    pub(super) fn refuse_number(&mut self, at: usize, expected: &str, error: NumberError) -> Step<bool> {
        match error {
            NumberError::Fraction => self.refuse(at, Reason::Type, expected),
            NumberError::Range => self.refuse(at, Reason::Range, format!("{expected} in its range")),
        }
    }

    /// Writes an integer or bool as [`fit`] has prepared it.
    #[inline]
    pub(super) fn write_integer(&mut self, kind: Kind, bits: u64) {
        match kind {
            Kind::Fixed32 | Kind::Sfixed32 => self.out.bytes(&(bits as u32).to_le_bytes()),
            Kind::Fixed64 | Kind::Sfixed64 => self.out.bytes(&bits.to_le_bytes()),
            _ => self.out.varint(bits),
        }
    }

    #[inline]
    pub(super) fn double(&mut self, tag: &Tag, keep_default: bool) -> Step<bool> {
        self.scan.token();
        let short = self.scan.window().and_then(number::shortest_double);
        let short = short.or_else(|| number::short_double(self.scan.rest()));
        if let Some(value) = self.float_of(short, "double", number::double)? {
            self.tagged_float(tag, keep_default, value.to_le_bytes());
        }
        Ok(true)
    }

    #[inline]
    pub(super) fn float(&mut self, tag: &Tag, keep_default: bool) -> Step<bool> {
        self.scan.token();
        let short = number::short_float(self.scan.rest());
        if let Some(value) = self.float_of(short, "float", number::float)? {
            self.tagged_float(tag, keep_default, value.to_le_bytes());
        }
        Ok(true)
    }

    /// Takes what was read already, if it was, with its length; `None` if it was refused.
    #[inline]
    fn float_of<T: Float>(
        &mut self,
        short: Option<(T, usize)>,
        expected: &'static str,
        parse: fn(&[u8]) -> Result<T, NumberError>,
    ) -> Step<Option<T>> {
        let Some((value, length)) = short else { return self.unusual_float(expected, parse) };
        self.scan.advance(length);
        Ok(Some(value))
    }

    /// All bits zero is the default, which minus zero is not.
    #[inline]
    fn tagged_float<const N: usize>(&mut self, tag: &Tag, keep_default: bool, bytes: [u8; N]) {
        if keep_default || bytes != [0; N] {
            self.out.tag(tag);
            self.out.bytes(&bytes);
        }
    }

    /// A float in any form; `None` if it was refused.
    fn unusual_float<T: Float>(
        &mut self,
        expected: &'static str,
        parse: fn(&[u8]) -> Result<T, NumberError>,
    ) -> Step<Option<T>> {
        let first = self.scan.token();
        let at = self.scan.pos();
        let parsed = match first {
            b'-' | b'0'..=b'9' => parse(self.scan.number()?).map_err(Some),
            b'"' => quoted_float(self.scan.string()?.resolve(&mut self.scratch), parse),
            _ => {
                self.mismatch(expected)?;
                return Ok(None);
            }
        };
        match parsed {
            Ok(value) => Ok(Some(value)),
            Err(Some(error)) => self.refuse_number(at, expected, error).map(|_| None),
            Err(None) => self.refuse(at, Reason::Type, expected).map(|_| None),
        }
    }

    pub(super) fn enumeration(&mut self, plan: &'a EnumPlan, tag: &Tag, keep_default: bool) -> Step<bool> {
        let first = self.scan.token();
        let at = self.scan.pos();
        let number = match first {
            b'"' => {
                let name = self.scan.string()?.resolve(&mut self.scratch);
                match plan.by_name(name) {
                    Some(value) => value.number,
                    None => return self.unknown_enum(plan, at),
                }
            }
            b'-' | b'0'..=b'9' => {
                let Some(value) = self.unusual_integer("an enum name or number", at)? else {
                    return Ok(true);
                };
                match fit(Kind::Int32, value) {
                    Ok(bits) if plan.closed && plan.by_number(bits as i32).is_none() => {
                        return self.unknown_enum(plan, at);
                    }
                    Ok(bits) => bits as i32,
                    Err(error) => return self.refuse_number(at, "an enum number", error),
                }
            }
            b'n' if plan.null_value => {
                self.scan.literal("null")?;
                0
            }
            _ => return self.mismatch(format!("a name of {}", plan.full_name)),
        };
        if number != 0 || keep_default {
            self.out.tag(tag);
            self.out.varint(i64::from(number) as u64);
        }
        Ok(true)
    }

    /// An enum value that the schema does not know; it has been read already.
    #[cold]
    fn unknown_enum(&mut self, plan: &EnumPlan, at: usize) -> Step<bool> {
        let note = |encoder: &Self| Note {
            at,
            reason: Reason::UnknownEnum,
            said: Said::Expected { what: expected_names(plan), end: encoder.scan.pos() },
        };
        self.unknown(at, note)?;
        Ok(false)
    }
}

/// `one of A, B, C` for the first few names of an enum.
pub(super) fn expected_names(plan: &EnumPlan) -> String {
    const SHOWN: usize = 8;
    let mut names: Vec<&str> = plan.values.iter().take(SHOWN).map(|value| &*value.name).collect();
    if plan.values.len() > SHOWN {
        names.push("…");
    }
    format!("one of {}", names.join(", "))
}

/// An integer as the bits that are written for its kind: two's complement, zigzag or plain.
#[inline]
pub(super) fn fit(kind: Kind, value: Integer) -> Result<u64, NumberError> {
    let narrow = |value: i64| i32::try_from(value).map_err(|_| NumberError::Range);
    Ok(match kind {
        Kind::Int32 | Kind::Sfixed32 => i64::from(narrow(value.signed()?)?) as u64,
        Kind::Int64 | Kind::Sfixed64 => value.signed()? as u64,
        Kind::Sint32 => {
            let value = narrow(value.signed()?)?;
            u64::from(((value << 1) ^ (value >> 31)) as u32)
        }
        Kind::Sint64 => {
            let value = value.signed()?;
            ((value << 1) ^ (value >> 63)) as u64
        }
        Kind::Uint32 | Kind::Fixed32 => {
            u64::from(u32::try_from(value.unsigned()?).map_err(|_| NumberError::Range)?)
        }
        _ => value.unsigned()?,
    })
}

/// An integer inside a string; `Err(None)` if it is no number at all.
pub(super) fn quoted_integer(text: &[u8]) -> Result<Integer, Option<NumberError>> {
    if let Some((value, len)) = number::plain_integer(text)
        && len == text.len()
    {
        return Ok(value);
    }
    if !is_number(text) {
        return Err(None);
    }
    number::integer(text).map_err(Some)
}

/// What a string may say where a float is expected.
pub(super) trait Float {
    const NAN: Self;
    const INFINITY: Self;
    const NEG_INFINITY: Self;
}

impl Float for f64 {
    const NAN: Self = Self::NAN;
    const INFINITY: Self = Self::INFINITY;
    const NEG_INFINITY: Self = Self::NEG_INFINITY;
}

impl Float for f32 {
    const NAN: Self = Self::NAN;
    const INFINITY: Self = Self::INFINITY;
    const NEG_INFINITY: Self = Self::NEG_INFINITY;
}

/// A float inside a string; `Err(None)` if it is no number at all.
pub(super) fn quoted_float<T: Float>(
    text: &[u8],
    parse: fn(&[u8]) -> Result<T, NumberError>,
) -> Result<T, Option<NumberError>> {
    match text {
        b"NaN" => Ok(T::NAN),
        b"Infinity" => Ok(T::INFINITY),
        b"-Infinity" => Ok(T::NEG_INFINITY),
        text if is_number(text) => parse(text).map_err(Some),
        _ => Err(None),
    }
}

fn is_number(text: &[u8]) -> bool {
    scan::number_end(text, 0) == Ok(text.len())
}
