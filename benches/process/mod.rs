//! What a process has used, as far as the system tells: on Linux, from `/proc`.

use std::time::Duration;

/// The clock of `/proc/PID/stat`, which is 100 Hz on every Linux that programs see.
const TICK: Duration = Duration::from_millis(10);

/// How much processor time the process has used so far, in all of its threads.
pub(crate) fn cpu(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let user: u32 = fields.nth(11)?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (user + system))
}

/// How much processor time the host of this virtual machine has given to others so far.
pub(crate) fn stolen() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let steal: u32 = stat.lines().next()?.split_whitespace().nth(8)?.parse().ok()?;
    Some(TICK * steal)
}

/// How much memory it has taken at most, in bytes.
pub(crate) fn peak_memory(process: u32) -> Option<u64> {
    status(process, "VmHWM:")
}

/// How much memory it takes now, in bytes.
pub(crate) fn memory(process: u32) -> Option<u64> {
    status(process, "VmRSS:")
}

/// How often its threads have been switched, of their own accord or not.
pub(crate) fn switches(process: u32) -> Option<u64> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let of_thread = |thread: std::io::Result<std::fs::DirEntry>| {
        let status = std::fs::read_to_string(thread.ok()?.path().join("status")).ok()?;
        let counts = status.lines().filter(|line| line.contains("ctxt_switches"));
        Some(counts.filter_map(number).sum::<u64>())
    };
    Some(threads.filter_map(of_thread).sum())
}

fn status(process: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kilobytes = number(status.lines().find(|line| line.starts_with(field))?)?;
    Some(kilobytes * 1024)
}

fn number(line: &str) -> Option<u64> {
    line.split_whitespace().nth(1)?.parse().ok()
}
