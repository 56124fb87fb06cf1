//! Which status may follow which.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, PreconditionViolation, StatusExt};

use crate::pb::OrderStatus;

/// The statuses that may follow this one.
fn next(from: OrderStatus) -> &'static [OrderStatus] {
    match from {
        OrderStatus::Pending => &[OrderStatus::Confirmed, OrderStatus::Cancelled],
        OrderStatus::Confirmed => &[OrderStatus::Shipped, OrderStatus::Cancelled],
        OrderStatus::Shipped => &[OrderStatus::Delivered],
        OrderStatus::Delivered | OrderStatus::Cancelled | OrderStatus::Unspecified => &[],
    }
}

/// Checks one step.
///
/// # Errors
/// `FAILED_PRECONDITION` that says which steps there are.
pub(crate) fn check(order_id: i32, from: OrderStatus, to: OrderStatus) -> Result<(), Status> {
    if next(from).contains(&to) {
        return Ok(());
    }
    let names: Vec<&str> = next(from).iter().map(OrderStatus::as_str_name).collect();
    let choices = if names.is_empty() { "nothing".to_owned() } else { names.join(" or ") };
    let message = format!("the order is {} and cannot become {}", from.as_str_name(), to.as_str_name());
    let violation = PreconditionViolation::new(
        "ORDER_STATUS",
        format!("orders/{order_id}"),
        format!("{choices} may follow {}", from.as_str_name()),
    );
    let details = ErrorDetails::with_precondition_failure([violation]);
    Err(Status::with_error_details(Code::FailedPrecondition, message, details))
}

#[cfg(test)]
mod tests {
    use super::OrderStatus::{Cancelled, Confirmed, Delivered, Pending, Shipped};
    use super::*;

    #[test]
    fn an_order_moves_forward_or_is_cancelled_before_it_is_shipped() {
        let allowed = [
            (Pending, Confirmed),
            (Confirmed, Shipped),
            (Shipped, Delivered),
            (Pending, Cancelled),
            (Confirmed, Cancelled),
        ];
        let all = [Pending, Confirmed, Shipped, Delivered, Cancelled];
        for from in all {
            for to in all {
                assert_eq!(check(1, from, to).is_ok(), allowed.contains(&(from, to)), "{from:?} → {to:?}");
            }
        }
    }

    #[test]
    fn a_refusal_says_what_would_be_possible() {
        let status = check(7, Pending, Delivered).unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(status.message(), "the order is PENDING and cannot become DELIVERED");
        let violation = status.get_details_precondition_failure().unwrap().violations.remove(0);
        assert_eq!(violation.subject, "orders/7");
        assert_eq!(violation.description, "CONFIRMED or CANCELLED may follow PENDING");
    }
}
