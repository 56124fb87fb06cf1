//! What a new version of some services changes for those who call them with JSON.
//!
//! Messages are compared by what their JSON looks like: names of fields, not their numbers, which only the gateway and
//! the service speak. Requests may grow, answers may grow; what a client sends today must still be understood, and what it
//! reads must still be there.

mod types;

use std::collections::HashSet;
use std::fmt;

use prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
};

use types::{fits, is_opaque};
pub use types::{path_fits, type_of};

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// From the client.
    Request,
    /// To the client.
    Response,
}

impl Side {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Change {
    /// Which way the message goes; nothing for services and methods.
    pub side: Option<Side>,
    /// The full name of the service, message or enum that it is about.
    pub owner: String,
    /// The method, the field by its JSON name, or the enum's value.
    pub member: String,
    /// What happened to it.
    pub what: What,
}

/// What happened to a method, field or value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum What {
    /// The service is gone.
    ServiceRemoved,
    /// The service is new.
    ServiceAdded,
    /// The method is gone.
    MethodRemoved,
    /// The method is new.
    MethodAdded,
    /// The method streams another way; how it did and does.
    Streaming(&'static str, &'static str),
    /// The field is gone.
    FieldRemoved,
    /// The field is new.
    FieldAdded,
    /// The field has another name in JSON.
    FieldRenamed(String),
    /// The field holds something else; what it did and does.
    FieldRetyped(String, String),
    /// The field has to be sent now.
    FieldRequired,
    /// The field can no longer be sent together with others.
    FieldExclusive(String),
    /// The enum has lost the value.
    ValueRemoved,
    /// The enum has the value with another number.
    ValueRenumbered(i32, i32),
    /// The enum has got the value.
    ValueAdded,
}

impl Change {
    /// Whether a client that worked before may not work any more.
    pub fn is_breaking(&self) -> bool {
        !matches!(self.what, What::ServiceAdded | What::MethodAdded | What::FieldAdded | What::ValueAdded)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = self.side.map_or("", Side::as_str);
        let (owner, member) = (&self.owner, &self.member);
        match &self.what {
            What::ServiceRemoved => write!(f, "service {owner} is gone"),
            What::ServiceAdded => write!(f, "service {owner} is new"),
            What::MethodRemoved => write!(f, "method {owner}/{member} is gone"),
            What::MethodAdded => write!(f, "method {owner}/{member} is new"),
            What::Streaming(was, is) => write!(f, "method {owner}/{member} was {was} and is {is} now"),
            What::FieldRemoved => write!(f, "{side} field `{member}` of {owner} is gone"),
            What::FieldAdded => write!(f, "{side} field `{member}` of {owner} is new"),
            What::FieldRenamed(to) => write!(f, "{side} field `{member}` of {owner} is called `{to}` now"),
            What::FieldRetyped(was, is) => {
                write!(f, "{side} field `{member}` of {owner} was {was} and is {is} now")
            }
            What::FieldRequired => write!(f, "{side} field `{member}` of {owner} is required now"),
            What::FieldExclusive(oneof) => {
                write!(f, "{side} field `{member}` of {owner} excludes the others of `{oneof}` now")
            }
            What::ValueRemoved => write!(f, "{side} value {member} of {owner} is gone"),
            What::ValueRenumbered(was, is) => {
                write!(f, "{side} value {member} of {owner} was {was} and is {is} now")
            }
            What::ValueAdded => write!(f, "{side} value {member} of {owner} is new"),
        }
    }
}

/// Compares all services, and every message that their methods reach.
pub fn between(old: &DescriptorPool, new: &DescriptorPool) -> Vec<Change> {
    let mut comparison = Comparison::default();
    for service in old.services() {
        let Some(next) = new.get_service_by_name(service.full_name()) else {
            comparison.add(None, service.full_name(), "", What::ServiceRemoved);
            continue;
        };
        for method in service.methods() {
            match next.methods().find(|other| other.name() == method.name()) {
                Some(other) => comparison.method(&method, &other),
                None => comparison.add(None, service.full_name(), method.name(), What::MethodRemoved),
            }
        }
        for method in next.methods() {
            if !service.methods().any(|other| other.name() == method.name()) {
                comparison.add(None, service.full_name(), method.name(), What::MethodAdded);
            }
        }
    }
    for service in new.services() {
        if old.get_service_by_name(service.full_name()).is_none() {
            comparison.add(None, service.full_name(), "", What::ServiceAdded);
        }
    }
    comparison.changes
}

/// Compares messages, each pair once for each side.
#[derive(Debug, Default)]
pub struct Comparison {
    /// What was found, in the order in which it was met.
    pub changes: Vec<Change>,
    /// Whether answers are printed with the names of the .proto file.
    pub prints_proto_names: bool,
    seen: HashSet<(Side, String, String)>,
}

/// Messages nest in types deeper than anybody writes only to take the stack away.
const MAX_DEPTH: usize = 200;

impl Comparison {
    /// A method, its request and its answer.
    pub fn method(&mut self, old: &MethodDescriptor, new: &MethodDescriptor) {
        self.streaming(old, new);
        self.request(&old.input(), &new.input());
        self.response(&old.output(), &new.output(), None);
    }

    /// Whether it still streams the same way.
    pub fn streaming(&mut self, old: &MethodDescriptor, new: &MethodDescriptor) {
        let (was, is) = (streams(old), streams(new));
        if was != is {
            let service = old.parent_service();
            self.add(None, service.full_name(), old.name(), What::Streaming(was, is));
        }
    }

    /// What clients send.
    pub fn request(&mut self, old: &MessageDescriptor, new: &MessageDescriptor) {
        self.message(Side::Request, old, new, 0);
    }

    /// What clients read: all of it, or one field.
    pub fn response(&mut self, old: &MessageDescriptor, new: &MessageDescriptor, field: Option<&str>) {
        let Some(field) = field else {
            return self.message(Side::Response, old, new, 0);
        };
        if let (Some(was), Some(is)) = (old.get_field_by_name(field), new.get_field_by_name(field)) {
            self.types(Side::Response, &was, &is, 0);
        }
    }

    /// A field that is all of a body, by whatever name.
    pub fn body(&mut self, side: Side, old: &FieldDescriptor, new: &FieldDescriptor) {
        self.types(side, old, new, 0);
    }

    fn add(&mut self, side: Option<Side>, owner: &str, member: &str, what: What) {
        self.changes.push(Change { side, owner: owner.to_owned(), member: member.to_owned(), what });
    }

    fn field(&mut self, side: Side, field: &FieldDescriptor, what: What) {
        self.add(Some(side), field.parent_message().full_name(), field.json_name(), what);
    }

    fn message(&mut self, side: Side, old: &MessageDescriptor, new: &MessageDescriptor, depth: usize) {
        let pair = (side, old.full_name().to_owned(), new.full_name().to_owned());
        if depth > MAX_DEPTH || !self.seen.insert(pair) || is_opaque(old) {
            return;
        }
        for was in old.fields() {
            match self.counterpart(&was, new, side) {
                Some(is) => {
                    self.types(side, &was, &is, depth);
                    self.demands(side, &was, &is, old);
                }
                None => match new.get_field(was.number()).filter(|is| is.kind() == was.kind()) {
                    Some(is) => {
                        self.field(side, &was, What::FieldRenamed(is.json_name().to_owned()));
                        self.types(side, &was, &is, depth);
                    }
                    None => self.field(side, &was, What::FieldRemoved),
                },
            }
        }
        for is in new.fields() {
            let known = old.fields().any(|was| {
                was.json_name() == is.json_name() || was.number() == is.number() && was.kind() == is.kind()
            });
            if !known {
                let demanded = side == Side::Request && is.cardinality() == Cardinality::Required;
                self.field(side, &is, if demanded { What::FieldRequired } else { What::FieldAdded });
            }
        }
    }

    /// The field that a client means by the same name. Requests may use the name of the .proto file as well.
    fn counterpart(
        &self,
        was: &FieldDescriptor,
        new: &MessageDescriptor,
        side: Side,
    ) -> Option<FieldDescriptor> {
        if side == Side::Response && self.prints_proto_names {
            return new.get_field_by_name(was.name());
        }
        let found = new.get_field_by_json_name(was.json_name());
        let understood = || new.get_field_by_name(was.json_name());
        found.or_else(|| if side == Side::Request { understood() } else { None })
    }

    /// What a request has to do that it did not have to before.
    fn demands(&mut self, side: Side, was: &FieldDescriptor, is: &FieldDescriptor, old: &MessageDescriptor) {
        if side == Side::Response {
            return;
        }
        if is.cardinality() == Cardinality::Required && was.cardinality() != Cardinality::Required {
            self.field(side, was, What::FieldRequired);
        }
        let real = |field: &FieldDescriptor| field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
        let Some(oneof) = real(is) else { return };
        // Those that it now excludes, and did not.
        let fields: Vec<FieldDescriptor> = oneof.fields().collect();
        let excluded = fields.iter().filter(|other| other.number() != is.number()).any(|other| {
            let before = old.get_field_by_json_name(other.json_name());
            before.is_some_and(|before| match (real(&before), real(was)) {
                (Some(one), Some(other)) => one.name() != other.name(),
                _ => true,
            })
        });
        if excluded {
            self.field(side, was, What::FieldExclusive(oneof.name().to_owned()));
        }
    }

    fn types(&mut self, side: Side, was: &FieldDescriptor, is: &FieldDescriptor, depth: usize) {
        let same_shape = was.is_map() == is.is_map() && was.is_list() == is.is_list();
        if !same_shape || !fits(side, was, is) {
            self.field(side, was, What::FieldRetyped(type_of(was), type_of(is)));
            return;
        }
        match (was.kind(), is.kind()) {
            (Kind::Message(old), Kind::Message(new)) if was.is_map() => {
                let value = |entry: &MessageDescriptor| entry.get_field(2);
                if let (Some(old), Some(new)) = (value(&old), value(&new)) {
                    self.values(side, &old.kind(), &new.kind(), depth);
                }
            }
            (old, new) => self.values(side, &old, &new, depth),
        }
    }

    fn values(&mut self, side: Side, old: &Kind, new: &Kind, depth: usize) {
        match (old, new) {
            (Kind::Message(old), Kind::Message(new)) => self.message(side, old, new, depth + 1),
            (Kind::Enum(old), Kind::Enum(new)) => self.enumeration(side, old, new),
            _ => {}
        }
    }

    fn enumeration(&mut self, side: Side, old: &EnumDescriptor, new: &EnumDescriptor) {
        let pair = (side, old.full_name().to_owned(), new.full_name().to_owned());
        if !self.seen.insert(pair) {
            return;
        }
        for was in old.values() {
            let what = match new.get_value_by_name(was.name()) {
                None => What::ValueRemoved,
                Some(is) if is.number() != was.number() => What::ValueRenumbered(was.number(), is.number()),
                Some(_) => continue,
            };
            self.add(Some(side), old.full_name(), was.name(), what);
        }
        for is in new.values().filter(|is| old.get_value_by_name(is.name()).is_none()) {
            self.add(Some(side), old.full_name(), is.name(), What::ValueAdded);
        }
    }
}

fn streams(method: &MethodDescriptor) -> &'static str {
    match (method.is_client_streaming(), method.is_server_streaming()) {
        (false, false) => "unary",
        (false, true) => "server-streaming",
        (true, false) => "client-streaming",
        (true, true) => "bidirectional",
    }
}

#[cfg(test)]
mod tests;
