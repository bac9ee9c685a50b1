import LinuxSystem
import OperationLogs

/// The file `identity`.
struct IdentityFile<Disk: Storage> {
    static var name: String { "identity" }

    private(set) var identity: SpoolIdentity
    private var file: LineFile<Disk>

    /// Of the lines that verify.
    var byteCount: Int { file.byteCount }

    /// Reads it without changing anything; nil if there is none.
    static func read(_ disk: Disk) throws(SpoolError) -> IdentityFile? {
        guard let bytes = try LineFile.bytes(disk, name: name) else { return nil }
        switch SpoolIdentity.read(bytes) {
        case .valid(let identity, let goodBytes):
            return IdentityFile(
                identity: identity, file: LineFile(disk, name: name, holding: bytes.prefix(goodBytes)))
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
        var file = LineFile(disk, name: name, holding: [])
        try spooling { () throws(SystemError) in try file.replace(with: identity.head) }
        return IdentityFile(identity: identity, file: file)
    }

    /// Adds a line; durable, with all before it, when this returns.
    mutating func append(_ entry: IdentityEntry, sparing reserve: inout SpoolReserve<Disk>) throws(SpoolError) {
        try spooling { () throws(SystemError) in try file.append([entry.content], sparing: &reserve) }
        identity.take(entry)
    }

    /// The same without a reserve: for a word of the operator, who can make room.
    mutating func append(_ entry: IdentityEntry) throws(SpoolError) {
        try spooling { () throws(SystemError) in try file.append([entry.content]) }
        identity.take(entry)
    }
}
