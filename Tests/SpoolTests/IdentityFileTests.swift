import Glibc
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

/// What a sync that failed, and a crash behind it, leave of the lines of the file `identity`.

@Test(arguments: 1...8)
func `a line whose sync failed is read from the cache, and is made durable by the start that reads it`(nth: Int) throws
{
    for starts in 1...8 {
        let disk = DiskState()
        for _ in 0..<starts { try openSimulated(disk).stopNow() }
        disk.contents.withLock {
            $0.callFaults = CallFaults(.init(call: .synchronize, nth: nth, code: EIO, isForGood: false))
        }
        _ = try? openSimulated(disk)
        disk.contents.withLock { $0.callFaults = CallFaults() }
        let runs = try openSimulated(disk).runs
        var generator = SplitMix64(seed: 1)
        disk.crash(keeping: 0, using: &generator)
        #expect(try openSimulated(disk).runs.dropLast() == runs[...], "sync \(nth) behind \(starts) starts")
    }
}

@Test func `a torn line is one also where the file has kept the length of a longer one`() throws {
    let disk = DiskState()
    try openSimulated(disk).stopNow()
    let good = try disk.identityBytes()
    let line = Array("run 0123 00000000000000000001 2023-11-14T22:13:20.000000Z crc32c=01234567\n".utf8)
    for torn in 1..<line.count {
        let end = [UInt8](repeating: 0, count: torn) + line[torn...]
        for zeros in [0, 1, 7] {
            let bytes = good + end + [UInt8](repeating: 0, count: zeros)
            guard case .valid(_, let goodBytes) = SpoolIdentity.read(bytes) else {
                Issue.record("\(torn) bytes torn, \(zeros) zeros behind")
                continue
            }
            #expect(goodBytes == good.count)
        }
        #expect(
            SpoolIdentity.read(good + end + [0] + line) == .damaged(offset: good.count), "another line is behind it")
    }
}

extension DiskState {
    fileprivate func identityBytes() throws -> [UInt8] {
        try contents.withLock { contents in
            let node = try #require(contents.directories[""]?.entries["identity"])
            return try #require(contents.nodes[node]?.bytes)
        }
    }
}
