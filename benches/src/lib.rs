//! Workloads, each run by one command, and what they measure. `docs/performance.md` has the findings.

pub mod certify;
pub mod edits;
pub mod journal;
pub mod lore;
pub mod memories;
mod open_loop;
pub mod quest_2m;
pub mod quests_10k;
pub mod restart;
pub mod router;
pub mod rows;
pub mod simulated;
pub mod sockets;
pub mod speak;
pub mod sql;
pub mod sql_rows;
pub mod stores;
pub mod storylets;
pub mod timers;
mod usage;
pub mod wire;

/// The most memory this process has held, from the kernel.
#[must_use]
pub fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// What the numbers are measured on, from the kernel.
#[must_use]
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, name: &str| -> String {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':'))
            .map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!(
        "{cores} cores of {}, {} of memory, {}",
        value(&read("/proc/cpuinfo"), "model name"),
        value(&read("/proc/meminfo"), "MemTotal"),
        read("/proc/version").split(" (").next().unwrap_or("")
    )
}

/// The processor time that this process has used, from the kernel: what a wall clock cannot say when
/// other work runs beside.
#[must_use]
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks: u32 =
        after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    f64::from(ticks) / 100.0
}
