//! The metrics of certificates and key sets.

use std::time::UNIX_EPOCH;

use crate::config::{GatewayConfig, ShownBy};
use crate::snapshot::Snapshot;
use crate::telemetry::metrics::{Exposition, labels};

/// When the certificates that the gateway shows expire, and when key sets were last fetched.
pub(super) fn metrics(out: &mut Exposition, snapshot: &Snapshot) {
    expiries(out, &snapshot.config);
    let sets = snapshot.policies.key_sets();
    if sets.is_empty() {
        return;
    }
    let about = "When the key set was last fetched, in seconds since 1970; 0 before the first success.";
    out.family("gateway_key_set_last_success_timestamp_seconds", "gauge", about);
    for (url, at) in sets {
        let labels = labels(&[("url", &url)]);
        out.value("gateway_key_set_last_success_timestamp_seconds", &labels, at.unwrap_or_default());
    }
}

fn expiries(out: &mut Exposition, config: &GatewayConfig) {
    if config.expiries.is_empty() {
        return;
    }
    let about = "When the certificate, or another one of its chain, expires, in seconds since 1970.";
    out.family("gateway_certificate_expiry_seconds", "gauge", about);
    for expiry in &config.expiries {
        let labels = match &expiry.shown_by {
            ShownBy::Listener(address) => {
                labels(&[("listener", &address.to_string()), ("file", &expiry.file)])
            }
            ShownBy::Upstream(name) => labels(&[("upstream", name), ("file", &expiry.file)]),
        };
        let until = expiry.until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        out.value("gateway_certificate_expiry_seconds", &labels, until);
    }
}
