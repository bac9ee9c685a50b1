import Glibc

/// What the kernel allows this process. Related system calls: `getrlimit`.
public enum ProcessLimits {
    /// How many descriptors it may have at once: the soft RLIMIT_NOFILE.
    public static var openFiles: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }

    /// Allows it so many, as far as the hard limit goes. Related system calls: `setrlimit`.
    public static func setOpenFiles(_ count: Int) {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = min(limit.rlim_max, rlim_t(count))
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
