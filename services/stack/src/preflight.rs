//! What would go wrong is said before anything starts, a line each.

use std::net::{Ipv4Addr, TcpListener};

use crate::part::Name;
use crate::settings::Settings;

/// All that stands in the way.
pub(crate) fn problems(settings: &Settings) -> Vec<String> {
    let mut found = Vec::new();
    if let Err(error) = std::fs::File::open(&settings.routes) {
        found.push(format!(
            "{} cannot be read: {error}; name another with --routes FILE",
            settings.routes.display()
        ));
    }
    if let Err(error) = std::fs::create_dir_all(&settings.data) {
        found.push(format!("the folder {} cannot be made: {error}", settings.data.display()));
    }
    let ports = [
        (Name::User, settings.user_port, "--user-port"),
        (Name::Order, settings.order_port, "--order-port"),
        (Name::Gateway, settings.gateway_port, "--gateway-port"),
    ];
    for (index, (name, port, flag)) in ports.into_iter().enumerate() {
        let name = name.text();
        if let Some((other, ..)) = ports.iter().take(index).find(|(_, taken, _)| *taken == port) {
            found.push(format!(
                "port {port} is given to {name} and to {}: choose another with {flag}",
                other.text()
            ));
        } else if let Err(error) = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)) {
            let why = match error.kind() {
                std::io::ErrorKind::AddrInUse => "is taken by another program".to_owned(),
                _ => format!("cannot be used: {error}"),
            };
            found.push(format!("port {port} of {name} {why}: choose another with {flag}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn free_ports() -> [u16; 3] {
        let listeners = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap());
        listeners.map(|listener| listener.local_addr().unwrap().port())
    }

    #[test]
    fn every_problem_is_a_line_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("routes.yaml");
        std::fs::write(&file, "").unwrap();
        let [user_port, order_port, gateway_port] = free_ports();
        let good = Settings {
            routes: file.clone(),
            data: folder.path().join("data"),
            user_database: OsString::new(),
            order_database: OsString::new(),
            user_port,
            order_port,
            gateway_port,
        };
        assert_eq!(problems(&good), [""; 0]);

        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let bad = Settings {
            routes: folder.path().join("none.yaml"),
            data: file.join("data"),
            user_port: port,
            gateway_port: order_port,
            ..good
        };
        let found = problems(&bad);
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(found[0].contains("none.yaml cannot be read"), "{}", found[0]);
        assert!(found[1].contains("cannot be made"), "{}", found[1]);
        assert_eq!(
            found[2],
            format!(
                "port {port} of user-service is taken by another program: choose another with --user-port"
            )
        );
        assert_eq!(
            found[3],
            format!(
                "port {order_port} is given to gateway and to order-service: choose another with --gateway-port"
            )
        );
    }
}
