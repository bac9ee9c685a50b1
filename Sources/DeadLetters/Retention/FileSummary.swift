import Glibc
import LinuxSystem
import OperationLogs

/// What one file of the store amounts to.
struct FileSummary: Sendable {
    let number: UInt64
    var bytes: UInt64 = 0
    /// Dead letters that are not over.
    var held = 0
    var heldBytes: UInt64 = 0
    /// Of those, when they were received: as it stands in the file, which sorts as the times do.
    var oldest: String?
    var newest: String?
    /// Of those, by their inputs' names as they stand in JSON.
    var bytesByInput: [String: UInt64] = [:]
    /// Whether something in it is no entry: it stays as it is until it goes as a whole.
    var isDamaged = false
    /// The first record that the spool kept when writing the file anew was found to free next to nothing.
    var futileAt: SequenceNumber?
    /// Whether it is this spool's, as one whose first line is damaged is taken to be.
    var isOwn = false

    /// Of a new file of this spool.
    init(ownFile number: UInt64) {
        self.number = number
        isOwn = true
    }

    /// Of a file as it stands on disk.
    init(_ number: UInt64, _ content: FileContent, spool: UniqueID, ended: LetterIDSet) {
        self.number = number
        bytes = UInt64(content.bytes.count)
        isDamaged = content.isDamaged
        isOwn = content.isOwn(spool)
        for entry in content.entries where entry.isLetter && !(isOwn && ended.contains(entry.id)) {
            let line = content.line(entry)
            add(LetterFacts(line), bytes: UInt64(line.count))
        }
    }

    mutating func add(_ facts: LetterFacts, bytes: UInt64) {
        held += 1
        heldBytes += bytes
        if let time = facts.time {
            oldest = min(oldest ?? time, time)
            newest = max(newest ?? time, time)
        }
        bytesByInput[facts.input, default: 0] += bytes
    }
}

/// What of a dead letter's line counts here, read from the line as it stands in a file.
struct LetterFacts {
    var time: String?
    /// As in JSON, without its quotes; empty if there is none.
    var input = ""

    /// Within a text these quotation marks would stand behind backslashes.
    private static let timeKey: StaticString = "\",\"time\":\""
    private static let inputKey: StaticString = ",\"source\":{\"input\":\""

    /// Of a letter whose line is about to be written.
    init(_ letter: DeadLetter) {
        time = letter.time.rfc3339
        input = Self.key(letter.source.input)
    }

    /// An input's name as it stands in JSON, without its quotes.
    static func key(_ input: String) -> String { String(JSONObjectWriter.quoted(input).dropFirst().dropLast()) }

    init(_ line: ArraySlice<UInt8>) {
        line.withUnsafeBytes { line in
            let front = JournalEntry.prefixBytes - 1
            guard line.count > front else { return }
            let rest = UnsafeRawBufferPointer(rebasing: line[front...])
            if let start = Self.end(of: Self.timeKey, in: rest), start == Self.timeKey.utf8CodeUnitCount {
                time = String(decoding: rest[start...].prefix { $0 != 0x22 }, as: UTF8.self)
            }
            guard let start = Self.end(of: Self.inputKey, in: rest) else { return }
            var isEscaped = false
            let name = rest[start...].prefix { byte in
                defer { isEscaped = byte == 0x5c && !isEscaped }
                return byte != 0x22 || isEscaped
            }
            input = String(decoding: name, as: UTF8.self)
        }
    }

    /// Behind the first place at which the key stands.
    private static func end(of key: StaticString, in bytes: UnsafeRawBufferPointer) -> Int? {
        let length = key.utf8CodeUnitCount
        var at = 0
        while let base = bytes.baseAddress, at + length <= bytes.count,
            let found = memchr(base + at, Int32(key.utf8Start[0]), bytes.count - length + 1 - at)
        {
            if memcmp(found, key.utf8Start, length) == 0 { return UnsafeRawPointer(found) - base + length }
            at = UnsafeRawPointer(found) - base + 1
        }
        return nil
    }
}

/// A file in memory: files are bounded, and read whole only when space is looked for.
struct FileContent {
    let bytes: [UInt8]
    private(set) var entries: [JournalEntry] = []
    private var findings = JournalFileFindings()

    init(_ file: some StorageFile) throws(SystemError) {
        var bytes = [UInt8](repeating: 0, count: Int(try file.length()))
        let outcome = bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(SystemError) in try file.read(into: buffer, at: 0) }
        }
        bytes.removeSubrange(try outcome.get()...)
        self.init(bytes)
    }

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        var scan = JournalScan()
        bytes.withUnsafeBytes { bytes in
            scan.take(bytes) { line in if let entry = findings.take(line) { entries.append(entry) } }
        }
    }

    /// The first line.
    var head: ArraySlice<UInt8> { bytes[..<(entries.first.map { Int($0.offset) } ?? bytes.count)] }

    /// Whether something in it is no entry.
    var isDamaged: Bool { findings.hasHole || findings.intactEnd != UInt64(bytes.count) }

    /// Whether it is this spool's, as one whose first line is damaged is taken to be.
    func isOwn(_ spool: UniqueID) -> Bool { findings.spool.map { $0 == spool } ?? true }

    /// With its end.
    func line(_ entry: JournalEntry) -> ArraySlice<UInt8> {
        bytes[Int(entry.offset)..<Int(entry.offset) + entry.length + 1]
    }
}

extension JournalEntry {
    var isLetter: Bool { kind == .movedLine || kind == .refusal }
}
