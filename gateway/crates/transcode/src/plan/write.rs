//! What reading the fields of a message from JSON and writing them needs of their plans, close together: a cache line a
//! field.

use super::{Cardinality, FieldPlan, Form, KEY, MessagePlan};

/// One field. There is one for every field, in the same order.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Write {
    /// `,"key":` and padding.
    pub(crate) key: [u8; KEY],
    /// One bit for the field, and one for its oneof: bits that no other field has, and no other oneof.
    pub(crate) bits: u64,
    /// How it is written, if it is of a usual kind.
    pub(crate) form: Option<Form>,
    /// A bit for each byte of `key` that is one of the key.
    pub(crate) mask: u32,
    /// The place in [`MessagePlan::fields`](super::MessagePlan::fields).
    pub(crate) position: u32,
    /// How many there are; 0 if there is no room for it.
    pub(crate) key_len: u8,
    pub(crate) tag: [u8; 2],
    pub(crate) tag_len: u8,
    /// Whether the default is the same as being unset.
    pub(crate) implicit: bool,
}

const _: () = assert!(size_of::<Write>() == 64);

impl Write {
    /// Of fields sorted by number.
    pub(super) fn all(fields: &[FieldPlan], oneofs: u32) -> Box<[Self]> {
        let bits = fields.len() as u32 + oneofs;
        fields.iter().map(|field| Self::new(field, fields.len() as u32, bits <= MessagePlan::FEW)).collect()
    }

    /// Of the key or the value in a map's entry, which are written whatever they are.
    pub(super) fn in_map(field: &FieldPlan) -> Self {
        Self { implicit: false, ..Self::new(field, 0, true) }
    }

    fn new(field: &FieldPlan, fields: u32, few: bool) -> Self {
        let mut key = [0; KEY];
        let start = key.get_mut(..field.json_key.len());
        let key_len = start.map_or(0, |start| {
            start.copy_from_slice(&field.json_key);
            field.json_key.len() as u8
        });
        let mut tag = [0; 2];
        let element_tag = field.element_tag.as_bytes();
        let tag_len = tag.get_mut(..element_tag.len()).map_or(0, |start| {
            start.copy_from_slice(element_tag);
            element_tag.len() as u8
        });
        let form = Form::of(field).filter(|_| few && tag_len > 0);
        let oneof = field.oneof.map_or(0, |oneof| bit(fields + oneof));
        Self {
            key,
            position: field.position,
            bits: bit(field.position) | oneof,
            form,
            mask: ((1u64 << key_len) - 1) as u32,
            key_len,
            tag,
            tag_len,
            implicit: matches!(field.cardinality, Cardinality::Implicit),
        }
    }
}

/// The bit of a field or oneof; of those beyond the 64th nobody asks.
fn bit(index: u32) -> u64 {
    1u64.checked_shl(index).unwrap_or(0)
}
