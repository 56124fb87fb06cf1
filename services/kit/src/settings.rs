//! Settings from environment variables; every mistake names the variable and says what was expected.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::log::{Format, LogSettings};

/// The variables that a program was started with. An empty one counts as not set.
#[derive(Debug, Clone, Default)]
pub struct Environment(HashMap<String, String>);

/// A variable whose value cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}={value:?}: {problem}")]
pub struct SettingError {
    /// The variable's name.
    pub name: &'static str,
    /// Its value; a password in it is masked.
    pub value: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl SettingError {
    /// A complaint about `value`, which `name` had.
    #[must_use]
    pub fn new(name: &'static str, value: &str, problem: impl Into<String>) -> Self {
        Self { name, value: mask_password(value), problem: problem.into() }
    }
}

impl Environment {
    /// The variables of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        Self(std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect())
    }

    /// The value of a variable, if it is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A duration such as `250ms`, `10s` or `1m`.
    ///
    /// # Errors
    /// The value is not a duration.
    pub fn duration(&self, name: &'static str, default: Duration) -> Result<Duration, SettingError> {
        let Some(value) = self.get(name) else { return Ok(default) };
        parse_duration(value)
            .ok_or_else(|| SettingError::new(name, value, "expected a duration such as 250ms, 10s or 1m"))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// What a service uses where the environment says nothing.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    /// `LISTEN`.
    pub listen: &'static str,
    /// `DATABASE_URL`.
    pub database_url: &'static str,
}

/// The files of a server's identity, and of those whom it lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// `TLS_CERT`: the certificate chain, PEM.
    pub certificate: PathBuf,
    /// `TLS_KEY`: its private key, PEM.
    pub key: PathBuf,
    /// `TLS_CLIENT_CA`: clients must show a certificate that one of these signed.
    pub client_ca: Option<PathBuf>,
}

/// What every service is told by its environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `LISTEN`: the address to serve on, `host:port`; port 0 takes a free one.
    pub listen: String,
    /// `DATABASE_URL`: `sqlite:PATH` or `postgres://…`.
    pub database_url: String,
    /// `TLS_CERT`, `TLS_KEY`, `TLS_CLIENT_CA`; plain text without them.
    pub tls: Option<TlsFiles>,
    /// `LOG_LEVEL`, `LOG_FORMAT`.
    pub log: LogSettings,
    /// `DRAIN`: how long running calls may take to end after a signal; 10 s by default.
    pub drain: Duration,
}

impl Settings {
    /// Reads and proves all settings.
    ///
    /// # Errors
    /// The first variable that cannot be used.
    pub fn read(environment: &Environment, defaults: Defaults) -> Result<Self, SettingError> {
        let listen = environment.get("LISTEN").unwrap_or(defaults.listen);
        let port = listen.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            return Err(SettingError::new("LISTEN", listen, "expected host:port, such as 0.0.0.0:50051"));
        }
        let database_url = environment.get("DATABASE_URL").unwrap_or(defaults.database_url);
        Ok(Self {
            listen: listen.to_owned(),
            database_url: database_url.to_owned(),
            tls: tls(environment)?,
            log: log(environment)?,
            drain: environment.duration("DRAIN", Duration::from_secs(10))?,
        })
    }
}

fn tls(environment: &Environment) -> Result<Option<TlsFiles>, SettingError> {
    let client_ca = environment.get("TLS_CLIENT_CA");
    match (environment.get("TLS_CERT"), environment.get("TLS_KEY")) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles {
            certificate: certificate.into(),
            key: key.into(),
            client_ca: client_ca.map(PathBuf::from),
        })),
        (Some(certificate), None) => {
            Err(SettingError::new("TLS_CERT", certificate, "needs TLS_KEY beside it"))
        }
        (None, Some(key)) => Err(SettingError::new("TLS_KEY", key, "needs TLS_CERT beside it")),
        (None, None) => match client_ca {
            Some(ca) => Err(SettingError::new("TLS_CLIENT_CA", ca, "needs TLS_CERT and TLS_KEY beside it")),
            None => Ok(None),
        },
    }
}

fn log(environment: &Environment) -> Result<LogSettings, SettingError> {
    let mut settings = LogSettings::default();
    if let Some(level) = environment.get("LOG_LEVEL") {
        settings.level = match level.to_ascii_lowercase().as_str() {
            "error" => tracing::Level::ERROR,
            "warn" => tracing::Level::WARN,
            "info" => tracing::Level::INFO,
            "debug" => tracing::Level::DEBUG,
            "trace" => tracing::Level::TRACE,
            _ => {
                let wanted = "expected error, warn, info, debug or trace";
                return Err(SettingError::new("LOG_LEVEL", level, wanted));
            }
        };
    }
    if let Some(format) = environment.get("LOG_FORMAT") {
        settings.format = match format.to_ascii_lowercase().as_str() {
            "text" => Format::Text,
            "json" => Format::Json,
            _ => return Err(SettingError::new("LOG_FORMAT", format, "expected text or json")),
        };
    }
    Ok(settings)
}

fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number = number.parse::<u64>().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

/// The text with the password of a URL in it replaced by `***`.
fn mask_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let Some((login, _)) = authority.rsplit_once('@') else { return text.to_owned() };
    let Some((user, _)) = login.split_once(':') else { return text.to_owned() };
    format!("{scheme}://{user}:***{}", rest.get(login.len()..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: Defaults = Defaults { listen: "0.0.0.0:50051", database_url: "sqlite:data/user.db" };

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingError> {
        Settings::read(&variables.iter().copied().collect(), DEFAULTS)
    }

    #[test]
    fn an_empty_environment_gives_the_defaults() {
        let settings = read(&[("LOG_LEVEL", "")]).unwrap();
        assert_eq!(settings.listen, "0.0.0.0:50051");
        assert_eq!(settings.database_url, "sqlite:data/user.db");
        assert_eq!(settings.drain, Duration::from_secs(10));
        assert_eq!(settings.log, LogSettings::default());
        assert!(settings.tls.is_none());
    }

    #[test]
    fn what_is_set_is_used() {
        let settings = read(&[
            ("LISTEN", "[::1]:0"),
            ("LOG_LEVEL", "DEBUG"),
            ("LOG_FORMAT", "json"),
            ("DRAIN", "250ms"),
            ("TLS_CERT", "a.pem"),
            ("TLS_KEY", "a.key"),
            ("TLS_CLIENT_CA", "ca.pem"),
        ])
        .unwrap();
        assert_eq!(settings.listen, "[::1]:0");
        assert_eq!(settings.log.level, tracing::Level::DEBUG);
        assert_eq!(settings.log.format, Format::Json);
        assert_eq!(settings.drain, Duration::from_millis(250));
        assert_eq!(settings.tls.unwrap().client_ca, Some("ca.pem".into()));
    }

    #[test]
    fn a_bad_value_is_named_with_what_would_be_right() {
        for (variables, wanted) in [
            (&[("LISTEN", "50051")][..], r#"LISTEN="50051": expected host:port, such as 0.0.0.0:50051"#),
            (&[("LISTEN", "h:99999")], r#"LISTEN="h:99999": expected host:port, such as 0.0.0.0:50051"#),
            (&[("LOG_LEVEL", "loud")], r#"LOG_LEVEL="loud": expected error, warn, info, debug or trace"#),
            (&[("LOG_FORMAT", "xml")], r#"LOG_FORMAT="xml": expected text or json"#),
            (&[("DRAIN", "10")], r#"DRAIN="10": expected a duration such as 250ms, 10s or 1m"#),
            (&[("TLS_CERT", "a.pem")], r#"TLS_CERT="a.pem": needs TLS_KEY beside it"#),
            (&[("TLS_KEY", "a.key")], r#"TLS_KEY="a.key": needs TLS_CERT beside it"#),
            (&[("TLS_CLIENT_CA", "ca")], r#"TLS_CLIENT_CA="ca": needs TLS_CERT and TLS_KEY beside it"#),
        ] {
            assert_eq!(read(variables).unwrap_err().to_string(), wanted);
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://shop:secret@db/users", "postgres://shop:***@db/users"),
            ("postgres://shop:a@b@db:5432/users?x=y", "postgres://shop:***@db:5432/users?x=y"),
            ("postgres://shop@db/users", "postgres://shop@db/users"),
            ("sqlite:data/user.db", "sqlite:data/user.db"),
        ] {
            assert_eq!(SettingError::new("DATABASE_URL", url, "").value, shown);
        }
    }
}
