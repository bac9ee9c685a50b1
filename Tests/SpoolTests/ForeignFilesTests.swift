import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

/// Three segments and the cursor of a spool that has stopped.
private func stopped() throws -> DiskState {
    let disk = DiskState()
    let writer = try openSimulated(disk)
    for number in UInt64(1)...12 {
        writer.append(chunk(number...number, fill: 12_000))
        try writer.settle()
    }
    try writer.stopNow()
    return disk
}

private func node(_ disk: DiskState, _ directory: String, _ name: String) throws -> Int {
    try #require(disk.contents.withLock { $0.directories[directory]?.entries[name] })
}

private func refusal(_ disk: DiskState) -> String {
    #expect(throws: SpoolError.self) { try openSimulated(disk) }?.description ?? ""
}

@Suite struct ForeignFilesTests {
    @Test func `a segment of another spool is not taken for one of this, and nothing is changed`() throws {
        let (disk, other) = (try stopped(), try stopped())
        let names = disk.contents.withLock { Array($0.directories["segments"]?.entries.keys.sorted() ?? []) }
        #expect(names.count == 3)
        for name in names {
            let foreign = try node(other, "segments", name)
            let bytes = other.contents.withLock { $0.nodes[foreign]?.bytes ?? [] }
            let own = try node(disk, "segments", name)
            let before = disk.contents.withLock { contents in
                defer { contents.nodes[own]?.bytes = bytes }
                return contents.nodes[own]?.bytes ?? []
            }
            #expect(refusal(disk).contains("belongs to another spool"))
            #expect(disk.contents.withLock { $0.nodes[own]?.bytes } == bytes)
            disk.contents.withLock { $0.nodes[own]?.bytes = before }
        }
        #expect(try openSimulated(disk).makeReader().readNumbers() == Array(1...12))
    }

    @Test func `a segment under another's name is not taken for it`() throws {
        let disk = try stopped()
        let names = disk.contents.withLock { Array($0.directories["segments"]?.entries.keys.sorted() ?? []) }
        let first = try node(disk, "segments", names[0])
        let second = try node(disk, "segments", names[1])
        disk.contents.withLock {
            $0.directories["segments"]?.entries[names[0]] = second
            $0.directories["segments"]?.entries[names[1]] = first
        }
        #expect(refusal(disk).contains("its header is that of"))
    }

    @Test func `a cursor of another spool says nothing of this one`() throws {
        let (disk, other) = (try stopped(), try stopped())
        let foreign = try node(other, "", "cursor")
        let own = try node(disk, "", "cursor")
        let bytes = other.contents.withLock { $0.nodes[foreign]?.bytes ?? [] }
        disk.contents.withLock { $0.nodes[own]?.bytes = bytes }
        #expect(refusal(disk).contains("it belongs to another spool"))
    }
}
