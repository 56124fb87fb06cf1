//! What a route declares about its request, before it is checked against the message.

/// What a route's rule says about its request.
#[derive(Debug, Clone, Copy)]
pub struct RequestRule<'a> {
    /// The field paths of the template's variables, in their order, in proto names.
    pub variables: &'a [&'a str],
    /// What the HTTP body fills.
    pub body: BodyRule<'a>,
    /// Whether an unset field mask is filled from the keys that were sent: for PATCH.
    pub patch_mask: bool,
    /// What happens to a body where the rule has none.
    pub stray_body: StrayBody,
}

impl<'a> RequestRule<'a> {
    /// The rule as the HTTP method has it: PATCH fills masks, and only GET, HEAD, DELETE and OPTIONS, whose bodies
    /// mean nothing to HTTP, may bring a body that nobody asked for.
    pub fn new(method: &str, variables: &'a [&'a str], body: BodyRule<'a>) -> Self {
        let stray_body = match method {
            "GET" | "HEAD" | "DELETE" | "OPTIONS" => StrayBody::Ignore,
            _ => StrayBody::Reject,
        };
        Self { variables, body, patch_mask: method == "PATCH", stray_body }
    }
}

/// What the HTTP body fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyRule<'a> {
    /// Nothing.
    None,
    /// The whole request: `body: "*"`. Nothing is taken from the query then.
    Whole,
    /// One top-level field, by its proto name, of any type.
    Field(&'a str),
}

impl<'a> BodyRule<'a> {
    /// Reads the rule as it is written: `"*"`, `""` or a field.
    pub fn parse(text: &'a str) -> Self {
        match text {
            "" => Self::None,
            "*" => Self::Whole,
            field => Self::Field(field),
        }
    }
}

/// What happens to a body where the rule has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrayBody {
    /// The request is refused: somebody meant something by it that would be lost.
    Reject,
    /// It is not looked at.
    Ignore,
}
