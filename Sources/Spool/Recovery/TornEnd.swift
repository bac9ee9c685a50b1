import LinuxSystem
import OperationLogs

/// Bytes at the end of the last segment that do not verify: copied to `torn/`, then overwritten with zeros.
struct TornEnd<Disk: Storage> {
    private static var copiesKept: Int { 16 }
    private static var block: UInt64 { 1 << 20 }

    let disk: Disk
    /// Of the segment.
    let name: String
    /// Where the bytes begin, and behind the last that is not zero.
    let offset: UInt64
    let end: UInt64
    /// A seal to be written where the bytes begin; empty where something verifies before them. Behind a loss it keeps the
    /// loss from looking like a part of this end, once this end is gone: it goes with the first sector.
    var seal: [UInt8] = []

    private var upTo: UInt64 { min(max(end, offset + UInt64(FrameHeader.length)), offset + AsideCopy<Disk>.largest) }

    /// - Returns: what there is, in a sentence: to be said before it is cut, or nobody could tell any more.
    func copyAside(_ file: Disk.File) throws(SpoolError) -> String {
        var copied: String
        do throws(SystemError) {
            copied = "they were copied to torn/\(try copy(file, upTo: upTo))"
        } catch  where error.isOutOfSpace {
            // They were never acknowledged: a full disk must not keep the spool from starting.
            copied = "they could not be copied aside (\(error))"
        } catch {
            throw SpoolError(error)
        }
        return "torn or damaged end: \(upTo - offset) bytes of \(name) at \(offset) do not verify; nothing behind them "
            + "was acknowledged unless the disk lost it; \(copied)"
    }

    /// Synced when this returns.
    func cut(_ file: Disk.File) throws(SpoolError) {
        try spooling { () throws(SystemError) in
            var at = offset
            while at < upTo {
                let count = min(Self.block, upTo - at)
                let front = at == offset ? seal : []
                try file.write([front, [UInt8](repeating: 0, count: max(0, Int(count) - front.count))], at: at)
                at += count
            }
            try file.synchronize()
        }
    }

    private func copy(_ file: Disk.File, upTo: UInt64) throws(SystemError) -> String {
        let torn = try disk.directory("torn")
        let names = try torn.names()
        for old in names.dropLast(Self.copiesKept - 1) { try torn.remove(old) }
        var copyName = "\(name)-\(offset)"
        var attempt = 1
        while names.contains(copyName) {
            attempt += 1
            copyName = "\(name)-\(offset)-\(attempt)"
        }
        try AsideCopy(directory: torn).make(copyName, of: file, from: offset, upTo: upTo)
        return copyName
    }
}
