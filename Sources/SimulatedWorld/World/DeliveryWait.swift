import Delivery
import OperationLogs

/// Why delivery says that it waits for an operator after the database was set back, and whether that is so.
enum DeliveryWait {
    /// The spool no longer keeps these records, which the database lacks.
    case notKept(first: UInt64, last: UInt64)
    /// The position rows are gone.
    case rowsMissing

    /// - Parameter state: as `status` says it.
    init?(_ state: String) {
        let words = state.split(separator: " ")
        func place(_ sentence: String) -> Int? {
            let wanted = sentence.split(separator: " ")
            return words.indices.first { words[$0...].starts(with: wanted) }
        }
        if place("is missing, though records up to") != nil {
            self = .rowsMissing
            return
        }
        guard let at = place("no longer keeps the records"), at + 7 < words.count,
            let first = UInt64(words[at + 5]), let last = UInt64(words[at + 7].prefix { $0.isNumber })
        else { return nil }
        self = .notKept(first: first, last: last)
    }

    /// What is wrong with the claim; nil if nothing is.
    ///
    /// - Parameters:
    ///   - firstKept: the first record of the spool.
    ///   - damaged: records whose place was damaged are not kept either.
    ///   - mayLack: whether the spool was free to let go of what the database lacks.
    func falsehood(
        _ database: SimulatedDatabase.State, spool: UniqueID, firstKept: SequenceNumber, damaged: Set<UInt64>,
        mayLack: Bool
    ) -> String? {
        switch self {
        case .rowsMissing:
            return database.rows[spool] == nil ? nil : "the position rows are there"
        case .notKept(let first, let last):
            if first > last { return "records \(first) to \(last) are none" }
            if let kept = (first...last).first(where: { $0 >= firstKept.rawValue && !damaged.contains($0) }) {
                return "record \(kept) is kept: the spool begins at \(firstKept)"
            }
            let isDamaged = (first...last).contains { damaged.contains($0) }
            return mayLack || isDamaged ? nil : "the standby has confirmed what was let go"
        }
    }
}
