import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

@Test func `what a reserve has become is whole after a power cut`() throws {
    for seed: UInt64 in 0..<20 {
        let disk = DiskState()
        let storage = SimulatedDisk(disk)
        let old = try storage.open("list", .creating)
        try old.write(Array("old".utf8), at: 0)
        try old.synchronize()
        try storage.synchronizeDirectory()
        var reserve = try SpoolReserve(storage, segmentBytes: 64 << 10)
        try reserve.make()
        try reserve.become("list", by: "list.new", holding: Array("longer".utf8))
        var random = SplitMix64(seed: seed)
        disk.crash(keeping: 0, using: &random)
        let file = try storage.open("list", .reading)
        var bytes = [UInt8](repeating: 0, count: Int(try file.length()))
        let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        #expect(String(decoding: bytes.prefix(count), as: UTF8.self) == "longer", "seed \(seed)")
    }
}

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
