//! Upstreams: the spec of each, with its defaults filled in and its certificates read.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderName;
use indexmap::IndexMap;
use upstream::{
    Address, Balance, BreakerSpec, Codes, HealthCheckSpec, Identity, KeepaliveSpec, OutlierSpec, Pem,
    Percent, RetrySpec, Scheme, TlsSpec, UpstreamSpec, code,
};

use super::{is_lost, tls};
use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::files::File;
use crate::config::model::ShownBy;
use crate::config::raw::{
    At, Key, Part, RawBalance, RawBreaker, RawHealthCheck, RawKeepalive, RawOutlier, RawRetry, RawTls,
    RawUpstream,
};
use crate::config::suggest;

/// The upstreams of all files.
#[derive(Debug, Default)]
pub(super) struct Upstreams {
    pub(super) specs: IndexMap<Arc<str>, UpstreamSpec>,
    /// Every name, also of those that are broken: a reference to them is no second mistake.
    names: IndexMap<Arc<str>, Place>,
    hashes: HashMap<Arc<str>, HeaderName>,
    /// Whether there are others, which could not be read.
    lost: bool,
}

impl Upstreams {
    /// The upstream of a name, and a finding when there is none.
    pub(super) fn resolve(&self, name: &At<String>, context: &mut Context) -> Option<Arc<str>> {
        if let Some((known, _)) = self.names.get_key_value(name.value.as_str()) {
            return Some(Arc::clone(known));
        }
        if self.lost {
            return None;
        }
        let finding =
            Diagnostic::error(Code::UnknownUpstream, format!("no upstream is named `{}`", name.value))
                .at(name.place, "used here");
        if !context.may_compare(self.names.len()) {
            context.push(finding);
            return None;
        }
        let known = self.names.keys().map(|name| &**name);
        let help = suggest::did_you_mean(&name.value, known.clone()).unwrap_or_else(|| {
            if self.names.is_empty() {
                format!("add it: `upstreams: {{{}: {{address: localhost:50051}}}}`", name.value)
            } else {
                format!("add it under `upstreams`; there are: {}", suggest::list(known))
            }
        });
        context.push(finding.with_help(help));
        None
    }

    /// Every name, with its place.
    pub(super) fn names(&self) -> impl Iterator<Item = (&Arc<str>, Place)> {
        self.names.iter().map(|(name, place)| (name, *place))
    }

    /// The request header that the upstream balances by.
    pub(super) fn hash(&self, name: &str) -> Option<&HeaderName> {
        self.hashes.get(name)
    }
}

/// Lowers the upstreams of all files.
pub(super) fn upstreams(files: &[File], context: &mut Context) -> Upstreams {
    let mut upstreams = Upstreams { lost: is_lost(files, "upstreams"), ..Upstreams::default() };
    for file in files {
        for (key, raw) in &file.raw.upstreams {
            if let Some(first) = upstreams.names.get(key.name.as_str()) {
                context.push(twice(key, *first));
                continue;
            }
            let name: Arc<str> = Arc::from(key.name.as_str());
            upstreams.names.insert(Arc::clone(&name), key.place);
            if let Some(At { value: RawBalance::HashHeader(header), .. }) = &raw.balance
                && let Ok(header) = header.parse()
            {
                upstreams.hashes.insert(Arc::clone(&name), header);
            }
            if let Some(spec) = upstream(&name, file, raw, context) {
                upstreams.specs.insert(name, spec);
            }
        }
    }
    upstreams
}

fn twice(key: &Key, first: Place) -> Diagnostic {
    Diagnostic::error(Code::DuplicateKey, format!("the upstream `{}` is defined twice", key.name))
        .at(key.place, "again here")
        .and_at(first, "first here")
        .with_help("give one of them another name")
}

fn upstream(name: &str, file: &File, raw: &RawUpstream, context: &mut Context) -> Option<UpstreamSpec> {
    let addresses: Vec<(Address, Place)> = raw.address.iter().filter_map(|at| address(at, context)).collect();
    let tls = raw.tls.as_ref().map(|tls| tls_spec(name, file, tls, &addresses, context));
    server_names(raw.tls.as_ref(), &addresses, context);
    let mut spec = UpstreamSpec::new(addresses.into_iter().map(|(address, _)| address).collect());
    spec.tls = tls.unwrap_or_default();
    if let Some(balance) = &raw.balance {
        spec.balance = match balance.value {
            RawBalance::RoundRobin => Balance::RoundRobin,
            RawBalance::LeastRequest => Balance::LeastRequest,
            RawBalance::Random => Balance::Random,
            RawBalance::HashHeader(_) => Balance::Hash,
        };
    }
    set(&mut spec.connect_timeout, &raw.connect_timeout);
    set(&mut spec.timeout, &raw.timeout);
    match &raw.retry {
        Some(Part::Off) => spec.retry.attempts = 1,
        Some(Part::On(raw)) => retry(&mut spec.retry, raw, context),
        None => {}
    }
    if let Some(raw) = &raw.circuit_breaker {
        breaker(&mut spec.circuit_breaker, raw);
    }
    spec.outlier_detection = part(&raw.outlier_detection, spec.outlier_detection.take(), outlier);
    spec.health_check = part(&raw.health_check, spec.health_check.take(), health_check);
    spec.keepalive = part(&raw.keepalive, spec.keepalive.take(), keepalive);
    set(&mut spec.max_metadata, &raw.max_metadata);
    check_metadata(raw, context);
    spec.max_message = raw.max_message.as_ref().map(|at| at.value);
    warn_about_tries(&spec, raw, context);
    (!spec.addresses.is_empty()).then_some(spec)
}

fn address(at: &At<String>, context: &mut Context) -> Option<(Address, Place)> {
    match Address::parse(&at.value) {
        Ok(address) => Some((address, at.place)),
        Err(error) => {
            context.push(Diagnostic::error(Code::BadAddress, error.to_string()).at(at.place, "").with_help(
                "an address is host:port, http://host, https://host, dns:///host:port or unix:/path",
            ));
            None
        }
    }
}

fn tls_spec(
    name: &str,
    file: &File,
    raw: &RawTls,
    addresses: &[(Address, Place)],
    context: &mut Context,
) -> Option<TlsSpec> {
    let contradicting = if raw.enabled { Scheme::Plain } else { Scheme::Tls };
    for (_, place) in addresses.iter().filter(|(address, _)| address.scheme() == contradicting) {
        let (message, says) = if raw.enabled {
            ("`tls` for an address that says http://", "says plain text")
        } else {
            ("`tls: false` for an address that says https://", "says TLS")
        };
        context.push(
            Diagnostic::error(Code::KeyConflict, message)
                .at(*place, says)
                .and_at(raw.at.place, "says otherwise")
                .with_help("write the address as host:port and let `tls` decide, or remove `tls`"),
        );
    }
    if !raw.enabled {
        return None;
    }
    let ca = raw.ca.as_ref().and_then(|path| tls::certificates(file, path, context));
    Some(TlsSpec {
        ca: ca.map(Pem::new),
        identity: identity(name, file, raw, context),
        server_name: raw.server_name.as_ref().map(|at| at.value.clone()),
    })
}

/// Tells about names that no certificate can be for: with them an upstream cannot begin TLS.
fn server_names(raw: Option<&RawTls>, addresses: &[(Address, Place)], context: &mut Context) {
    if let Some(name) = raw.and_then(|tls| tls.server_name.as_ref()) {
        if !tls::is_server_name(&name.value) {
            let message = format!("`{}` is not a name that a certificate can be for", name.value);
            context.push(
                Diagnostic::error(Code::BadValue, message)
                    .at(name.place, "")
                    .with_help("write a host name, or an IP address without brackets; neither has a port"),
            );
        }
        return;
    }
    let enabled = raw.is_some_and(|tls| tls.enabled);
    for (address, place) in addresses {
        // Where they contradict each other, that has been told.
        match address.scheme() {
            Scheme::Tls => tls::check_host(address, *place, context),
            Scheme::Unsaid if enabled => tls::check_host(address, *place, context),
            Scheme::Unsaid | Scheme::Plain => {}
        }
    }
}

fn identity(name: &str, file: &File, raw: &RawTls, context: &mut Context) -> Option<Identity> {
    let certificate =
        raw.certificate.as_ref().and_then(|at| Some((at, tls::certificates(file, at, context)?)));
    let key = raw.key.as_ref().and_then(|at| Some((at, tls::private_key(file, at, context)?)));
    let ((certificate_at, certificate), (key_at, key)) = certificate.zip(key)?;
    if !tls::check_pair((certificate_at, &certificate), (key_at, &key), context) {
        return None;
    }
    tls::note_expiry(ShownBy::Upstream(name.into()), certificate_at, &certificate, context);
    Some(Identity { certificate: Pem::new(certificate), key: Pem::new(key) })
}

fn set<T: Clone>(target: &mut T, value: &Option<At<T>>) {
    if let Some(at) = value {
        *target = at.value.clone();
    }
}

/// A part that can be switched off: what the file says, over the default.
fn part<R, S: Default>(
    raw: &Option<Part<R>>,
    default: Option<S>,
    apply: impl FnOnce(&mut S, &R),
) -> Option<S> {
    match raw {
        None => default,
        Some(Part::Off) => None,
        Some(Part::On(raw)) => {
            let mut spec = default.unwrap_or_default();
            apply(&mut spec, raw);
            Some(spec)
        }
    }
}

fn retry(spec: &mut RetrySpec, raw: &RawRetry, context: &mut Context) {
    set(&mut spec.attempts, &raw.attempts);
    if let Some(on) = &raw.on {
        let codes: Vec<u32> = on.iter().filter_map(|at| retried(at, context)).collect();
        spec.on = Codes::of(&codes);
    }
    set(&mut spec.backoff_base, &raw.base);
    set(&mut spec.backoff_max, &raw.max);
    if let Some(at) = &raw.per_try_timeout {
        spec.per_try_timeout = Some(at.value);
    }
    set_percent(&mut spec.budget, &raw.budget);
    if let (Some(base), Some(max)) = (&raw.base, &raw.max)
        && base.value > max.value
    {
        context.push(
            Diagnostic::error(Code::BadValue, "the first wait is longer than the longest one")
                .at(base.place, "base")
                .and_at(max.place, "max")
                .with_help("make `base` the shorter one; it doubles with each try, up to `max`"),
        );
    }
}

/// The code of a name that can be retried.
fn retried(at: &At<String>, context: &mut Context) -> Option<u32> {
    error_code(at, "a call that succeeded is not tried again", "remove OK", context)
}

/// Returns the gRPC code of a name. `ok` and `help_ok` are reported for `OK`.
pub(super) fn error_code(at: &At<String>, ok: &str, help_ok: &str, context: &mut Context) -> Option<u32> {
    let number = code::from_name(&at.value);
    if let Some(number) = number.filter(|number| *number != code::OK) {
        return Some(number);
    }
    let (message, help) = if number == Some(code::OK) {
        (ok.to_owned(), help_ok.to_owned())
    } else {
        let help = suggest::did_you_mean(&at.value, code::names()).unwrap_or_else(|| {
            "gRPC codes are written as UNAVAILABLE, DEADLINE_EXCEEDED or RESOURCE_EXHAUSTED".to_owned()
        });
        (format!("`{}` is no gRPC code", at.value), help)
    };
    context.push(Diagnostic::error(Code::BadValue, message).at(at.place, "").with_help(help));
    None
}

fn set_percent(target: &mut Percent, value: &Option<At<u8>>) {
    if let Some(percent) = value.as_ref().and_then(|at| Percent::new(at.value)) {
        *target = percent;
    }
}

fn breaker(spec: &mut BreakerSpec, raw: &RawBreaker) {
    set(&mut spec.max_requests, &raw.max_requests);
    set(&mut spec.max_pending, &raw.max_pending);
    set(&mut spec.max_retries, &raw.max_retries);
}

fn outlier(spec: &mut OutlierSpec, raw: &RawOutlier) {
    set(&mut spec.consecutive_errors, &raw.consecutive_errors);
    set(&mut spec.ejection, &raw.ejection);
    set_percent(&mut spec.max_ejected, &raw.max_ejected);
}

fn health_check(spec: &mut HealthCheckSpec, raw: &RawHealthCheck) {
    set(&mut spec.interval, &raw.interval);
    set(&mut spec.timeout, &raw.timeout);
    set(&mut spec.service, &raw.service);
    set(&mut spec.unhealthy_after, &raw.unhealthy_after);
    set(&mut spec.healthy_after, &raw.healthy_after);
    // `true` is the default as well: only a key says that the checks are meant.
    let RawHealthCheck { interval, timeout, service, unhealthy_after, healthy_after } = raw;
    spec.strict = interval.is_some()
        || timeout.is_some()
        || service.is_some()
        || unhealthy_after.is_some()
        || healthy_after.is_some();
}

fn keepalive(spec: &mut KeepaliveSpec, raw: &RawKeepalive) {
    set(&mut spec.interval, &raw.interval);
    set(&mut spec.timeout, &raw.timeout);
    spec.within_defaults = raw.interval.is_none() && raw.timeout.is_none();
}

/// What the gateway itself sends with each call takes most of it: pseudo-headers, `x-forwarded-*`, the request id, the trace.
const MIN_METADATA: usize = 1 << 10;

fn check_metadata(raw: &RawUpstream, context: &mut Context) {
    let Some(at) = raw.max_metadata.as_ref().filter(|at| at.value < MIN_METADATA) else { return };
    context.push(
        Diagnostic::error(Code::BadSize, "`max_metadata` of less than 1KiB rejects ordinary requests")
            .at(at.place, "too small")
            .with_help("write 1KiB or more; the default is 8KiB"),
    );
}

/// A try that may take as long as the whole call leaves no time for another.
fn warn_about_tries(spec: &UpstreamSpec, raw: &RawUpstream, context: &mut Context) {
    let Some(Part::On(RawRetry { per_try_timeout: Some(per_try), .. })) = &raw.retry else {
        return;
    };
    if per_try.value >= spec.timeout && spec.retry.attempts > 1 {
        let mut finding = Diagnostic::warning(Code::Ineffective, "a try may take as long as the whole call")
            .at(per_try.place, "no time is left for another try")
            .with_help("make `per_try_timeout` shorter than `timeout`, or `timeout` longer");
        if let Some(timeout) = &raw.timeout {
            finding = finding.and_at(timeout.place, "the whole call");
        } else {
            finding = finding.with_note(format!("the timeout of the upstream is {:?}", spec.timeout));
        }
        context.push(finding);
    }
}
