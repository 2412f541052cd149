//! How much memory this process may count on, looked up once, at start; how much it has; and asking for some of it ahead.

/// Where a container's limit stands, in bytes or as `max`.
const CONTAINER_LIMIT: &str = "/sys/fs/cgroup/memory.max";

/// Bytes of the machine's memory, or of the container's if that is less.
pub fn memory_bytes() -> u64 {
    let machine = rustix::system::sysinfo();
    #[expect(clippy::useless_conversion, reason = "the fields' width differs between targets")]
    let machine_bytes = u64::from(machine.totalram) * u64::from(machine.mem_unit);
    #[expect(clippy::disallowed_methods, reason = "this room may read the machine's own files")]
    let container = std::fs::read(CONTAINER_LIMIT).ok();
    let container_bytes = container.and_then(|text| std::str::from_utf8(&text).ok()?.trim().parse().ok());
    container_bytes.unwrap_or(u64::MAX).min(machine_bytes)
}

/// What the kernel counts as this process's.
const OWN_MEMORY: &str = "/proc/self/statm";

/// Bytes of memory that this process holds, whoever in it does; `None` if the kernel does not say.
///
/// proc(5): field 2 of /proc/self/statm, in pages.
pub(crate) fn resident_bytes() -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "this room may read the machine's own files")]
    let text = std::fs::read(OWN_MEMORY).ok()?;
    let pages: u64 = std::str::from_utf8(&text).ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Bytes that the memory hands over at a time.
pub const CACHE_LINE_BYTES: usize = 64;

/// Asks for the cache line at `pointer`, which may point anywhere: whoever looks there soon does not wait for it then.
#[inline(always)]
pub fn prefetch<T>(pointer: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing that the program sees and faults on no address; SSE is part of x86-64.
        unsafe { _mm_prefetch(pointer.cast::<i8>(), _MM_HINT_T0) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = pointer;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_touched_is_resident() {
        const BYTES: u64 = 64 << 20;
        let before = resident_bytes().expect("procfs is mounted");
        let touched = vec![1_u8; usize::try_from(BYTES).expect("small")];
        let after = resident_bytes().expect("procfs is mounted");
        assert!(after >= before + BYTES / 2, "{before}, then {after} with {} more", touched.len());
    }
}
