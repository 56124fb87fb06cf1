//! Which upstream serves which service: the upstreams that a person named, else one for each root of the packages.
//!
//! The packages of one server mostly have one root (`yandex.cloud.compute.v1`, `containerd.services.images.v1`). Packages
//! of a single word (`etcdserverpb`, `v3lockpb`) have none in common, and are the parts of one server as well.

use std::collections::BTreeSet;
use std::str::FromStr;

use prost_reflect::ServiceDescriptor;
use upstream::{Address, AddressError};

use super::InitError;
use super::names::{self, UpstreamName};
use super::yaml::scalar;

/// An upstream as the command line names it: `NAME=ADDRESS[,PACKAGE…]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedUpstream {
    /// Its key under `upstreams`.
    pub name: String,
    /// Its address, in the syntax of `upstreams.*.address`.
    pub address: String,
    /// Packages or services that it serves; without any it serves all that no other upstream is named for.
    pub packages: Vec<String>,
}

/// Why a text does not name an upstream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamedUpstreamError {
    /// No `=`, or nothing before it.
    #[error("expected NAME=ADDRESS or NAME=ADDRESS,PACKAGE")]
    Form,
    /// A name with other characters than letters, digits, `_`, `-` and `.`.
    #[error("the name `{0}` may have only letters, digits, `_`, `-` and `.`")]
    Name(String),
    /// The address does not parse.
    #[error("{0}: {1}")]
    Address(String, AddressError),
    /// A comma without a package.
    #[error("a package is missing beside a comma")]
    Package,
}

impl FromStr for NamedUpstream {
    type Err = NamedUpstreamError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, rest) = text.split_once('=').ok_or(NamedUpstreamError::Form)?;
        if name.is_empty() {
            return Err(NamedUpstreamError::Form);
        }
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)) {
            return Err(NamedUpstreamError::Name(name.to_owned()));
        }
        let mut parts = rest.split(',').map(str::to_owned);
        let address = parts.next().unwrap_or_default();
        Address::parse(&address).map_err(|error| NamedUpstreamError::Address(address.clone(), error))?;
        let packages: Vec<String> = parts.collect();
        if packages.iter().any(String::is_empty) {
            return Err(NamedUpstreamError::Package);
        }
        Ok(Self { name: name.to_owned(), address, packages })
    }
}

impl NamedUpstream {
    /// The length of its longest package that a service belongs to; none when it does not serve the service.
    fn fit(&self, service: &ServiceDescriptor) -> Option<usize> {
        if self.packages.is_empty() {
            return Some(0);
        }
        let is_within = |package: &&String| {
            let rest = service.full_name().strip_prefix(package.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.packages.iter().filter(is_within).map(String::len).max()
    }
}

/// The upstreams of a file, and which of them serves each service.
pub(super) struct Assignment {
    /// Each with its address as the file writes it.
    pub(super) upstreams: Vec<(UpstreamName, String)>,
    /// The upstream of each service, in the order of the services.
    pub(super) of: Vec<usize>,
    /// The upstream that is the server of the descriptors.
    pub(super) server: Option<usize>,
}

/// The port of the first upstream without a known address.
const FIRST_PORT: usize = 50051;

/// What services share when they have an upstream in common that was not named.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Group {
    /// The server that described them.
    Server,
    /// The root of their packages; none for packages of a single word.
    Root(Option<String>),
}

/// Gives each service its upstream: the named one that fits best, else the `server` that described all of them, else the
/// upstream of its package root.
pub(super) fn assign(
    services: &[ServiceDescriptor],
    named: &[NamedUpstream],
    server: Option<&str>,
) -> Result<Assignment, InitError> {
    check(services, named)?;
    let owners: Vec<Option<usize>> = services.iter().map(|service| owner(service, named)).collect();
    // The server stays an upstream without services: it is the source of the descriptors.
    let mut groups: Vec<Group> = server.iter().map(|_| Group::Server).collect();
    let mut members: Vec<Vec<&ServiceDescriptor>> = groups.iter().map(|_| Vec::new()).collect();
    let roots: BTreeSet<String> =
        services.iter().filter_map(|service| root(service.package_name())).collect();
    let mut of = Vec::with_capacity(services.len());
    for (service, owner) in services.iter().zip(owners) {
        if let Some(owner) = owner {
            of.push(owner);
            continue;
        }
        // `qdrant` is the root of `qdrant.serverless`.
        let package = service.package_name();
        let root = || root(package).or_else(|| roots.get(package).cloned());
        let group = if server.is_some() { Group::Server } else { Group::Root(root()) };
        let at = groups.iter().position(|other| *other == group).unwrap_or_else(|| {
            groups.push(group);
            members.push(Vec::new());
            groups.len() - 1
        });
        if let Some(members) = members.get_mut(at) {
            members.push(service);
        }
        of.push(named.len() + at);
    }
    let wanted = groups.iter().zip(&members).map(|(group, members)| wanted_names(group, members));
    let names = names::unique(wanted.collect(), named.iter().map(|named| named.name.as_str()));
    let given = named.iter().map(|named| with_address(UpstreamName::given(&named.name), &named.address));
    let made =
        names.into_iter().zip(&groups).enumerate().map(|(index, (name, group))| match (group, server) {
            (Group::Server, Some(address)) => with_address(name, address),
            _ => with_address(name, &format!("localhost:{}", port(index))),
        });
    Ok(Assignment { upstreams: given.chain(made).collect(), of, server: server.map(|_| named.len()) })
}

/// Ports count up from the first and begin anew after the last.
fn port(index: usize) -> usize {
    FIRST_PORT + index % (usize::from(u16::MAX) - FIRST_PORT + 1)
}

/// Every named upstream has a name of its own and serves something.
fn check(services: &[ServiceDescriptor], named: &[NamedUpstream]) -> Result<(), InitError> {
    for (index, upstream) in named.iter().enumerate() {
        let (before, _) = named.split_at(index);
        if before.iter().any(|other| other.name == upstream.name) {
            return Err(InitError::UpstreamTwice(upstream.name.clone()));
        }
        if let Some(other) =
            before.iter().find(|other| other.packages.is_empty() && upstream.packages.is_empty())
        {
            return Err(InitError::TwoForTheRest(other.name.clone(), upstream.name.clone()));
        }
        if !services.iter().any(|service| owner(service, named) == Some(index)) {
            let packages = if upstream.packages.is_empty() {
                "no service is left for it".to_owned()
            } else {
                format!("no routed service is left in {}", upstream.packages.join(", "))
            };
            return Err(InitError::UnusedUpstream(upstream.name.clone(), packages));
        }
    }
    Ok(())
}

/// The named upstream that serves a service: the first one with the longest package.
fn owner(service: &ServiceDescriptor, named: &[NamedUpstream]) -> Option<usize> {
    let fits = named.iter().enumerate().filter_map(|(index, named)| Some((named.fit(service)?, index)));
    fits.max_by_key(|(length, index)| (*length, usize::MAX - index)).map(|(_, index)| index)
}

/// First segments that say nothing about a server: packages named by a domain backwards, as `com.acme.shop.v1`.
const DOMAINS: [&str; 6] = ["com", "org", "net", "io", "dev", "app"];

/// The part of a package that its server's other packages have too; none for a package of one segment.
fn root(package: &str) -> Option<String> {
    let mut segments = package.split('.').filter(|segment| !segment.is_empty());
    let (first, second) = (segments.next()?, segments.next()?);
    let is_domain = DOMAINS.contains(&first) && segments.next().is_some();
    Some(if is_domain { format!("{first}.{second}") } else { first.to_owned() })
}

/// The names that suit an upstream, the best first.
fn wanted_names(group: &Group, members: &[&ServiceDescriptor]) -> Vec<String> {
    let single = match members {
        [only] => Some(only.name().to_owned()),
        _ => None,
    };
    let shared = match group {
        Group::Root(Some(root)) => root.rsplit('.').next().unwrap_or(root).to_owned(),
        Group::Root(None) => common_package(members).unwrap_or("server").to_owned(),
        Group::Server => "server".to_owned(),
    };
    let more = match group {
        Group::Root(Some(root)) => vec![root.replace('.', "_")],
        _ => Vec::new(),
    };
    single.into_iter().chain([shared]).chain(more).collect()
}

/// The package of all members, if they have one in common.
fn common_package<'m>(members: &[&'m ServiceDescriptor]) -> Option<&'m str> {
    let first = members.first()?.package_name();
    let is_common = members.iter().all(|member| member.package_name() == first);
    (is_common && !first.is_empty()).then_some(first)
}

/// The address as a default that the environment overrides.
fn with_address(name: UpstreamName, address: &str) -> (UpstreamName, String) {
    // These would end the default or begin another variable.
    if address.contains(['{', '}', '$', '"', '\\', '#', ' ']) {
        return (name, scalar(address));
    }
    let text = format!("${{{}:-{address}}}", name.variable);
    (name, text)
}
