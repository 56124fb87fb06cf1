//! What can be wrong with the declaration of an entry before its key is looked at.

use http::HeaderName;

use super::Algorithm;
use crate::policy::claims::ClaimName;
use crate::policy::finding::{Finding, Problem};
use crate::policy::headers;

/// What is wrong with the parts of an entry, whatever its key is.
pub fn check_jwt(
    algorithms: &[Algorithm],
    forward: &[(ClaimName, HeaderName)],
    audiences: &[String],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    check_algorithms(algorithms, &mut findings);
    check_forward(forward, &mut findings);
    if audiences.is_empty() {
        findings.push(Finding::new("audience", Problem::AudienceUnchecked));
    }
    findings
}

fn check_algorithms(algorithms: &[Algorithm], findings: &mut Vec<Finding>) {
    let hmac = algorithms.iter().filter(|algorithm| algorithm.is_hmac()).count();
    let problem = match (algorithms.len(), hmac) {
        (0, _) => Problem::NoAlgorithm,
        (all, hmac) if hmac > 0 && hmac < all => Problem::MixedAlgorithms,
        _ => return,
    };
    findings.push(Finding::new("algorithms", problem));
}

fn check_forward(forward: &[(ClaimName, HeaderName)], findings: &mut Vec<Finding>) {
    for (position, (_, name)) in forward.iter().enumerate() {
        if !headers::is_settable(name) {
            findings.push(Finding::new("forward", Problem::HeaderReserved(name.to_string())));
        }
        if forward.iter().take(position).any(|(_, earlier)| headers::fold(earlier) == headers::fold(name)) {
            findings.push(Finding::new("forward", Problem::HeaderTwice(name.to_string())));
        }
    }
}
