//! How much memory this process may count on. Looked up once, at start.

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
