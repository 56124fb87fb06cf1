//! Binding: how the pieces of an HTTP request fill one request message, and what of a response is answered.
//!
//! A rule of a route splits the fields of its request in three: those that variables of the path fill, those that
//! the body fills, and the rest, which the query fills. A [`RequestPlan`] is that split, checked against the
//! descriptors when routes are loaded, so that a request looks up nothing but the names it brings itself.
//!
//! No message is built. The body is encoded, and the fields of path and query are appended behind it: whoever reads
//! protobuf merges them. What that would hide is looked for first: a field given twice with different values, by
//! whichever of the three, is refused, and so are two members of one oneof. Equal values are no conflict.
//!
//! - A field without presence (proto3's plain scalars) that the *body* sets to its default counts as not given, as
//!   everywhere in protobuf: `{"id": 0}` does not contradict `/users/5`.
//! - With `body: "*"` nothing is taken from the query; with `body: "field"` nothing of that field is. Such parameters
//!   are unknown ones, and [`Unknown`](crate::Unknown) says what happens to those.
//! - A body where the rule has none is refused, or not looked at, by [`StrayBody`].
//! - An empty body is an empty request (`body: "*"`) or an unset field (`body: "field"`), not a syntax error.
//! - A query names fields by JSON name or proto name, each segment as it likes: `?pageSize=5`, `?filter.min_price=3`.
//!   Repeated fields repeat the parameter. Maps, lists of messages, `Struct`, `Value`, `ListValue` and `Any` cannot be
//!   given there.
//! - The mask of a PATCH is made of the JSON keys: `{"phone": null, "address": {"city": "x"}}` is
//!   `phone,address.city`; an empty object, a list, a map and free-form values are named as a whole. Fields that the
//!   path gives are not in it. It is relative to the body field. With `body: "*"` it is relative to the message field that
//!   a variable leads into, or that is the only field left by the path, and otherwise to the request itself.
//! - Fields that the gateway fills ([`RequestPlan::with_set`]) are taken from the client whatever it says, and whether there
//!   is a value for them or not.

mod body;
mod disjoint;
mod error;
mod given;
mod mask;
mod parameters;
mod path;
mod percent;
mod query;
mod raw;
mod report;
mod request;
mod required;
mod rule;
mod scan;
mod setter;
mod times;
mod value;

pub(crate) use path::outermost;

pub use error::{BindingError, Subject};
pub use request::{RequestParts, RequestPlan};
pub use rule::{BodyRule, RequestRule, StrayBody};
