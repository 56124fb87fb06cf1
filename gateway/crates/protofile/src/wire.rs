//! The wire format of options: trees that are built by name, and read back by number.

use std::collections::BTreeMap;

use prost::encoding::{encode_varint, encoded_len_varint};

/// A value in the wire format.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Bytes(Vec<u8>),
    Message(Tree),
    Group(Tree),
}

/// The values of one field.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Slot {
    pub(crate) is_packed: bool,
    pub(crate) nodes: Vec<Node>,
}

/// A message as it is built.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Tree {
    pub(crate) fields: BTreeMap<i32, Slot>,
}

impl Tree {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (number, slot) in &self.fields {
            let tag = u64::from(number.unsigned_abs()) << 3;
            if slot.is_packed {
                let mut packed = Vec::new();
                for node in &slot.nodes {
                    node.put(&mut packed);
                }
                encode_varint(tag | 2, &mut out);
                put_bytes(&packed, &mut out);
                continue;
            }
            for node in &slot.nodes {
                encode_varint(tag | node.wire_type(), &mut out);
                node.put(&mut out);
                if let Node::Group(_) = node {
                    encode_varint(tag | 4, &mut out);
                }
            }
        }
        out
    }
}

impl Node {
    fn wire_type(&self) -> u64 {
        match self {
            Self::Varint(_) => 0,
            Self::Fixed64(_) => 1,
            Self::Bytes(_) | Self::Message(_) => 2,
            Self::Group(_) => 3,
            Self::Fixed32(_) => 5,
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Varint(value) => encode_varint(*value, out),
            Self::Fixed32(value) => out.extend_from_slice(&value.to_le_bytes()),
            Self::Fixed64(value) => out.extend_from_slice(&value.to_le_bytes()),
            Self::Bytes(bytes) => put_bytes(bytes, out),
            Self::Message(tree) => put_bytes(&tree.encode(), out),
            Self::Group(tree) => out.extend(tree.encode()),
        }
    }
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(encoded_len_varint(bytes.len() as u64) + bytes.len());
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// A field of a message as it is read.
pub(crate) enum Value<'w> {
    Varint(u64),
    Bytes(&'w [u8]),
    Other,
}

/// The fields of a message, until it is broken or a group begins.
pub(crate) fn fields(mut wire: &[u8]) -> impl Iterator<Item = (u64, Value<'_>)> {
    std::iter::from_fn(move || {
        let tag = varint(&mut wire)?;
        let value = match tag & 7 {
            0 => Value::Varint(varint(&mut wire)?),
            2 => {
                let len = usize::try_from(varint(&mut wire)?).ok()?;
                let (bytes, rest) = wire.split_at_checked(len)?;
                wire = rest;
                Value::Bytes(bytes)
            }
            kind @ (1 | 5) => {
                wire = wire.get(if kind == 1 { 8 } else { 4 }..)?;
                Value::Other
            }
            _ => return None,
        };
        Some((tag >> 3, value))
    })
}

fn varint(wire: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = wire.split_first()?;
        *wire = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The last value of a number among options.
pub(crate) fn number(options: Option<&Vec<u8>>, field: u64) -> Option<u64> {
    let values = fields(options?).filter_map(|(number, value)| match value {
        Value::Varint(value) if number == field => Some(value),
        _ => None,
    });
    values.last()
}
