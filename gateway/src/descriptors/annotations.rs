//! Reads `google.api.http` rules out of method options.

use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, MethodDescriptor, ReflectMessage, Value,
};

/// One binding of an annotation, as it is written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRule {
    /// The HTTP method in upper case; a custom kind as it is, `*` for any.
    pub method: String,
    /// The path template.
    pub path: String,
    /// `*`, a field, or nothing.
    pub body: String,
    /// A field, or nothing.
    pub response_body: String,
}

/// What reads the annotations of a schema.
#[derive(Debug)]
pub struct RuleReader {
    extension: Option<ExtensionDescriptor>,
}

/// Numbers in `google.api.HttpRule`: the names are a promise too, but the numbers are what the bytes hold.
mod number {
    pub(super) const VERBS: [(u32, &str); 5] =
        [(2, "GET"), (3, "PUT"), (4, "POST"), (5, "DELETE"), (6, "PATCH")];
    pub(super) const BODY: u32 = 7;
    pub(super) const CUSTOM: u32 = 8;
    pub(super) const ADDITIONAL: u32 = 11;
    pub(super) const RESPONSE_BODY: u32 = 12;
    pub(super) const CUSTOM_KIND: u32 = 1;
    pub(super) const CUSTOM_PATH: u32 = 2;
}

impl RuleReader {
    /// Finds the extension among the descriptors.
    pub fn new(pool: &DescriptorPool) -> Self {
        Self { extension: pool.get_extension_by_name("google.api.http") }
    }

    /// The rules of a method, its additional bindings after the first; none when it has no annotation.
    pub fn rules(&self, method: &MethodDescriptor) -> Vec<HttpRule> {
        let Some(rule) = self.annotation(method) else { return Vec::new() };
        let mut rules: Vec<HttpRule> = read(&rule).into_iter().collect();
        // One level only: what nests deeper has no meaning.
        rules.extend(additional(&rule).iter().filter_map(Value::as_message).filter_map(read));
        rules
    }

    /// What of the annotation of a method says nothing.
    pub fn flaws(&self, method: &MethodDescriptor) -> Vec<RuleFlaw> {
        let Some(rule) = self.annotation(method) else { return Vec::new() };
        let bindings = additional(&rule);
        let bindings = bindings.iter().filter_map(Value::as_message);
        let nested = bindings.clone().any(|binding| !additional(binding).is_empty());
        let without_path = std::iter::once(&rule).chain(bindings).filter(|rule| read(rule).is_none()).count();
        let nested = nested.then_some(RuleFlaw::Nested);
        nested.into_iter().chain(std::iter::repeat_n(RuleFlaw::NoPath, without_path)).collect()
    }

    fn annotation(&self, method: &MethodDescriptor) -> Option<DynamicMessage> {
        let extension = self.extension.as_ref()?;
        let options = method.options();
        let annotation = options.has_extension(extension).then(|| options.get_extension(extension))?;
        annotation.as_message().cloned()
    }
}

/// What of an annotation says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleFlaw {
    /// Additional bindings of an additional binding: they nest one level deep.
    Nested,
    /// A binding without a method and path.
    NoPath,
}

fn additional(rule: &DynamicMessage) -> Vec<Value> {
    let bindings = field(rule, number::ADDITIONAL);
    bindings.and_then(|bindings| bindings.as_list().map(<[Value]>::to_vec)).unwrap_or_default()
}

fn read(rule: &DynamicMessage) -> Option<HttpRule> {
    let verb = number::VERBS.into_iter().find_map(|(number, method)| {
        Some((method.to_owned(), text(rule, number).filter(|path| !path.is_empty())?))
    });
    let (method, path) = match verb {
        Some(found) => found,
        None => {
            let custom = field(rule, number::CUSTOM)?;
            let custom = custom.as_message()?;
            let member = |number| text(custom, number).unwrap_or_default();
            (member(number::CUSTOM_KIND), member(number::CUSTOM_PATH))
        }
    };
    Some(HttpRule {
        method,
        path,
        body: text(rule, number::BODY).unwrap_or_default(),
        response_body: text(rule, number::RESPONSE_BODY).unwrap_or_default(),
    })
}

fn field(message: &DynamicMessage, number: u32) -> Option<Value> {
    let descriptor = message.descriptor().get_field(number)?;
    message.has_field(&descriptor).then(|| message.get_field(&descriptor).into_owned())
}

fn text(message: &DynamicMessage, number: u32) -> Option<String> {
    field(message, number)?.as_str().map(str::to_owned)
}
