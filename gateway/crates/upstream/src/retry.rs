//! Whether a try that failed is followed by another, and when.

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::backoff::Backoff;
use crate::call::Answer;
use crate::error::{CallError, Verdict};
use crate::peer_settings::PeerSettings;
use crate::random::Dice;
use crate::spec::RetrySpec;
use crate::status::{Pushback, pushback};

/// Streams that endpoints refuse unprocessed are tried again without being counted, this often: a server that drains must not
/// fail a call, one that refuses everything must not be asked for ever.
const REFUSALS: u32 = 3;
/// The pause before the second and later of those: by then it is known whether the connection broke as well.
const REFUSAL_PAUSE: Duration = Duration::from_millis(5);
/// A request is not sent again once this many connections broke under it: it may be what breaks them, and each one takes the
/// calls of others with it.
const MAX_BROKEN_CONNECTIONS: usize = 2;

/// What follows a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// This was the outcome.
    Done,
    /// The request is not sent again, because connections broke each time it was.
    Stopped,
    /// Another try after this pause, if the budget allows it.
    Again(Duration),
    /// Another try after this pause, which costs the budget nothing: the last one was never begun.
    Free(Duration),
}

/// The tries of one call so far.
#[derive(Debug)]
pub(crate) struct Tries {
    /// Tries that count.
    pub(crate) made: u32,
    /// Refused ones.
    pub(crate) refused: u32,
    /// The connections that the call was sent on in vain.
    connections: SmallVec<[Arc<PeerSettings>; 2]>,
    pub(crate) idempotent: bool,
}

impl Tries {
    pub(crate) fn new(idempotent: bool) -> Self {
        Self { made: 0, refused: 0, connections: SmallVec::new(), idempotent }
    }

    /// Whether the spec lets another try follow one that may have been processed.
    pub(crate) fn may_repeat(&self, spec: &RetrySpec) -> bool {
        self.idempotent && self.made + 1 < spec.attempts
    }

    /// Whether the call must not be sent again because too many connections broke under it. A connection may break a moment after
    /// the call ended on it.
    pub(crate) fn broke_connections(&self) -> bool {
        let broken = self.connections.iter().filter(|connection| connection.is_broken()).count();
        broken >= MAX_BROKEN_CONNECTIONS
    }

    fn sent_on(&mut self, connection: Arc<PeerSettings>) {
        if !self.connections.iter().any(|known| Arc::ptr_eq(known, &connection)) {
            self.connections.push(connection);
        }
    }

    /// Judges the outcome of the latest try, which was sent on this connection, if it was sent at all; `left` is what remains until
    /// the deadline.
    pub(crate) fn judge(
        &mut self,
        outcome: &Result<Box<Answer>, CallError>,
        sent_on: Option<Arc<PeerSettings>>,
        spec: &RetrySpec,
        left: Duration,
        dice: &Dice,
    ) -> Next {
        if let (Some(connection), Err(error)) = (sent_on, outcome) {
            if matches!(error, CallError::Disconnected(_) | CallError::GoAway(_)) {
                connection.broke();
            }
            self.sent_on(connection);
            if self.broke_connections() {
                return Next::Stopped;
            }
        }
        if matches!(outcome, Err(CallError::Refused | CallError::GoAway(_))) && self.refused < REFUSALS {
            self.refused += 1;
            let is_first = self.refused == 1;
            return Next::Free(if is_first { Duration::ZERO } else { REFUSAL_PAUSE });
        }
        self.made += 1;
        if self.made >= spec.attempts {
            return Next::Done;
        }
        let pause = match outcome {
            Ok(answer) if answer.status.is_ok() => return Next::Done,
            Ok(answer) if self.idempotent && spec.on.contains(answer.status.code) => {
                match pushback(&answer.trailers, answer.status.details.as_ref()) {
                    Pushback::Stop => return Next::Done,
                    Pushback::After(pause) => Some(pause),
                    Pushback::None => None,
                }
            }
            Ok(_) => return Next::Done,
            Err(error) => match error.verdict() {
                Verdict::Safe => None,
                Verdict::IfIdempotent if self.idempotent && spec.on.contains(error.code()) => None,
                Verdict::IfIdempotent | Verdict::Never => return Next::Done,
            },
        };
        let backoff = Backoff { base: spec.backoff_base, max: spec.backoff_max };
        let pause = pause.unwrap_or_else(|| backoff.full_jitter(self.made, dice));
        if pause < left { Next::Again(pause) } else { Next::Done }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};

    use super::*;
    use crate::call::Status;
    use crate::code;
    use crate::spec::Codes;

    const LONG: Duration = Duration::from_secs(3600);

    fn answer(code: u32, pushback: Option<&'static str>) -> Result<Box<Answer>, CallError> {
        let mut trailers = HeaderMap::new();
        if let Some(value) = pushback {
            trailers.insert("grpc-retry-pushback-ms", HeaderValue::from_static(value));
        }
        Ok(Box::new(Answer {
            metadata: HeaderMap::new(),
            message: Bytes::new(),
            trailers,
            status: Status { code, ..Status::default() },
            endpoint: Arc::from("e"),
            attempts: 1,
        }))
    }

    /// What follows the first try: `Some(again)`, whether at once or after a pause.
    fn again(outcome: &Result<Box<Answer>, CallError>, idempotent: bool, spec: &RetrySpec) -> bool {
        Tries::new(idempotent).judge(outcome, None, spec, LONG, &Dice::seeded(1)) != Next::Done
    }

    #[test]
    fn what_is_tried_again() {
        let spec = RetrySpec::default();
        // outcome, of an idempotent call, of another
        let table = [
            (answer(code::OK, None), false, false),
            (answer(code::UNAVAILABLE, None), true, false),
            (answer(code::UNAVAILABLE, Some("5")), true, false),
            (answer(code::UNAVAILABLE, Some("-1")), false, false),
            (answer(code::INTERNAL, None), false, false),
            (Err(CallError::Refused), true, true),
            (Err(CallError::Connect("no".into())), true, true),
            (Err(CallError::Disconnected("eof".into())), true, false),
            (Err(CallError::Reset(2)), false, false),
            (Err(CallError::MissingStatus { http: 503 }), true, false),
            (Err(CallError::MissingStatus { http: 200 }), false, false),
            (Err(CallError::NoEndpoint(crate::NoEndpoint::Unreachable)), false, false),
            (Err(CallError::Overflow(crate::Limit::Requests)), false, false),
            (Err(CallError::Deadline), false, false),
            (Err(CallError::TooLarge { limit: 1 }), false, false),
            (Err(CallError::Protocol("no".into())), false, false),
        ];
        for (outcome, idempotent, other) in table {
            assert_eq!(again(&outcome, true, &spec), idempotent, "idempotent, {outcome:?}");
            assert_eq!(again(&outcome, false, &spec), other, "not idempotent, {outcome:?}");
        }
        let aborted = RetrySpec { on: Codes::of(&[code::ABORTED]), ..spec };
        assert!(again(&answer(code::ABORTED, None), true, &aborted));
        assert!(!again(&answer(code::UNAVAILABLE, None), true, &aborted));
    }

    #[test]
    fn tries_are_counted_and_refusals_are_not() {
        let spec = RetrySpec { attempts: 2, ..RetrySpec::default() };
        let dice = Dice::seeded(1);
        let mut tries = Tries::new(true);
        let refused = Err(CallError::Refused);
        for pause in [Duration::ZERO, REFUSAL_PAUSE, REFUSAL_PAUSE] {
            assert_eq!(tries.judge(&refused, None, &spec, LONG, &dice), Next::Free(pause));
        }
        assert!(matches!(tries.judge(&refused, None, &spec, LONG, &dice), Next::Again(_)));
        assert_eq!(tries.judge(&refused, None, &spec, LONG, &dice), Next::Done);
    }

    #[test]
    fn a_call_is_not_sent_again_once_two_connections_broke_under_it() {
        let spec = RetrySpec { attempts: 100, ..RetrySpec::default() };
        let dice = Dice::seeded(1);
        let connection = || Arc::new(PeerSettings::new(Arc::default()));
        let errors =
            [CallError::Refused, CallError::GoAway("".into()), CallError::Disconnected("".into())].map(Err);
        for (first, second) in
            errors.iter().flat_map(|first| errors.iter().map(move |second| (first, second)))
        {
            let mut tries = Tries::new(true);
            let (one, other) = (connection(), connection());
            let mut judge =
                |outcome, on: &Arc<_>| tries.judge(outcome, Some(Arc::clone(on)), &spec, LONG, &dice);
            assert_ne!(judge(first, &one), Next::Stopped, "{first:?}");
            assert_ne!(judge(first, &one), Next::Stopped, "{first:?} twice, but one connection");
            one.broke();
            let refused_alone = matches!(second, Err(CallError::Refused));
            assert_eq!(judge(second, &other) == Next::Stopped, !refused_alone, "{first:?}, {second:?}");
            // A connection that breaks just after it refused the stream counts as well.
            other.broke();
            assert!(tries.broke_connections(), "{first:?}, {second:?}");
        }
    }

    #[test]
    fn a_pause_is_the_servers_or_our_own_and_never_outlasts_the_deadline() {
        let spec = RetrySpec::default();
        let judge = |outcome, left| Tries::new(true).judge(&outcome, None, &spec, left, &Dice::seeded(1));
        assert_eq!(judge(answer(14, Some("700")), LONG), Next::Again(Duration::from_millis(700)));
        assert_eq!(judge(answer(14, Some("700")), Duration::from_millis(600)), Next::Done);
        let Next::Again(pause) = judge(answer(14, None), LONG) else { panic!("no other try") };
        assert!(pause < spec.backoff_base);
    }
}
