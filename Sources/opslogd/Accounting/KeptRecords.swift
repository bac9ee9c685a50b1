import Delivery
import LinuxSystem
import OperationLogs
import Spool

/// All records that the spool still keeps, counted by input and fate; and what should be there and is not.
struct KeptRecords {
    struct Input: Hashable {
        var records = 0
        var delivered = 0
        var deadLettered = 0
        var inSpool = 0
        var passedOver = 0
        var notInDatabase = 0
        var stranded = 0

        var unaccounted: Int { notInDatabase + stranded }

        mutating func add(_ fate: RecordFates.Fate) {
            if fate == .note { return }
            records += 1
            switch fate {
            case .delivered: delivered += 1
            case .deadLetter: deadLettered += 1
            case .inSpool: inSpool += 1
            case .passedOver: passedOver += 1
            case .notInDatabase: notInDatabase += 1
            case .stranded: stranded += 1
            case .note: break
            }
        }
    }

    private(set) var inputs: [String: Input] = [:]
    private(set) var first: SequenceNumber?
    private(set) var last = SequenceNumber.zero
    /// In damaged places that are named so.
    private(set) var lost: UInt64 = 0
    /// Numbers that are neither there nor named as lost, and had no fate: the first of each range, and how many.
    private(set) var missing: [(first: SequenceNumber, count: UInt64)] = []
    /// The first records that are stranded or not in the database, for who looks into it.
    private(set) var examples: [(sequence: SequenceNumber, fate: RecordFates.Fate)] = []
    /// Of the groups that hold the lanes' positions in the database: their origins.
    private(set) var origins: [SequenceNumber: RecordOrigin] = [:]

    /// - Throws: what the spool's files throw.
    init(_ spool: SpoolInspector<DirectoryStorage>, _ fates: RecordFates) throws {
        let positions = fates.rows.map { Set($0.values.map(\.position)) } ?? []
        var next: UInt64?
        var gaps: [ClosedRange<UInt64>] = []
        try spool.forEachGroup(from: SequenceNumber(1)) { group in
            let start = group.firstSequence.rawValue
            if let next, start > next { gaps.append(next...(start - 1)) }
            if first == nil { first = group.firstSequence }
            next = group.lastSequence.rawValue + 1
            last = max(last, group.lastSequence)
            for position in positions where position >= group.firstSequence && position <= group.lastSequence {
                origins[position] = group.origin
            }
            try group.forEachChunk { chunk in try take(chunk, fates) }
            return true
        }
        let kept = try spool.firstKept()?.rawValue ?? 0
        for gap in gaps where gap.upperBound >= kept { take(gap, fates.standing) }
    }

    private mutating func take(_ chunk: ChunkReader, _ fates: RecordFates) throws {
        let names = try chunk.originators().map(\.input)
        var counts = [Input](repeating: Input(), count: names.count)
        var records = RecordCursor(chunk)
        while let record = try records.next() {
            guard Int(record.originator) < counts.count else { continue }
            let fate = fates.fate(record.kind, record.sequence)
            counts[Int(record.originator)].add(fate)
            if fate == .stranded || fate == .notInDatabase, examples.count < 5 {
                examples.append((record.sequence, fate))
            }
        }
        for (name, count) in zip(names, counts) { inputs[name, default: Input()].add(count) }
    }

    private mutating func take(_ gap: ClosedRange<UInt64>, _ standing: SpoolStanding) {
        var next = gap.lowerBound
        while next <= gap.upperBound {
            let known = standing.lostRanges.first { $0.first.rawValue <= next && next < $0.next.rawValue }
            let end = min(
                gap.upperBound,
                known.map { $0.next.rawValue - 1 }
                    ?? standing.lostRanges.map(\.first.rawValue).filter { $0 > next }.min().map { $0 - 1 } ?? .max)
            if let known {
                lost += min(end + 1, max(known.known.rawValue, next)) - next
            } else {
                // What had its fate before it was damaged has come to no harm.
                let done = min(standing.settled, standing.moved).rawValue
                if end > done { missing.append((SequenceNumber(max(next, done + 1)), end - max(next, done + 1) + 1)) }
            }
            next = end + 1
        }
    }
}

extension KeptRecords.Input {
    fileprivate mutating func add(_ other: KeptRecords.Input) {
        records += other.records
        delivered += other.delivered
        deadLettered += other.deadLettered
        inSpool += other.inSpool
        passedOver += other.passedOver
        notInDatabase += other.notInDatabase
        stranded += other.stranded
    }
}
