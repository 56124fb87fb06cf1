//! Settings of the whole gateway: each may stand in any file, but in one only.

use std::time::Duration;

use transcode::{DecodeOptions, EncodeOptions};
use upstream::{Address, Scheme, UpstreamSpec};

use super::tls;
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::files::File;
use crate::config::raw::{At, RawLimits};
use crate::config::{Context, LogSpec};
use crate::edge::LimitsSpec;
use crate::proxy::coding::Offer;
use crate::route::{DocsPath, DocsPathError, ErrorFormat, OwnPaths};
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
    "docs",
    "log",
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
    pub(super) compression: Offer,
    pub(super) limits: LimitsSpec,
    pub(super) own: OwnPaths,
    pub(super) drain: Duration,
    pub(super) log: LogSpec,
    pub(super) explain: bool,
    pub(super) tracing: Option<TracingSpec>,
    pub(super) encode: EncodeOptions,
    pub(super) decode: DecodeOptions,
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
    let errors = files.iter().find_map(|file| file.raw.errors.as_ref());
    let explain = files.iter().find_map(|file| file.raw.explain.as_ref());
    let drain = files.iter().find_map(|file| file.raw.drain.as_ref());
    Settings {
        errors: errors.map_or_else(ErrorFormat::default, |at| at.value),
        compression: compression(files, context),
        limits: limits(files, context),
        own: own(files, context),
        drain: drain.map_or(Duration::from_secs(10), |at| at.value),
        log: log(files),
        explain: explain.is_some_and(|at| at.value),
        tracing: tracing(files, context),
        encode: encode(files),
        decode: decode(files),
    }
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

fn encode(files: &[File]) -> EncodeOptions {
    let unknown = files.iter().find_map(|file| file.raw.json.unknown.as_ref());
    let mut options = EncodeOptions::default();
    if let Some(unknown) = unknown {
        options.unknown = unknown.value;
    }
    options
}

fn decode(files: &[File]) -> DecodeOptions {
    let mut options = DecodeOptions::default();
    for json in files.iter().map(|file| &file.raw.json) {
        set(&mut options.unset, &json.unset);
        set(&mut options.names, &json.names);
        set(&mut options.enums, &json.enums);
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

/// Where the gateway answers itself, and that it is not asked for two answers in one place.
fn own(files: &[File], context: &mut Context) -> OwnPaths {
    let mut own = OwnPaths { health: health(files, context), docs: None };
    let Some((docs, place)) = docs(files, context) else { return own };
    let health = own.health.take();
    own.docs = Some(docs);
    if let Some(path) = &health
        && own.find(path).is_some()
    {
        let told = files.iter().find_map(|file| file.raw.health.as_ref());
        let diagnostic =
            Diagnostic::error(Code::BadValue, format!("`docs` and `health` both answer at `{path}`"))
                .at(place, "the page and its files")
                .with_help("move one of them, as `docs: /docs` and `health: /health`");
        context.push(match told {
            Some(told) => diagnostic.and_at(told.place, "the health answer"),
            None => diagnostic.with_note("the health answer is at `/health` when nothing else is said"),
        });
    }
    OwnPaths { health, ..own }
}

fn docs(files: &[File], context: &mut Context) -> Option<(DocsPath, Place)> {
    let raw = files.iter().find_map(|file| file.raw.docs.as_ref()).filter(|raw| !raw.value.is_empty())?;
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

fn health(files: &[File], context: &mut Context) -> Option<String> {
    let Some(raw) = files.iter().find_map(|file| file.raw.health.as_ref()) else {
        return Some("/health".to_owned());
    };
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
