import OperationLogs

/// Records counted by input and kind (0: rejected lines).
struct Tally {
    private var names: [String] = []
    private var index: [String: Int] = [:]
    private var counts: [Int] = []

    func forEach(_ body: (_ input: String, _ kind: Int, _ count: Int) -> Void) {
        for (input, name) in names.enumerated() {
            for kind in 0..<9 where counts[input * 9 + kind] != 0 { body(name, kind, counts[input * 9 + kind]) }
        }
    }

    /// Over all inputs.
    func sum(of kind: Int) -> Int {
        names.indices.reduce(0) { $0 + counts[$1 * 9 + kind] }
    }

    /// By input, kinds together.
    var byInput: [(input: String, count: Int)] {
        names.enumerated().map { input, name in (name, counts[(input * 9)..<(input * 9 + 9)].reduce(0, +)) }
    }

    mutating func place(of input: String) -> Int {
        if let known = index[input] { return known }
        index[input] = names.count
        names.append(input)
        counts += [Int](repeating: 0, count: 9)
        return names.count - 1
    }

    mutating func add(_ place: Int, _ kind: Int, _ count: Int = 1) { counts[place * 9 + kind] += count }
}

/// Which records of a stretch are meant: of each kind, those behind one number and up to another.
struct KindRanges {
    /// By kind, 0 that of rejected lines.
    var after: [UInt64]
    var through: [UInt64]

    static let none = KindRanges(
        after: [UInt64](repeating: .max, count: 9), through: [UInt64](repeating: 0, count: 9))

    func holds(_ kind: Int, _ sequence: UInt64) -> Bool { sequence > after[kind] && sequence <= through[kind] }

    /// Whether every record of the chunk is meant.
    func holdAll(of chunk: ChunkReader) -> Bool {
        let first = chunk.firstSequence.rawValue
        let last = first + UInt64(chunk.recordCount) - 1
        return (0..<9).allSatisfy {
            chunk.present & 1 << UInt32($0) == 0 || (first > after[$0] && last <= through[$0])
        }
    }

    /// Which kinds, as the chunks' own mark of the kinds that they hold.
    var mask: UInt32 {
        (0..<9).reduce(0) { $0 | (through[$1] > after[$1] ? 1 << UInt32($1) : 0) }
    }

    /// The kinds in stretches that do not touch each other, so that one who is far behind makes nobody read what lies
    /// between.
    var stretches: [(ranges: KindRanges, after: UInt64, through: UInt64)] {
        var found: [(ranges: KindRanges, after: UInt64, through: UInt64)] = []
        for kind in (0..<9).filter({ through[$0] > after[$0] }).sorted(by: { after[$0] < after[$1] }) {
            if found.isEmpty || after[kind] > found[found.count - 1].through {
                found.append((.none, after[kind], through[kind]))
            }
            let last = found.count - 1
            found[last].ranges.after[kind] = after[kind]
            found[last].ranges.through[kind] = through[kind]
            found[last].through = max(found[last].through, through[kind])
        }
        return found
    }
}
