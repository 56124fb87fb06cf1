//! What the stack is told: ports, the routes file, the folder of the data.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Parser;
use up::ports::DEFAULT_PORTS;

/// Starts user-service, order-service and the gateway, and stops them together on Ctrl-C.
#[derive(Debug, Parser)]
#[command(
    name = "cargo up",
    bin_name = "cargo up",
    after_help = "One part alone, as its environment says: \
    cargo up user-service | order-service | gateway …"
)]
pub(crate) struct Arguments {
    /// The file of the gateway [default: routes.yaml, here or in a folder above]
    #[arg(long, value_name = "FILE")]
    pub(crate) routes: Option<PathBuf>,
    /// The folder of the SQLite files [default: data, beside the routes file]
    #[arg(long, value_name = "FOLDER", env = "DATA_DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The database of user-service, instead of a file in that folder.
    #[arg(long, value_name = "URL", env = "USER_DATABASE_URL", hide_env_values = true)]
    pub(crate) user_database: Option<String>,
    /// The database of order-service, instead of a file in that folder.
    #[arg(long, value_name = "URL", env = "ORDER_DATABASE_URL", hide_env_values = true)]
    pub(crate) order_database: Option<String>,
    /// The port of user-service.
    #[arg(long, value_name = "PORT", env = "USER_PORT", default_value_t = DEFAULT_PORTS[0].number)]
    pub(crate) user_port: u16,
    /// The port of order-service.
    #[arg(long, value_name = "PORT", env = "ORDER_PORT", default_value_t = DEFAULT_PORTS[1].number)]
    pub(crate) order_port: u16,
    /// The port of the gateway, which routes.yaml reads as ${GATEWAY_PORT}.
    #[arg(long, value_name = "PORT", env = "GATEWAY_PORT", default_value_t = DEFAULT_PORTS[2].number)]
    pub(crate) gateway_port: u16,
}

/// The arguments with every path resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) routes: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) user_database: OsString,
    pub(crate) order_database: OsString,
    pub(crate) user_port: u16,
    pub(crate) order_port: u16,
    pub(crate) gateway_port: u16,
}

impl Settings {
    /// Finds the routes file; the error is a line for people.
    pub(crate) fn read(arguments: Arguments) -> Result<Self, String> {
        let here =
            std::env::current_dir().map_err(|error| format!("the current folder is unknown: {error}"))?;
        Self::read_in(arguments, &here)
    }

    fn read_in(arguments: Arguments, here: &Path) -> Result<Self, String> {
        let routes = match arguments.routes {
            Some(file) => here.join(file),
            None => {
                here.ancestors().map(|folder| folder.join("routes.yaml")).find(|file| file.is_file()).ok_or(
                    "routes.yaml is neither in this folder nor in one above; name it with --routes FILE",
                )?
            }
        };
        let beside = || routes.parent().unwrap_or(here).join("data");
        let data = arguments.data.map_or_else(beside, |folder| here.join(folder));
        let database = |given: Option<String>, file: &str| match given {
            Some(url) => url.into(),
            None => sqlite(&data.join(file)),
        };
        Ok(Self {
            user_database: database(arguments.user_database, "user.db"),
            order_database: database(arguments.order_database, "order.db"),
            user_port: arguments.user_port,
            order_port: arguments.order_port,
            gateway_port: arguments.gateway_port,
            routes,
            data,
        })
    }
}

fn sqlite(file: &Path) -> OsString {
    let mut url = OsString::from("sqlite:");
    url.push(file);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[&str], here: &Path) -> Result<Settings, String> {
        let line = std::iter::once("up").chain(line.iter().copied());
        Settings::read_in(Arguments::try_parse_from(line).map_err(|error| error.to_string())?, here)
    }

    #[test]
    fn the_routes_file_is_found_from_a_folder_below_it() {
        let root = tempfile::tempdir().unwrap();
        let below = root.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        std::fs::write(root.path().join("routes.yaml"), "").unwrap();
        let settings = read(&[], &below).unwrap();
        assert_eq!(settings.routes, root.path().join("routes.yaml"));
        assert_eq!(settings.data, root.path().join("data"));
    }

    #[test]
    fn without_a_routes_file_there_is_one_clear_line() {
        let empty = tempfile::tempdir().unwrap();
        let line = read(&[], empty.path()).unwrap_err();
        assert_eq!(
            line,
            "routes.yaml is neither in this folder nor in one above; name it with --routes FILE"
        );
    }

    #[test]
    fn everything_can_be_chosen() {
        let here = Path::new("/shop");
        let ports = ["--user-port", "1", "--order-port", "2", "--gateway-port", "3"];
        let database = ["--order-database", "postgres://db/orders"];
        let line = [&["--routes", "r/x.yaml", "--data", "d"][..], &ports, &database].concat();
        let settings = read(&line, here).unwrap();
        let wanted = Settings {
            routes: "/shop/r/x.yaml".into(),
            data: "/shop/d".into(),
            user_database: "sqlite:/shop/d/user.db".into(),
            order_database: "postgres://db/orders".into(),
            user_port: 1,
            order_port: 2,
            gateway_port: 3,
        };
        assert_eq!(settings, wanted);
        assert!(read(&["--user-port", "no"], here).is_err());
    }
}
