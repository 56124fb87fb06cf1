//! What printing the fields of a message needs of their plans, close together: a cache line a field.
//!
//! Only of the fields that nearly all messages are made of. The others are found in the plan itself.

use crate::Names;

use super::{Cardinality, EnumIndex, FieldPlan, Kind, MessageIndex};

/// How long a key may be to be copied as one block. Nearly all are shorter.
pub(crate) const KEY: usize = 32;

/// What is looked at of a field at once: its tag, and a word.
pub(crate) const WINDOW: usize = 9;

/// The fields of a message, by the byte that a field begins with on the wire.
#[derive(Debug)]
pub(crate) struct Prints {
    /// By tag, if it is one byte: the place in the lists below; [`NONE`] if there is no field.
    tags: Box<[u8; 256]>,
    /// With JSON names.
    camel: Box<[Print]>,
    /// With proto names.
    proto: Box<[Print]>,
}

const NONE: u8 = u8::MAX;

/// One field.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Print {
    /// `,"key":` and padding.
    pub(crate) key: [u8; KEY],
    /// How much of that is the key.
    pub(crate) key_len: u8,
    /// What it begins with on the wire.
    pub(crate) tag: u8,
    /// Whether the default is the same as being unset.
    pub(crate) implicit: bool,
    pub(crate) form: Form,
    /// The place in [`MessagePlan::fields`](super::MessagePlan::fields).
    pub(crate) position: u32,
    /// One bit for the field, and one for its oneof: bits that no other field has, and no other oneof.
    pub(crate) bits: u64,
}

/// How a field is printed. Singular, unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Enum(EnumIndex),
    Message(MessageIndex),
    /// A list of messages.
    Messages(MessageIndex),
}

impl Form {
    /// The form of a field, if it is a usual one.
    pub(super) fn of(field: &FieldPlan) -> Option<Self> {
        if let Cardinality::Repeated { .. } = field.cardinality {
            return match field.kind {
                Kind::Message(index) => Some(Self::Messages(index)),
                _ => None,
            };
        }
        if field.map().is_some() {
            return None;
        }
        Some(match field.kind {
            Kind::Double => Self::Double,
            Kind::Float => Self::Float,
            Kind::Int32 => Self::Int32,
            Kind::Int64 => Self::Int64,
            Kind::Uint32 => Self::Uint32,
            Kind::Uint64 => Self::Uint64,
            Kind::Sint32 => Self::Sint32,
            Kind::Sint64 => Self::Sint64,
            Kind::Fixed32 => Self::Fixed32,
            Kind::Fixed64 => Self::Fixed64,
            Kind::Sfixed32 => Self::Sfixed32,
            Kind::Sfixed64 => Self::Sfixed64,
            Kind::Bool => Self::Bool,
            Kind::String => Self::String,
            Kind::Enum(index) => Self::Enum(index),
            Kind::Message(index) => Self::Message(index),
            Kind::Bytes | Kind::Group(_) => return None,
        })
    }
}

impl Print {
    /// Of a field whose key is short and whose tag is one byte, if it is of a usual kind.
    fn new(field: &FieldPlan, key: &[u8], bits: u64) -> Option<Self> {
        let mut start = [0; KEY];
        start.get_mut(..key.len())?.copy_from_slice(key);
        let &[tag] = field.element_tag.as_bytes() else { return None };
        Some(Self {
            key: start,
            key_len: key.len() as u8,
            tag,
            implicit: matches!(field.cardinality, Cardinality::Implicit),
            form: Form::of(field)?,
            position: field.position,
            bits,
        })
    }

    /// Of the value in a map's entry: behind a colon, and printed whatever it is.
    pub(super) fn map_value(field: &FieldPlan) -> Option<Self> {
        Some(Self { implicit: false, ..Self::new(field, b":", 0)? })
    }
}

impl Prints {
    /// Of fields sorted by number.
    pub(super) fn new(fields: &[FieldPlan]) -> Self {
        let mut prints = Self { tags: Box::new([NONE; 256]), camel: Box::default(), proto: Box::default() };
        let (mut camel, mut proto) = (Vec::new(), Vec::new());
        for field in fields {
            let oneof = field.oneof.map(|oneof| fields.len() as u32 + oneof);
            let (Some(bit), Some(oneof)) = (bit(field.position), oneof.map_or(Some(0), bit)) else {
                continue;
            };
            let print = |key: &[u8]| Print::new(field, key, bit | oneof);
            let (Some(by_json_name), Some(by_proto_name)) = (print(&field.json_key), print(&field.proto_key))
            else {
                continue;
            };
            // At most fifteen numbers have tags of one byte, so the place fits.
            prints.tags[usize::from(by_json_name.tag)] = camel.len() as u8;
            camel.push(by_json_name);
            proto.push(by_proto_name);
        }
        (prints.camel, prints.proto) = (camel.into(), proto.into());
        prints
    }

    /// Which field begins here.
    #[inline(always)]
    pub(crate) fn by_tag(&self, names: Names, window: &[u8; WINDOW]) -> Option<&Print> {
        let fields = match names {
            Names::Camel => &self.camel,
            Names::Proto => &self.proto,
        };
        fields.get(usize::from(self.tags[usize::from(window[0])]))
    }
}

/// The bit of a field or oneof among the first 64.
fn bit(index: u32) -> Option<u64> {
    1u64.checked_shl(index)
}

const _: () = assert!(size_of::<Print>() == 64);
