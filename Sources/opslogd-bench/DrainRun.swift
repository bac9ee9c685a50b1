import LinuxSystem

/// The daemon drains a whole file that waits for it.
struct DrainRun {
    let seconds: Double
    let cpu: Double
    let peakMebibytes: Double

    /// From the daemon's start to the last commit.
    /// - Parameters:
    ///   - connections: of delivery.
    ///   - conninfo: how the daemon reaches the server; nil: at once.
    ///   - prepare: what is done to the fresh tables.
    static func measure(
        _ place: BenchPlace, count: Int, batch: Int, connections: Int = 1, conninfo: String? = nil,
        prepare: () throws -> Void = {}
    ) throws -> DrainRun {
        try place.makeFresh()
        try prepare()
        let clock = SystemTime()
        let start = clock.monotonicNanoseconds()
        let daemon = try place.startDaemon(
            readingEvents: true, batchEvents: batch, connections: connections, conninfo: conninfo)
        defer { daemon.stop() }
        try DaemonStatus.wait(place.state, seconds: 3600) { $0.isDrained(of: count) }
        return DrainRun(
            seconds: Double(clock.monotonicNanoseconds() - start) / 1e9, cpu: daemon.cpuSeconds,
            peakMebibytes: daemon.memoryMebibytes("VmHWM"))
    }
}
