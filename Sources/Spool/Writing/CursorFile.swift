import Glibc
import LinuxSystem
import OperationLogs

/// The file `cursor`: two slots, written in turn.
struct CursorFile<File: StorageFile>: Sendable {
    static var name: String { "cursor" }
    private static var newName: String { "cursor.new" }

    /// What is durable.
    private(set) var saved: CursorSlot
    private let file: File

    /// Reads the newer slot that verifies; nil if there is no such file.
    static func read<Disk: Storage>(_ disk: Disk) throws(SpoolError) -> CursorSlot? where Disk.File == File {
        let slots: [CursorSlot]
        do throws(SystemError) {
            let file = try disk.open(name, .reading)
            let first = try file.bytes(from: 0, count: CursorSlot.length)
            let second = try file.bytes(from: CursorSlot.distance, count: CursorSlot.length)
            slots = [first, second].compactMap { $0.withUnsafeBytes(CursorSlot.read) }
        } catch  where error.code == ENOENT {
            return nil
        } catch {
            throw SpoolError(error)
        }
        guard let newest = slots.max(by: { $0.generation < $1.generation }) else {
            throw .damaged(name, offset: 0, "neither slot verifies")
        }
        return newest
    }

    /// Opens the file for writing behind the slot that was read.
    init<Disk: Storage>(_ disk: Disk, continuing slot: CursorSlot) throws(SpoolError) where Disk.File == File {
        file = try spooling { () throws(SystemError) in try disk.open(Self.name, .writing) }
        saved = slot
    }

    /// Makes the file with both slots written, so that no later write of it needs a block; durable when this returns.
    static func make<Disk: Storage>(_ disk: Disk, _ slot: CursorSlot) throws(SpoolError) where Disk.File == File {
        var newer = slot
        newer.generation = slot.generation + 1
        let gap = [UInt8](repeating: 0, count: Int(CursorSlot.distance) - CursorSlot.length)
        try spooling { () throws(SystemError) in
            if try disk.names().contains(newName) { try disk.remove(newName) }
            let file = try disk.open(newName, .creating)
            try file.write([slot.bytes, gap, newer.bytes, gap], at: 0)
            try file.synchronize()
            try disk.rename(newName, to: name)
            try disk.synchronizeDirectory()
        }
    }

    /// Writes the slot that is not the newest; durable when this returns.
    mutating func save(_ slot: CursorSlot) throws(SystemError) {
        var next = slot
        next.generation = saved.generation + 1
        try file.write(next.bytes, at: next.generation % 2 * CursorSlot.distance)
        try file.synchronize()
        saved = next
    }
}
