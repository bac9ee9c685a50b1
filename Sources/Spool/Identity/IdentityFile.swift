import Glibc
import LinuxSystem
import OperationLogs

/// The file `identity`: read whole at a start, and appended to.
struct IdentityFile<Disk: Storage> {
    static var name: String { "identity" }
    private static var newName: String { "identity.new" }
    private static var aheadBytes: UInt64 { 16 << 10 }

    private(set) var identity: SpoolIdentity
    private let disk: Disk
    private var goodBytes: Int
    /// The last line, as it was read: its sync may have failed, so that it stands in the page cache only. Written again with
    /// what is appended, it is dirty again.
    private var unsure: ArraySlice<UInt8> = []

    /// Reads it without changing anything; nil if there is none.
    static func read(_ disk: Disk) throws(SpoolError) -> IdentityFile? {
        guard let bytes = try contents(disk) else { return nil }
        switch SpoolIdentity.read(bytes) {
        case .valid(let identity, let goodBytes):
            let lines = bytes[..<goodBytes]
            let start = lines.dropLast().lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
            return IdentityFile(identity: identity, disk: disk, goodBytes: goodBytes, unsure: lines[start...])
        case .unknownVersion(let found):
            throw SpoolError(
                .unknownVersion,
                "the spool's identity says '\(found)', which this version does not know; nothing was changed; "
                    + "run the version of opslogd that made it")
        case .damaged(let offset):
            throw .damaged(name, offset: UInt64(offset), "a line does not verify")
        }
    }

    /// Makes it for a new spool; durable when this returns.
    static func make(_ disk: Disk, spool: UniqueID, host: SpoolHost) throws(SpoolError) -> IdentityFile {
        let identity = SpoolIdentity(spool: spool, host: host)
        let text = Array(identity.headText.utf8)
        try spooling { () throws(SystemError) in
            if try disk.names().contains(newName) { try disk.remove(newName) }
            let file = try disk.open(newName, .creating)
            try file.write(text, at: 0)
            file.reserve(upTo: aheadBytes)
            try file.synchronize()
            try disk.rename(newName, to: name)
            try disk.synchronizeDirectory()
        }
        return IdentityFile(identity: identity, disk: disk, goodBytes: text.count)
    }

    /// Adds a line; durable when this returns. A torn line of an earlier time is cut off first. Where the disk has no block
    /// for it, the reserve becomes the file.
    mutating func append(_ entry: IdentityEntry, sparing reserve: inout SpoolReserve<Disk>) throws(SpoolError) {
        let text = Array(SpoolIdentity.text(entry).utf8)
        do throws(SystemError) {
            try append(text)
        } catch {
            guard error.isOutOfSpace, reserve.isHeld else { throw SpoolError(error) }
            try spooling { () throws(SystemError) in
                let known = try disk.open(Self.name, .reading).bytes(from: 0, count: goodBytes)
                try reserve.become(Self.name, by: Self.newName, holding: known + text)
            }
        }
        appended(text, entry)
    }

    /// The same without a reserve: for a word of the operator, who can make room.
    mutating func append(_ entry: IdentityEntry) throws(SpoolError) {
        let text = Array(SpoolIdentity.text(entry).utf8)
        try spooling { () throws(SystemError) in try append(text) }
        appended(text, entry)
    }

    private mutating func appended(_ text: [UInt8], _ entry: IdentityEntry) {
        unsure = []
        goodBytes += text.count
        identity.take(entry)
    }

    private func append(_ text: [UInt8]) throws(SystemError) {
        let file = try disk.open(Self.name, .writing)
        if try file.length() != UInt64(goodBytes) { try file.truncate(to: UInt64(goodBytes)) }
        try file.write(unsure + text, at: UInt64(goodBytes - unsure.count))
        // For the starts to come, as many as find the disk full.
        file.reserve(upTo: UInt64(goodBytes + text.count) + Self.aheadBytes)
        try file.synchronize()
    }

    private static func contents(_ disk: Disk) throws(SpoolError) -> [UInt8]? {
        do throws(SystemError) {
            let file = try disk.open(name, .reading)
            return try file.bytes(from: 0, count: Int(clamping: min(file.length(), 1 << 30)))
        } catch  where error.code == ENOENT {
            return nil
        } catch {
            throw SpoolError(error)
        }
    }
}
