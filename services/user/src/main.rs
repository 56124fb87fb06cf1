//! The program `user-service`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    user_service::run()
}
