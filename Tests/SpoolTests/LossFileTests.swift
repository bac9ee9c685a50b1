import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

private func contents(_ disk: DiskState) throws -> [String] {
    let file = try SimulatedDisk(disk).open(LossFile<SimulatedDisk>.name, .reading)
    return ChecksummedLine.all(try file.bytes(from: 0, count: Int(file.length()))).contents
}

/// Lines of many lengths, so that they lie over sectors in many ways.
private let entries = (1...24).map { number in
    LossEntry.over(number, input: String(repeating: "i", count: number * 37 % 400))
}

@Test func `a power cut within an append leaves the lines before one of them, and the file can be read`() throws {
    let whole = DiskState()
    var clean = try LossFile(SimulatedDisk(whole))
    try clean.prepare(first: nil, next: SequenceNumber(1))
    let before = whole.operations
    try clean.append(entries)
    let all = try contents(whole)
    #expect(all.count == entries.count + 1)
    for operation in before...whole.operations {
        for seed in UInt64(1)...20 {
            let disk = DiskState()
            var file = try LossFile(SimulatedDisk(disk))
            try file.prepare(first: nil, next: SequenceNumber(1))
            disk.fail(from: operation)
            try? file.append(entries)
            var generator = SplitMix64(seed: seed)
            disk.crash(keeping: 0.5, using: &generator)
            var next = try LossFile(SimulatedDisk(disk))
            let left = try contents(disk)
            #expect(!left.isEmpty && all.starts(with: left))
            try next.append([entries[0]])
            #expect(try contents(disk) == left + [all[1]])
        }
    }
}

@Test func `a line of the losses whose sync failed is no damage once others stand behind it`() throws {
    for lines in 0..<12 {
        let disk = DiskState()
        var file = try LossFile(SimulatedDisk(disk))
        try file.prepare(first: nil, next: SequenceNumber(1))
        try file.append(Array(entries.prefix(lines)))
        disk.contents.withLock { $0.failsNextSync = true }
        #expect(throws: SpoolError.self) { try file.append([entries[20]]) }
        var next = try LossFile(SimulatedDisk(disk))
        try next.append([entries[21]])
        loseUnsynced(disk)
        _ = try LossFile(SimulatedDisk(disk))
        #expect(try contents(disk).count == lines + 3)
    }
}

@Test func `the account of losses is there after a power cut, from its first line on`() throws {
    let disk = DiskState()
    var file = try LossFile(SimulatedDisk(disk))
    try file.append([entries[0]])
    loseUnsynced(disk)
    #expect(try contents(disk).count == 2)
}
