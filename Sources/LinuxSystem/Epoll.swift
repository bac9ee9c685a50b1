import CLinux
import Glibc

/// Waits for many descriptors at once, level-triggered. Owned by one thread. Related system calls: `epoll_create1`,
/// `epoll_ctl`, `epoll_wait`.
///
/// The kernel reports a hang-up or an error whatever was asked for; a descriptor that must stay silent has to be taken
/// out, not given an empty interest.
public final class Epoll {
    /// What a descriptor is waited for.
    public struct Interest: OptionSet, Sendable, Hashable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        public static let readable = Interest(rawValue: 1)
        public static let writable = Interest(rawValue: 2)
    }

    /// What has become of one descriptor.
    public struct Event: Sendable, Hashable {
        /// As it was given with the descriptor.
        public let token: UInt64
        /// Something can be read, or the end of it.
        public let isReadable: Bool
        public let isWritable: Bool
        /// The other side is gone, or the descriptor has an error.
        public let isHungUp: Bool
    }

    private static let eventsPerWait = 64
    private let descriptor: Descriptor
    private let events: UnsafeMutablePointer<clinux_epoll_event>

    /// - Throws: `SystemError` where the process is out of descriptors.
    public init() throws(SystemError) {
        let opened = clinux_epoll_create()
        guard opened >= 0 else { throw .last("epoll_create1", "event queue") }
        descriptor = Descriptor(owning: opened)
        events = .allocate(capacity: Self.eventsPerWait)
        events.initialize(repeating: clinux_epoll_event(events: 0, data: 0), count: Self.eventsPerWait)
    }

    deinit { events.deallocate() }

    /// Begins to wait for a descriptor.
    public func add(_ descriptor: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
        try control(clinux_epoll_add, descriptor, interest, token)
    }

    /// Changes what a descriptor is waited for.
    public func change(_ descriptor: Int32, to interest: Interest, token: UInt64) throws(SystemError) {
        try control(clinux_epoll_modify, descriptor, interest, token)
    }

    /// Waits for a descriptor no more. Closing the last duplicate of one does the same.
    public func remove(_ descriptor: Int32) throws(SystemError) {
        try control(clinux_epoll_remove, descriptor, [], 0)
    }

    private func control(_ operation: Int32, _ fd: Int32, _ interest: Interest, _ token: UInt64) throws(SystemError) {
        var wanted: UInt32 = 0
        if interest.contains(.readable) { wanted |= clinux_epoll_in }
        if interest.contains(.writable) { wanted |= clinux_epoll_out }
        guard clinux_epoll_control(descriptor.rawValue, operation, fd, wanted, token) == 0 else {
            throw .last("epoll_ctl", "descriptor \(fd)")
        }
    }

    /// Waits until something has happened, and appends it to `found`.
    ///
    /// One call finds at most 64 descriptors; those that it did not come to are first the next time.
    /// - Parameter milliseconds: the longest wait; nil waits without end, 0 only looks.
    /// - Returns: whether there may be more at once.
    @discardableResult
    public func wait(milliseconds: Int?, appendingTo found: inout [Event]) throws(SystemError) -> Bool {
        let timeout = milliseconds.map { Int32(clamping: $0) } ?? -1
        guard
            let count = retryingInterrupts({
                clinux_epoll_wait(descriptor.rawValue, events, Int32(Self.eventsPerWait), timeout)
            })
        else { throw .last("epoll_wait", "event queue") }
        let gone = clinux_epoll_hang_up | clinux_epoll_error
        for event in UnsafeBufferPointer(start: events, count: Int(count)) {
            found.append(
                Event(
                    token: event.data, isReadable: event.events & clinux_epoll_in != 0,
                    isWritable: event.events & clinux_epoll_out != 0, isHungUp: event.events & gone != 0))
        }
        return Int(count) == Self.eventsPerWait
    }
}
