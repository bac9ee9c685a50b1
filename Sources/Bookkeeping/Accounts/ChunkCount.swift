import OperationLogs

/// What a stretch of the spool holds.
struct StretchCount {
    /// Delivered, or moved to the dead letters.
    var done = Tally()
    /// Refused by the database.
    var refused = Tally()
    /// Behind the last record that the lane's row tells of, and said to be done all the same.
    var stranded = Tally()
    /// Rejected lines that the store has to have counted.
    var lettersDue = 0
    /// Records that are not there.
    var lost = 0
    var freed = 0
    /// Something is missing and nobody knows why.
    var isTorn = false

    /// Of a stretch without a fate, where `done` and `refused` only say what a record is.
    var everything: Tally {
        var all = done
        for tally in [refused, stranded] {
            tally.forEach { input, kind, count in
                all.add(all.place(of: input), kind, count)
            }
        }
        return all
    }
}

/// Counts the records of chunks by input and kind.
struct ChunkCount {
    let ranges: KindRanges

    init(_ ranges: KindRanges) {
        self.ranges = ranges
    }

    /// All that are meant.
    func all(_ chunk: ChunkReader) throws -> Tally {
        var tally = Tally()
        let places = try chunk.originators().map { tally.place(of: $0.input) }
        if ranges.holdAll(of: chunk) {
            try Self.addAll(of: chunk, places, to: &tally)
            return tally
        }
        var records = RecordCursor(chunk)
        while let record = try records.next() {
            guard let kind = Accounts.kind(record.kind), ranges.holds(kind, record.sequence.rawValue),
                Int(record.originator) < places.count
            else { continue }
            tally.add(places[Int(record.originator)], kind)
        }
        return tally
    }

    /// Every record of the chunk, without a look at its number: that is how nearly all chunks are counted.
    private static func addAll(of chunk: ChunkReader, _ places: [Int], to tally: inout Tally) throws {
        // A slot for each kind, and one for what is no line.
        let slots = 10
        try withUnsafeTemporaryAllocation(of: Int.self, capacity: (places.count + 1) * slots) { counts in
            counts.initialize(repeating: 0)
            var records = RecordCursor(chunk)
            while let record = try records.next() {
                let slot = Accounts.kind(record.kind) ?? slots - 1
                counts[min(Int(record.originator), places.count) * slots + slot] &+= 1
            }
            for (index, place) in places.enumerated() {
                for kind in 0..<9 where counts[index * slots + kind] > 0 {
                    tally.add(place, kind, counts[index * slots + kind])
                }
            }
        }
    }

    /// - Parameter positions: by kind: the last record that the lane's row tells of.
    func add(
        _ chunk: ChunkReader, positions: [UInt64], lettersBefore: UInt64, letters: BookedLetters,
        to count: inout StretchCount
    ) throws {
        let originators = try chunk.originators()
        let places = originators.map { count.done.place(of: $0.input) }
        let last = SequenceNumber(chunk.firstSequence.rawValue + UInt64(chunk.recordCount) - 1)
        let asks = letters.mayHoldRefusals(from: chunk.firstSequence, through: last)
        let isPlain = (1...8).allSatisfy { chunk.present & 1 << UInt32($0) == 0 || last.rawValue <= positions[$0] }
        if !asks, isPlain, chunk.present & 1 == 0, ranges.holdAll(of: chunk) {
            return try Self.addAll(of: chunk, places, to: &count.done)
        }
        var records = RecordCursor(chunk)
        while let record = try records.next() {
            let sequence = record.sequence.rawValue
            guard let kind = Accounts.kind(record.kind), ranges.holds(kind, sequence),
                case let index = Int(record.originator), index < places.count
            else { continue }
            if kind == 0, sequence > lettersBefore { count.lettersDue += 1 }
            if kind > 0, asks, letters.holdsRefusal(of: record.sequence) {
                count.refused.add(count.refused.place(of: originators[index].input), kind)
            } else if sequence <= positions[kind] {
                count.done.add(places[index], kind)
            } else {
                count.stranded.add(count.stranded.place(of: originators[index].input), kind)
            }
        }
    }
}
