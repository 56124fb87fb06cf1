//! gRPC status codes, and the HTTP statuses that google.rpc.Code documents for them.

use http::StatusCode;

/// A gRPC status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(u8);

/// The HTTP status of each code, in order (google/rpc/code.proto).
const STATUSES: [StatusCode; 17] = [
    StatusCode::OK,
    CLIENT_CLOSED,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_REQUEST,
    StatusCode::GATEWAY_TIMEOUT,
    StatusCode::NOT_FOUND,
    StatusCode::CONFLICT,
    StatusCode::FORBIDDEN,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_REQUEST,
    StatusCode::CONFLICT,
    StatusCode::BAD_REQUEST,
    StatusCode::NOT_IMPLEMENTED,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::UNAUTHORIZED,
];

/// "Client Closed Request": no registered status says that the call was cancelled.
pub const CLIENT_CLOSED: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => StatusCode::BAD_REQUEST,
};

impl Code {
    /// 0
    pub const OK: Self = Self(0);
    /// 1
    pub const CANCELLED: Self = Self(1);
    /// 2
    pub const UNKNOWN: Self = Self(2);
    /// 3
    pub const INVALID_ARGUMENT: Self = Self(3);
    /// 4
    pub const DEADLINE_EXCEEDED: Self = Self(4);
    /// 5
    pub const NOT_FOUND: Self = Self(5);
    /// 7
    pub const PERMISSION_DENIED: Self = Self(7);
    /// 8
    pub const RESOURCE_EXHAUSTED: Self = Self(8);
    /// 12
    pub const UNIMPLEMENTED: Self = Self(12);
    /// 13
    pub const INTERNAL: Self = Self(13);
    /// 14
    pub const UNAVAILABLE: Self = Self(14);
    /// 16
    pub const UNAUTHENTICATED: Self = Self(16);

    /// The code of this number. A number that is not a code is UNKNOWN, as the gRPC specification says.
    pub const fn from_number(number: u32) -> Self {
        if number < STATUSES.len() as u32 { Self(number as u8) } else { Self::UNKNOWN }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Its name in upper case.
    pub fn name(self) -> &'static str {
        upstream::code::name(u32::from(self.0))
    }

    /// The HTTP status that a client sees for it.
    pub fn http(self) -> StatusCode {
        STATUSES.get(usize::from(self.0)).copied().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_map_as_google_rpc_code_documents() {
        let statuses: Vec<u16> = (0..17).map(|number| Code::from_number(number).http().as_u16()).collect();
        assert_eq!(
            statuses,
            [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401]
        );
    }

    #[test]
    fn numbers_that_are_no_codes_are_unknown() {
        for number in [17, 18, 255, 256, u32::MAX] {
            assert_eq!(Code::from_number(number), Code::UNKNOWN);
        }
    }
}
