import Glibc

/// Watches of directories and files: inotify(7). Owned by one thread.
///
/// Related system calls: `inotify_init1`, `inotify_add_watch`, `inotify_rm_watch`, `read`.
public final class Inotify: SourceWatches {
    /// What a watch asks for, and what an event says: bits of `IN_…`.
    public struct Events: OptionSet, Sendable, Hashable {
        public var rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        private init(_ bits: some BinaryInteger) { rawValue = UInt32(truncatingIfNeeded: bits) }

        public static let modified = Events(IN_MODIFY)
        public static let attributes = Events(IN_ATTRIB)
        public static let created = Events(IN_CREATE)
        public static let deleted = Events(IN_DELETE)
        public static let movedFrom = Events(IN_MOVED_FROM)
        public static let movedTo = Events(IN_MOVED_TO)
        public static let selfDeleted = Events(IN_DELETE_SELF)
        public static let selfMoved = Events(IN_MOVE_SELF)
        /// Only a directory will do.
        public static let onlyDirectory = Events(IN_ONLYDIR)
        /// Adds to what an existing watch asks for.
        public static let adding = Events(IN_MASK_ADD)
        /// In an event: the name is a directory's.
        public static let isDirectory = Events(IN_ISDIR)
        /// In an event: the watch is gone.
        public static let ignored = Events(IN_IGNORED)
        /// In an event: the queue was full, and events are lost.
        public static let overflow = Events(IN_Q_OVERFLOW)
        public static let unmounted = Events(IN_UNMOUNT)
    }

    public struct Event: Sendable {
        /// The watch that the event is of; -1 for an overflow.
        public let watch: Int32
        public let events: Events
        /// Joins the two events of one renaming; 0 of others.
        public let cookie: UInt32
        /// Of the entry in a watched directory; empty for the watched thing itself; nil where it is not UTF-8.
        public let name: String?

        public init(watch: Int32, events: Events, cookie: UInt32 = 0, name: String? = "") {
            self.watch = watch
            self.events = events
            self.cookie = cookie
            self.name = name
        }
    }

    private let descriptor: Descriptor
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 8)

    /// - Throws: `SystemError`, EMFILE at the limit of instances (`fs.inotify.max_user_instances`).
    public init() throws(SystemError) {
        let opened = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK))
        guard opened >= 0 else { throw .last("inotify_init1", "inotify instance") }
        descriptor = Descriptor(owning: opened)
    }

    deinit { buffer.deallocate() }

    /// For `poll`: readable while there are events.
    public var rawValue: Int32 { descriptor.rawValue }

    /// Watches a path, following symbolic links; a second watch of one inode replaces the first and has its number.
    ///
    /// - Throws: `SystemError`, ENOSPC at the limit of watches (`fs.inotify.max_user_watches`).
    public func watch(_ path: String, _ events: Events) throws(SystemError) -> Int32 {
        let watch = inotify_add_watch(descriptor.rawValue, path, events.rawValue)
        guard watch >= 0 else { throw .last("inotify_add_watch", path) }
        return watch
    }

    /// Ends a watch; one that is gone already is nothing.
    public func end(_ watch: Int32) {
        _ = inotify_rm_watch(descriptor.rawValue, watch)
    }

    /// The events that are queued, at most a buffer of them; empty if there are none. Never blocks.
    public func read() throws(SystemError) -> [Event] {
        guard let count = retryingInterrupts({ Glibc.read(descriptor.rawValue, buffer.baseAddress, buffer.count) })
        else {
            if errno == EAGAIN { return [] }
            throw .last("read", "inotify instance")
        }
        var events: [Event] = []
        var at = 0
        let header = 16
        while at + header <= count {
            let watch = buffer.loadUnaligned(fromByteOffset: at, as: Int32.self)
            let mask = buffer.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self)
            let cookie = buffer.loadUnaligned(fromByteOffset: at + 8, as: UInt32.self)
            let length = Int(buffer.loadUnaligned(fromByteOffset: at + 12, as: UInt32.self))
            guard at + header + length <= count else { break }
            let name = buffer[(at + header)..<(at + header + length)].prefix { $0 != 0 }
            events.append(
                Event(
                    watch: watch, events: Events(rawValue: mask), cookie: cookie,
                    name: String(validating: name, as: UTF8.self)))
            at += header + length
        }
        return events
    }

    /// Waits until there are events, a wake-up is pending, or the time is over. The wake-up is taken.
    ///
    /// - Parameters:
    ///   - milliseconds: the longest wait; nil waits without end.
    ///   - forEvents: false where events have failed to be read, and are left in the queue for the time.
    public func wait(or wake: EventDescriptor, milliseconds: Int?, forEvents: Bool) {
        guard forEvents else {
            wake.wait(milliseconds: milliseconds)
            return
        }
        var waiting = [
            pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wake.rawValue, events: Int16(POLLIN), revents: 0),
        ]
        let ready = poll(&waiting, 2, milliseconds.map { Int32(clamping: $0) } ?? -1)
        if ready > 0, waiting[1].revents != 0 { wake.clear() }
    }
}
