//! What the system says about this process, by the names that Prometheus clients share.

use super::metrics::Exposition;

/// Writes what is known; nothing where there is no `/proc`.
pub fn expose(out: &mut Exposition) {
    let Some(process) = Process::read() else { return };
    let mut one = |name: &str, kind: &str, help: &str, value: f64| {
        out.family(name, kind, help);
        out.value(name, "", value);
    };
    one("process_cpu_seconds_total", "counter", "Processor time, user and system, in seconds.", process.cpu);
    one("process_resident_memory_bytes", "gauge", "Memory in use, in bytes.", process.resident);
    one("process_virtual_memory_bytes", "gauge", "Memory reserved, in bytes.", process.reserved);
    one("process_threads", "gauge", "Threads.", process.threads);
    one("process_start_time_seconds", "gauge", "When it started, in seconds since 1970.", process.started);
    if let Some(open) = process.open_files {
        one("process_open_fds", "gauge", "Open file descriptors.", open);
    }
    if let Some(most) = process.most_files {
        one("process_max_fds", "gauge", "File descriptors that may be open.", most);
    }
}

/// In seconds and bytes.
#[derive(Debug, PartialEq)]
struct Process {
    cpu: f64,
    resident: f64,
    reserved: f64,
    threads: f64,
    started: f64,
    open_files: Option<f64>,
    most_files: Option<f64>,
}

impl Process {
    fn read() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let boot = std::fs::read_to_string("/proc/stat").ok()?;
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let mut process = Self::parse(&stat, &boot, ticks, rustix::param::page_size() as f64)?;
        // The listing itself holds one open.
        let open = std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
        process.open_files = open.map(|open| open.saturating_sub(1) as f64);
        process.most_files = std::fs::read_to_string("/proc/self/limits").ok().and_then(|text| most(&text));
        Some(process)
    }

    /// Reads `/proc/self/stat` (proc_pid_stat(5)) and the time of boot.
    fn parse(stat: &str, boot: &str, ticks: f64, page: f64) -> Option<Self> {
        // The name stands in parentheses and may hold anything.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        // The third field is the first of these.
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        let booted = boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse::<f64>().ok()?;
        Some(Self {
            cpu: (field(14)? + field(15)?) / ticks,
            threads: field(20)?,
            started: booted + field(22)? / ticks,
            reserved: field(23)?,
            resident: field(24)? * page,
            open_files: None,
            most_files: None,
        })
    }
}

/// The soft limit of open files.
fn most(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_tables_are_read_whatever_the_process_is_called() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 7 0 1000 8192000 25 184467 1 1 0\n";
        let process = Process::parse(stat, "cpu 1 2\nbtime 1700000000\n", 100.0, 4096.0).unwrap();
        let expected = Process {
            cpu: 3.0,
            threads: 7.0,
            started: 1_700_000_010.0,
            reserved: 8_192_000.0,
            resident: 102_400.0,
            open_files: None,
            most_files: None,
        };
        assert_eq!(process, expected);
        assert_eq!(Process::parse("nonsense", "", 100.0, 4096.0), None);
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(most(limits), Some(1024.0));
    }
}
