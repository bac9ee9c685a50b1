import LinuxSystem
import OperationLogs
import Synchronization

/// Reads the store's files from the oldest on, and on as they grow, up to what is durable.
///
/// A file that is written anew, or removed, while it is read is read to its end as it was: it stays open, and nothing is
/// appended to it.
public final class JournalFeed<Disk: Storage>: DeadLetterFeed {
    /// A file that is being read.
    private struct Reading {
        let number: UInt64
        let file: Disk.File
        var scan = JournalScan()
        /// Up to where its bytes were scanned.
        var offset: UInt64 = 0
        var isOwn = true
    }

    private let store: DeadLetterStore<Disk>
    private let buffer = ScanBuffer()
    private var line: [UInt8] = []
    private var reading: Reading?
    /// Files up to here were read.
    private var readUpTo: UInt64 = 0
    private var held = LetterIDSet()

    /// Told of by the store, and not passed on yet.
    private let gone: Gone

    private final class Gone: Sendable {
        let ids = Mutex<[SequenceNumber]>([])
    }

    public init(of store: DeadLetterStore<Disk>) {
        self.store = store
        let gone = Gone()
        self.gone = gone
        store.onGone { ids in gone.ids.withLock { $0 += ids } }
    }

    public var spool: UniqueID { store.spool }

    public func rewind() {
        reading = nil
        readUpTo = 0
        held = LetterIDSet()
    }

    public func holds(_ id: SequenceNumber) -> Bool { held.contains(id) }

    public func onNews(_ wake: @escaping @Sendable () -> Void) { store.onAppend(wake) }

    public func next(bytes: Int) throws -> [DeadLetterNews] {
        var news: [DeadLetterNews] = []
        var left = bytes
        // Nothing to tell is the end, so what is passed over does not count.
        while left > 0 || news.isEmpty {
            let end = store.durableEnd
            guard try reading != nil || openNext(upTo: end.file), var current = reading else { break }
            let limit = current.number == end.file ? end.length : .max
            let wanted = min(UInt64(buffer.bytes.count), limit - min(limit, current.offset))
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<Int(wanted)])
            let count = wanted > 0 ? try current.file.read(into: part, at: current.offset) : 0
            if count == 0 {
                // Its end, if it is not the last one; and what is behind it cannot be before it any more.
                if current.number >= end.file { break }
                readUpTo = current.number
                reading = nil
                continue
            }
            var entries: [JournalEntry] = []
            try current.scan.take(UnsafeRawBufferPointer(part).part(0, count)) { found in
                switch found {
                case .header(.header(let header)): current.isOwn = header.spool == store.spool
                case .header(.unknownVersion(let version)):
                    throw DeadLetterStoreError.unknownVersion(
                        file: JournalFileName.of(current.number), version: version)
                // It is reported where the store is opened.
                case .header(.damaged), .damaged: break
                case .entry(let entry): entries.append(entry)
                }
            }
            current.offset += UInt64(count)
            left -= count
            if current.isOwn {
                for entry in entries { if let item = try item(entry, in: current.file) { news.append(item) } }
            }
            reading = current
        }
        return news.isEmpty ? endingsOfGone() : news
    }

    /// Once all that was kept has been told, so that nothing of a file that has gone meanwhile comes behind its end.
    private func endingsOfGone() -> [DeadLetterNews] {
        let ids = gone.ids.withLock { ids in
            defer { ids = [] }
            return ids
        }
        for id in ids { held.remove(id) }
        return ids.map { .ended(DeadLetterEnding(id: $0, fate: .dropped)) }
    }

    /// - Returns: whether there is one.
    private func openNext(upTo last: UInt64) throws -> Bool {
        for number in try JournalFileName.numbers(in: store.directory) where number > readUpTo && number <= last {
            do throws(SystemError) {
                reading = Reading(number: number, file: try store.directory.open(JournalFileName.of(number), .reading))
                return true
            } catch {
                // It may have been dropped just now.
                if try store.directory.names().contains(JournalFileName.of(number)) { throw error }
            }
        }
        return false
    }

    private func item(_ entry: JournalEntry, in file: Disk.File) throws -> DeadLetterNews? {
        switch entry.kind {
        case .movedLine, .refusal:
            guard let letter = try json(entry, in: file, StoredLetter.read) else { return nil }
            if !store.isEnded(entry.id) { held.insert(entry.id) }
            return .letter(letter)
        case .tombstone:
            held.remove(entry.id)
            return .ended(
                try json(entry, in: file, StoredLetter.readEnding) ?? DeadLetterEnding(id: entry.id, fate: .dropped))
        case .movedMark, nil: return nil
        }
    }

    private func json<Content>(
        _ entry: JournalEntry, in file: Disk.File, _ read: (UnsafeRawBufferPointer) -> Content?
    ) throws -> Content? {
        if line.count < entry.length { line = [UInt8](repeating: 0, count: entry.length) }
        return try line.withUnsafeMutableBytes { bytes in
            let place = UnsafeMutableRawBufferPointer(rebasing: bytes[..<entry.length])
            guard try file.read(into: place, at: entry.offset) == entry.length else { return nil }
            return read(
                UnsafeRawBufferPointer(place).part(JournalEntry.headBytes, entry.length - JournalEntry.headBytes))
        }
    }
}
