//! The closed list of findings.
//!
//! A code is a promise: scripts match on it, and `docs/reference/diagnostics.md` explains it.

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// The stable name of a kind of finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code as it is printed and documented.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

codes! {
    /// The text is not YAML.
    YamlSyntax = "yaml-syntax",
    /// The file says nothing at all.
    EmptyFile = "empty-file",
    /// The file is one of another system.
    ForeignFile = "foreign-file",
    /// A key stands twice in one mapping.
    DuplicateKey = "duplicate-key",
    /// A value is of another kind than its key takes.
    WrongType = "wrong-type",
    /// No such key exists here.
    UnknownKey = "unknown-key",
    /// A key that must be there is not.
    MissingKey = "missing-key",
    /// The key is part of the language, and this version does not implement it.
    NotSupported = "not-supported",
    /// A value that its key does not take.
    BadValue = "bad-value",
    /// Two keys that exclude each other.
    KeyConflict = "key-conflict",
    /// An environment variable without a value or a default.
    UnsetVariable = "unset-variable",
    /// A `${` that is no reference to a variable.
    BadVariable = "bad-variable",
    /// An admin address that strangers may reach.
    AdminExposed = "admin-exposed",
    /// Proxies are trusted at addresses that any client can have.
    TrustsEveryone = "trusts-everyone",
    /// Not a length of time.
    BadDuration = "bad-duration",
    /// Not a size in bytes.
    BadSize = "bad-size",
    /// Not a percentage.
    BadPercent = "bad-percent",
    /// Not an address to listen on or to connect to.
    BadAddress = "bad-address",
    /// A file that cannot be read.
    FileUnreadable = "file-unreadable",
    /// An include that matches nothing, or a file included twice.
    Include = "include",
    /// A setting of the whole gateway, given by two files.
    SetTwice = "set-twice",
    /// A certificate or key that cannot be used.
    BadCertificate = "bad-certificate",
    /// There are routes, and nothing describes their gRPC methods.
    NoDescriptors = "no-descriptors",
    /// A descriptor source that is not what its name says.
    BadDescriptors = "bad-descriptors",
    /// A .proto file that does not compile.
    ProtoSyntax = "proto-syntax",
    /// Descriptors that need a file or symbol that no source has.
    DescriptorsUnlinked = "descriptors-unlinked",
    /// Two sources define one name differently.
    DescriptorsConflict = "descriptors-conflict",
    /// An upstream that is a descriptor source cannot be asked, or tells something else than before.
    Reflection = "reflection",
    /// No descriptor source has this gRPC service.
    UnknownService = "unknown-service",
    /// The gRPC service has no such method.
    UnknownMethod = "unknown-method",
    /// The message has no such field.
    UnknownField = "unknown-field",
    /// A field of this type cannot be filled from there.
    UnbindableField = "unbindable-field",
    /// Not a path template.
    BadTemplate = "bad-template",
    /// Two routes match the same requests equally well.
    RouteConflict = "route-conflict",
    /// No request ever reaches the route.
    RouteShadowed = "route-shadowed",
    /// A route of the file replaces one of the descriptors.
    RouteReplaced = "route-replaced",
    /// A service is exposed on a path that asks less of callers than a route to the same method.
    ExposedUnprotected = "exposed-unprotected",
    /// A body on a route whose HTTP method gives it no meaning.
    BodyMeaningless = "body-meaningless",
    /// An http annotation that cannot be served.
    BadAnnotation = "bad-annotation",
    /// No upstream has this name.
    UnknownUpstream = "unknown-upstream",
    /// Nothing says which upstream serves the gRPC service.
    NoUpstream = "no-upstream",
    /// An upstream that nothing uses.
    UnusedUpstream = "unused-upstream",
    /// A service that no route uses.
    UnusedService = "unused-service",
    /// No entry of `auth` has this name.
    UnknownAuth = "unknown-auth",
    /// A way to know callers that cannot work, or is weak.
    BadAuth = "bad-auth",
    /// An entry of `auth` that no route asks for.
    UnusedAuth = "unused-auth",
    /// A rate limit that cannot work.
    BadRateLimit = "bad-rate-limit",
    /// A setting that has no effect, or a harmful one.
    Ineffective = "ineffective",
    /// There is nothing to serve.
    NoRoutes = "no-routes",
}
