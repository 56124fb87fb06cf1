//! Which services an upstream was found not to serve: each is logged once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Services that are remembered. The paths of calls come from the configuration, so there are seldom more.
const MOST: usize = 256;

/// The services that a call found unimplemented.
#[derive(Debug, Default)]
pub(crate) struct Unserved(Mutex<BTreeSet<Box<str>>>);

impl Unserved {
    /// Returns the service of a path (`/package.Service/Method`) if it is found unimplemented for the first time.
    pub(crate) fn is_first<'p>(&self, path: &'p str) -> Option<&'p str> {
        let (service, _) = path.strip_prefix('/')?.rsplit_once('/')?;
        // Services of gRPC itself (reflection, health) are optional, and called to find out whether they are served.
        if service.starts_with("grpc.") {
            return None;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = known.len() < MOST && !known.contains(service) && known.insert(service.into());
        is_first.then_some(service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_is_found_once() {
        let unserved = Unserved::default();
        assert_eq!(unserved.is_first("/library.v1.Library/Get"), Some("library.v1.Library"));
        assert_eq!(unserved.is_first("/library.v1.Library/List"), None);
        assert_eq!(unserved.is_first("/shop.v1.Shop/Get"), Some("shop.v1.Shop"));
        assert_eq!(unserved.is_first("nothing"), None);
        assert_eq!(unserved.is_first("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"), None);
        let many = (0..1000).filter(|n| unserved.is_first(&format!("/s{n}/M")).is_some());
        assert_eq!(many.count(), MOST - 2);
    }
}
