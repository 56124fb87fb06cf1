//! The admin address: `admin`.

use super::node::{Key, Node};
use super::reader::{At, Reader};

/// `admin`.
#[derive(Debug)]
pub(in crate::config) struct RawAdmin {
    pub(in crate::config) address: At<String>,
    /// `None` when the key is absent.
    pub(in crate::config) hosts: Option<Vec<At<String>>>,
    pub(in crate::config) orders: Option<At<bool>>,
}

const KEYS: &[&str] = &["address", "hosts", "orders"];

/// Reads the mapping of the `admin` key.
pub(super) fn read(at: &Key, node: &Node, reader: &mut Reader<'_>) -> Option<RawAdmin> {
    let (mut address, mut hosts, mut orders) = (None, None, None);
    let entries = reader.entries(node, "`address: 127.0.0.1:9901`")?;
    let has_address = Reader::may_have(&entries, "address", KEYS);
    for (key, value) in entries {
        match key.name.as_str() {
            "address" => address = reader.name(value, "an address, as 127.0.0.1:9901"),
            "hosts" => {
                let items = reader.one_or_more(value, "a host, or a list of them");
                let names = items.iter().filter_map(|item| reader.name(item, "a host, as gateway.internal"));
                hosts = Some(names.collect());
            }
            "orders" => orders = reader.boolean(value),
            _ => reader.unknown_key(key, "`admin`", KEYS),
        }
    }
    if !has_address {
        reader.missing(at.place, "`admin`", "address", "127.0.0.1:9901");
    }
    Some(RawAdmin { address: address?, hosts, orders })
}
