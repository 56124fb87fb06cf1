//! What the reference code needs where the proto3 JSON mapping differs from serde's own: 64-bit integers as strings,
//! enums by name, bytes in base64, timestamps in RFC 3339.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A 64-bit integer that is printed as a string and read from a string or a number.
#[derive(PartialEq, Eq, Hash)]
struct Text<T>(T);

impl<T: itoa::Integer + Copy> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(itoa::Buffer::new().format(self.0))
    }
}

impl<'de, T: FromStr + TryFrom<i64> + TryFrom<u64>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor(PhantomData)).map(Text)
    }
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: FromStr + TryFrom<i64> + TryFrom<u64>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an integer")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|_| E::custom("not an integer"))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        T::try_from(number).map_err(|_| E::custom("out of range"))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        T::try_from(number).map_err(|_| E::custom("out of range"))
    }
}

pub(crate) mod integer {
    //! A singular 64-bit integer.
    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        Text(*value).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        Text::deserialize(deserializer).map(|text| text.0)
    }
}

pub(crate) mod integers {
    //! A list of 64-bit integers.
    use super::*;

    pub(crate) fn serialize<S: Serializer, T: itoa::Integer + Copy>(
        values: &[T],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(values.len()))?;
        for value in values {
            list.serialize_element(&Text(*value))?;
        }
        list.end()
    }

    pub(crate) fn deserialize<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr + TryFrom<i64> + TryFrom<u64>,
    {
        struct List<T>(PhantomData<T>);
        impl<'de, T: FromStr + TryFrom<i64> + TryFrom<u64>> Visitor<'de> for List<T> {
            type Value = Vec<T>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of integers")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(Text(value)) = list.next_element()? {
                    values.push(value);
                }
                Ok(values)
            }
        }
        deserializer.deserialize_seq(List(PhantomData))
    }
}

pub(crate) mod counts {
    //! A map from 32-bit to 64-bit integers.
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        values: &HashMap<i32, i64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(values.len()))?;
        for (key, value) in values {
            map.serialize_entry(key, &Text(*value))?;
        }
        map.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<HashMap<i32, i64>, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = HashMap<i32, i64>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map of integers")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut values = HashMap::new();
                while let Some((key, Text(value))) = map.next_entry()? {
                    values.insert(key, value);
                }
                Ok(values)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

pub(crate) mod blobs {
    //! A list of bytes fields.
    use super::*;

    pub(crate) fn serialize<S: Serializer>(values: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(values.len()))?;
        for value in values {
            list.serialize_element(&STANDARD.encode(value))?;
        }
        list.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
        struct Blob(Vec<u8>);
        impl<'de> Deserialize<'de> for Blob {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Base64;
                impl Visitor<'_> for Base64 {
                    type Value = Vec<u8>;
                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str("base64")
                    }
                    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
                        STANDARD.decode(text).map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Base64).map(Blob)
            }
        }
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Vec<Vec<u8>>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of base64 strings")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(Blob(value)) = list.next_element()? {
                    values.push(value);
                }
                Ok(values)
            }
        }
        deserializer.deserialize_seq(List)
    }
}

/// An enum field by its names; a number that has no name stays a number.
macro_rules! enumeration {
    ($name:ident, $($value:literal = $text:literal),+) => {
        pub(crate) mod $name {
            //! An enum by name.
            use super::*;

            pub(crate) fn serialize<S: Serializer>(value: &i32, serializer: S) -> Result<S::Ok, S::Error> {
                match value {
                    $($value => serializer.serialize_str($text),)+
                    other => serializer.serialize_i32(*other),
                }
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
                struct Name;
                impl Visitor<'_> for Name {
                    type Value = i32;
                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str("an enum value")
                    }
                    fn visit_str<E: Error>(self, text: &str) -> Result<i32, E> {
                        match text {
                            $($text => Ok($value),)+
                            _ => Err(E::custom("unknown enum value")),
                        }
                    }
                    fn visit_u64<E: Error>(self, number: u64) -> Result<i32, E> {
                        i32::try_from(number).map_err(E::custom)
                    }
                    fn visit_i64<E: Error>(self, number: i64) -> Result<i32, E> {
                        i32::try_from(number).map_err(E::custom)
                    }
                }
                deserializer.deserialize_any(Name)
            }
        }
    };
}

enumeration!(role, 0 = "ROLE_UNSPECIFIED", 1 = "ROLE_CUSTOMER", 2 = "ROLE_ADMIN");
enumeration!(status, 0 = "STATUS_UNSPECIFIED", 1 = "STATUS_PENDING", 2 = "STATUS_SHIPPED");

pub(crate) mod timestamp {
    //! A timestamp in RFC 3339, by the parser and printer of prost-types.
    use prost_types::Timestamp;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        value: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(timestamp) => serializer.collect_str(timestamp),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        struct Instant;
        impl Visitor<'_> for Instant {
            type Value = Option<Timestamp>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an RFC 3339 timestamp")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse().map(Some).map_err(|_| E::custom("not a timestamp"))
            }
            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(None)
            }
        }
        deserializer.deserialize_any(Instant)
    }
}
