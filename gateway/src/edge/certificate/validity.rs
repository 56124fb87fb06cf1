//! When a certificate is valid (RFC 5280 section 4.1.2.5).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::der::element;

/// The period in which a certificate is valid. Both ends are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// `notBefore`
    pub from: SystemTime,
    /// `notAfter`
    pub until: SystemTime,
}

/// The tags of DER that occur on the way.
mod tag {
    pub(super) const INTEGER: u8 = 0x02;
    pub(super) const UTC_TIME: u8 = 0x17;
    pub(super) const GENERALIZED_TIME: u8 = 0x18;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const VERSION: u8 = 0xa0;
}

impl Validity {
    /// Reads the period of a certificate in DER; `None` if it is not an X.509 certificate.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        of(certificate)
    }
}

fn of(certificate: &[u8]) -> Option<Validity> {
    let (_, body, _) = element(certificate, Some(tag::SEQUENCE))?;
    let (_, mut rest, _) = element(body, Some(tag::SEQUENCE))?;
    if rest.first() == Some(&tag::VERSION) {
        (_, _, rest) = element(rest, None)?;
    }
    // serialNumber, signature, issuer
    for tag in [tag::INTEGER, tag::SEQUENCE, tag::SEQUENCE] {
        (_, _, rest) = element(rest, Some(tag))?;
    }
    let (_, validity, _) = element(rest, Some(tag::SEQUENCE))?;
    let (kind, from, rest) = element(validity, None)?;
    let (until_kind, until, _) = element(rest, None)?;
    Some(Validity { from: time(kind, from)?, until: time(until_kind, until)? })
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
fn time(kind: u8, text: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match kind {
        tag::UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: u64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        tag::GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let number = |at: usize| -> Option<u64> { rest.get(at..at + 2)?.parse().ok() };
    let (month, day) = (number(0)?, number(2)?);
    let seconds = number(4)? * 3600 + number(6)? * 60 + number(8)?;
    let since_epoch = days_before(year, month, day)?.checked_mul(86_400)?.checked_add(seconds)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(since_epoch))
}

/// The days from 1970-01-01 to a date of the Gregorian calendar; dates before count as the first day.
fn days_before(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if year < 1970 {
        return Some(0);
    }
    // Years begin in March, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    // The days from 0000-03-01 to 1970-01-01.
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (year, month, day, days) in
            [(1970, 1, 1, 0), (2000, 2, 29, 11_016), (2000, 3, 1, 11_017), (2026, 11, 22, 20_779)]
        {
            assert_eq!(days_before(year, month, day), Some(days), "{year}-{month}-{day}");
        }
        assert_eq!(days_before(2026, 13, 1), None);
    }

    #[test]
    fn times() {
        let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(time(tag::UTC_TIME, b"700101000001Z"), at(1));
        assert_eq!(time(tag::GENERALIZED_TIME, b"20000301000000Z"), at(11_017 * 86_400));
        for text in [&b""[..], b"Z", b"7001010000", b"70010100000\xffZ", b"709901000000Z"] {
            assert_eq!(time(tag::UTC_TIME, text), None);
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_validity() {
        for der in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x02\x30\x00", b"\x30\x80"] {
            assert_eq!(of(der), None);
        }
    }
}
