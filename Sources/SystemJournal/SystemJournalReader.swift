import CLibsystemd
import Glibc
import Intake
import LinuxSystem
import OperationLogs

/// The journal that systemd-journald writes, through libsystemd: what `JournalInput` reads from. Owned by one thread.
///
/// Related functions: `sd_journal_open`, `sd_journal_seek_cursor`, `sd_journal_next`, `sd_journal_get_data`,
/// `sd_journal_process`.
public struct SystemJournalReader: JournalReading {
    private let files: JournalFiles
    /// How much of a compressed field is unpacked: a line that is longer is cut off in any case.
    private let fieldBytes: Int
    private var journal: Handle?

    /// Closes what it stands for when it goes.
    private final class Handle {
        let pointer: OpaquePointer
        init(_ pointer: OpaquePointer) { self.pointer = pointer }
        deinit { sd_journal_close(pointer) }
    }

    /// - Parameters:
    ///   - directory: of the journal's files; nil: those of this machine's journal.
    ///   - maxLineBytes: of the input.
    public init(directory: String?, maxLineBytes: Int) {
        files = JournalFiles(directory: directory)
        fieldBytes = maxLineBytes + 64
    }

    package mutating func open() throws(JournalTrouble) -> [JournalTrouble] {
        close()
        let leftOut = try files.check()
        var opened: OpaquePointer?
        let result =
            if let directory = files.directory {
                sd_journal_open_directory(&opened, directory, 0)
            } else {
                sd_journal_open(&opened, Int32(SD_JOURNAL_LOCAL_ONLY))
            }
        guard result >= 0, let opened else { throw failure("sd_journal_open", result) }
        journal = Handle(opened)
        sd_journal_set_data_threshold(opened, fieldBytes)
        // From now on what happens to the files is noted: a later wait tells of it.
        let descriptor = sd_journal_get_fd(opened)
        guard descriptor >= 0 else { throw failure("sd_journal_get_fd", descriptor) }
        return leftOut
    }

    package mutating func close() { journal = nil }

    package mutating func seek(_ place: JournalSeek) throws(JournalTrouble) -> Bool {
        let pointer = try pointer()
        switch place {
        case .beginning:
            try call("sd_journal_seek_head", sd_journal_seek_head(pointer))
        case .cursor(let cursor):
            try call("sd_journal_seek_cursor", sd_journal_seek_cursor(pointer, cursor))
        case .end:
            try call("sd_journal_seek_tail", sd_journal_seek_tail(pointer))
            // There is no entry behind the tail, and none comes there: only behind one at which the reader stands.
            if try call("sd_journal_previous", sd_journal_previous(pointer)) > 0 { return true }
            try call("sd_journal_seek_head", sd_journal_seek_head(pointer))
        }
        return false
    }

    package mutating func next() throws(JournalTrouble) -> Bool {
        try call("sd_journal_next", sd_journal_next(try pointer())) > 0
    }

    package mutating func cursor() throws(JournalTrouble) -> String {
        var text: UnsafeMutablePointer<CChar>?
        try call("sd_journal_get_cursor", sd_journal_get_cursor(try pointer(), &text))
        defer { free(text) }
        return text.map { String(cString: $0) } ?? ""
    }

    package mutating func isAt(_ cursor: String) throws(JournalTrouble) -> Bool {
        try call("sd_journal_test_cursor", sd_journal_test_cursor(try pointer(), cursor)) > 0
    }

    package mutating func moment() throws(JournalTrouble) -> JournalMoment {
        let pointer = try pointer()
        var (monotonic, realtime): (UInt64, UInt64) = (0, 0)
        var boot = sd_id128_t()
        try call("sd_journal_get_monotonic_usec", sd_journal_get_monotonic_usec(pointer, &monotonic, &boot))
        try call("sd_journal_get_realtime_usec", sd_journal_get_realtime_usec(pointer, &realtime))
        let id = withUnsafeBytes(of: boot.bytes) { bytes in
            UniqueID(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
        return JournalMoment(boot: id, monotonic: monotonic, realtime: realtime)
    }

    package mutating func field<Result>(_ field: JournalField, _ body: (UnsafeRawBufferPointer) -> Result)
        throws(JournalTrouble) -> Result?
    {
        let pointer = try pointer()
        var data: UnsafeRawPointer?
        var count = 0
        let name = UnsafeRawPointer(field.name.utf8Start).assumingMemoryBound(to: CChar.self)
        let result = sd_journal_get_data(pointer, name, &data, &count)
        if result == -ENOENT { return nil }
        try call("sd_journal_get_data", result)
        // What libsystemd gives is the field's name, an equals sign, and the value.
        let front = field.name.utf8CodeUnitCount + 1
        guard let data, count >= front else { return nil }
        return body(UnsafeRawBufferPointer(start: data + front, count: count - front))
    }

    package mutating func wait(or wake: EventDescriptor, milliseconds: Int?) -> JournalChange {
        guard let journal else {
            wake.wait(milliseconds: milliseconds)
            return .nothing
        }
        let longest = [milliseconds, timeout(journal.pointer)].compactMap { $0 }.min()
        var waiting = [
            pollfd(
                fd: sd_journal_get_fd(journal.pointer),
                events: Int16(truncatingIfNeeded: sd_journal_get_events(journal.pointer)),
                revents: 0),
            pollfd(fd: wake.rawValue, events: Int16(POLLIN), revents: 0),
        ]
        let ready = poll(&waiting, 2, longest.map { Int32(clamping: $0) } ?? -1)
        if ready > 0, waiting[1].revents != 0 { wake.clear() }
        switch sd_journal_process(journal.pointer) {
        case Int32(SD_JOURNAL_APPEND): return .appended
        case Int32(SD_JOURNAL_INVALIDATE): return .filesChanged
        // Where the file system tells nothing of changes, libsystemd asks to be called at times; then it is looked.
        case let result: return result < 0 || timeout(journal.pointer) != nil ? .appended : .nothing
        }
    }

    /// How long libsystemd may be left alone, in milliseconds; nil: as long as its descriptor is silent.
    private func timeout(_ pointer: OpaquePointer) -> Int? {
        var until: UInt64 = 0
        // Absolute, by CLOCK_MONOTONIC.
        guard sd_journal_get_timeout(pointer, &until) >= 0, until != .max else { return nil }
        let now = SystemTime().monotonicNanoseconds() / 1000
        return until > now ? Int((until - now) / 1000) + 1 : 0
    }

    private func pointer() throws(JournalTrouble) -> OpaquePointer {
        guard let journal else { throw failure("sd_journal_open", -EBADF) }
        return journal.pointer
    }

    @discardableResult
    private func call(_ name: String, _ result: Int32) throws(JournalTrouble) -> Int32 {
        guard result >= 0 else { throw failure(name, result) }
        return result
    }

    private func failure(_ name: String, _ result: Int32) -> JournalTrouble {
        files.trouble(name, files.place, -result)
    }
}
