//! The rules of a service configuration that cannot be served: they come with an API, and cost nothing but themselves.

use indexmap::IndexMap;

use super::Inputs;
use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::lower::is_lost;
use crate::config::raw::RawRoute;
use crate::config::suggest;

/// What of one file is left out.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// By service: why, where its first rule is, and how many there are.
    services: IndexMap<String, (Why, Place, usize)>,
}

/// Why the rules of a service are left out.
#[derive(Debug, Clone, Copy)]
enum Why {
    /// No descriptor source has it.
    Unknown,
    /// `services` does not name it.
    NoUpstream,
}

impl Rules {
    /// Whether the gateway can call the method of a rule. Reports a method that does not exist or streams; services are
    /// collected for [`Self::report`].
    pub(super) fn can_be_served(
        &mut self,
        route: &RawRoute,
        inputs: &Inputs<'_>,
        context: &mut Context,
    ) -> bool {
        let Some((service, name)) = route.grpc.value.split_once('/') else { return true };
        // Without descriptors nothing is known of any method.
        let Some(schema) = &inputs.descriptors.schema else { return true };
        let Some(descriptor) = schema.pool().get_service_by_name(service) else {
            if inputs.descriptors.may_come(service) && inputs.services.contains_key(service) {
                return true;
            }
            return self.leave_out(service, Why::Unknown, route);
        };
        if !inputs.services.contains_key(service) && !is_lost(inputs.files, "services") {
            return self.leave_out(service, Why::NoUpstream, route);
        }
        let Some(method) = descriptor.methods().find(|method| method.name() == name) else {
            let names: Vec<String> = descriptor.methods().map(|method| method.name().to_owned()).collect();
            let known = names.iter().map(String::as_str);
            context.push(
                Diagnostic::warning(Code::BadAnnotation, format!("`{service}` has no method `{name}`"))
                    .at(route.grpc.place, "no such method")
                    .with_note("the rule is left out; the other routes are served")
                    .with_help_if(suggest::did_you_mean(name, known)),
            );
            return false;
        };
        if method.is_client_streaming() || method.is_server_streaming() {
            context.push(
                Diagnostic::warning(
                    Code::NotSupported,
                    format!("`{}` is left out: streams are not supported yet", method.full_name()),
                )
                .at(route.grpc.place, "would expose it"),
            );
            return false;
        }
        true
    }

    fn leave_out(&mut self, service: &str, why: Why, route: &RawRoute) -> bool {
        self.services.entry(service.to_owned()).or_insert((why, route.grpc.place, 0)).2 += 1;
        false
    }

    /// Reports the services whose rules are left out, each once.
    pub(super) fn report(self, context: &mut Context) {
        for (service, (why, place, n)) in self.services {
            let left_out = match n {
                1 => format!("a rule for `{service}` is left out"),
                n => format!("{n} rules for `{service}` are left out"),
            };
            let (reason, help) = match why {
                Why::Unknown => (
                    "no descriptor source has this service",
                    "if it is to be served, name a source that has it under `descriptors`".to_owned(),
                ),
                Why::NoUpstream => (
                    "`services` does not name it",
                    format!("if it is to be served, add it under `services`, as `{service}: UPSTREAM`"),
                ),
            };
            context.push(
                Diagnostic::warning(Code::BadAnnotation, format!("{left_out}: {reason}"))
                    .at(place, if n == 1 { "" } else { "the first one" })
                    .with_help(help),
            );
        }
    }
}
