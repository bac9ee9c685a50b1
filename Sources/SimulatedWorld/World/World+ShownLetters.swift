import DeadLetters
import Delivery
import OperationLogs

/// The table of dead letters.
extension World {
    /// With all faults over, each dead letter that is held is an open row that says the same, and no other row is open; and
    /// each row is, or was, a dead letter.
    func checkShownLetters() throws {
        guard circumstances.showsLetters, let daemon else { return }
        for _ in 0..<4 {
            time.advance(milliseconds: 61_000)
            daemon.showLetters(steps: 10_000)
        }
        let rows = database.state.letters
        for id in rows.keys.sorted() where entries.indices.contains(Int(id) - 1) {
            let line = entries[Int(id) - 1].line
            // What was cut off at its end, and came whole later, is another record.
            if !line.isInvalid, !line.isRefused, !rule.mayLack(Int(id)) {
                throw BrokenPromise("\(line.name) is shown as a dead letter, and is none")
            }
        }
        // Where the store was damaged, what it lacks is not what the table lacks.
        guard damage.letters.isEmpty, !circumstances.hasDamage else { return }
        var open = rows.filter { $0.value.ending == nil }
        try DeadLetterList(in: SimulatedDisk(disk)).forEach { letter in
            guard let row = open.removeValue(forKey: letter.id.rawValue) else {
                throw BrokenPromise("the dead letter \(letter.id) is not shown, or as one that is over")
            }
            guard row.letter == ShownLetter(letter).letter else {
                throw BrokenPromise("the dead letter \(letter.id) is shown as \(row.letter.json)")
            }
            return true
        }
        if let extra = open.keys.min() {
            throw BrokenPromise("the dead letter \(extra) is shown as held, and is not: \(daemon.shownState)")
        }
    }
}
