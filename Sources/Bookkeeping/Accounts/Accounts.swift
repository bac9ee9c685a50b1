import OperationLogs

/// The accounts of all inputs: what was entered, and what has its fate. Values only.
///
/// `stock` is what was entered and has none yet, by input and kind (0: rejected lines). It is never worked out from the
/// rest, so that the sum over an input's account shows what is missing.
struct Accounts {
    private(set) var rows: [BooksReport.Input] = []
    private var stock: [[Int]] = []
    private var index: [String: Int] = [:]
    var crossings = [BooksReport.Crossing](repeating: BooksReport.Crossing(), count: 9)

    mutating func number(of input: String) -> Int {
        if let known = index[input] { return known }
        index[input] = rows.count
        rows.append(BooksReport.Input(name: input))
        stock.append([Int](repeating: 0, count: 9))
        return rows.count - 1
    }

    /// Which kind of entry a record's kind is: 0 a rejected line, 1 to 8 an event; nil for notes.
    static func kind(_ raw: UInt8) -> Int? {
        switch raw {
        case 1...8: Int(raw)
        case RecordLayout.rejectedLine: 0
        default: nil
        }
    }

    mutating func enter(_ tally: Tally, isCarried: Bool) {
        tally.forEach { input, kind, count in
            let row = number(of: input)
            stock[row][kind] += count
            if isCarried { rows[row].carried += count }
        }
    }

    mutating func giveBack(_ tally: Tally) {
        tally.forEach { input, kind, count in
            let row = number(of: input)
            stock[row][kind] += count
            rows[row].returned += count
        }
    }

    /// Refused rows that are gone through once more: they are dead letters already, and will be met as such again.
    mutating func takeBack(refused tally: Tally) {
        tally.forEach { input, kind, count in
            let row = number(of: input)
            stock[row][kind] += count
            rows[row].deadLettered -= count
        }
    }

    enum Fate {
        case delivered, deadLettered, passedOver
        /// None: said to be done, and no table and no dead letter has them.
        case stranded
    }

    mutating func settle(_ tally: Tally, _ fate: Fate) {
        tally.forEach { input, kind, count in settle(input, kind, count, fate) }
    }

    private mutating func settle(_ input: String, _ kind: Int, _ count: Int, _ fate: Fate) {
        let row = number(of: input)
        stock[row][kind] -= count
        switch fate {
        case .delivered: rows[row].delivered += count
        case .deadLettered: rows[row].deadLettered += count
        case .passedOver: rows[row].passedOver += count
        case .stranded: break
        }
    }

    mutating func settle(_ tally: Tally, ofLanes: Fate, ofLetters: Fate) {
        tally.forEach { input, kind, count in settle(input, kind, count, kind == 0 ? ofLetters : ofLanes) }
    }

    /// Records that are not in the spool before they were entered.
    mutating func missed(_ shares: [(input: String, count: Int)], isLost: Bool) {
        for share in shares {
            let row = number(of: share.input)
            if isLost { rows[row].lost += share.count } else { rows[row].unseen += share.count }
        }
    }

    /// What really is in the spool without a fate, counted anew since records were found missing: so much less is lost, as
    /// far as places are named so, or had its fate before its segment was freed.
    mutating func recount(_ tally: Tally, lost: Int, freed: Int) {
        var found = stock.map { $0.map { _ in 0 } }
        tally.forEach { input, kind, count in
            let row = number(of: input)
            while found.count <= row { found.append([Int](repeating: 0, count: 9)) }
            found[row][kind] += count
        }
        var lost = lost
        var freed = freed
        for row in stock.indices {
            for kind in 0..<9 {
                let missing = max(0, stock[row][kind] - found[row][kind])
                let ofLost = min(missing, lost)
                let ofFreed = min(missing - ofLost, freed)
                lost -= ofLost
                freed -= ofFreed
                rows[row].lost += ofLost
                rows[row].unseen += ofFreed
                stock[row][kind] -= ofLost + ofFreed
            }
        }
    }

    /// Compares what the spool has in a stretch with what was counted of it.
    ///
    /// - Parameters:
    ///   - due: of the stretch.
    ///   - counted: since the last comparison.
    ///   - forgiven: records of the stretch that could not be counted from the spool.
    ///   - isProven: some of them were done before anybody counted.
    ///   - isUndone: some that were counted are not done any more.
    mutating func compare(
        _ kind: Int, due: Int, counted: Int, forgiven: Int = 0, isProven: Bool = false, isUndone: Bool = false
    ) {
        var due = due
        if counted > due { due += min(forgiven, counted - due) }
        crossings[kind].due += due
        let counted = isUndone ? min(counted, due) : counted
        crossings[kind].counted += counted
        if isProven, counted < due {
            crossings[kind].found += due - counted
        } else {
            crossings[kind].unaccounted += abs(due - counted)
        }
    }

    /// The accounts with what the door says.
    func report(_ door: BookedSink.Reading) -> BooksReport {
        var report = BooksReport()
        report.crossings = crossings
        var all = self
        for name in door.names { _ = all.number(of: name) }
        report.inputs = all.rows
        for row in all.rows.indices {
            report.inputs[row].inSpool = all.stock[row].reduce(0, +)
            report.inputs[row].overdrawn = all.stock[row].reduce(0) { $0 + max(0, -$1) }
        }
        for (index, name) in door.names.enumerated() {
            guard let row = all.index[name] else { continue }
            report.inputs[row].read = door.read[index]
            report.inputs[row].retried = door.retried[index]
            report.inputs[row].underWay = door.underWay[index]
        }
        report.inputs.sort { $0.name < $1.name }
        return report
    }
}
