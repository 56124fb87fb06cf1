//! The program `order-service`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    order_service::run()
}
