import DeadLetters
import LinuxSystem
import OperationLogs

/// Somebody works with the dead letters while everything happens.
extension World {
    /// Sends some again, each with its line mended, and does not wait.
    func retryLetters(oneOf share: Int, seed: UInt64) throws {
        guard let daemon else { return }
        let chosen = try choose(oneOf: share, seed: seed, isSent: true)
        let requests = chosen.map { letter, line in
            RetryRequest(id: letter.id, line: Array(line.mended.bytes.dropLast()))
        }
        do {
            retries.append(try daemon.letters.begin(requests))
        } catch {
            note("retry: \(error)")
        }
    }

    func discardLetters(oneOf share: Int, seed: UInt64) throws {
        guard let daemon else { return }
        let ids = try choose(oneOf: share, seed: seed, isSent: false).map(\.letter.id)
        do {
            for outcome in try daemon.letters.discard(ids) where outcome.result == .discarded {
                discarded.insert(outcome.id.rawValue)
            }
        } catch is DeadLetterActionsError {
            note("discard: too early")
        } catch {
            note("discard: \(error)")
            perhapsDiscarded.formUnion(ids.map(\.rawValue))
        }
    }

    /// What the operator is told is so from then on.
    func hearOfRetries() {
        guard let daemon else { return }
        for batch in retries where daemon.letters.isOver(batch) {
            for outcome in daemon.letters.finish(batch) {
                switch outcome.result {
                case .retried(let successor), .rejectedAgain(let successor, _, _):
                    let index = Int(successor.rawValue) - 1
                    if entries.indices.contains(index) { acknowledged.insert(entries[index].line) }
                default: break
                }
            }
        }
        retries.removeAll(where: daemon.letters.isOver)
    }

    /// Some of those that are listed, with their lines.
    ///
    /// - Parameter isSent: where a note was damaged, nobody sends its dead letter again: that it was sent can no longer be
    ///   told. To discard it does no harm.
    private func choose(
        oneOf share: Int, seed: UInt64, isSent: Bool
    ) throws -> [(letter: DeadLetter, line: SimulatedLine)] {
        var random = SplitMix64(seed: seed)
        let noted = Dictionary(
            entries.enumerated().filter { $0.element.line.source == SimulatedLine.notes }.map {
                (UInt64($0.element.line.number), UInt64($0.offset + 1))
            }, uniquingKeysWith: { first, _ in first })
        return try disk.unfailing {
            var chosen: [(letter: DeadLetter, line: SimulatedLine)] = []
            try DeadLetterList(in: SimulatedDisk(disk)).forEach { letter in
                let id = letter.id.rawValue
                let isNoteLost = isSent && noted[id].map(damage.sequences.contains) ?? false
                let isUncertain = isNoteLost || damage.letters.contains(id)
                let isChosen = random.next() % UInt64(share) == 0
                if isChosen, !isUncertain, entries.indices.contains(Int(id) - 1) {
                    chosen.append((letter, entries[Int(id) - 1].line))
                }
                return true
            }
            return chosen
        }
    }
}

/// Which dead letters are over, by the accounts.
struct LettersThatAreOver {
    private var certain: Set<UInt64>
    private var possible: Set<UInt64>

    init(_ entries: [Books.Entry], _ rule: LossRule, discarded: Set<UInt64>, perhaps: Set<UInt64>) {
        certain = discarded
        possible = perhaps
        for (index, entry) in entries.enumerated() where entry.line.source == SimulatedLine.notes {
            if rule.damaged.contains(UInt64(index + 1)) {
                possible.insert(UInt64(entry.line.number))
            } else {
                certain.insert(UInt64(entry.line.number))
            }
        }
    }

    func mayLack(_ id: UInt64) -> Bool { certain.contains(id) || possible.contains(id) }
    func mustLack(_ id: UInt64) -> Bool { certain.contains(id) }
}
