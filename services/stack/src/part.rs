//! The parts of the stack: what each is called, started with and asked for when it should be ready.

use std::ffi::OsString;

use crate::settings::Settings;

/// One of the three programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// user-service.
    User,
    /// order-service.
    Order,
    /// The gateway.
    Gateway,
}

/// How it is found out whether a part is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Check {
    /// grpc.health.v1 on this port.
    Grpc(u16),
    /// GET /health on this port.
    Http(u16),
}

/// A part with all that it is started with.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: Name,
    pub(crate) port: u16,
    /// After the name.
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
    pub(crate) check: Check,
}

impl Name {
    /// In the order in which they start; they stop in the reverse order.
    pub(crate) const ALL: [Self; 3] = [Self::User, Self::Order, Self::Gateway];

    /// As people and the hidden sub-command say it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::User => "user-service",
            Self::Order => "order-service",
            Self::Gateway => "gateway",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.text() == text)
    }
}

impl Part {
    /// The part of this name, as the settings have it.
    pub(crate) fn new(name: Name, settings: &Settings) -> Self {
        match name {
            Name::User => Self::service(name, settings.user_port, &settings.user_database, Vec::new()),
            Name::Order => {
                let users = ("USER_SERVICE_URL", local(settings.user_port));
                Self::service(name, settings.order_port, &settings.order_database, vec![users])
            }
            Name::Gateway => Self {
                name,
                port: settings.gateway_port,
                arguments: ["serve".into(), "--config".into(), settings.routes.clone().into()].to_vec(),
                environment: vec![
                    ("GATEWAY_PORT", settings.gateway_port.to_string().into()),
                    ("USER_SERVICE_URL", local(settings.user_port)),
                    ("ORDER_SERVICE_URL", local(settings.order_port)),
                ],
                check: Check::Http(settings.gateway_port),
            },
        }
    }

    fn service(name: Name, port: u16, database: &OsString, more: Vec<(&'static str, OsString)>) -> Self {
        let mut environment = vec![("LISTEN", local(port)), ("DATABASE_URL", database.clone())];
        environment.extend(more);
        Self { name, port, arguments: Vec::new(), environment, check: Check::Grpc(port) }
    }

    /// The line that starts this part by hand, for when it has ended. The URL of a server, which may hold a password,
    /// is named and not shown.
    pub(crate) fn command_line(&self) -> String {
        let mut words: Vec<String> = self
            .environment
            .iter()
            .map(|(name, value)| match (value.to_string_lossy(), self.name) {
                (url, Name::User) if url.contains("://") => format!("{name}=\"$USER_DATABASE_URL\""),
                (url, Name::Order) if url.contains("://") => format!("{name}=\"$ORDER_DATABASE_URL\""),
                (value, _) => format!("{name}={}", quoted(&value)),
            })
            .collect();
        words.push(format!("cargo up {}", self.name.text()));
        words.extend(self.arguments.iter().map(|argument| quoted(&argument.to_string_lossy())));
        words.join(" ")
    }
}

fn local(port: u16) -> OsString {
    format!("127.0.0.1:{port}").into()
}

/// A word as a shell takes it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=+,@".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            routes: "/shop/routes.yaml".into(),
            data: "/shop/my data".into(),
            user_database: "sqlite:/shop/my data/user.db".into(),
            order_database: "sqlite:/shop/my data/order.db".into(),
            user_port: 1,
            order_port: 2,
            gateway_port: 3,
        }
    }

    #[test]
    fn the_parts_know_of_each_other() {
        let order = Part::new(Name::Order, &settings());
        assert!(order.environment.contains(&("USER_SERVICE_URL", "127.0.0.1:1".into())));
        assert!(order.environment.contains(&("DATABASE_URL", "sqlite:/shop/my data/order.db".into())));
        let gateway = Part::new(Name::Gateway, &settings());
        assert!(gateway.environment.contains(&("ORDER_SERVICE_URL", "127.0.0.1:2".into())));
        assert_eq!(gateway.check, Check::Http(3));
    }

    #[test]
    fn a_part_can_be_started_again_by_hand() {
        assert_eq!(
            Part::new(Name::User, &settings()).command_line(),
            "LISTEN=127.0.0.1:1 DATABASE_URL='sqlite:/shop/my data/user.db' cargo up user-service"
        );
        let remote = Settings { user_database: "postgres://shop:secret@db/users".into(), ..settings() };
        assert_eq!(
            Part::new(Name::User, &remote).command_line(),
            "LISTEN=127.0.0.1:1 DATABASE_URL=\"$USER_DATABASE_URL\" cargo up user-service"
        );
    }

    #[test]
    fn names_are_what_they_parse_from() {
        for name in Name::ALL {
            assert_eq!(Name::parse(name.text()), Some(name));
        }
        assert_eq!(Name::parse("--help"), None);
    }
}
