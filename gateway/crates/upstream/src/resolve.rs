//! Names to addresses: looked up at start and every few seconds, the last good answer kept.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Weak;
use std::time::Duration;

use tokio::time::Instant;

use crate::connect_problem::ConnectError;
use crate::group::Group;
use crate::lookout::PATIENCE;
use crate::pace::LogPace;

/// Between two look-ups. The system's resolver tells no TTL; 5 s is what Cloud Map and headless services are made for.
const INTERVAL: Duration = Duration::from_secs(5);
/// After a failed look-up, while nothing is known yet.
const RETRY: Duration = Duration::from_millis(500);

/// Keeps the endpoints of one name up to date until the upstream is gone.
pub(crate) async fn follow(group: Weak<Group>, source: usize, host: String, port: u16) {
    let mut known = false;
    let (mut logged, mut pace) = (None, LogPace::default());
    loop {
        let lookup = tokio::net::lookup_host((host.as_str(), port));
        tokio::pin!(lookup);
        let result = tokio::select! {
            biased;
            result = &mut lookup => result,
            () = tokio::time::sleep(PATIENCE), if !known => {
                // Calls do not wait for a slow name server; the endpoints are used when they come.
                let Some(group) = group.upgrade() else { return };
                group.unresolved(source, ConnectError::resolving(&host, PATIENCE));
                drop(group);
                lookup.await
            }
        };
        let Some(group) = group.upgrade() else { return };
        match result.map(|found| found.collect::<BTreeSet<SocketAddr>>()) {
            Ok(found) if !found.is_empty() => {
                known = true;
                logged = None;
                group.resolved(source, &found);
            }
            outcome => {
                let error = ConnectError::unresolved(&host, outcome.err().as_ref());
                group.metrics().connect_failed(error.problem());
                if logged.as_ref() != Some(&error) && pace.allows(Instant::now()) {
                    let (reason, help) = (error.problem().name(), error.problem().help());
                    tracing::warn!(
                        upstream = group.name(),
                        host,
                        reason,
                        error = &**error.message(),
                        help,
                        "name does not resolve"
                    );
                    logged = Some(error.clone());
                }
                group.unresolved(source, error);
            }
        }
        drop(group);
        tokio::time::sleep(if known { INTERVAL } else { RETRY }).await;
    }
}
