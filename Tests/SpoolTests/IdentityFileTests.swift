import Glibc
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

/// What a sync that failed and a crash behind it, or damage, leave of the lines of the file `identity`.

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

@Test(arguments: 1...4)
func `damage of the last lines is not taken for a torn line, once a run or a new name counts`(starts: Int) throws {
    for isForked in [false, true] {
        let disk = DiskState()
        for _ in 1..<starts { try openSimulated(disk).stopNow() }
        // Killed: nothing but its first steps tells of this run.
        let writer = try openSimulated(disk)
        if isForked { try writer.fork(counted: [:]) }
        let good = try disk.identityBytes()
        let last = try #require(good.dropLast().lastIndex(of: 0x0a)) + 1
        let node = try #require(disk.contents.withLock { $0.directories[""]?.entries["identity"] })
        for (from, isZeroed) in [(last, false), (last + 20, false), (last, true), (last - 1, true)] {
            disk.edit(node) { bytes in
                if isZeroed { for at in from..<bytes.count { bytes[at] = 0 } } else { bytes[from] ^= 1 }
            }
            let refused = refusal(disk)
            #expect(refused?.code == .damaged, "\(starts) starts, fork \(isForked), from \(from - last)")
            disk.edit(node) { $0 = good }
        }
        #expect(try openSimulated(disk).runs.count == starts + 1)
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
