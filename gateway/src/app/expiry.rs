//! Warnings before certificates expire while the gateway runs.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use crate::config::{CertificateExpiry, ShownBy};
use crate::snapshot::Current;

const DAY: Duration = Duration::from_secs(86_400);
/// The time left at which a certificate is reported, and once more when it has expired.
const WARNINGS: [Duration; 3] = [Duration::from_secs(30 * 86_400), Duration::from_secs(7 * 86_400), DAY];
/// The longest pause: a reload may have brought other certificates, and clocks are set.
const LOOK: Duration = Duration::from_secs(10);

/// Watches the certificates of the running configuration, for ever.
pub(super) async fn watch(current: &Current) {
    let mut watch = ExpiryWatch::default();
    loop {
        let snapshot = current.pin();
        let now = SystemTime::now();
        for notice in watch.look(&snapshot.config.expiries, now) {
            notice.log(now);
        }
        let pause = pause(&snapshot.config.expiries, now);
        drop(snapshot);
        tokio::time::sleep(pause).await;
    }
}

/// The time until the next certificate has to be reported, at most [`LOOK`].
fn pause(expiries: &[CertificateExpiry], now: SystemTime) -> Duration {
    let left = expiries.iter().filter_map(|expiry| expiry.until.duration_since(now).ok());
    let next = left.flat_map(|left| {
        [Duration::ZERO].into_iter().chain(WARNINGS).filter_map(move |warning| left.checked_sub(warning))
    });
    // Certificates are valid up to and including the last second.
    next.map(|pause| pause + Duration::from_secs(1)).min().unwrap_or(LOOK).min(LOOK)
}

/// What has been reported of each certificate.
#[derive(Debug, Default)]
struct ExpiryWatch {
    /// The number of warnings that are over.
    reported: HashMap<CertificateExpiry, usize>,
}

/// A certificate to report.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Notice<'e>(&'e CertificateExpiry);

impl ExpiryWatch {
    /// Returns the certificates that have come nearer to their end than a warning that was not given so far. Forgets those
    /// that are no longer in use.
    fn look<'e>(&mut self, expiries: &'e [CertificateExpiry], now: SystemTime) -> Vec<Notice<'e>> {
        self.reported.retain(|known, _| expiries.contains(known));
        let mut notices = Vec::new();
        for expiry in expiries {
            let stage = stage(expiry.until, now);
            let reported = self.reported.entry(expiry.clone()).or_default();
            if stage > *reported {
                *reported = stage;
                notices.push(Notice(expiry));
            }
        }
        notices
    }
}

/// How many of the warnings, and of the end itself, have been reached.
fn stage(until: SystemTime, now: SystemTime) -> usize {
    match until.duration_since(now) {
        Ok(left) => WARNINGS.iter().filter(|warning| left <= **warning).count(),
        Err(_) => WARNINGS.len() + 1,
    }
}

impl Notice<'_> {
    fn log(&self, now: SystemTime) {
        let CertificateExpiry { shown_by, file, until } = self.0;
        let text = match until.duration_since(now) {
            Ok(left) => format!("certificate expires in {}", rounded(left)),
            Err(_) => "certificate has expired; handshakes fail".to_owned(),
        };
        match shown_by {
            ShownBy::Listener(listener) => tracing::warn!(%listener, certificate = file, "{text}"),
            ShownBy::Upstream(upstream) => tracing::warn!(%upstream, certificate = file, "{text}"),
        }
    }
}

/// A duration in its largest unit, rounded to the nearest number.
fn rounded(left: Duration) -> String {
    let seconds = left.as_secs();
    let (unit, name) = match seconds {
        172_800.. => (86_400, "days"),
        7200.. => (3600, "hours"),
        120.. => (60, "minutes"),
        _ => (1, "seconds"),
    };
    format!("{} {name}", (seconds + unit / 2) / unit)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn expiry(file: &str, until: SystemTime) -> CertificateExpiry {
        CertificateExpiry { shown_by: ShownBy::Upstream("orders".into()), file: file.to_owned(), until }
    }

    #[test]
    fn each_warning_is_given_once() {
        let until = UNIX_EPOCH + 1000 * DAY;
        let expiries = [expiry("a.pem", until)];
        let mut watch = ExpiryWatch::default();
        let second = Duration::from_secs(1);
        for (now, is_reported) in [
            (until - 31 * DAY, false),
            (until - 30 * DAY - second, false),
            (until - 30 * DAY, true),
            (until - 29 * DAY, false),
            (until - 7 * DAY, true),
            (until - 6 * DAY, false),
            (until - DAY, true),
            (until, false),
            (until + second, true),
            (until + DAY, false),
        ] {
            assert_eq!(watch.look(&expiries, now).len(), usize::from(is_reported), "{now:?}");
        }
    }

    #[test]
    fn a_late_look_gives_the_last_warning_alone() {
        let until = UNIX_EPOCH + 1000 * DAY;
        for (now, text) in [(until - 2 * DAY, "2 days"), (until - DAY / 2, "12 hours")] {
            let mut watch = ExpiryWatch::default();
            let expiries = [expiry("a.pem", until)];
            assert_eq!(watch.look(&expiries, now).len(), 1);
            assert_eq!(watch.look(&expiries, now).len(), 0);
            assert_eq!(rounded(until.duration_since(now).unwrap()), text);
        }
    }

    #[test]
    fn a_renewed_certificate_is_another_one_and_the_old_one_is_forgotten() {
        let now = UNIX_EPOCH + 1000 * DAY;
        let mut watch = ExpiryWatch::default();
        let (old, renewed) = ([expiry("a.pem", now + DAY)], [expiry("a.pem", now + 90 * DAY)]);
        assert_eq!(watch.look(&old, now).len(), 1);
        assert_eq!(watch.look(&renewed, now).len(), 0);
        assert_eq!(watch.reported.len(), 1);
        assert_eq!(watch.look(&renewed, now + 89 * DAY), [Notice(&renewed[0])]);
    }

    #[test]
    fn the_pause_ends_at_the_next_warning() {
        let now = UNIX_EPOCH + 1000 * DAY;
        let second = Duration::from_secs(1);
        for (left, expected) in [
            (Some(90 * DAY), LOOK),
            (Some(7 * DAY + 3 * second), 4 * second),
            (Some(2 * second), 3 * second),
            (None, LOOK),
        ] {
            let expiries: Vec<_> = left.into_iter().map(|left| expiry("a.pem", now + left)).collect();
            assert_eq!(pause(&expiries, now), expected, "{left:?}");
        }
        assert_eq!(pause(&[expiry("a.pem", now - DAY)], now), LOOK, "nothing more will come");
    }
}
