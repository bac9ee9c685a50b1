import Glibc
import LinuxSystem
import OperationLogs

/// What a scan finds, line by line.
enum JournalLine: Sendable, Hashable {
    case header(JournalHeader.Reading)
    case entry(JournalEntry)
    /// A line that is no entry, or whose checksum fails; also one that the file ends in. That is damage too, but for an append
    /// that is under way or was cut short, at the end of the last file.
    case damaged(offset: UInt64, length: Int)
}

/// Finds and verifies the lines of a file from its bytes, in pieces of any size. Needs the same memory whatever the
/// length of a line.
struct JournalScan {
    /// Where the line begins that has not ended yet.
    private(set) var lineOffset: UInt64 = 0
    /// Its bytes so far.
    private(set) var lineLength = 0
    private var prefix: [UInt8] = []
    private var checksum = CRC32C()

    /// As much as the longest first line, and more than the prefix of an entry.
    private static let keptBytes = 96

    init() { prefix.reserveCapacity(Self.keptBytes) }

    /// Takes the next bytes of the file and gives `body` each line that ends within them.
    mutating func take(_ bytes: UnsafeRawBufferPointer, _ body: (JournalLine) throws -> Void) rethrows {
        var at = 0
        while at < bytes.count, let base = bytes.baseAddress {
            let end = memchr(base + at, 0x0a, bytes.count - at).map { UnsafeRawPointer($0) - base }
            extend(bytes.part(at, (end ?? bytes.count) - at))
            guard let end else { return }
            try body(finishedLine())
            lineOffset += UInt64(lineLength) + 1
            lineLength = 0
            prefix.removeAll(keepingCapacity: true)
            checksum = CRC32C()
            at = end + 1
        }
    }

    private mutating func extend(_ bytes: UnsafeRawBufferPointer) {
        prefix.append(contentsOf: bytes.prefix(Self.keptBytes - prefix.count))
        let unsummed = min(max(0, JournalEntry.checksumBytes - lineLength), bytes.count)
        checksum.update(bytes.part(unsummed, bytes.count - unsummed))
        lineLength += bytes.count
    }

    private func finishedLine() -> JournalLine {
        if lineOffset == 0 { return .header(lineLength <= Self.keptBytes ? JournalHeader.read(prefix) : .damaged) }
        let entry = JournalEntry(prefix: prefix, checksum: checksum.value, offset: lineOffset, length: lineLength)
        return entry.map(JournalLine.entry) ?? .damaged(offset: lineOffset, length: lineLength)
    }

    private var unendedLine: JournalLine? {
        guard lineLength > 0 else { return nil }
        return lineOffset == 0 ? .header(.damaged) : .damaged(offset: lineOffset, length: lineLength)
    }

    /// Scans a whole file through `buffer`.
    ///
    /// - Returns: the file's length.
    static func lines(
        of file: some StorageFile, buffer: UnsafeMutableRawBufferPointer, _ body: (JournalLine) throws -> Void
    ) throws -> UInt64 {
        var scan = JournalScan()
        var offset: UInt64 = 0
        while true {
            let count = try file.read(into: buffer, at: offset)
            if count == 0 {
                if let line = scan.unendedLine { try body(line) }
                return offset
            }
            try scan.take(UnsafeRawBufferPointer(buffer).part(0, count), body)
            offset += UInt64(count)
        }
    }
}

/// Bytes that are let go at the end of their scope.
final class ScanBuffer {
    let bytes: UnsafeMutableRawBufferPointer
    init(byteCount: Int = 256 << 10) { bytes = .allocate(byteCount: byteCount, alignment: 16) }
    deinit { bytes.deallocate() }
}
