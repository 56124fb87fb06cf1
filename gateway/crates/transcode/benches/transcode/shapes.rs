//! The reference: the messages of shapes.proto as prost structs whose serde code speaks the proto3 JSON mapping.
//!
//! It is what a code generator emits for these messages, written for speed: derived serde code, 64-bit integers
//! through itoa, no intermediate value. Field names are accepted in both spellings, unknown ones refused.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct User {
    #[prost(int64, tag = "1")]
    #[serde(with = "super::mapping::integer", skip_serializing_if = "is_default")]
    pub(crate) id: i64,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) name: String,
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) email: String,
    #[prost(string, tag = "4")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) phone: String,
    #[prost(string, tag = "5")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) address: String,
    #[prost(enumeration = "Role", tag = "6")]
    #[serde(with = "super::mapping::role", skip_serializing_if = "is_default")]
    pub(crate) role: i32,
    #[prost(bool, tag = "7")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) active: bool,
    #[prost(message, optional, tag = "8")]
    #[serde(with = "super::mapping::timestamp", skip_serializing_if = "is_default", alias = "created_at")]
    pub(crate) created_at: Option<prost_types::Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Role {
    Unspecified = 0,
    Customer = 1,
    Admin = 2,
}

#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Order {
    #[prost(int64, tag = "1")]
    #[serde(with = "super::mapping::integer", skip_serializing_if = "is_default")]
    pub(crate) id: i64,
    #[prost(int64, tag = "2")]
    #[serde(with = "super::mapping::integer", skip_serializing_if = "is_default", alias = "user_id")]
    pub(crate) user_id: i64,
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "is_default", alias = "user_name")]
    pub(crate) user_name: String,
    #[prost(string, tag = "4")]
    #[serde(skip_serializing_if = "is_default", alias = "user_email")]
    pub(crate) user_email: String,
    #[prost(message, repeated, tag = "5")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) items: Vec<Item>,
    #[prost(double, tag = "6")]
    #[serde(skip_serializing_if = "is_default", alias = "total_amount")]
    pub(crate) total_amount: f64,
    #[prost(enumeration = "Status", tag = "7")]
    #[serde(with = "super::mapping::status", skip_serializing_if = "is_default")]
    pub(crate) status: i32,
    #[prost(message, optional, tag = "8")]
    #[serde(with = "super::mapping::timestamp", skip_serializing_if = "is_default", alias = "created_at")]
    pub(crate) created_at: Option<prost_types::Timestamp>,
}

#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Item {
    #[prost(int64, tag = "1")]
    #[serde(with = "super::mapping::integer", skip_serializing_if = "is_default")]
    pub(crate) id: i64,
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "is_default", alias = "product_name")]
    pub(crate) product_name: String,
    #[prost(int32, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) quantity: i32,
    #[prost(double, tag = "4")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) price: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Status {
    Unspecified = 0,
    Pending = 1,
    Shipped = 2,
}

#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Texts {
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) title: String,
    #[prost(string, repeated, tag = "2")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) lines: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Numbers {
    #[prost(int32, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ints: Vec<i32>,
    #[prost(int64, repeated, tag = "2")]
    #[serde(with = "super::mapping::integers", skip_serializing_if = "Vec::is_empty")]
    pub(crate) longs: Vec<i64>,
    #[prost(sint32, repeated, tag = "3")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) signed: Vec<i32>,
    #[prost(fixed64, repeated, tag = "4")]
    #[serde(with = "super::mapping::integers", skip_serializing_if = "Vec::is_empty")]
    pub(crate) hashes: Vec<u64>,
    #[prost(float, repeated, tag = "5")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) floats: Vec<f32>,
    #[prost(double, repeated, tag = "6")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) doubles: Vec<f64>,
    #[prost(bool, repeated, tag = "7")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) flags: Vec<bool>,
}

#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Nested {
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) name: String,
    #[prost(int32, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) depth: i32,
    #[prost(message, optional, boxed, tag = "3")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) child: Option<Box<Self>>,
}

#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Maps {
    #[prost(map = "string, string", tag = "1")]
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    pub(crate) labels: HashMap<String, String>,
    #[prost(map = "int32, int64", tag = "2")]
    #[serde(with = "super::mapping::counts", skip_serializing_if = "HashMap::is_empty")]
    pub(crate) counts: HashMap<i32, i64>,
    #[prost(map = "string, message", tag = "3")]
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    pub(crate) items: HashMap<String, Item>,
}

#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Blobs {
    #[prost(bytes = "vec", repeated, tag = "1")]
    #[serde(with = "super::mapping::blobs", skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<Vec<u8>>,
}
