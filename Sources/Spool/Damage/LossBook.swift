import OperationLogs

/// What is known of each lost range and what became of it: the entries of the file `losses`, one after the other.
///
/// Values only. Two rules keep a line from coming twice: a source's lines are read again only while the book says so,
/// and it says so only for a range of which no line was delivered, or on the operator's word; and both end where a
/// later loss may have taken the note of how far such a reading had got.
struct LossBook: Sendable, Equatable {
    struct Loss: Sendable, Equatable {
        let number: Int
        let notice: LossNotice
        var verdict: LossEntry.Verdict = .open
        /// By their numbers, from 1.
        var sources: [Int: SourceRange] = [:]
        var doubts: Set<[UInt8]> = []
        /// The inputs that a doubt concerns and that have not gone on yet.
        var halted: [String] = []
        /// The dead letters were asked.
        var isCleared = false
        /// When the operator gave his word; nil if he has not.
        var askedAt: String?
        var isAsked: Bool { askedAt != nil }
        /// Which record came next when nothing was left to happen with it; nil before that was noted.
        var restsAt: SequenceNumber?
        var done: Set<Int> = []

        /// The numbers of the sources whose lines are to be read again now.
        var due: [Int] {
            sources.keys.sorted().filter { index in
                !done.contains(index) && (isAsked || verdict == .free && sources[index]?.isExact ?? false)
            }
        }

        /// Whether lines of it are read again, were, or will be if the database lets them: also those of files of which it held
        /// the only positions, which are read as new ones.
        var comesAgain: Bool { isComing || verdict == .open && sources.values.contains(where: \.isExact) }

        /// The same without those of which nothing is decided.
        var isComing: Bool {
            isAsked || verdict == .free && (notice.isDoubtful || sources.values.contains(where: \.isExact))
        }

        var sourcesInOrder: [(number: Int, bytes: SourceRange)] {
            sources.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }

        /// Those that wait for the operator's word.
        var isWaitingForWord: Bool {
            verdict != .open && !isAsked && sources.keys.contains { !done.contains($0) && !due.contains($0) }
        }
    }

    /// Whose lines are all there, by number.
    private(set) var losses: [Int: Loss] = [:]
    private var unfinished: [Int: Loss] = [:]

    var next: Int { max(losses.keys.max() ?? 0, unfinished.keys.max() ?? 0) + 1 }

    /// By their numbers.
    var inOrder: [Loss] { losses.values.sorted { $0.number < $1.number } }

    func holds(_ name: String) -> Bool { losses.values.contains { $0.notice.name == name } }
    /// Whether inputs wait for the verdict on a range of this name, or have not gone on behind it. Ends that are torn at
    /// the same place, one after the other, are told apart so.
    ///
    /// - Parameter keys: of positions that are to be among those in doubt.
    func isInDoubt(_ name: String, with keys: Set<[UInt8]> = []) -> Bool {
        losses.values.contains { loss in
            loss.notice.name == name && (loss.verdict == .open || !loss.halted.isEmpty)
                && keys.isSubset(of: loss.doubts)
        }
    }

    /// The first record whose line may come twice if reading goes on from the positions that are left. What is lost before
    /// in the same segment may have held the positions from which these were told, or of sources that are not known now.
    func firstAtStake(_ notice: LossNotice) -> SequenceNumber? {
        // An end that is torn takes nothing with it that was durable: so it is asked for the positions that are left.
        guard notice.isDoubtful, notice.next != nil else { return notice.first }
        let firsts = losses.values.map(\.notice).filter { $0.isDoubtful && $0.segment == notice.segment }.compactMap(
            \.first)
        return notice.first.map { first in min(first, firsts.min() ?? first) }
    }

    /// Behind the last record that is lost in the same segment, from this range on.
    func lostBehind(_ notice: LossNotice) -> SequenceNumber? {
        guard let first = notice.first else { return nil }
        return losses.values.map(\.notice).filter { $0.segment == notice.segment && $0.first ?? .zero >= first }
            .compactMap(\.next).max()
    }

    /// Whether lines of these records come from their files again for certain, so that positions behind them do not count.
    func isComing(_ first: SequenceNumber, before next: SequenceNumber) -> Bool {
        losses.values.contains { $0.isComing && $0.notice.concerns(first, before: next) }
    }

    /// Whether lines of these records come from their files again, or may. Their place in the spool can be whole once more,
    /// after a fault that passed, or put back from a copy: what stands there must not come beside them.
    func comesAgain(_ first: SequenceNumber, before next: SequenceNumber) -> Bool {
        // Bytes are listed once: those of one range can be among another's.
        guard !losses.isEmpty, losses.values.contains(where: \.comesAgain) else { return false }
        return losses.values.contains { loss in
            (loss.comesAgain || loss.verdict != .aside) && loss.notice.concerns(first, before: next)
        }
    }

    func isAside(_ name: String) -> Bool {
        losses.values.contains { $0.notice.name == name && $0.verdict == .aside }
    }

    mutating func take(_ entry: LossEntry) {
        switch entry {
        case .range(let number, let notice): unfinished[number] = Loss(number: number, notice: notice)
        case .source(let number, let index, let bytes):
            unfinished[number]?.sources[index] = bytes
            losses[number]?.sources[index] = bytes
            losses[number]?.restsAt = nil
        case .doubt(let number, let key): unfinished[number]?.doubts.insert(key)
        case .certain(let number, let key): losses[number]?.doubts.remove(key)
        case .noted(let number, let verdict):
            guard var loss = unfinished.removeValue(forKey: number) else { return }
            loss.verdict = verdict
            losses[number] = loss
        case .cleared(let number): losses[number]?.isCleared = true
        case .decided(let number, let verdict, let inputs):
            losses[number]?.verdict = verdict
            guard verdict == .aside, losses[number]?.notice.isDoubtful ?? false else { return }
            losses[number]?.halted = inputs
            // How far they had got may have stood in this range, and is not known any more.
            for other in losses.keys { losses[other]?.withdraw() }
        case .over(let number, let input): losses[number]?.halted.removeAll { $0 == input }
        case .reread(let number, let time):
            losses[number]?.askedAt = time
            losses[number]?.restsAt = nil
        case .resting(let number, let at): losses[number]?.restsAt = at
        case .done(let number, let index): losses[number]?.done.insert(index)
        }
    }

    func keeping(_ numbers: Set<Int>) -> LossBook {
        var book = self
        book.losses = losses.filter { numbers.contains($0.key) }
        return book
    }

    /// What an input has to heed.
    func orders(for input: String) -> DamageOrders {
        var orders = DamageOrders()
        guard !losses.isEmpty else { return orders }
        for loss in inOrder {
            if loss.verdict == .open, loss.notice.isDoubtful {
                orders.wait =
                    "the spool lost \(loss.notice.inWords), in which positions of its files may have stood: it reads on "
                    + "when the database has said whether any of it was delivered"
            }
            if loss.halted.contains(input) {
                orders.doubts.append(
                    PositionDoubt(range: loss.number, keys: loss.doubts, bornBefore: loss.notice.until))
            }
            for index in loss.due {
                guard let bytes = loss.sources[index], bytes.input == input else { continue }
                orders.rereadings.append(Rereading(range: loss.number, source: index, bytes: bytes))
            }
        }
        return orders
    }

    /// Without what is listed already of the same source, in as many parts as that leaves.
    func unlisted(_ bytes: SourceRange) -> [SourceRange] {
        var parts = [bytes]
        for other in inOrder.flatMap(\.sourcesInOrder).map(\.bytes) where other.key == bytes.key {
            parts = parts.flatMap { part -> [SourceRange] in
                var (before, behind) = (part, part)
                before.upTo = min(part.upTo ?? .max, other.from)
                behind.from = max(part.from, other.upTo ?? .max)
                return [before, behind].filter { $0.from < $0.upTo ?? .max }
            }
        }
        return parts
    }
}

extension LossBook.Loss {
    /// What was to be read again needs a new word.
    fileprivate mutating func withdraw() {
        askedAt = nil
        if verdict == .free { verdict = .aside }
    }
}

extension LossNotice {
    /// For a sentence.
    var inWords: String {
        if let range = LostRange.named(name) { return range.recordCount > 0 ? range.records : "positions" }
        return first.map { "what stood behind record \($0.rawValue - 1), if it was not torn" } ?? "records"
    }
}
