//! Bad requests: every violation at once, as google.rpc.BadRequest.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// The violations found in one request, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// Nothing found yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that `field` (a path such as `items[1].quantity`) breaks a rule.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(FieldViolation::new(field, description));
    }

    /// Notes a violation unless `fine`.
    pub fn check(&mut self, fine: bool, field: &str, description: &str) {
        if !fine {
            self.add(field, description);
        }
    }

    /// Checks a text that must be there and may have so many characters.
    pub fn text(&mut self, field: &str, text: &str, required: bool, most: usize) {
        if required && text.trim().is_empty() {
            self.add(field, "is required");
        } else if text.chars().count() > most {
            self.add(field, format!("must have at most {most} characters"));
        } else if text.contains('\0') {
            self.add(field, "must not contain a NUL character");
        }
    }

    /// The end of the checks.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with all violations, if there are any.
    pub fn finish(self) -> Result<(), Status> {
        if self.0.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> =
            self.0.iter().map(|found| format!("{}: {}", found.field, found.description)).collect();
        let details = ErrorDetails::with_bad_request(self.0);
        Err(Status::with_error_details(Code::InvalidArgument, lines.join("; "), details))
    }

    /// `INVALID_ARGUMENT` for a single violation.
    #[must_use]
    pub fn one(field: impl Into<String>, description: impl Into<String>) -> Status {
        let (field, description) = (field.into(), description.into());
        let message = format!("{field}: {description}");
        let details = ErrorDetails::with_bad_request_violation(field, description);
        Status::with_error_details(Code::InvalidArgument, message, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_violations_come_at_once() {
        let mut violations = Violations::new();
        violations.text("name", "  ", true, 10);
        violations.text("phone", "12345678901", false, 10);
        violations.text("email", "a\0b", true, 10);
        violations.text("address", "", false, 10);
        violations.check(true, "id", "must be positive");
        let status = violations.finish().unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(
            status.message(),
            "name: is required; phone: must have at most 10 characters; \
             email: must not contain a NUL character"
        );
        let fields = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(fields.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(), ["name", "phone", "email"]);
    }

    #[test]
    fn a_good_request_passes() {
        assert!(Violations::new().finish().is_ok());
    }
}
