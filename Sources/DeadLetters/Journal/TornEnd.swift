import LinuxSystem
import OperationLogs

/// The end of the last file that an append which a crash has cut short, or damage, has left.
enum TornEnd {
    /// Cuts the file at `start`, after copying what stands behind it to a file of its own. May be interrupted anywhere
    /// and begun again.
    ///
    /// - Returns: the name of the copy; nil if the disk had no room for it.
    static func cut<Disk: Storage>(
        _ file: Disk.File, name: String, from start: UInt64, to end: UInt64, directory: Disk, buffer: ScanBuffer
    ) throws(SystemError) -> String? {
        let aside = "\(name).torn-\(start)"
        var isCopied = true
        do throws(SystemError) {
            try copy(file, from: start, to: end, as: aside, directory: directory, buffer: buffer)
        } catch {
            guard error.isOutOfSpace else { throw error }
            isCopied = false
            // A full disk may not even have had room for the name.
            if try directory.names().contains(aside) { try directory.remove(aside) }
        }
        try file.truncate(to: start)
        try file.synchronize()
        return isCopied ? aside : nil
    }

    private static func copy<Disk: Storage>(
        _ file: Disk.File, from start: UInt64, to end: UInt64, as aside: String, directory: Disk, buffer: ScanBuffer
    ) throws(SystemError) {
        let isTaken = try directory.names().contains(aside)
        let copy = try directory.open(aside, isTaken ? .writing : .creating)
        var at = start
        while at < end {
            let count = try file.read(into: buffer.bytes, at: at)
            if count == 0 { break }
            try copy.write([UnsafeRawBufferPointer(buffer.bytes).part(0, count)], at: at - start)
            at += UInt64(count)
        }
        try copy.truncate(to: at - start)
        try copy.synchronize()
        try directory.synchronizeDirectory()
    }
}
