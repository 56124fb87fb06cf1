//! What would go wrong is said before anything starts, a line each.

use up::ports::DEFAULT_PORTS;

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
    let [mut user, mut order, mut gateway] = DEFAULT_PORTS;
    (user.number, order.number, gateway.number) =
        (settings.user_port, settings.order_port, settings.gateway_port);
    found.extend(up::ports::problems(&[user, order, gateway]));
    found
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::net::{Ipv4Addr, TcpListener};

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
                "port {port} of user-service is in use by another program: choose another one with --user-port"
            )
        );
        assert_eq!(
            found[3],
            format!(
                "port {order_port} is chosen for gateway and for order-service: choose another one with --gateway-port"
            )
        );
    }
}
