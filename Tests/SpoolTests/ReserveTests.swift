import LinuxSystem
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

@Test func `the blocks of a reserve that is given up can be had at once`() throws {
    let disk = DiskState()
    let storage = SimulatedDisk(disk)
    var reserve = try SpoolReserve(storage, segmentBytes: 64 << 10)
    try reserve.make()
    #expect(reserve.isHeld)
    disk.contents.withLock { $0.capacityBlocks = $0.usedBlocks }
    try reserve.makingWay { () throws(SystemError) in
        let isThere = try storage.names().contains("other")
        try storage.open("other", isThere ? .writing : .creating).write([UInt8](repeating: 1, count: 4096), at: 0)
    }
    #expect(!reserve.isHeld)
}
