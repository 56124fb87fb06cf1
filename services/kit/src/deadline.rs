//! The caller's deadline: a call that `grpc-timeout` gives no more time is ended with DEADLINE_EXCEEDED.
//!
//! tonic's server ends such a call too, but as CANCELLED; this layer stands inside of it and is a moment earlier.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

/// How much earlier than the server. Its timer runs in milliseconds.
const EARLIER: Duration = Duration::from_millis(2);

/// Puts [`Deadline`] around a service.
#[derive(Debug, Clone, Copy)]
pub struct DeadlineLayer;

/// Ends the calls that go through it at their deadline.
#[derive(Debug, Clone)]
pub struct Deadline<S>(S);

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline(inner)
    }
}

impl<S> Service<Request<Body>> for Deadline<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let patience = timeout_in(request.headers());
        let answer = self.0.call(request);
        let Some(patience) = patience else { return Box::pin(answer) };
        Box::pin(async move {
            match tokio::time::timeout(patience.saturating_sub(EARLIER), answer).await {
                Ok(answer) => answer,
                Err(_) => Ok(Status::deadline_exceeded("the deadline of the call has passed").into_http()),
            }
        })
    }
}

/// The `grpc-timeout` of a request: up to eight digits and a unit. A malformed one is left to tonic, which ignores it.
fn timeout_in(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_timeout_is_digits_and_a_unit() {
        for (text, wanted) in [
            ("3S", Some(Duration::from_secs(3))),
            ("250m", Some(Duration::from_millis(250))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("1M", Some(Duration::from_secs(60))),
            ("5u", Some(Duration::from_micros(5))),
            ("7n", Some(Duration::from_nanos(7))),
            ("", None),
            ("S", None),
            ("3", None),
            ("3s", None),
            ("+3S", None),
            ("123456789S", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", HeaderValue::from_static(text));
            assert_eq!(timeout_in(&headers), wanted, "{text}");
        }
        assert_eq!(timeout_in(&HeaderMap::new()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_time_left_is_ended() {
        let endless = tower::service_fn(|_| std::future::pending::<Result<Response<Body>, Status>>());
        let request = Request::builder().header("grpc-timeout", "50m").body(Body::empty()).unwrap();
        let answer = DeadlineLayer.layer(endless).call(request).await.unwrap();
        assert_eq!(answer.headers().get("grpc-status").unwrap(), "4");
    }
}
