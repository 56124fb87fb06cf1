//! Settings of the whole gateway: each may stand in any file, but in one only.

use std::time::Duration;

use http::StatusCode;
use transcode::{DecodeOptions, EncodeOptions, IgnoredParameters, MaskPaths};
use upstream::{Address, Codes, Scheme, UpstreamSpec};

use super::tls;
use super::upstreams::error_code;
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::files::File;
use crate::config::raw::{At, RawLimits};
use crate::config::{BreakingChanges, Context, DocsSpec, LogSpec};
use crate::edge::LimitsSpec;
use crate::proxy::coding::Offer;
use crate::route::{BodyType, DocsPath, DocsPathError, ErrorFormat, OwnPaths};
use crate::telemetry::memory;
use crate::telemetry::spans::TracingSpec;
use crate::telemetry::trace::Sample;

/// The keys of the top level that only one file may have.
const SINGLE: &[&str] = &[
    "trusted_proxies",
    "admin",
    "json",
    "errors",
    "limits",
    "explain",
    "health",
    "probes",
    "docs",
    "log",
    "reload",
    "drain",
    "cors",
    "rate_limit_service",
    "compression",
    "tracing",
];

/// What the files say about the gateway as a whole.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) errors: ErrorFormat,
    pub(super) hidden_errors: Codes,
    pub(super) compression: Offer,
    pub(super) limits: LimitsSpec,
    pub(super) own: OwnPaths,
    pub(super) degraded: StatusCode,
    pub(super) docs: DocsSpec,
    pub(super) drain: Duration,
    pub(super) log: LogSpec,
    pub(super) breaking: BreakingChanges,
    pub(super) explain: bool,
    pub(super) tracing: Option<TracingSpec>,
    pub(super) encode: EncodeOptions,
    pub(super) decode: DecodeOptions,
    pub(super) body_type: BodyType,
}

/// Tells about settings that two files give.
pub(super) fn told_once(files: &[File], context: &mut Context) {
    for name in SINGLE {
        let mut places = files.iter().filter_map(|file| file.raw.key(name));
        let Some(first) = places.next() else { continue };
        for second in places {
            context.push(
                Diagnostic::error(Code::SetTwice, format!("`{name}` is set by two files"))
                    .at(second, "again here")
                    .and_at(first, "first here")
                    .with_help("it holds for the whole gateway: set it in one file"),
            );
        }
    }
}

/// Gathers the settings; what nobody says has its default.
pub(super) fn settings(files: &[File], context: &mut Context) -> Settings {
    let errors = files.iter().find_map(|file| file.raw.errors.format.as_ref());
    let breaking = files.iter().find_map(|file| file.raw.reload.breaking.as_ref());
    let explain = files.iter().find_map(|file| file.raw.explain.as_ref());
    let drain = files.iter().find_map(|file| file.raw.drain.as_ref());
    Settings {
        errors: errors.map_or_else(ErrorFormat::default, |at| at.value),
        hidden_errors: hidden_errors(files, context),
        compression: compression(files, context),
        limits: limits(files, context),
        own: own(files, context),
        degraded: degraded(files),
        docs: docs_spec(files),
        drain: drain.map_or(Duration::from_secs(10), |at| at.value),
        log: log(files),
        breaking: breaking.map_or_else(BreakingChanges::default, |at| at.value),
        explain: explain.is_some_and(|at| at.value),
        tracing: tracing(files, context),
        encode: encode(files, context),
        decode: decode(files),
        body_type: body_type(files),
    }
}

/// The codes of `errors.hide`.
fn hidden_errors(files: &[File], context: &mut Context) -> Codes {
    let written = files.iter().flat_map(|file| &file.raw.errors.hide);
    let help = "remove OK: a successful call has no error message";
    let codes: Vec<u32> =
        written.filter_map(|at| error_code(at, "OK is not an error", help, context)).collect();
    Codes::of(&codes)
}

/// The codings in the order of the file, each once.
fn compression(files: &[File], context: &mut Context) -> Offer {
    let mut offer = Offer::default();
    for coding in files.iter().flat_map(|file| &file.raw.compression) {
        if offer.0.contains(&coding.value) {
            let message = format!("`{}` stands twice in `compression`", coding.value.name());
            context.push(
                Diagnostic::warning(Code::DuplicateKey, message)
                    .at(coding.place, "again here")
                    .with_help("remove it"),
            );
        } else {
            offer.0.push(coding.value);
        }
    }
    offer
}

fn encode(files: &[File], context: &mut Context) -> EncodeOptions {
    let mut options = EncodeOptions::default();
    for json in files.iter().map(|file| &file.raw.json) {
        set(&mut options.unknown, &json.unknown);
        set(&mut options.any, &json.any);
        set(&mut options.names, &json.names);
        set(&mut options.ignored.system, &json.system_parameters);
        for parameter in &json.ignored_parameters {
            ignore(parameter, &mut options.ignored, context);
        }
    }
    options
}

/// Adds an entry of `json.ignored_parameters`: a name, or what names begin with and `*`.
fn ignore(parameter: &At<String>, ignored: &mut IgnoredParameters, context: &mut Context) {
    let text = parameter.value.as_str();
    let (list, name) = match text.strip_suffix('*') {
        Some(prefix) => (&mut ignored.prefixes, prefix),
        None => (&mut ignored.names, text),
    };
    if !name.is_empty() && !name.contains('*') {
        list.push(name.into());
        return;
    }
    let help = match text {
        "*" => "to accept all unknown parameters and fields, write `unknown: ignore`",
        _ => "write a name, as fbclid, or what names begin with and a `*`, as utm_*",
    };
    context.push(
        Diagnostic::error(Code::BadValue, format!("`{text}` is not a name of parameters"))
            .at(parameter.place, "")
            .with_help(help),
    );
}

fn body_type(files: &[File]) -> BodyType {
    let mut body_type = BodyType::default();
    for json in files.iter().map(|file| &file.raw.json) {
        set(&mut body_type, &json.content_type);
    }
    body_type
}

fn docs_spec(files: &[File]) -> DocsSpec {
    let mut docs = DocsSpec::default();
    for raw in files.iter().filter_map(|file| file.raw.docs.as_ref()) {
        set(&mut docs.title, &raw.title);
        set(&mut docs.version, &raw.version);
    }
    docs
}

fn decode(files: &[File]) -> DecodeOptions {
    // A service that repeats the mask it got is no reason to lose its answer.
    let mut options = DecodeOptions { mask_paths: MaskPaths::ProtoNames, ..DecodeOptions::default() };
    for json in files.iter().map(|file| &file.raw.json) {
        set(&mut options.unset, &json.unset);
        set(&mut options.names, &json.names);
        set(&mut options.enums, &json.enums);
        set(&mut options.any, &json.any);
    }
    options
}

fn set<T: Clone>(target: &mut T, value: &Option<At<T>>) {
    if let Some(at) = value {
        *target = at.value.clone();
    }
}

fn limits(files: &[File], context: &mut Context) -> LimitsSpec {
    let mut limits = LimitsSpec::default();
    limits.buffers = default_buffers(limits.buffers, memory::available());
    for raw in files.iter().map(|file| &file.raw.limits) {
        apply_limits(&mut limits, raw);
        if let Some(at) = raw.headers.as_ref().filter(|at| at.value < MIN_HEADERS) {
            context.push(
                Diagnostic::error(Code::BadSize, "headers of less than 8KiB refuse ordinary requests")
                    .at(at.place, "too small")
                    .with_help("write 8KiB or more; the default is 64KiB"),
            );
        }
        if let Some(at) = raw.share.as_ref().filter(|at| at.value == 0) {
            context.push(
                Diagnostic::error(Code::BadPercent, "a share of 0% leaves nothing to any client")
                    .at(at.place, "too small")
                    .with_help("write 1% or more, as 25%; 100% does not limit clients"),
            );
        }
    }
    limits
}

/// The default of `limits.buffers` where the process may use so much memory: a quarter of that, but no more than `most`.
fn default_buffers(most: usize, memory: Option<u64>) -> usize {
    let quarter = memory.and_then(|memory| usize::try_from(memory / 4).ok());
    quarter.map_or(most, |quarter| quarter.clamp(1, most))
}

/// What browsers with a few cookies need, and what the HTTP reader's buffer takes.
const MIN_HEADERS: usize = 8 << 10;

fn apply_limits(limits: &mut LimitsSpec, raw: &RawLimits) {
    set(&mut limits.body, &raw.body);
    set(&mut limits.response, &raw.response);
    set(&mut limits.headers, &raw.headers);
    set(&mut limits.buffers, &raw.buffers);
    set(&mut limits.share, &raw.share);
    set(&mut limits.header_timeout, &raw.header_timeout);
    set(&mut limits.idle_timeout, &raw.idle_timeout);
    set(&mut limits.stream_idle, &raw.stream_idle);
    let count = |at: &At<u32>| usize::try_from(at.value).unwrap_or(usize::MAX);
    limits.connections = raw.connections.as_ref().map_or(limits.connections, count);
    limits.requests = raw.requests.as_ref().map_or(limits.requests, count);
}

/// The paths on which the gateway answers itself; each has one answer.
fn own(files: &[File], context: &mut Context) -> OwnPaths {
    let health = files.iter().find_map(|file| file.raw.health.path.as_ref());
    let live = files.iter().find_map(|file| file.raw.probes.live.as_ref());
    let ready = files.iter().find_map(|file| file.raw.probes.ready.as_ref());
    let told = [("health", health), ("probes", live), ("probes", ready)];
    let [mut health, live, ready] = told.map(|(_, raw)| raw.and_then(|raw| plain_path(raw, context)));
    if told[0].1.is_none() {
        health = Some("/health".to_owned());
    }
    let page = docs(files, context);
    let own = OwnPaths { health, live, ready, docs: page.as_ref().map(|(path, _)| path.clone()) };
    let place = |index: usize| told.get(index).and_then(|(_, raw)| raw.as_ref()).map(|raw| raw.place);
    let paths = [&own.health, &own.live, &own.ready];
    for (second, path) in paths.iter().enumerate().filter_map(|(index, path)| Some((index, path.as_ref()?))) {
        let names_it = |first: &usize| paths.get(*first).is_some_and(|other| other.as_ref() == Some(path));
        if let Some(first) = (0..second).find(names_it) {
            answered_twice((told[first].0, place(first)), (told[second].0, place(second)), path, context);
        }
        let docs = OwnPaths { docs: own.docs.clone(), ..OwnPaths::default() };
        if docs.find(path).is_some() {
            let page = page.as_ref().map(|(_, place)| *place);
            answered_twice((told[second].0, place(second)), ("docs", page), path, context);
        }
    }
    own
}

/// Reports two keys that claim one path. A key without a place has its default.
fn answered_twice(
    (first, first_at): (&str, Option<Place>),
    (second, second_at): (&str, Option<Place>),
    path: &str,
    context: &mut Context,
) {
    let Some(at) = second_at.or(first_at) else { return };
    let (named, other) = if second_at.is_some() { (second, first) } else { (first, second) };
    let what = |key: &str| if key == "docs" { "the page and its files" } else { "this path" };
    let diagnostic = Diagnostic::error(
        Code::BadValue,
        format!("`{named}` and `{other}` both use the path `{path}`"),
    )
    .at(at, what(named))
    .with_help(
        "change one of them, as `health: /health`, `docs: /docs` or `probes: {live: /live, ready: /ready}`",
    );
    context.push(match first_at.filter(|first| *first != at) {
        Some(first) => diagnostic.and_at(first, what(other)),
        None => diagnostic.with_note("`health` is `/health` by default"),
    });
}

fn docs(files: &[File], context: &mut Context) -> Option<(DocsPath, Place)> {
    let raw = files.iter().find_map(|file| file.raw.docs.as_ref()?.path.as_ref());
    let raw = raw.filter(|raw| !raw.value.is_empty())?;
    let error = match DocsPath::parse(&raw.value) {
        Ok(docs) => return Some((docs, raw.place)),
        Err(error) => error,
    };
    let help = match &error {
        DocsPathError::Slash(meant) => {
            format!("write `{meant}`: the page is served with and without a slash at the end")
        }
        DocsPathError::Relative if DocsPath::parse(&format!("/{}", raw.value)).is_ok() => {
            format!("write `/{}`", raw.value)
        }
        _ => "write a path of letters, digits, `-`, `.`, `_` and `~`, as /docs, or \"\" for none".to_owned(),
    };
    context.push(
        Diagnostic::error(Code::BadValue, format!("`{}` is not a path for a page: {error}", raw.value))
            .at(raw.place, "")
            .with_help(help),
    );
    None
}

/// A path without variables; `None` for the empty one, which stands for no path.
fn plain_path(raw: &At<String>, context: &mut Context) -> Option<String> {
    if raw.value.is_empty() {
        return None;
    }
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '{' | '}' | '*');
    if !raw.value.starts_with('/') || !raw.value.chars().all(plain) {
        context.push(
            Diagnostic::error(Code::BadValue, format!("`{}` is not a path", raw.value))
                .at(raw.place, "")
                .with_help("write a path without variables, as /health, or \"\" for none"),
        );
        return None;
    }
    Some(raw.value.clone())
}

/// The status of the health response while an upstream is unavailable.
fn degraded(files: &[File]) -> StatusCode {
    let written = files.iter().find_map(|file| file.raw.health.degraded.as_ref());
    let status = written.and_then(|at| StatusCode::from_u16(u16::try_from(at.value).ok()?).ok());
    status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

/// A collector is an upstream like any other, but for what would be asked of it besides.
fn tracing(files: &[File], context: &mut Context) -> Option<TracingSpec> {
    let raw = files.iter().find_map(|file| file.raw.tracing.as_ref())?;
    let address = match Address::parse(&raw.otlp.value) {
        Ok(address) => address,
        Err(error) => {
            context.push(
                Diagnostic::error(Code::BadAddress, error.to_string())
                    .at(raw.otlp.place, "")
                    .with_help("write where the collector takes OTLP over gRPC, as http://localhost:4317"),
            );
            return None;
        }
    };
    if address.scheme() == Scheme::Tls {
        tls::check_host(&address, raw.otlp.place, context);
    }
    let mut collector = UpstreamSpec::new(vec![address]);
    collector.health_check = None;
    collector.outlier_detection = None;
    let percent = raw.sample.as_ref().map_or(100, |at| at.value);
    Some(TracingSpec { collector, sample: Sample::new(percent) })
}

fn log(files: &[File]) -> LogSpec {
    let mut log = LogSpec::default();
    for raw in files.iter().map(|file| &file.raw.log) {
        set(&mut log.level, &raw.level);
        set(&mut log.format, &raw.format);
        set(&mut log.access, &raw.access);
        set(&mut log.detail, &raw.detail);
    }
    log
}

#[cfg(test)]
mod tests {
    use super::default_buffers;

    #[test]
    fn buffers_default_to_a_quarter_of_the_memory() {
        const MIB: usize = 1 << 20;
        for (memory, buffers) in [
            (None, 512 * MIB),
            (Some(200 << 20), 50 * MIB),
            (Some(2 << 30), 512 * MIB),
            (Some(64 << 30), 512 * MIB),
            (Some(0), 1),
        ] {
            assert_eq!(default_buffers(512 * MIB, memory), buffers, "{memory:?}");
        }
    }
}
