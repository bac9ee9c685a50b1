import OperationLogs

/// What keeps the account of losses short, over however many years: a loss is forgotten once nothing can happen that its
/// entries would change.
///
/// A loss *rests* when nothing is left to decide, to pass over or to read. The number of the record that comes next is noted
/// then. Once the oldest segment begins behind that record, no reader can meet the place again, and the snapshot of every
/// segment tells positions behind all the bytes that were listed: no later damage can make a file fall back before them.
/// Of losses whose lines wait for the operator's word, the newest are kept all the same.
extension LossBook {
    /// So many accounts of lines that wait for a word.
    static let waitingKept = 1000

    var count: Int { losses.count }

    /// Those that rest, of which that was not noted.
    var newlyResting: [Int] { losses.values.filter { $0.rests && $0.restsAt == nil }.map(\.number).sorted() }

    /// Without what is past.
    func forgetting(before first: SequenceNumber) -> LossBook {
        let numbers = losses.keys.sorted()
        let waiting = Set(numbers.filter { losses[$0]?.isWaitingForWord ?? false }.suffix(Self.waitingKept))
        // The last one stays, so that its number is not given again.
        let past = numbers.dropLast().filter { number in
            guard let loss = losses[number], loss.rests, let at = loss.restsAt else { return false }
            return at < first && !waiting.contains(number)
        }
        return keeping(Set(numbers).subtracting(past))
    }

    /// What gives the same book.
    ///
    /// A range with positions in doubt that is set aside withdraws what was to be read before it: so those come first, and
    /// what was said of others later behind them.
    var entries: [LossEntry] {
        let all = inOrder
        var entries: [LossEntry] = []
        for loss in all {
            entries.append(.range(loss.number, loss.notice))
            for (index, bytes) in loss.sourcesInOrder {
                entries.append(.source(loss.number, index, bytes))
            }
            for key in loss.doubts.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                entries.append(.doubt(loss.number, key: key))
            }
            entries.append(.noted(loss.number, .open))
            if loss.isCleared { entries.append(.cleared(loss.number)) }
        }
        for verdict in [LossEntry.Verdict.aside, .free] {
            for loss in all where loss.verdict == verdict {
                entries.append(.decided(loss.number, verdict, inputs: loss.halted))
            }
        }
        for loss in all {
            if let time = loss.askedAt { entries.append(.reread(loss.number, time: time)) }
            for index in loss.done.sorted() { entries.append(.done(loss.number, index)) }
            if let at = loss.restsAt { entries.append(.resting(loss.number, at: at)) }
        }
        return entries
    }
}

extension LossBook.Loss {
    /// Nothing happens with it by itself any more.
    var rests: Bool { verdict != .open && halted.isEmpty && due.isEmpty }
}
