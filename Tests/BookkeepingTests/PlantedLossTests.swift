import Bookkeeping
import OperationLogs
import SimulatedWorld
import Spool
import Synchronization
import Testing

/// The books do not balance when something is lost or invented, wherever that is.
@Suite struct PlantedLossTests {
    @Test func `a chunk that never comes to the spool is seen, at the input that read it`() throws {
        let scene = try BookedScene(losing: .chunk(2))
        for _ in 0..<3 {
            scene.read("a", events: 2)
            scene.read("b", events: 3)
        }
        try scene.write()
        let report = try scene.report
        #expect(report.inputs.map(\.unaccounted) == [0, 3])
        #expect(report.unaccounted == 3 && scene.metric == 3)
        // It stays so, whatever is delivered.
        scene.deliver(upTo: 12, rows: 12)
        #expect(try scene.report.unaccounted == 3)
    }

    @Test func `a chunk that comes twice is seen`() throws {
        let scene = try BookedScene(losing: .doubled(2))
        scene.read("a", events: 2)
        scene.read("b", events: 3)
        try scene.write()
        #expect(try scene.report.inputs.map(\.unaccounted) == [0, 3])
    }

    @Test func `a row too few or too many in a table is seen`() throws {
        for rows: UInt64 in [4, 6] {
            let scene = try BookedScene()
            scene.read("a", events: 5)
            try scene.write()
            scene.deliver(upTo: 5, rows: rows)
            #expect(try scene.report.crossings[Int(EventKind.castErrors.rawValue)].unaccounted == 1)
            #expect(try scene.report.unaccounted == 1)
        }
    }

    @Test func `a record that counts as done, and stands behind its lane's row, is seen`() throws {
        let scene = try BookedScene()
        scene.read("a", events: 3)
        scene.read("b", events: 2)
        try scene.write()
        scene.deliver(upTo: 3, rows: 3, settled: 5)
        let report = try scene.report
        #expect(report.inputs.map(\.unaccounted) == [0, 2] && report.inputs.map(\.inSpool) == [0, 0])
        #expect(report.unaccounted == 2)
    }

    @Test func `a rejected line that the store never got is seen`() throws {
        let scene = try BookedScene()
        scene.read("a", rejected: 3)
        try scene.write()
        scene.ledger.movedDeadLetters(upTo: SequenceNumber(3))
        #expect(try scene.report.crossings[0].unaccounted == 3)
        #expect(try scene.report.unaccounted == 3)
    }

    @Test func `what is damaged and named so is lost, and nothing else`() throws {
        let disk = DiskState()
        let scene = try BookedScene(disk)
        for _ in 0..<4 {
            scene.read("a", events: 100)
            try scene.write()
        }
        #expect(try scene.account("a")?.inSpool == 400)
        // In the second group, while nothing of it is delivered.
        try damage(disk, record: 150)
        scene.deliver(upTo: 400, rows: 300)
        let account = try scene.account("a")
        #expect(account?.lost == 100 && account?.delivered == 300 && account?.inSpool == 0)
        #expect(try scene.report.unaccounted == 0)
    }

    /// Turns a byte of the group that holds the record.
    private func damage(_ disk: DiskState, record: UInt64) throws {
        let segments = try SimulatedDisk(disk).directory("spool").directory("segments")
        let names = try segments.names().filter { $0.hasSuffix(".seg") }
        let name = try #require(names.filter { $0 <= "\(SequenceNumber(record)).seg" }.max())
        let node = try #require(disk.contents.withLock { $0.directories[segments.path]?.entries[name] })
        let frames = disk.contents.withLock { Self.groups($0.nodes[node]?.bytes ?? []) }
        let group = try #require(frames.first { $0.first <= record && record < $0.first + $0.count })
        disk.contents.withLock { $0.nodes[node]?.bytes[group.offset + 200] ^= 1 }
    }

    /// Of a segment: where each group with records stands, its first record and how many it has.
    private static func groups(_ bytes: [UInt8]) -> [(offset: Int, first: UInt64, count: UInt64)] {
        func number(_ at: Int, _ length: Int) -> UInt64 {
            bytes[at..<at + length].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        var found: [(offset: Int, first: UInt64, count: UInt64)] = []
        var at = 4096
        while at + 128 <= bytes.count, bytes[at..<at + 4].elementsEqual("OLFR".utf8) {
            if bytes[at + 4] == 1 { found.append((at, number(at + 8, 8), number(at + 16, 4))) }
            at += 128 + (Int(number(at + 24, 8)) + 7) / 8 * 8
        }
        return found
    }
}
