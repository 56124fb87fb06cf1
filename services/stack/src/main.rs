//! The program behind `cargo up`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    stack::run()
}
