import CLinux
import Glibc

/// Wakes one waiting thread: an eventfd(2) that stays readable until it is cleared.
///
/// Signals coalesce: any number of `signal()` before a `clear()` are one. Related system calls: `eventfd`, `poll`.
public final class EventDescriptor: Sendable {
    private let descriptor: Descriptor

    /// - Throws: `SystemError` where the process is out of descriptors.
    public init() throws(SystemError) {
        let opened = clinux_event_descriptor()
        guard opened >= 0 else { throw .last("eventfd", "wake-up descriptor") }
        descriptor = Descriptor(owning: opened)
    }

    /// For `poll` and `epoll`: readable while a signal is pending.
    public var rawValue: Int32 { descriptor.rawValue }

    /// Wakes the waiting thread, or the next one that waits. Never blocks; may be called from any thread.
    public func signal() {
        var one: UInt64 = 1
        // EAGAIN means that the counter is full: the wake-up is pending all the same.
        _ = write(descriptor.rawValue, &one, 8)
    }

    /// Takes the pending signals back.
    public func clear() {
        var count: UInt64 = 0
        _ = read(descriptor.rawValue, &count, 8)
    }

    /// Waits until a signal is pending, and takes it.
    ///
    /// - Parameter milliseconds: the longest wait; nil waits without end.
    /// - Returns: whether a signal came (false: the time ran out).
    @discardableResult
    public func wait(milliseconds: Int? = nil) -> Bool {
        var waiting = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        let ready = poll(&waiting, 1, milliseconds.map { Int32(clamping: $0) } ?? -1)
        if ready > 0 { clear() }
        return ready > 0
    }
}
