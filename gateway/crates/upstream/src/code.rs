//! The gRPC status codes, by number and by name.

/// Success.
pub const OK: u32 = 0;
/// The caller went away.
pub const CANCELLED: u32 = 1;
/// No better code is known.
pub const UNKNOWN: u32 = 2;
/// The request is wrong whatever the state of the system.
pub const INVALID_ARGUMENT: u32 = 3;
/// Time ran out first.
pub const DEADLINE_EXCEEDED: u32 = 4;
/// What was asked for is not there.
pub const NOT_FOUND: u32 = 5;
/// What should be made is there already.
pub const ALREADY_EXISTS: u32 = 6;
/// The caller is known, but may not.
pub const PERMISSION_DENIED: u32 = 7;
/// Something is used up: a quota, a limit of size.
pub const RESOURCE_EXHAUSTED: u32 = 8;
/// The state of the system forbids it.
pub const FAILED_PRECONDITION: u32 = 9;
/// A concurrent change got in the way.
pub const ABORTED: u32 = 10;
/// Past the valid range.
pub const OUT_OF_RANGE: u32 = 11;
/// Not implemented.
pub const UNIMPLEMENTED: u32 = 12;
/// Something is broken.
pub const INTERNAL: u32 = 13;
/// Not there now; trying again may help.
pub const UNAVAILABLE: u32 = 14;
/// Data are lost or corrupt.
pub const DATA_LOSS: u32 = 15;
/// The caller is not known.
pub const UNAUTHENTICATED: u32 = 16;

/// The code's name in capitals; numbers that no code has are `UNKNOWN`.
pub const fn name(code: u32) -> &'static str {
    match code {
        OK => "OK",
        CANCELLED => "CANCELLED",
        INVALID_ARGUMENT => "INVALID_ARGUMENT",
        DEADLINE_EXCEEDED => "DEADLINE_EXCEEDED",
        NOT_FOUND => "NOT_FOUND",
        ALREADY_EXISTS => "ALREADY_EXISTS",
        PERMISSION_DENIED => "PERMISSION_DENIED",
        RESOURCE_EXHAUSTED => "RESOURCE_EXHAUSTED",
        FAILED_PRECONDITION => "FAILED_PRECONDITION",
        ABORTED => "ABORTED",
        OUT_OF_RANGE => "OUT_OF_RANGE",
        UNIMPLEMENTED => "UNIMPLEMENTED",
        INTERNAL => "INTERNAL",
        UNAVAILABLE => "UNAVAILABLE",
        DATA_LOSS => "DATA_LOSS",
        UNAUTHENTICATED => "UNAUTHENTICATED",
        _ => "UNKNOWN",
    }
}

/// The names of all codes, in their order.
pub fn names() -> impl Iterator<Item = &'static str> {
    (OK..=UNAUTHENTICATED).map(name)
}

/// The code with this name, as configuration writes it.
pub fn from_name(text: &str) -> Option<u32> {
    (OK..=UNAUTHENTICATED).find(|code| name(*code) == text)
}

/// The code that stands for an HTTP status when a server gave no gRPC status (gRPC's `http-grpc-status-mapping`).
pub const fn from_http(status: u16) -> u32 {
    match status {
        400 => INTERNAL,
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        404 => UNIMPLEMENTED,
        429 | 502 | 503 | 504 => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        for code in OK..=UNAUTHENTICATED {
            assert_eq!(from_name(name(code)), Some(code));
        }
        assert_eq!(from_name("unavailable"), None);
        assert_eq!(name(17), "UNKNOWN");
    }
}
