//! The three ports of the sample: read from the command line and the environment, and checked by binding them.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};

/// A port of the sample and how to choose another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// The program that listens on the port.
    pub program: &'static str,
    /// The option that sets the port.
    pub option: &'static str,
    /// The environment variable that sets the port.
    pub variable: &'static str,
    /// The port number.
    pub number: u16,
}

/// The ports that the sample uses unless others are chosen.
pub const DEFAULT_PORTS: [Port; 3] = [
    Port { program: "user-service", option: "--user-port", variable: "USER_PORT", number: 50051 },
    Port { program: "order-service", option: "--order-port", variable: "ORDER_PORT", number: 50052 },
    Port { program: "gateway", option: "--gateway-port", variable: "GATEWAY_PORT", number: 3000 },
];

/// Returns the ports that the arguments (without the program's name) and the environment choose. `None` if the arguments
/// do not start the whole sample, or if a port is not a number: the sample itself then reports the mistake.
pub fn chosen(arguments: &[OsString], variable: impl Fn(&str) -> Option<OsString>) -> Option<[Port; 3]> {
    let starts_all = arguments.first().is_none_or(|first| first.as_encoded_bytes().starts_with(b"-"));
    let asks_for_text = arguments.iter().any(|argument| argument == "--help" || argument == "-h");
    if !starts_all || asks_for_text {
        return None;
    }
    let mut ports = DEFAULT_PORTS;
    for port in &mut ports {
        let given = option(arguments, port.option).or_else(|| variable(port.variable));
        if let Some(given) = given {
            port.number = given.to_str()?.parse().ok()?;
        }
    }
    Some(ports)
}

/// The value of `--name VALUE` or `--name=VALUE`.
fn option(arguments: &[OsString], name: &str) -> Option<OsString> {
    arguments.iter().enumerate().find_map(|(index, argument)| {
        if argument == name {
            return arguments.get(index + 1).cloned();
        }
        let value = argument.to_str()?.strip_prefix(name)?.strip_prefix('=')?;
        Some(value.into())
    })
}

/// Returns one line for each port that cannot be used.
pub fn problems(ports: &[Port; 3]) -> Vec<String> {
    let problem = |(index, port): (usize, &Port)| {
        let Port { program, option, number, .. } = port;
        if let Some(other) = ports.iter().take(index).find(|other| other.number == *number) {
            return Some(format!(
                "port {number} is chosen for {program} and for {}: choose another one with {option}",
                other.program
            ));
        }
        let error = TcpListener::bind((Ipv4Addr::UNSPECIFIED, *number)).err()?;
        let why = match error.kind() {
            ErrorKind::AddrInUse => "is in use by another program".to_owned(),
            _ => format!("cannot be used: {error}"),
        };
        Some(format!("port {number} of {program} {why}: choose another one with {option}"))
    };
    ports.iter().enumerate().filter_map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(line: &[&str], environment: &[(&str, &str)]) -> Option<[u16; 3]> {
        let arguments: Vec<OsString> = line.iter().map(Into::into).collect();
        let variable = |name: &str| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        chosen(&arguments, variable).map(|ports| ports.map(|port| port.number))
    }

    #[test]
    fn options_come_before_the_environment_and_the_environment_before_the_defaults() {
        assert_eq!(numbers(&[], &[]), Some([50051, 50052, 3000]));
        assert_eq!(numbers(&["--gateway-port", "8080"], &[]), Some([50051, 50052, 8080]));
        assert_eq!(numbers(&["--data", "d", "--user-port=7"], &[]), Some([7, 50052, 3000]));
        assert_eq!(numbers(&[], &[("ORDER_PORT", "9")]), Some([50051, 9, 3000]));
        assert_eq!(numbers(&["--order-port", "8"], &[("ORDER_PORT", "9")]), Some([50051, 8, 3000]));
    }

    #[test]
    fn ports_are_not_checked_where_the_sample_does_not_start() {
        assert_eq!(numbers(&["gateway", "check"], &[]), None);
        assert_eq!(numbers(&["--help"], &[]), None);
        assert_eq!(numbers(&["--user-port", "many"], &[]), None);
    }

    #[test]
    fn each_unusable_port_is_one_line_with_the_option_that_mends_it() {
        let holders = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap());
        let [taken, user, order] = holders.map(|holder| (holder.local_addr().unwrap().port(), holder));
        drop((user.1, order.1));
        let mut ports = DEFAULT_PORTS;
        (ports[0].number, ports[1].number, ports[2].number) = (taken.0, order.0, order.0);
        assert_eq!(
            problems(&ports),
            [
                format!(
                    "port {} of user-service is in use by another program: choose another one with --user-port",
                    taken.0
                ),
                format!(
                    "port {} is chosen for gateway and for order-service: choose another one with --gateway-port",
                    order.0
                ),
            ]
        );
        (ports[0].number, ports[1].number) = (user.0, order.0);
        ports[2].number = {
            drop(taken.1);
            taken.0
        };
        assert_eq!(problems(&ports), [""; 0]);
    }
}
