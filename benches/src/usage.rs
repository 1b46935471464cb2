//! What a part of a run has used of processor and memory, from the kernel.

/// From when something is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    cpu_seconds: f64,
}

/// What was used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    /// Processor time of this process alone.
    pub(crate) cpu_seconds: f64,
    /// The most memory that it held.
    pub(crate) peak_mib: u64,
}

impl Usage {
    /// From now on.
    pub(crate) fn begin() -> Usage {
        // The kernel then takes what is held now for the most. Where it may not be told so, the most of before stays.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Usage { cpu_seconds: crate::cpu_seconds() }
    }

    /// Until now.
    pub(crate) fn end(self) -> Used {
        Used { cpu_seconds: crate::cpu_seconds() - self.cpu_seconds, peak_mib: crate::peak_memory_mib() }
    }
}
