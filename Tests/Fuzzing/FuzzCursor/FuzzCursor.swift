import Fuzzer
import LinuxSystem
import OperationLogs

@testable import Spool

/// Any bytes are a cursor whose slot is written again as it was read, or none; and what shows a spool's state takes any.
///
/// Input: a byte, then the file; by the byte's low bits the first and the second slot get magic, version and checksum.
@main enum FuzzCursor {
    static func main() {
        fuzz { data, size in
            FuzzCursor.test(ByteFeed(data, size))
            return 0
        }
    }

    private static func test(_ input: ByteFeed) {
        var feed = input
        let flags = feed.byte()
        var file = Array(feed.rest)
        let distance = Int(CursorSlot.distance)
        if flags & 4 != 0 {
            // Both slots stand close together, so that inputs stay small.
            let second = Array(file.dropFirst(CursorSlot.length).prefix(CursorSlot.length))
            file = file.prefix(CursorSlot.length) + []
            file += [UInt8](repeating: 0, count: distance - file.count) + second
        }
        if flags & 1 != 0 { mend(&file, at: 0) }
        if flags & 2 != 0 { mend(&file, at: distance) }
        var slots: [CursorSlot] = []
        for start in [0, distance] where file.count >= start {
            withExactCopy(file.dropFirst(start).prefix(CursorSlot.length)) { bytes in
                guard let slot = CursorSlot.read(bytes) else { return }
                require(withExactCopy(slot.bytes, CursorSlot.read) == slot, "what was written reads back")
                slots.append(slot)
            }
        }
        let disk = MemoryDisk(["cursor": file], folders: ["segments": MemoryDisk()])
        let inspector = try? SpoolInspector(disk)
        let found = try? inspector?.cursor()
        require((found == nil) == slots.isEmpty, "a slot that verifies is found")
        if let found {
            require(slots.contains { $0.settled == found.settled && $0.moved == found.moved }, "one of them")
        }
        _ = try? inspector?.firstUndelivered()
        _ = try? inspector?.segments()
        _ = try? inspector?.verify()
    }

    private static func mend(_ file: inout [UInt8], at start: Int) {
        if file.count < start + CursorSlot.length {
            file += [UInt8](repeating: 0, count: start + CursorSlot.length - file.count)
        }
        file.replaceSubrange(start..<start + 12, with: Array("OPSLGCUR".utf8) + [1, 0, 8, 0])
        let crc = file.withUnsafeBytes { CRC32C.of($0.part(start, 508)) }
        file.replaceSubrange(start + 508..<start + 512, with: withUnsafeBytes(of: crc.littleEndian) { Array($0) })
    }
}
