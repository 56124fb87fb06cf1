//! W3C trace context (Level 1): which trace a request belongs to, whoever began it.
//!
//! A valid `traceparent` is continued; an invalid one is as good as none, and goes no further, its `tracestate` with it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{hex, random};

/// Where the trace travels.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What tracing systems say to one another; never looked into.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// How long a `traceparent` is.
const LENGTH: usize = 55;

/// The flag that says that the trace is recorded.
const SAMPLED: u8 = 1;

/// One span's place in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The trace; never 0.
    pub trace: u128,
    /// The span; never 0.
    pub span: u64,
    /// The flags; of those, only "sampled" is known here.
    pub flags: u8,
}

impl Context {
    /// Reads a `traceparent`. Versions to come are read as far as this one goes.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (head, rest) = value.split_at_checked(LENGTH)?;
        let version = number(head.get(..2)?)?;
        let dashes = [2, 35, 52].iter().all(|at| head.get(*at) == Some(&b'-'));
        let ends = rest.is_empty() || version > 0 && rest.first() == Some(&b'-');
        if version == 0xff || !dashes || !ends {
            return None;
        }
        let context = Self {
            trace: number(head.get(3..35)?)?,
            span: u64::try_from(number(head.get(36..52)?)?).ok()?,
            flags: u8::try_from(number(head.get(53..)?)?).ok()?,
        };
        (context.trace != 0 && context.span != 0).then_some(context)
    }

    /// Whether the trace is recorded.
    pub const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The `traceparent` of what this span calls.
    ///
    /// Marked as sensitive, so that HTTP/2 keeps it out of its table of fields that may come again (see `request_id::of`).
    pub fn header(self) -> HeaderValue {
        let mut text = Vec::with_capacity(LENGTH);
        text.extend_from_slice(b"00-");
        text.extend_from_slice(hex::digits(self.trace.to_be_bytes()).as_flattened());
        text.push(b'-');
        text.extend_from_slice(hex::digits(self.span.to_be_bytes()).as_flattened());
        text.push(b'-');
        text.extend_from_slice(hex::digits([self.flags & SAMPLED]).as_flattened());
        let mut value =
            HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }
}

/// Digits and lower-case letters only.
fn number(text: &[u8]) -> Option<u128> {
    let mut value = 0;
    for digit in text {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        value = value << 4 | u128::from(digit);
    }
    Some(value)
}

/// Which share of the traces that begin here is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    percent: u8,
}

impl Sample {
    /// `percent` is 0 to 100.
    pub const fn new(percent: u8) -> Self {
        Self { percent }
    }

    /// Decided by the trace's own random bits, so that everybody who decides so decides alike.
    fn takes(self, trace: u128) -> bool {
        const BITS: u32 = 56;
        let random = trace & ((1 << BITS) - 1);
        random >= ((100 - u128::from(self.percent.min(100))) << BITS) / 100
    }
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}%", self.percent)
    }
}

/// What a client says of its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent<'a> {
    /// Its `traceparent`, the first if there are several.
    pub parent: Option<&'a HeaderValue>,
    /// Whether there are several, of which none counts.
    pub is_repeated: bool,
    /// Whether there is a `tracestate`.
    pub has_state: bool,
}

impl<'a> Sent<'a> {
    /// Notes a `traceparent`.
    pub fn add_parent(&mut self, value: &'a HeaderValue) {
        self.is_repeated = self.parent.is_some();
        self.parent.get_or_insert(value);
    }
}

/// The trace of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trace {
    /// What the client sent, if that is valid.
    pub client: Option<Context>,
    /// The request's own span; `None` while tracing is off.
    pub own: Option<Context>,
    /// Whether the client sent something that goes no further.
    pub is_invalid: bool,
}

impl Trace {
    /// The trace that a request continues, or, while tracing is on, one that begins here.
    pub fn of(sent: Sent<'_>, sample: Option<Sample>) -> Self {
        let parent = sent.parent.filter(|_| !sent.is_repeated);
        let client = parent.and_then(|value| Context::parse(value.as_bytes()));
        let is_invalid = client.is_none() && (sent.parent.is_some() || sent.has_state);
        let own = sample.map(|sample| begin(client, sample));
        Self { client, own, is_invalid }
    }

    /// The trace's id.
    pub fn id(&self) -> Option<u128> {
        self.own.or(self.client).map(|context| context.trace)
    }

    /// The request's span, if it is recorded.
    pub fn recorded(&self) -> Option<Context> {
        self.own.filter(|own| own.is_sampled())
    }

    /// Puts the trace into the metadata of a call, which already has what the client sent.
    pub fn apply(&self, metadata: &mut HeaderMap) {
        if self.is_invalid {
            metadata.remove(&TRACEPARENT);
            metadata.remove(&TRACESTATE);
        }
        if let Some(own) = self.own {
            metadata.insert(TRACEPARENT, own.header());
        }
    }
}

/// A span within the client's trace, which decides whether it is recorded; or the first one of a new trace.
fn begin(client: Option<Context>, sample: Sample) -> Context {
    match client {
        Some(client) => Context { span: new_span(), ..client },
        None => {
            let trace = u128::from(random::next()) << 64 | u128::from(random::next());
            let trace = trace.max(1);
            Context { trace, span: new_span(), flags: if sample.takes(trace) { SAMPLED } else { 0 } }
        }
    }
}

/// A new span's id.
pub fn new_span() -> u64 {
    random::next().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        headers
    }

    fn trace_of(headers: &HeaderMap, sample: Option<Sample>) -> Trace {
        let mut sent = Sent { has_state: headers.contains_key(TRACESTATE), ..Sent::default() };
        headers.get_all(TRACEPARENT).iter().for_each(|value| sent.add_parent(value));
        Trace::of(sent, sample)
    }

    #[test]
    fn a_traceparent_is_read_as_the_recommendation_has_it() {
        let context = Context::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(context.trace, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!((context.span, context.is_sampled()), (0x00f0_67aa_0ba9_02b7, true));
        assert_eq!(context.header(), GOOD);
        for good in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future",
        ] {
            assert!(Context::parse(good.as_bytes()).is_some(), "{good}");
        }
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.x",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "é0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Context::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn without_tracing_a_trace_goes_through_as_it_came() {
        let sent = headers(&[("traceparent", GOOD), ("tracestate", "a=b")]);
        let trace = trace_of(&sent, None);
        let mut metadata = sent.clone();
        trace.apply(&mut metadata);
        assert_eq!(metadata, sent);
        assert_eq!(trace.id(), Some(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736));
        assert_eq!(trace_of(&HeaderMap::new(), None), Trace::default());
    }

    #[test]
    fn what_is_invalid_goes_no_further() {
        for sent in [
            headers(&[("traceparent", "00-x"), ("tracestate", "a=b")]),
            headers(&[("tracestate", "a=b")]),
            headers(&[("traceparent", GOOD), ("traceparent", GOOD)]),
        ] {
            let mut metadata = sent.clone();
            trace_of(&sent, None).apply(&mut metadata);
            assert!(metadata.is_empty(), "{metadata:?}");
            let trace = trace_of(&sent, Some(Sample::new(100)));
            assert_ne!(trace.own.unwrap().trace, 0);
        }
    }

    #[test]
    fn with_tracing_the_request_is_a_span_of_the_clients_trace() {
        let unsampled = GOOD.replace("-01", "-00");
        for (sent, recorded) in [(GOOD, true), (unsampled.as_str(), false)] {
            let sent = headers(&[("traceparent", sent), ("tracestate", "a=b")]);
            // The client has decided already, whatever the share.
            for percent in [0, 100] {
                let trace = trace_of(&sent, Some(Sample::new(percent)));
                let (client, own) = (trace.client.unwrap(), trace.own.unwrap());
                assert_eq!((own.trace, own.flags), (client.trace, client.flags));
                assert_ne!(own.span, client.span);
                assert_eq!(trace.recorded().is_some(), recorded);
                let mut metadata = sent.clone();
                trace.apply(&mut metadata);
                assert_eq!(metadata["traceparent"], own.header());
                assert_eq!(metadata["tracestate"], "a=b");
            }
        }
    }

    #[test]
    fn the_share_of_new_traces_is_held_to() {
        for (percent, from, to) in [(0, 0, 0), (10, 700, 1300), (50, 4600, 5400), (100, 10_000, 10_000)] {
            let recorded =
                |_: &u32| trace_of(&HeaderMap::new(), Some(Sample::new(percent))).recorded().is_some();
            let count = (0..10_000).filter(recorded).count();
            assert!((from..=to).contains(&count), "{percent}%: {count} of 10000");
        }
    }
}
