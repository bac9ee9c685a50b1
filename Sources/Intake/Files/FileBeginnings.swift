import Glibc
import LinuxSystem

/// The files of which something was read, by their first lines: of two of which one may be a copy of the other, one begins
/// with all that is known of the other's beginning. Of thousands of files that are new, each is compared to few.
struct FileBeginnings<File: SourceFile> {
    private var byFirstLine: [UInt64: [UInt64: TrackedFile<File>]] = [:]
    /// Those whose first line has not ended yet.
    private var unended: [UInt64: TrackedFile<File>] = [:]

    /// Takes note of what is known of a file's beginning now.
    mutating func note(_ file: TrackedFile<File>) {
        guard file.hasNewHead else { return }
        remove(file)
        file.hasNewHead = false
        guard !file.head.isEmpty else { return }
        file.firstLine = Self.firstLine(of: file.head)
        if let line = file.firstLine {
            byFirstLine[line, default: [:]][file.serial] = file
        } else {
            unended[file.serial] = file
        }
    }

    mutating func remove(_ file: TrackedFile<File>) {
        if let line = file.firstLine {
            byFirstLine[line]?[file.serial] = nil
            if byFirstLine[line]?.isEmpty ?? false { byFirstLine[line] = nil }
        } else {
            unended[file.serial] = nil
        }
        file.firstLine = nil
    }

    /// Those that a file which begins so may look like, in the order of discovery.
    func alike(_ beginning: [UInt8]) -> [TrackedFile<File>] {
        let found: [TrackedFile<File>]
        if let line = Self.firstLine(of: beginning) {
            found = Array(unended.values) + (byFirstLine[line].map { Array($0.values) } ?? [])
        } else {
            found = Array(unended.values) + byFirstLine.values.flatMap(\.values)
        }
        return found.filter { Resemblance.mayBe(beginning, to: $0) }.sorted { $0.serial < $1.serial }
    }

    /// Of the first line with its end, or of as much of it as is ever known of a file; nil where more of it may come.
    private static func firstLine(of bytes: [UInt8]) -> UInt64? {
        bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return nil }
            guard let end = memchr(base, 0x0a, bytes.count) else {
                return bytes.count >= FilePosition.fingerprintBytes ? ContentHash.of(bytes).value : nil
            }
            return ContentHash.of(UnsafeRawBufferPointer(start: base, count: UnsafeRawPointer(end) - base + 1)).value
        }
    }
}
