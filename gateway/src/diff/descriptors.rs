//! What changed descriptors do to clients, in one line: what a reload reports.

use std::fmt;

use super::{Report, render};
use crate::config::GatewayConfig;
use crate::route::OriginKind;

/// Changes that are listed; more are counted.
const SHOWN: usize = 10;

/// What the descriptors of a new configuration change for clients. `Display` lists the changes in the words of `gateway diff`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DescriptorChanges {
    breaking: Vec<String>,
    harmless: Vec<String>,
}

impl DescriptorChanges {
    /// Compares the descriptors of two configurations. Returns `None` if they are equal. Takes time that grows with the number
    /// of routes.
    ///
    /// Changes of routes.yaml are not among the results: an operator has made them for this gateway.
    pub fn between(old: &GatewayConfig, new: &GatewayConfig) -> Option<Self> {
        if old.schema_digest == new.schema_digest {
            return None;
        }
        Some(Self::of(&Report::between(old, new)))
    }

    fn of(report: &Report) -> Self {
        let mut changes = Self::default();
        for (route, now) in report.removed.iter().filter(|(route, _)| is_derived(route.origin.kind)) {
            changes.breaking.push(format!("route {} is gone ({now})", route.name));
        }
        for altered in &report.altered {
            let breaking = altered.alterations.iter().filter(|alteration| alteration.breaking);
            let derived = is_derived(altered.origin);
            for alteration in breaking.filter(|alteration| follows_descriptors(&alteration.what, derived)) {
                changes.breaking.push(format!(
                    "route {}: {}",
                    altered.route,
                    render::change_text(alteration)
                ));
            }
        }
        for (change, routes) in &report.messages {
            let routes: Vec<&str> = routes.iter().map(|route| &**route).collect();
            let text = format!("{change} ({})", render::names(&routes));
            let list = if change.is_breaking() { &mut changes.breaking } else { &mut changes.harmless };
            list.push(text);
        }
        changes
    }

    /// How many changes break clients.
    pub const fn breaking(&self) -> usize {
        self.breaking.len()
    }
}

/// Whether the descriptors make routes of this kind.
const fn is_derived(origin: OriginKind) -> bool {
    matches!(origin, OriginKind::Annotation | OriginKind::Auto)
}

/// Whether the descriptors decide this part of a route. An annotation decides more than a route of the file leaves to them.
fn follows_descriptors(what: &str, derived: bool) -> bool {
    what.starts_with("path variable") || derived && matches!(what, "body" | "response_body")
}

impl fmt::Display for DescriptorChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (breaking, harmless) = (self.breaking.len(), self.harmless.len());
        let shown = match (breaking, harmless) {
            (0, 0) => return f.write_str("descriptors: nothing changes for clients"),
            (0, 1) => {
                f.write_str("descriptors: 1 change, which does not break clients: ")?;
                &self.harmless
            }
            (0, many) => {
                write!(f, "descriptors: {many} changes, none of which breaks clients: ")?;
                &self.harmless
            }
            (1, _) => {
                f.write_str("descriptors: 1 change breaks clients: ")?;
                &self.breaking
            }
            (many, _) => {
                write!(f, "descriptors: {many} changes break clients: ")?;
                &self.breaking
            }
        };
        let listed: Vec<&str> = shown.iter().take(SHOWN).map(String::as_str).collect();
        f.write_str(&listed.join("; "))?;
        match shown.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_bounded() {
        let changes = |breaking: usize, harmless: usize| DescriptorChanges {
            breaking: (0..breaking).map(|number| format!("b{number}")).collect(),
            harmless: (0..harmless).map(|number| format!("h{number}")).collect(),
        };
        for (breaking, harmless, text) in [
            (0, 0, "descriptors: nothing changes for clients"),
            (0, 1, "descriptors: 1 change, which does not break clients: h0"),
            (0, 2, "descriptors: 2 changes, none of which breaks clients: h0; h1"),
            (1, 1, "descriptors: 1 change breaks clients: b0"),
            (
                5000,
                0,
                "descriptors: 5000 changes break clients: b0; b1; b2; b3; b4; b5; b6; b7; b8; b9; and 4990 more",
            ),
        ] {
            assert_eq!(changes(breaking, harmless).to_string(), text);
        }
    }
}
