import LinuxSystem

/// When new connections are taken: below the limit, while the process has descriptors, until the stop.
struct SocketDoor {
    enum Change: Hashable {
        case nothing
        /// Wait for the listener.
        case wait
        /// Wait for it no more; connections stand in the backlog.
        case ignore
    }

    /// How long nothing is accepted after it failed, unless a connection closes first.
    private static let pauseNanoseconds: UInt64 = 1_000_000_000

    private var listener: InputSocket?
    private let maxConnections: Int
    private(set) var isWaitedFor = false
    /// Monotonic nanoseconds; nil while accepting did not fail.
    private(set) var closedUntil: UInt64?
    private var hasSaidSo = false

    init(_ listener: InputSocket, maxConnections: Int) {
        self.listener = listener
        self.maxConnections = maxConnections
    }

    /// Of the listener; -1 after the stop.
    var descriptor: Int32 { listener?.descriptor.rawValue ?? -1 }

    func isOpen(connections: Int) -> Bool {
        listener != nil && connections < maxConnections && closedUntil == nil
    }

    /// What to change now, with so many connections open.
    mutating func next(now: UInt64, open connections: Int) -> Change {
        if let until = closedUntil, now >= until { closedUntil = nil }
        let wanted = isOpen(connections: connections)
        guard wanted != isWaitedFor else { return .nothing }
        isWaitedFor = wanted
        return wanted ? .wait : .ignore
    }

    func accept() throws(SystemError) -> Descriptor? {
        guard let listener else { return nil }
        return try UnixSocket.accept(from: listener.descriptor, listener.path)
    }

    mutating func accepted() { hasSaidSo = false }

    /// Accepting failed: the process has no descriptors left, or the system no memory.
    ///
    /// - Returns: whether to say so; once until it works again.
    mutating func failed(now: UInt64) -> Bool {
        closedUntil = now + Self.pauseNanoseconds
        defer { hasSaidSo = true }
        return !hasSaidSo
    }

    /// A descriptor has become free.
    mutating func connectionClosed() { closedUntil = nil }

    /// Takes no more, for good.
    ///
    /// - Returns: what stood in the backlog of a socket made here; that of one handed over is left to who comes next.
    mutating func close() -> [Descriptor] {
        guard let listener else { return [] }
        var waiting: [Descriptor] = []
        if !listener.isInherited {
            listener.removeFile()
            while let accepted = try? UnixSocket.accept(from: listener.descriptor, listener.path) {
                waiting.append(accepted)
            }
        }
        self.listener = nil
        isWaitedFor = false
        return waiting
    }
}
