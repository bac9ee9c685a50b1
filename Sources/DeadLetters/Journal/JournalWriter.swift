import LinuxSystem
import OperationLogs

/// Appends lines to the last file: one write and one sync an append, a new file where the last one is full.
///
/// Used under the store's lock.
struct JournalWriter<Disk: Storage> {
    private let directory: Disk
    private let header: JournalHeader
    private let rotationBytes: UInt64
    /// Up to where the file has blocks, as far as is known.
    private var reservedUpTo: UInt64 = 0
    /// Of the file that was appended to last; 0 before the first.
    private(set) var number: UInt64
    /// The file appended to; nil until the first append makes one.
    private var file: Disk.File?
    private var length: UInt64
    /// Whether the directory has not been synced since the file took its name.
    private var isNameFresh: Bool
    /// Why nothing can be appended any more.
    private var failure: SystemError?

    init(directory: Disk, spool: UniqueID, recovered: JournalRecovery, rotationBytes: UInt64) throws(SystemError) {
        self.directory = directory
        self.rotationBytes = rotationBytes
        header = JournalHeader(spool: spool)
        number = recovered.lastFile
        length = recovered.appendableLength ?? 0
        file = recovered.appendableLength == nil ? nil : try directory.open(JournalFileName.of(number), .writing)
        isNameFresh = recovered.appendableLength == 0
        reserveAhead()
    }

    /// Blocks for letters to come: on a disk that somebody else has filled, lines still leave the spool for the store, so
    /// that the spool can free its segments.
    private static var aheadBytes: UInt64 { 1 << 20 }

    private mutating func reserveAhead() {
        guard let file, length + Self.aheadBytes / 2 > reservedUpTo else { return }
        reservedUpTo = length + Self.aheadBytes
        file.reserve(upTo: reservedUpTo)
    }

    /// The next append begins a new file.
    mutating func endFile() { file = nil }

    /// Whether it does.
    var isAtEnd: Bool { file == nil }

    /// The last file, and up to where it is on disk: all of it, where nothing more is appended to it.
    var durableEnd: (file: UInt64, length: UInt64) { (number, file == nil ? .max : length) }

    /// Appends whole lines.
    ///
    /// - Returns: how many bytes the store has grown by; they are on disk.
    /// - Throws: `SystemError` if there is no room: nothing was appended, and a later try may succeed.
    ///   `DeadLetterStoreError.unusable` if what is on disk is not known.
    mutating func append(_ lines: [UInt8]) throws -> Int {
        if let failure { throw DeadLetterStoreError.unusable(failure) }
        if length > 0, length + UInt64(lines.count) > rotationBytes { file = nil }
        let file = try self.file ?? beginFile()
        let head = length == 0 ? header.line : []
        do throws(SystemError) {
            try Self.write(head, lines, to: file, at: length)
        } catch {
            // Part of it may stand there, and a shorter append would leave the rest of it behind itself.
            reservedUpTo = 0
            do throws(SystemError) { try file.truncate(to: length) } catch { throw fail(error) }
            throw error
        }
        do throws(SystemError) {
            try file.synchronize()
            if isNameFresh { try directory.synchronizeDirectory() }
        } catch { throw fail(error) }
        isNameFresh = false
        length += UInt64(head.count + lines.count)
        reserveAhead()
        return head.count + lines.count
    }

    private mutating func beginFile() throws(SystemError) -> Disk.File {
        let made = try directory.open(JournalFileName.of(number + 1), .creating)
        number += 1
        length = 0
        reservedUpTo = 0
        isNameFresh = true
        file = made
        return made
    }

    private static func write(_ head: [UInt8], _ lines: [UInt8], to file: Disk.File, at offset: UInt64)
        throws(SystemError)
    {
        let outcome = head.withUnsafeBytes { head in
            lines.withUnsafeBytes { lines in
                Result { () throws(SystemError) in try file.write([head, lines], at: offset) }
            }
        }
        try outcome.get()
    }

    private mutating func fail(_ error: SystemError) -> DeadLetterStoreError {
        failure = error
        return .unusable(error)
    }
}
