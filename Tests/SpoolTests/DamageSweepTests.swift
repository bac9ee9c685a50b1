import Foundation
import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

/// A small spool of several segments, stopped in order, whose bytes are damaged in every way that a disk knows.
///
/// `OPSLOGD_DAMAGE=all` tries every bit, cut and pair of sectors; without it a sample. `OPSLOGD_DAMAGE=27` does so, and
/// flips every bit of so many spools with other lines and salts: about 8,000,000.
private struct DamagedSpool {
    private static let wish = ProcessInfo.processInfo.environment["OPSLOGD_DAMAGE"]
    static let isFull = wish != nil
    static let seeds = 0..<(wish.flatMap(UInt64.init) ?? 1)
    static let records: UInt64 = 26

    struct Group {
        var node: Int
        var bytes: Range<Int>
        var record: UInt64
    }

    let disk = DiskState()
    private let pristine: DiskState.Contents
    /// As it was when half of the records were there.
    private let earlier: DiskState.Contents
    let groups: [Group]
    let nodes: [Int]
    let salts: [UniqueID]
    let seed: UInt64

    /// - Parameters:
    ///   - seed: each gives other lines and salts.
    ///   - forged: bytes of frames that a producer writes into its lines.
    init(seed: UInt64 = 0, forged: [UInt8] = []) throws {
        self.seed = seed
        var options = testOptions()
        options.segmentBytes = 12 << 10
        options.smallestSegmentBytes = 12 << 10
        let ids = Atomic<UInt64>(0)
        let writer = try SimulatedWriter.open(
            disk: SimulatedDisk(disk), time: ManualTime(), options: options, host: testHost, diagnostics: .silent,
            registry: Registry(),
            randomID: {
                UniqueID(high: 0x5eed + seed, low: ids.add(1, ordering: .relaxed).newValue &* 0x9e37_79b9_7f4a_7c15)
            })
        var half: DiskState.Contents?
        for number in 1...Self.records {
            writer.append(Self.chunk(seed, number, forged))
            try writer.settle()
            if number == Self.records / 2 { half = disk.contents.withLock { $0 } }
        }
        try writer.stopNow()
        pristine = disk.contents.withLock { $0 }
        earlier = half ?? pristine
        nodes = disk.segmentNodes()
        salts = writer.map.snapshot.segments.map(\.header.salt)
        groups = nodes.flatMap { [disk] node in
            frames(disk, node).filter { $0.frame.kind == .group }.map { offset, frame in
                let end = offset + FrameHeader.length + frame.payloadLength
                return Group(node: node, bytes: offset..<end, record: frame.firstSequence.rawValue)
            }
        }
    }

    private static func line(_ seed: UInt64, _ number: UInt64, _ forged: [UInt8]) -> [UInt8] {
        // At each place within 8, so that some stand where a header may.
        let shift = [UInt8](repeating: 0x20, count: 1 + Int(number % 8))
        return Array("\(number)".utf8) + shift + forged
            + (0..<500 + seed % 64).map { UInt8(truncatingIfNeeded: $0 &* (7 + seed) &+ number) }
    }

    private static func chunk(_ seed: UInt64, _ number: UInt64, _ forged: [UInt8]) -> RecordChunk {
        let builder = ChunkBuilder()
        let originator = builder.add(RecordOriginator(kind: .file, input: "i", path: "/f"))
        line(seed, number, forged).withUnsafeBytes {
            builder.appendRejection(
                .invalidJSON, event: nil, detail: "", line: $0, isTruncated: false, originator: originator,
                received: Timestamp(microseconds: 0), offset: number)
        }
        builder.addPosition(key: [1], value: Array("\(number)".utf8))
        return builder.close(ticket: number, receipt: nil)
    }

    func bytes(_ node: Int) -> [UInt8] { pristine.nodes[node]?.bytes ?? [] }
    func earlierBytes(_ node: Int) -> [UInt8] { earlier.nodes[node]?.bytes ?? [] }

    /// Damages a copy of the spool and holds what comes of it against what stood there.
    ///
    /// - Parameter touched: the bytes that may differ, by file.
    /// - Returns: what is wrong, in a word; nil if nothing is.
    func fault(
        _ touched: [(node: Int, bytes: Range<Int>)], forged: [UInt8] = [], mayStop: Bool = false,
        _ damage: (inout [Int: DiskState.Node]) -> Void
    ) -> String? {
        disk.contents.withLock {
            $0 = pristine
            damage(&$0.nodes)
        }
        var options = testOptions()
        options.smallestSegmentBytes = 12 << 10
        options.segmentBytes = 12 << 10
        do {
            let findings = try SpoolInspector(SimulatedDisk(disk)).verify().findings
            let writer = try openSimulated(disk, options: options)
            var read: [UInt64] = []
            let reader = writer.makeReader()
            while let group = try reader.next() {
                try group.forEachChunk { chunk in
                    try chunk.forEachRecord { record in
                        let number = record.sequence.rawValue
                        guard try Array(RejectedLine(record.payload).line) == Self.line(seed, number, forged) else {
                            throw Altered(number: number)
                        }
                        read.append(number)
                    }
                }
            }
            guard read == read.sorted(), Set(read).count == read.count else { return "order: \(read)" }
            let durable = writer.status.durable.rawValue
            let lost = writer.status.lostRanges
            for number in 1...Self.records where !read.contains(number) {
                let group = groups.first { $0.record == number }
                let isTouched = touched.contains { $0.node == group?.node && $0.bytes.overlaps(group?.bytes ?? 0..<0) }
                if !isTouched { return "\(number) was intact, and is not read" }
                let isNamed = lost.contains { $0.first.rawValue <= number && number < $0.next.rawValue }
                let isBehindTornEnd = number > durable && writer.recovery.contains("torn or damaged end")
                if !isNamed && !isBehindTornEnd { return "\(number) is lost in silence" }
                let isFound = findings.contains {
                    ($0.firstSequence?.rawValue ?? .max) <= number
                        && (number <= ($0.lastSequence?.rawValue ?? 0) || $0.kind == .tornEnd)
                }
                if !isFound { return "verify does not name \(number)" }
            }
            for range in lost where range.recordCount > 0 && range.next.rawValue > Self.records + 1 {
                return "invented \(range.records)"
            }
            return nil
        } catch let error as Altered {
            return "\(error.number) was altered"
        } catch let error as SpoolError {
            return mayStop && [74, 78].contains(error.exitStatus) ? nil : "stopped: \(error)"
        } catch {
            return "\(error)"
        }
    }

    private struct Altered: Error { var number: UInt64 }
}

@Suite struct DamageSweepTests {
    @Test(arguments: DamagedSpool.seeds)
    func `a flipped bit alters and invents nothing, loses its own group at most, and never in silence`(seed: UInt64)
        throws
    {
        let spool = try DamagedSpool(seed: seed)
        #expect(spool.nodes.count >= 3)
        var tried = 0
        for node in spool.nodes {
            let heads = frames(spool.disk, node).map { $0.offset..<$0.offset + FrameHeader.length }
            let count = spool.bytes(node).count
            for offset in 0..<count {
                let isHead = offset < 128 || (2048..<2176).contains(offset) || heads.contains { $0.contains(offset) }
                guard DamagedSpool.isFull || (isHead ? offset % 3 == 0 : offset % 97 == 0) else { continue }
                for bit in 0..<8 where DamagedSpool.isFull || bit == offset / 3 % 8 {
                    tried += 1
                    let fault = spool.fault([(node, offset..<offset + 1)]) { $0[node]?.bytes[offset] ^= 1 << bit }
                    if let fault { Issue.record("bit \(bit) of byte \(offset) of \(node): \(fault)") }
                }
            }
        }
        #expect(tried > 500)
    }

    @Test func `a file that is cut keeps what stands before the cut`() throws {
        let spool = try DamagedSpool()
        for node in spool.nodes {
            let count = spool.bytes(node).count
            for length in stride(from: 0, to: count, by: DamagedSpool.isFull ? 1 : 151) {
                // Of a last file without a header nobody knows what it held.
                let mayStop = node == spool.nodes.last && length < SegmentHeader.length
                let fault = spool.fault([(node, length..<count)], mayStop: mayStop) {
                    $0[node]?.bytes.removeLast(count - length)
                }
                if let fault { Issue.record("\(node) cut to \(length): \(fault)") }
            }
        }
    }

    @Test(arguments: ["zeroed", "swapped", "stale"])
    func `a sector that is lost takes with it what it held and nothing else`(how: String) throws {
        let spool = try DamagedSpool()
        var generator = SplitMix64(seed: 7)
        let sectors = spool.nodes.flatMap { node in
            stride(from: 0, to: spool.bytes(node).count, by: 512).map { (node: node, offset: $0) }
        }
        for (node, offset) in sectors {
            let here = offset..<offset + 512
            var touched = [(node: node, bytes: here)]
            var others = [sectors.randomElement(using: &generator) ?? (node, offset)]
            if how == "swapped", DamagedSpool.isFull { others = sectors }
            if how != "swapped" { others = [(node, offset)] }
            for other in others {
                let there = other.offset..<other.offset + 512
                touched = [(node, here), (other.node, there)]
                // Without the last two snapshots nobody knows how far files were read.
                let places = Set([node, other.node])
                let mayStop = places == Set(spool.nodes.suffix(2)) && offset == 4096 && other.offset == 4096
                let fault = spool.fault(touched, mayStop: mayStop) { nodes in
                    let old = Array(spool.bytes(node)[here])
                    switch how {
                    case "zeroed": nodes[node]?.bytes.replaceSubrange(here, with: repeatElement(0, count: 512))
                    case "swapped":
                        nodes[node]?.bytes.replaceSubrange(here, with: spool.bytes(other.node)[there])
                        nodes[other.node]?.bytes.replaceSubrange(there, with: old)
                    default:
                        let before = spool.earlierBytes(node)
                        let stale = before.count >= here.upperBound ? Array(before[here]) : old.map { _ in 0 }
                        nodes[node]?.bytes.replaceSubrange(here, with: stale)
                    }
                }
                if let fault { Issue.record("\(how) \(node) at \(offset), \(other): \(fault)") }
            }
        }
    }

    @Test func `frames that a producer writes into its lines are none, wherever the search behind damage begins`()
        throws
    {
        // What a producer could write if it knew the salts, but not the place where its line would stand.
        let salts = try DamagedSpool(forged: [UInt8](repeating: 0x2e, count: 3 * 128)).salts
        let forged = salts.prefix(3).flatMap { salt in
            var frame = FrameHeader(
                kind: .group, firstSequence: SequenceNumber(1000), run: UniqueID(high: 1, low: 1), chain: 1,
                latestFilledIn: Timestamp(microseconds: 0), written: Timestamp(microseconds: 0))
            frame.recordCount = 5
            return frame.bytes(salt: salt, offset: 5000)
        }
        let spool = try DamagedSpool(forged: forged)
        #expect(Array(spool.salts.prefix(3)) == Array(salts.prefix(3)))
        for group in spool.groups {
            let touched = [(node: group.node, bytes: group.bytes.lowerBound..<group.bytes.lowerBound + 1)]
            let fault = spool.fault(touched, forged: forged) {
                $0[group.node]?.bytes[group.bytes.lowerBound] ^= 1
            }
            if let fault { Issue.record("group \(group.record): \(fault)") }
        }
    }
}
