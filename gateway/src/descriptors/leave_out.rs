//! Files of a server that do not link: left out, with those that import them, so that its other services are served.

use std::collections::HashSet;

use prost::Message as _;

use super::file_set::{FileSet, Head};

/// Takes a file and all that need it out of a set; gives the services that are lost with them. Nothing when that would
/// leave no service, or the file is not there.
pub(super) fn leave_out(set: &mut Vec<u8>, file: &str) -> Option<Vec<String>> {
    let files = FileSet::decode(set.as_slice()).ok()?.files;
    let heads: Vec<Head> =
        files.iter().map(|bytes| Head::decode(bytes.as_slice()).unwrap_or_default()).collect();
    let mut lost: HashSet<&str> =
        heads.iter().map(|head| head.name.as_str()).filter(|name| *name == file).collect();
    if lost.is_empty() {
        return None;
    }
    loop {
        let before = lost.len();
        let needs = |head: &&Head| head.imports.iter().any(|import| lost.contains(import.as_str()));
        let more: Vec<&str> = heads.iter().filter(needs).map(|head| head.name.as_str()).collect();
        lost.extend(more);
        if lost.len() == before {
            break;
        }
    }
    let services = |wanted: bool| -> Vec<String> {
        let heads = heads.iter().filter(|head| lost.contains(head.name.as_str()) == wanted);
        heads.flat_map(Head::services).collect()
    };
    let (gone, kept) = (services(true), services(false));
    if kept.is_empty() {
        return None;
    }
    let kept_files = files.into_iter().zip(&heads).filter(|(_, head)| !lost.contains(head.name.as_str()));
    *set = FileSet { files: kept_files.map(|(bytes, _)| bytes).collect() }.encode_to_vec();
    Some(gone.into_iter().filter(|service| !kept.contains(service)).collect())
}
