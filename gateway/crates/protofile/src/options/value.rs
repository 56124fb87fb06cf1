//! Single values of options, by the type of their field.

use super::{Flaw, Target};
use crate::descriptor::{Field, kind};
use crate::link::Pool;
use crate::parse::RawValue;
use crate::wire::{Node, Tree};

/// A number, a word or bytes, as options and text format write them.
impl Pool {
    pub(super) fn value(
        &self,
        unit: usize,
        target: &Target,
        raw: &RawValue,
        said: &str,
    ) -> Result<Node, Flaw> {
        if let RawValue::Aggregate(range) = raw {
            return self.aggregate(unit, target, range.clone());
        }
        self.scalar(target, raw, said)
    }

    /// A value that is no message.
    pub(super) fn scalar(&self, target: &Target, raw: &RawValue, said: &str) -> Result<Node, Flaw> {
        let expected = |what: &str| Flaw::new(format!("`{said}` takes {what}"));
        match target.field.r#type.unwrap_or_default() {
            kind::INT32 | kind::SINT32 | kind::SFIXED32 => {
                let value = signed(raw).ok_or_else(|| expected("an integer"))?;
                let value = i32::try_from(value).map_err(|_| expected("an integer of 32 bits"))?;
                Ok(match target.field.r#type {
                    Some(kind::SINT32) => {
                        Node::Varint(u64::from(((value << 1) ^ (value >> 31)).cast_unsigned()))
                    }
                    Some(kind::SFIXED32) => Node::Fixed32(value.cast_unsigned()),
                    _ => Node::Varint(i64::from(value).cast_unsigned()),
                })
            }
            kind::INT64 | kind::SINT64 | kind::SFIXED64 => {
                let value = signed(raw).ok_or_else(|| expected("an integer"))?;
                let value = i64::try_from(value).map_err(|_| expected("an integer of 64 bits"))?;
                Ok(match target.field.r#type {
                    Some(kind::SINT64) => Node::Varint(((value << 1) ^ (value >> 63)).cast_unsigned()),
                    Some(kind::SFIXED64) => Node::Fixed64(value.cast_unsigned()),
                    _ => Node::Varint(value.cast_unsigned()),
                })
            }
            kind::UINT32 | kind::FIXED32 => {
                let value = signed(raw).ok_or_else(|| expected("an integer"))?;
                let value = u32::try_from(value)
                    .map_err(|_| expected("an integer of 32 bits that is not negative"))?;
                let fixed = target.field.r#type == Some(kind::FIXED32);
                Ok(if fixed { Node::Fixed32(value) } else { Node::Varint(u64::from(value)) })
            }
            kind::UINT64 | kind::FIXED64 => {
                let value = signed(raw).ok_or_else(|| expected("an integer"))?;
                let value = u64::try_from(value).map_err(|_| expected("an integer that is not negative"))?;
                let fixed = target.field.r#type == Some(kind::FIXED64);
                Ok(if fixed { Node::Fixed64(value) } else { Node::Varint(value) })
            }
            kind::FLOAT => {
                Ok(Node::Fixed32((number(raw).ok_or_else(|| expected("a number"))? as f32).to_bits()))
            }
            kind::DOUBLE => Ok(Node::Fixed64(number(raw).ok_or_else(|| expected("a number"))?.to_bits())),
            kind::BOOL => match raw {
                RawValue::Ident(word) if word == "true" => Ok(Node::Varint(1)),
                RawValue::Ident(word) if word == "false" => Ok(Node::Varint(0)),
                _ => Err(expected("true or false")),
            },
            kind::STRING | kind::BYTES => match raw {
                RawValue::Bytes(bytes) if target.field.r#type == Some(kind::BYTES) => {
                    Ok(Node::Bytes(bytes.clone()))
                }
                RawValue::Bytes(bytes) if std::str::from_utf8(bytes).is_ok() => {
                    Ok(Node::Bytes(bytes.clone()))
                }
                RawValue::Bytes(_) => Err(expected("text in UTF-8")),
                _ => Err(expected("a string in quotes")),
            },
            kind::ENUM => self.enum_value(target, raw, said),
            kind::MESSAGE | kind::GROUP => Err(Flaw::new(format!(
                "`{said}` is a message: set it with `{said} = {{ ... }}`, or a field of it with `{said}.FIELD = ...`"
            ))),
            _ => Err(Flaw::new(format!("the type of `{said}` is not known"))),
        }
    }

    fn enum_value(&self, target: &Target, raw: &RawValue, said: &str) -> Result<Node, Flaw> {
        let name = target.field.type_name.as_deref().unwrap_or_default().trim_start_matches('.');
        let RawValue::Ident(word) = raw else {
            return Err(Flaw::new(format!("`{said}` takes the name of a value of `{name}`")));
        };
        let descriptor = self.enumeration(name);
        let value = descriptor.and_then(|descriptor| {
            descriptor.values.iter().find(|value| value.name.as_deref() == Some(word))
        });
        match value.and_then(|value| value.number) {
            Some(number) => Ok(Node::Varint(i64::from(number).cast_unsigned())),
            None => Err(Flaw::new(format!("`{name}` has no value `{word}`"))),
        }
    }
}

fn signed(raw: &RawValue) -> Option<i128> {
    match raw {
        RawValue::Int(value) => Some(i128::from(*value)),
        RawValue::MinusInt(value) => Some(-i128::from(*value)),
        _ => None,
    }
}

fn number(raw: &RawValue) -> Option<f64> {
    match raw {
        RawValue::Int(value) => Some(*value as f64),
        RawValue::MinusInt(value) => Some(-(*value as f64)),
        RawValue::Float(value) => Some(*value),
        RawValue::Ident(word) if word == "inf" => Some(f64::INFINITY),
        RawValue::MinusIdent(word) if word == "inf" => Some(f64::NEG_INFINITY),
        RawValue::Ident(word) | RawValue::MinusIdent(word) if word == "nan" => Some(f64::NAN),
        _ => None,
    }
}

/// Adds a value to a message; a single one only once.
pub(super) fn put(tree: &mut Tree, field: &Field, node: Node) -> Result<(), ()> {
    let slot = tree.fields.entry(field.number.unwrap_or_default()).or_default();
    if !field.is_repeated() && !slot.nodes.is_empty() {
        return Err(());
    }
    slot.is_packed = field.is_repeated()
        && !matches!(node, Node::Bytes(_) | Node::Message(_) | Node::Group(_))
        && crate::wire::number(field.options.as_ref(), 2) == Some(1);
    slot.nodes.push(node);
    Ok(())
}
