//! The compiled form of messages, fields and enums that both directions walk.
//!
//! Plans refer to other messages and enums by index ([`MessageIndex`], [`EnumIndex`]), so that
//! recursive types need no special care and nothing is looked up by name while a message is
//! transcoded; [`Schema::plan`](crate::Schema::plan) and
//! [`Schema::enum_plan`](crate::Schema::enum_plan) turn an index into a plan (compiled on first use).

mod compile;
mod name_table;
mod print;
mod write;

pub(crate) use compile::{Indices, Overrides, compile_enum, compile_message};
pub use name_table::NameTable;
pub(crate) use print::{Form, KEY, Print, Prints, WINDOW};
pub(crate) use write::Write;

use crate::Names;

/// The place of a message in its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageIndex(pub(crate) u32);

/// The place of an enum in its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnumIndex(pub(crate) u32);

/// Everything that transcoding needs to know about a message.
#[derive(Debug)]
pub struct MessagePlan {
    /// Which message this is.
    pub index: MessageIndex,
    /// The full name, without a leading dot.
    pub full_name: Box<str>,
    /// Whether the JSON mapping treats this message specially.
    pub well_known: WellKnown,
    /// All fields by ascending number, known extensions among them. [`FieldPlan::position`] counts here.
    pub fields: Box<[FieldPlan]>,
    /// How many oneofs there are, synthetic ones (proto3 optional) not counted.
    pub oneofs: u32,
    /// The positions of the fields that must be set (proto2 `required`).
    pub required: Box<[u32]>,
    pub(crate) numbers: NumberIndex,
    pub(crate) prints: Prints,
    pub(crate) writes: Box<[Write]>,
    pub(crate) names: NameTable,
}

impl MessagePlan {
    /// Up to so many fields and oneofs, one word holds a bit of each.
    pub(crate) const FEW: u32 = 64;

    /// The field (or known extension) of this number.
    #[inline]
    pub fn field_by_number(&self, number: u32) -> Option<&FieldPlan> {
        self.fields.get(self.numbers.position(number, &self.fields)? as usize)
    }

    /// The field of this JSON key: its JSON name, its proto name, or `[full.name]` of an extension.
    #[inline]
    pub fn field_by_key(&self, key: &[u8]) -> Option<&FieldPlan> {
        self.fields.get(self.names.get(key)? as usize)
    }

    /// The field of this proto name (not its JSON name). For load time: it searches.
    pub fn field_by_proto_name(&self, name: &str) -> Option<&FieldPlan> {
        self.fields.iter().find(|field| !field.is_extension && &*field.name == name)
    }
}

/// Everything that transcoding needs to know about a field.
#[derive(Debug)]
pub struct FieldPlan {
    /// The place in [`MessagePlan::fields`].
    pub position: u32,
    /// The field number.
    pub number: u32,
    /// The type of a value (of an element if repeated; the entry message if a map).
    pub kind: Kind,
    /// Singular with or without presence, repeated, or a map.
    pub cardinality: Cardinality,
    /// The oneof it is a member of, if a real one (synthetic oneofs of proto3 optional do not count).
    pub oneof: Option<u32>,
    /// The tag as this field is written: length-delimited if packed, start-group if delimited.
    pub tag: Tag,
    /// The tag of one element when written on its own: differs from `tag` for packed fields only.
    pub element_tag: Tag,
    /// The end-group tag; meaningful for [`Kind::Group`] only.
    pub end_tag: Tag,
    /// The name in the .proto file; the full name for an extension.
    pub name: Box<str>,
    /// The JSON name; `[full.name]` for an extension.
    pub json_name: Box<str>,
    /// `,"jsonName":`, escaped, ready to be copied; the first comma of an object becomes its brace.
    pub json_key: Box<[u8]>,
    /// `,"proto_name":`, likewise.
    pub proto_key: Box<[u8]>,
    /// Whether this is an extension rather than a field of the message itself.
    pub is_extension: bool,
    /// Whether the `debug_redact` option is set: not for logs.
    pub debug_redact: bool,
}

impl FieldPlan {
    /// Whether "unset" and "set to the default" differ for this field.
    pub fn has_presence(&self) -> bool {
        matches!(self.cardinality, Cardinality::Explicit | Cardinality::Required)
    }

    /// The JSON key of the field when these names are printed.
    pub fn key(&self, names: Names) -> &str {
        match names {
            Names::Proto if !self.is_extension => &self.name,
            Names::Proto | Names::Camel => &self.json_name,
        }
    }

    /// Whether this is a list (not a map).
    pub fn is_list(&self) -> bool {
        matches!(self.cardinality, Cardinality::Repeated { .. })
    }

    /// The plans of key and value, if this is a map.
    pub fn map(&self) -> Option<&MapPlan> {
        match &self.cardinality {
            Cardinality::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The message of a singular or repeated message (or group) field; `None` for maps and scalars.
    pub fn message(&self) -> Option<MessageIndex> {
        match (self.kind, &self.cardinality) {
            (_, Cardinality::Map(_)) => None,
            (Kind::Message(index) | Kind::Group(index), _) => Some(index),
            _ => None,
        }
    }
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // named as protobuf names them
pub enum Kind {
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
    Bytes,
    Enum(EnumIndex),
    /// A message with a length before it.
    Message(MessageIndex),
    /// A message between start-group and end-group tags (proto2 groups, delimited encoding).
    Group(MessageIndex),
}

impl Kind {
    /// The wire type of one value.
    pub const fn wire_type(self) -> WireType {
        match self {
            Self::Double | Self::Fixed64 | Self::Sfixed64 => WireType::Fixed64,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => WireType::Fixed32,
            Self::String | Self::Bytes | Self::Message(_) => WireType::Len,
            Self::Group(_) => WireType::StartGroup,
            _ => WireType::Varint,
        }
    }

    /// How the type is called in error messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Double => "double",
            Self::Float => "float",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Sint32 => "sint32",
            Self::Sint64 => "sint64",
            Self::Fixed32 => "fixed32",
            Self::Fixed64 => "fixed64",
            Self::Sfixed32 => "sfixed32",
            Self::Sfixed64 => "sfixed64",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Enum(_) => "enum",
            Self::Message(_) | Self::Group(_) => "object",
        }
    }
}

/// How often a field may be there, and whether its absence can be told.
#[derive(Debug)]
pub enum Cardinality {
    /// Singular without presence: the default value is not written.
    Implicit,
    /// Singular with presence.
    Explicit,
    /// Singular and must be there.
    Required,
    /// A list; packed or element by element when written. Both forms are read.
    Repeated {
        /// Whether it is written packed.
        packed: bool,
    },
    /// A map.
    Map(Box<MapPlan>),
}

/// The two fields of a map's entry message: numbers 1 and 2.
#[derive(Debug)]
pub struct MapPlan {
    /// The key: an integer kind, bool or string.
    pub key: FieldPlan,
    /// The value: anything but a list or a map.
    pub value: FieldPlan,
    pub(crate) value_print: Option<Print>,
    pub(crate) key_write: Write,
    pub(crate) value_write: Write,
}

/// The messages that have their own form in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // named as protobuf names them
pub enum WellKnown {
    /// An ordinary message.
    None,
    Any,
    Timestamp,
    Duration,
    FieldMask,
    Struct,
    Value,
    ListValue,
    /// `google.protobuf.Int32Value` and its like: the JSON form is that of field 1, whose kind this is.
    Wrapper,
    /// `google.protobuf.Empty`. An ordinary message but for its place inside `Any`.
    Empty,
    /// Not a type but a form: a message with `message_set_wire_format`, whose extensions are items on the wire (a group
    /// with a number and a message). An ordinary message in JSON.
    MessageSet,
}

/// Everything that transcoding needs to know about an enum.
#[derive(Debug)]
pub struct EnumPlan {
    /// The full name, without a leading dot.
    pub full_name: Box<str>,
    /// Whether numbers without a name are refused (proto2, or by feature).
    pub closed: bool,
    /// Whether this is `google.protobuf.NullValue`, whose JSON form is `null`.
    pub null_value: bool,
    /// The number of the first value: what an unset field holds.
    pub default: i32,
    /// By ascending number; of aliases the first declared comes first.
    pub values: Box<[EnumValue]>,
    /// The number of the first value when all numbers follow one another without a gap or alias.
    pub(crate) dense_from: Option<i32>,
    pub(crate) names: NameTable,
}

/// One value of an enum.
#[derive(Debug)]
pub struct EnumValue {
    /// Its number.
    pub number: i32,
    /// Its name.
    pub name: Box<str>,
    /// `"NAME"`, ready to be copied.
    pub json: Box<[u8]>,
}

impl EnumPlan {
    /// The value of this number; of aliases the first declared.
    #[inline]
    pub fn by_number(&self, number: i32) -> Option<&EnumValue> {
        if let Some(first) = self.dense_from {
            let offset = i64::from(number) - i64::from(first);
            return self.values.get(usize::try_from(offset).ok()?);
        }
        let at = self.values.partition_point(|value| value.number < number);
        self.values.get(at).filter(|value| value.number == number)
    }

    /// The value of this name.
    #[inline]
    pub fn by_name(&self, name: &[u8]) -> Option<&EnumValue> {
        self.values.get(self.names.get(name)? as usize)
    }
}

/// The wire types of protobuf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum WireType {
    /// Varints.
    Varint = 0,
    /// Eight bytes.
    Fixed64 = 1,
    /// A length, then that many bytes.
    Len = 2,
    /// The start of a group.
    StartGroup = 3,
    /// The end of a group.
    EndGroup = 4,
    /// Four bytes.
    Fixed32 = 5,
}

/// A field number and wire type as they stand on the wire: one to five bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    bytes: [u8; 5],
    len: u8,
}

impl Tag {
    /// No tag: what stands before the elements of a packed list.
    pub(crate) const NONE: Self = Self { bytes: [0; 5], len: 0 };

    /// The tag of a field. `number` must be below 2^29, which loading has proven.
    pub fn new(number: u32, wire_type: WireType) -> Self {
        let mut rest = (number << 3) | wire_type as u32;
        let mut tag = Self { bytes: [0; 5], len: 0 };
        for slot in &mut tag.bytes {
            tag.len += 1;
            if rest < 0x80 {
                *slot = rest as u8;
                break;
            }
            *slot = (rest as u8) | 0x80;
            rest >>= 7;
        }
        tag
    }

    /// The encoded bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len as usize).unwrap_or(&self.bytes)
    }

    /// Appends the tag.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        // One-byte tags (numbers 1 to 15) are nearly all there are.
        match self.len {
            1 => out.push(self.bytes[0]),
            2 => out.extend_from_slice(&[self.bytes[0], self.bytes[1]]),
            _ => out.extend_from_slice(self.as_bytes()),
        }
    }

    /// How many bytes it takes.
    #[inline]
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.len as usize
    }
}

/// Field number → position: a table for the small numbers, a search for the others.
#[derive(Debug)]
pub(crate) struct NumberIndex {
    /// Position by number; `u32::MAX` where there is none.
    dense: Box<[u32]>,
}

impl NumberIndex {
    /// Indexes the fields, which are sorted by number.
    fn new(fields: &[FieldPlan]) -> Self {
        // Numbers are mostly small and without large gaps; a table four times the fields covers them.
        let limit = (fields.len() * 4).max(64) as u32;
        let top = fields.iter().map(|field| field.number).filter(|number| *number < limit).max();
        let mut dense = vec![u32::MAX; top.map_or(0, |top| top as usize + 1)];
        for field in fields {
            if let Some(slot) = dense.get_mut(field.number as usize) {
                *slot = field.position;
            }
        }
        Self { dense: dense.into() }
    }

    #[inline]
    fn position(&self, number: u32, fields: &[FieldPlan]) -> Option<u32> {
        match self.dense.get(number as usize) {
            Some(&u32::MAX) => None,
            Some(&position) => Some(position),
            None => fields.binary_search_by_key(&number, |field| field.number).ok().map(|at| at as u32),
        }
    }
}
