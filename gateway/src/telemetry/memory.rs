//! How much memory the process may use: what its control groups allow, and what the machine has.

/// Returns the memory that the process may use, in bytes: the lowest limit of its control groups (version 1 and 2), or the
/// machine's memory where that is less. Nothing where the system says neither.
pub fn available() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let machine = read("/proc/meminfo").and_then(|text| total(&text));
    limit(&groups, read).into_iter().chain(machine).min()
}

/// The lowest memory limit of the groups that this `/proc/self/cgroup` names, and of those that they are in.
fn limit(groups: &str, read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        // hierarchy : controllers : path (cgroups(7))
        let (hierarchy, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let (mount, file) = if hierarchy == "0" && controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            return None;
        };
        lowest(mount, path, file, &read)
    });
    limits.min()
}

/// The lowest limit on the way from a group up to the root. In a container, the path may be that of the host, of which only
/// the root is mounted: what cannot be read is left out.
fn lowest(mount: &str, path: &str, file: &str, read: impl Fn(&str) -> Option<String>) -> Option<u64> {
    // A group outside of the namespace's root is written with `..`: it is not below the mount.
    let mut path = if path.split('/').any(|part| part == "..") { "" } else { path.trim_end_matches('/') };
    let mut lowest = None;
    loop {
        let found = read(&format!("{mount}{path}/{file}")).and_then(|text| bytes(&text));
        lowest = lowest.into_iter().chain(found).min();
        match path.rsplit_once('/') {
            Some((parent, _)) => path = parent,
            None => return lowest,
        }
    }
}

/// A limit in bytes; nothing for `max`, nor for the number near 2^63 that version 1 has instead.
fn bytes(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|limit| *limit < 1 << 60)
}

/// `MemTotal` of `/proc/meminfo`, which is in KiB.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn limit_of(groups: &str, files: &[(&str, &str)]) -> Option<u64> {
        limit(groups, |path| {
            let found = files.iter().find(|(name, _)| format!("/sys/fs/cgroup/{name}") == path);
            found.map(|(_, text)| format!("{text}\n"))
        })
    }

    #[test]
    fn the_lowest_limit_of_all_groups_counts() {
        let v1 = "12:pids:/docker/ab\n4:cpu,memory:/docker/ab\n1:name=systemd:/docker/ab\n";
        let hybrid = "4:memory:/user\n1:name=systemd:/user\n0::/user\n";
        for (what, groups, files, expected) in [
            ("v2 in a namespace", "0::/\n", &[("/memory.max", "209715200")][..], Some(200 * MIB)),
            ("v2 without a limit", "0::/\n", &[("/memory.max", "max")], None),
            (
                "v2 nested",
                "0::/a/b\n",
                &[("/a/b/memory.max", "max"), ("/a/memory.max", "1048576")],
                Some(MIB),
            ),
            (
                "v2, the group above has less",
                "0::/a/b\n",
                &[("/a/b/memory.max", "4194304"), ("/a/memory.max", "2097152")],
                Some(2 * MIB),
            ),
            ("v2, path of the host", "0::/kubepods/pod1/ab\n", &[("/memory.max", "1048576")], Some(MIB)),
            ("v2, outside of the root", "0::/../other\n", &[("/memory.max", "1048576")], Some(MIB)),
            ("v1", v1, &[("memory/docker/ab/memory.limit_in_bytes", "1048576")], Some(MIB)),
            ("v1, path of the host", v1, &[("memory/memory.limit_in_bytes", "1048576")], Some(MIB)),
            ("v1 without a limit", v1, &[("memory/memory.limit_in_bytes", "9223372036854771712")], None),
            (
                "v1 nested",
                v1,
                &[
                    ("memory/docker/ab/memory.limit_in_bytes", "9223372036854771712"),
                    ("memory/docker/memory.limit_in_bytes", "3145728"),
                ],
                Some(3 * MIB),
            ),
            ("hybrid", hybrid, &[("memory/user/memory.limit_in_bytes", "2097152")], Some(2 * MIB)),
            (
                "hybrid, both",
                hybrid,
                &[("memory/user/memory.limit_in_bytes", "2097152"), ("/user/memory.max", "1048576")],
                Some(MIB),
            ),
            ("no groups", "", &[("/memory.max", "1048576")], None),
            ("garbage", "0:\nmemory\n::\n0::/\n", &[("/memory.max", "-1")], None),
        ] {
            let files: Vec<(&str, &str)> =
                files.iter().map(|(name, text)| (name.trim_start_matches('/'), *text)).collect();
            assert_eq!(limit_of(groups, &files), expected, "{what}");
        }
    }

    #[test]
    fn the_memory_of_the_machine() {
        assert_eq!(total("MemTotal:       24684112 kB\nMemFree: 1 kB\n"), Some(24_684_112 * 1024));
        assert_eq!(total("MemFree: 1 kB\n"), None);
    }
}
