/// The chunks that were handed to the spool and not met in it yet, in order. Values only.
struct HandedChunks {
    struct Share: Hashable {
        var input: Int
        var count: Int
    }

    private struct Chunk: Hashable {
        /// Nearly always one.
        var first: Share
        var others: [Share]
        var records: Int

        var shares: [Share] { [first] + others }
    }

    private var chunks: [Chunk] = []
    private var begin = 0

    /// - Parameters:
    ///   - shares: ascending by input; notes of retries belong to nobody.
    ///   - records: notes included.
    mutating func append(_ shares: [Share], _ records: Int) {
        guard let first = shares.first else { return }
        chunks.append(Chunk(first: first, others: Array(shares.dropFirst()), records: records))
    }

    /// The next chunk of the spool is this one. Where another was due, those before it never came: they count as handed
    /// over and as nothing else.
    mutating func met(_ shares: [Share], _ records: Int) {
        guard let first = shares.first else { return }
        let found = Chunk(first: first, others: Array(shares.dropFirst()), records: records)
        let rest = chunks[begin...]
        // Of a chunk that came with other records than it left with, only its own place goes.
        begin = (rest.firstIndex(of: found) ?? rest.startIndex) + (rest.isEmpty ? 0 : 1)
        shrink()
    }

    /// Takes off as many records as are missing in the spool.
    mutating func missed(_ records: Int) -> [Share] {
        var left = records
        var counts: [Int: Int] = [:]
        while begin < chunks.count, chunks[begin].records <= left {
            left -= chunks[begin].records
            for share in chunks[begin].shares { counts[share.input, default: 0] += share.count }
            begin += 1
        }
        shrink()
        return counts.sorted { $0.key < $1.key }.map { Share(input: $0.key, count: $0.value) }
    }

    /// By input.
    func counts(_ inputs: Int) -> [Int] {
        var counts = [Int](repeating: 0, count: inputs)
        for chunk in chunks[begin...] {
            for share in chunk.shares { counts[share.input] += share.count }
        }
        return counts
    }

    private mutating func shrink() {
        if begin == chunks.count {
            chunks.removeAll(keepingCapacity: begin <= 4096)
            begin = 0
        } else if begin > 4096, begin > chunks.count / 2 {
            chunks.removeFirst(begin)
            begin = 0
        }
    }
}
