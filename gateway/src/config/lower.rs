//! Raw files → the model: resolves names, reads what the files name, compiles routes.
//!
//! Each step goes on with what it could make of its part, so that one load tells everything that is wrong.

mod admin;
mod auth;
mod descriptors;
mod health_target;
mod listeners;
mod methods;
mod plan;
mod policies;
mod routes;
mod services;
mod settings;
mod tls;
mod unused;
mod upstreams;

use super::diagnostic::{Code, Diagnostic, Severity};
use super::files::File;
use super::{Before, Context, GatewayConfig};

pub(super) use health_target::health_target;

/// The model, as far as there is one; whether it may be used is for the findings to say. `before` is what runs now.
pub(super) fn lower(
    files: &[File],
    before: Option<&Before<'_>>,
    context: &mut Context,
) -> Option<GatewayConfig> {
    if files.is_empty() {
        return None;
    }
    settings::told_once(files, context);
    let trusted_proxies = listeners::trusted_proxies(files, context);
    let listeners = listeners::listeners(files, &trusted_proxies, context);
    let admin = admin::admin(files, &listeners, context);
    let settings = settings::settings(files, context);
    let cors = policies::cors(files, context);
    let upstreams = upstreams::upstreams(files, context);
    let mut used = unused::Used::default();
    let mut ways = auth::ways(files, &upstreams, &mut used, context);
    let limiter = auth::limiter(files, &upstreams, &mut used, context);
    ways.vouch_for(&limiter);
    let mut sources = descriptors::sources(files, &upstreams, before, context);
    let (descriptors, services, compiled) = loop {
        let (mark, unrouted) = (context.found.len(), used.clone());
        let descriptors = sources.as_mut().map(|sources| sources.load(before, context)).unwrap_or_default();
        let services = services::services(files, &upstreams, &descriptors, context);
        let inputs = routes::Inputs {
            files,
            upstreams: &upstreams,
            descriptors: &descriptors,
            services: &services,
            settings: &settings,
            ways: &ways,
            limiter: &limiter,
            before,
        };
        let compiled = routes::routes(&inputs, &mut used, context);
        if compiled.takings.is_empty() {
            break (descriptors, services, compiled);
        }
        // Findings about what is held back would be about routes that are not served.
        let found = context.found.split_off(mark);
        if !sources.as_mut().is_some_and(|sources| sources.hold(&compiled.takings, context)) {
            context.found.extend(found);
            break (descriptors, services, compiled);
        }
        used = unrouted;
    };
    used.upstreams.extend(descriptors.asked.iter().cloned());
    // What a broken route would have used is not known.
    let errors = context.found.iter().any(|finding| finding.severity == Severity::Error);
    if !errors {
        unused::unused(&upstreams, &services, &used, context);
        ways.unused(&used, context);
        limiter.unused(&used, context);
    }
    if compiled.routes.is_empty() && !errors && descriptors.silent.is_empty() {
        context.push(
            Diagnostic::warning(
                Code::NoRoutes,
                "there is nothing to serve: no route, annotation or auto service",
            )
            .with_help("add `routes:`, or `annotations: true` to a service under `services:`"),
        );
    }
    let table = compiled.table?;
    Some(GatewayConfig {
        listeners,
        expiries: std::mem::take(&mut context.expiries),
        trusted_proxies,
        admin,
        upstreams: upstreams.specs,
        schema: descriptors.schema?,
        schema_digest: descriptors.digest,
        reflected: descriptors.reflected,
        undescribed: descriptors.silent,
        routes: compiled.routes,
        table,
        auth: ways.specs(),
        rate_limit_service: limiter.spec,
        cors,
        errors: settings.errors,
        hidden_errors: settings.hidden_errors,
        compression: settings.compression,
        limits: settings.limits,
        own: settings.own,
        degraded: settings.degraded,
        docs: settings.docs,
        drain: settings.drain,
        log: settings.log,
        breaking: settings.breaking,
        explain: settings.explain,
        tracing: settings.tracing,
    })
}

/// Whether what a key of the top level says is not known, which has been told: what only follows from that is no second
/// mistake.
fn is_lost(files: &[File], key: &str) -> bool {
    // Whatever is not here may stand in a file that was to be included, and could not be read.
    files.iter().any(|file| file.raw.lost.iter().any(|lost| *lost == key || *lost == "include"))
}
