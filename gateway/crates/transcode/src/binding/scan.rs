//! Looking fields up in wire that this crate has just encoded.
//!
//! Whether the body gives a field that the path gives too is answered by a walk over the encoded body: no tree is
//! built, and the values are compared as typed ones (all 64 bits of them). The input is our own encoder's output;
//! should it ever be malformed the walk ends early, it never fails.

/// The value of one field occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'w> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64([u8; 8]),
    /// Wire type 5.
    Fixed32([u8; 4]),
    /// Wire type 2: a string, bytes, a message or a packed list.
    Bytes(&'w [u8]),
    /// Wire types 3 and 4: what stands between the two tags.
    Group(&'w [u8]),
}

impl<'w> Value<'w> {
    /// The fields inside, when the value can be a message.
    pub(crate) fn message(self) -> Option<Fields<'w>> {
        match self {
            Self::Bytes(wire) | Self::Group(wire) => Some(Fields::new(wire)),
            Self::Varint(_) | Self::Fixed64(_) | Self::Fixed32(_) => None,
        }
    }
}

/// The field occurrences of one message, in the order of the wire.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'w> {
    rest: &'w [u8],
}

impl<'w> Fields<'w> {
    pub(crate) fn new(wire: &'w [u8]) -> Self {
        Self { rest: wire }
    }

    /// The next occurrence, with all of its bytes, tag included.
    pub(crate) fn next_raw(&mut self) -> Option<(u32, Value<'w>, &'w [u8])> {
        let before = self.rest;
        let (number, value) = self.next()?;
        let raw = before.get(..before.len() - self.rest.len())?;
        Some((number, value, raw))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for (index, &byte) in self.rest.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = self.rest.get(index + 1..)?;
                return Some(value);
            }
        }
        None
    }

    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*chunk)
    }

    fn bytes(&mut self) -> Option<&'w [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    /// What stands before the end tag that belongs to the start tag just read.
    fn group(&mut self) -> Option<&'w [u8]> {
        let body = self.rest;
        let mut depth = 0usize;
        loop {
            let before = self.rest.len();
            let tag = self.varint()?;
            match tag & 7 {
                0 => drop(self.varint()?),
                1 => drop(self.chunk::<8>()?),
                2 => drop(self.bytes()?),
                5 => drop(self.chunk::<4>()?),
                3 => depth += 1,
                4 if depth == 0 => return body.get(..body.len() - before),
                4 => depth -= 1,
                _ => return None,
            }
        }
    }

    fn occurrence(&mut self) -> Option<(u32, Value<'w>)> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.chunk()?),
            2 => Value::Bytes(self.bytes()?),
            3 => Value::Group(self.group()?),
            5 => Value::Fixed32(self.chunk()?),
            _ => return None,
        };
        Some((number, value))
    }
}

impl<'w> Iterator for Fields<'w> {
    type Item = (u32, Value<'w>);

    fn next(&mut self) -> Option<Self::Item> {
        let occurrence = self.occurrence();
        if occurrence.is_none() {
            self.rest = &[];
        }
        occurrence
    }
}

/// Every value of the field that `path` (field numbers, outermost first) leads to, in the order of the wire.
pub(crate) fn each<'w>(wire: Fields<'w>, path: &[u32], visit: &mut dyn FnMut(Value<'w>)) {
    let Some((&number, rest)) = path.split_first() else { return };
    for (_, value) in wire.filter(|&(found, _)| found == number) {
        if rest.is_empty() {
            visit(value);
        } else if let Some(inner) = value.message() {
            each(inner, rest, visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'w>(wire: &'w [u8], path: &[u32]) -> Vec<Value<'w>> {
        let mut found = Vec::new();
        each(Fields::new(wire), path, &mut |value| found.push(value));
        found
    }

    #[test]
    fn fields_are_found_at_any_depth_and_in_split_messages() {
        // 1: 150, 2: {1: 7, 2: "x"}, 3: group {1: 5, 4: group {}}, 2: {1: 8}, 5: fixed32, 6: fixed64
        let wire: &[u8] = &[
            0x08, 0x96, 0x01, 0x12, 0x05, 0x08, 0x07, 0x12, 0x01, b'x', 0x1b, 0x08, 0x05, 0x23, 0x24, 0x1c,
            0x12, 0x02, 0x08, 0x08, 0x2d, 1, 0, 0, 0, 0x31, 2, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(values(wire, &[1]), [Value::Varint(150)]);
        assert_eq!(values(wire, &[2, 1]), [Value::Varint(7), Value::Varint(8)]);
        assert_eq!(values(wire, &[2, 2]), [Value::Bytes(b"x")]);
        assert_eq!(values(wire, &[3, 1]), [Value::Varint(5)]);
        assert_eq!(values(wire, &[3, 4]), [Value::Group(&[])]);
        assert_eq!(values(wire, &[5]), [Value::Fixed32([1, 0, 0, 0])]);
        assert_eq!(values(wire, &[6]), [Value::Fixed64([2, 0, 0, 0, 0, 0, 0, 0])]);
        assert_eq!(values(wire, &[7]), []);
        assert_eq!(values(wire, &[1, 1]), []);
    }

    #[test]
    fn malformed_wire_ends_the_walk() {
        for wire in
            [&[0x08][..], &[0x08, 0x80], &[0x12, 0x05, 0x01], &[0x0b, 0x08], &[0x0f], &[0x0c], &[0xff; 11]]
        {
            assert_eq!(Fields::new(wire).count(), 0, "{wire:?}");
        }
    }
}
