import CLinux

/// How this process deals with memory that it has freed.
public enum ProcessMemory {
    /// Makes the allocator keep little of it.
    ///
    /// Chunks are made on one thread and freed on another, a megabyte each: left alone, glibc raises its threshold for
    /// blocks of their own to that size, and keeps what a burst took in an arena for each thread. Measured while a
    /// million events were drained: 52 MiB at the peak in place of 69, and no more processor time. Related: `mallopt(3)`.
    public static func giveBack() {
        clinux_give_memory_back()
    }
}
