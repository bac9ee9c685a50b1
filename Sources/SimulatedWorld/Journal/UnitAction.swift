import OperationLogs

/// What units do that print to the journal, and what becomes of the journal.
package enum UnitAction: Sendable, Hashable {
    /// A unit prints lines.
    ///
    /// - Parameters:
    ///   - isAtOnce: whether journald gives them the time of what was printed before.
    ///   - isCut: whether the last one is so long for journald that it becomes two entries.
    case print(unit: Int, lines: Int, isAtOnce: Bool, isCut: Bool)
    /// Units print of which nobody wants a line.
    case chatter(entries: Int)
    /// journald makes sure that its entries survive a power cut.
    case sync
    /// The oldest entries are removed.
    case vacuum(entries: Int)
    /// The journal moves from /run to /var: every entry gets another number.
    case move
    /// A call by which the daemon reads the journal fails, the n-th from now on.
    case fail(call: String, nth: Int)

    static func draw(_ random: inout SplitMix64) -> UnitAction {
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        switch number(0...99) {
        case ..<66:
            return .print(
                unit: number(SimulatedUnits.units), lines: [1, 1, 2, 5, 20][number(0...4)],
                isAtOnce: number(0...3) == 0,
                isCut: number(0...3) == 0)
        case ..<76: return .chatter(entries: number(1...8))
        case ..<82: return .sync
        case ..<90: return .vacuum(entries: [1, 4, 20, 80][number(0...3)])
        case ..<93: return .move
        default:
            let calls = ["open", "seek", "next", "cursor", "moment"]
            return .fail(call: calls[number(0...calls.count - 1)], nth: [1, 1, 2, 3, 5, 9][number(0...5)])
        }
    }
}
