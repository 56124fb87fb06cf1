//! `compose.yaml`, `Dockerfile` and nginx's configuration fit together. No container is started.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn compose() -> Value {
    serde_yaml::from_str(&read("compose.yaml")).unwrap()
}

#[test]
fn each_part_waits_until_those_that_it_needs_are_healthy() {
    let compose = compose();
    for (name, needs) in [
        ("userdb", &[][..]),
        ("orderdb", &[]),
        ("user-service", &["userdb"]),
        ("order-service", &["orderdb", "user-service"]),
        ("gateway", &["order-service", "user-service"]),
        ("gateway-2", &["order-service", "user-service"]),
        ("gateway-3", &["order-service", "user-service"]),
        ("nginx", &["gateway", "gateway-2", "gateway-3"]),
    ] {
        let service = &compose["services"][name];
        assert!(service.is_object(), "{name} is there");
        assert_eq!(service["healthcheck"]["test"][0], "CMD", "{name} has a health check that needs no shell");
        let mut found = Vec::new();
        for (other, how) in service["depends_on"].as_object().into_iter().flatten() {
            assert_eq!(how["condition"], "service_healthy", "{name} on {other}");
            found.push(other.as_str());
        }
        found.sort_unstable();
        assert_eq!(found, needs, "{name}");
    }
}

#[test]
fn every_image_is_a_target_of_the_one_build_and_runs_as_nobody_special() {
    let (compose, dockerfile) = (compose(), read("Dockerfile"));
    assert_eq!(dockerfile.matches("\nFROM rust").count(), 1);
    let stage = |start: &str| -> String {
        let rest = dockerfile.split(start).nth(1).unwrap_or_else(|| panic!("no stage {start}"));
        rest.split("\nFROM").next().unwrap_or(rest).to_owned()
    };
    assert!(stage("AS runtime\n").contains("USER 10001"));
    for program in ["user-service", "order-service", "gateway"] {
        assert_eq!(compose["services"][program]["build"]["target"], program);
        let stage = stage(&format!("FROM runtime AS {program}\n"));
        assert!(stage.contains(&format!("ENTRYPOINT [\"{program}\"]")), "{program}");
        assert!(stage.contains("HEALTHCHECK"), "{program}");
        assert!(!stage.contains("USER"), "{program} stays who the runtime stage made it");
    }
}

#[test]
fn the_services_know_each_other_by_the_names_of_their_containers() {
    let compose = compose();
    let environment = |name: &str| compose["services"][name]["environment"].clone();
    for (service, variable, wanted) in [
        ("order-service", "USER_SERVICE_URL", "user-service:50051"),
        ("gateway", "USER_SERVICE_URL", "user-service:50051"),
        ("gateway", "ORDER_SERVICE_URL", "order-service:50052"),
    ] {
        assert_eq!(environment(service)[variable], wanted, "{service}");
    }
    for (service, database) in [("user-service", "userdb"), ("order-service", "orderdb")] {
        let url = environment(service)["DATABASE_URL"].as_str().unwrap_or_default().to_owned();
        assert!(
            url.starts_with("postgres://") && url.ends_with(&format!("@{database}:5432/{database}")),
            "{url}"
        );
    }
}

#[test]
fn what_is_mounted_and_copied_exists() {
    for path in ["deploy/nginx/nginx.conf", "routes.yaml", "descriptors/shop.binpb"] {
        assert!(root().join(path).is_file(), "{path}");
    }
}

#[test]
fn nginx_stands_before_exactly_the_three_gateways() {
    let conf = read("deploy/nginx/nginx.conf");
    let servers = conf.lines().filter_map(|line| line.trim().strip_prefix("server "));
    let gateways: Vec<&str> = servers
        .filter_map(|line| line.split(' ').next())
        .filter(|server| server.ends_with(":3000"))
        .collect();
    assert_eq!(gateways, ["gateway:3000", "gateway-2:3000", "gateway-3:3000"]);
    assert_eq!(conf.matches('{').count(), conf.matches('}').count());
}
