import OperationLogs

/// What is known of each lost range and what became of it: the entries of the file `losses`, one after the other.
///
/// Values only. Two rules keep a line from coming twice: a source's lines are read again only while the book says so,
/// and it says so only for a range of which no line was delivered, or on the operator's word; and both end where a
/// later loss may have taken the note of how far such a reading had got.
struct LossBook: Sendable {
    struct Loss: Sendable {
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
        var isAsked = false
        var done: Set<Int> = []

        /// The numbers of the sources whose lines are to be read again now.
        var due: [Int] {
            sources.keys.sorted().filter { index in
                !done.contains(index) && (isAsked || verdict == .free && sources[index]?.isExact ?? false)
            }
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

    func loss(named name: String) -> Loss? { losses.values.first { $0.notice.name == name } }
    /// Whether a range of this name waits for its verdict. Ends that were torn at the same place are told apart so.
    func isOpen(_ name: String) -> Bool { losses.values.contains { $0.notice.name == name && $0.verdict == .open } }

    mutating func take(_ entry: LossEntry) {
        switch entry {
        case .range(let number, let notice): unfinished[number] = Loss(number: number, notice: notice)
        case .source(let number, let index, let bytes):
            unfinished[number]?.sources[index] = bytes
            losses[number]?.sources[index] = bytes
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
        case .reread(let number, _): losses[number]?.isAsked = true
        case .done(let number, let index): losses[number]?.done.insert(index)
        }
    }

    /// What an input has to heed.
    func orders(for input: String) -> DamageOrders {
        var orders = DamageOrders()
        guard !losses.isEmpty else { return orders }
        for loss in losses.values.sorted(by: { $0.number < $1.number }) {
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

    /// Without what is listed already of the same source; nil if nothing is left.
    func unlisted(_ bytes: SourceRange) -> SourceRange? {
        var bytes = bytes
        let listed = losses.values.flatMap(\.sources.values).filter { $0.key == bytes.key }
        for other in listed.sorted(by: { $0.from < $1.from }) {
            guard other.from < bytes.upTo ?? .max, bytes.from < other.upTo ?? .max else { continue }
            guard let end = other.upTo else { return nil }
            bytes.from = end
        }
        if let upTo = bytes.upTo, bytes.from >= upTo { return nil }
        return bytes
    }
}

extension LossBook.Loss {
    /// What was to be read again needs a new word.
    fileprivate mutating func withdraw() {
        isAsked = false
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
