import OperationLogs

/// What an operator may order of the running delivery.
public enum DeliveryOrder: Sendable, Hashable {
    /// Goes on without these records, if they are what is missing.
    case acceptGap([LaneGap])
    /// Forgets what a table has refused, and tries its rows at once.
    case release(EventKind)
    /// Compares the position rows before anything else, also if nothing has put them in doubt: whoever has nothing to
    /// deliver does not notice that the database was set back.
    case compare
}

/// What became of an order.
public enum OrderOutcome: Sendable, Hashable {
    /// The records are given up, durably.
    case accepted([LaneGap])
    /// Something else is missing now than was named; nothing if it is none.
    case otherGap([LaneGap])
    /// The table was held, for this reason.
    case released(String)
    /// The table is not held; why nothing at all is delivered, if that is so.
    case notHeld(String?)
    /// The position rows are in doubt until they are compared.
    case comparing
    /// It could not be followed now; why.
    case notNow(String)
}

/// The search for records that a restored database lacks and that are no longer kept.
struct GapSearch: Sendable {
    /// As of the last comparison of the position rows.
    var found: [LaneGap] = []
    /// What the operator accepts: held against the next comparison, and forgotten then.
    var accepted: [LaneGap]?
}

extension DeliveryStateMachine {
    /// Takes an order between two steps, whatever is under way.
    ///
    /// - Returns: what became of it; nil if the next comparison decides, and an effect tells.
    mutating func take(_ order: DeliveryOrder) -> OrderOutcome? {
        switch order {
        case .acceptGap(let gaps):
            guard Self.isSame(gaps, gap.found) else { return .otherGap(gap.found) }
            gap.accepted = gaps
            return nil
        case .release(let lane):
            guard let reason = self[lane].hold?.reason else { return .notHeld(connections[0].obstacle) }
            self[lane].refusals = RefusalWindow()
            release(lane)
            emit(
                .notice(
                    "\(lane.name) is tried again at once, and rows that it refuses become dead letters: the operator's word"
                ))
            // Over which its rows go.
            emit(.wake(home(of: lane)))
            return .released(reason)
        case .compare:
            mustFence = true
            return .comparing
        }
    }

    /// The comparison that an order waits for does not take place now.
    mutating func giveUpOrder() {
        guard gap.accepted != nil else { return }
        gap.accepted = nil
        let reason = lastError?.text ?? "the position rows could not be compared"
        emit(.answered(.notNow("nothing was accepted: \(reason)")))
    }

    /// Takes note of what a comparison has found.
    ///
    /// - Returns: whether the operator has accepted just that.
    mutating func isAccepted(_ found: [LaneGap]) -> Bool {
        gap.found = found
        guard let accepted = gap.accepted else { return false }
        if !found.isEmpty, Self.isSame(accepted, found) { return true }
        gap.accepted = nil
        emit(.answered(.otherGap(found)))
        return false
    }

    /// It is durable: what the rows lack behind the gap is sent again from now on.
    mutating func gapIsAccepted(_ gaps: [LaneGap]) {
        for gap in gaps { self[gap.lane].gaps.append(gap) }
        gap = GapSearch()
        let names = gaps.map { "\($0.lane.name) \($0.first.rawValue) to \($0.last.rawValue)" }
        emit(
            .warning(
                "the operator has given up what the restored database lacks and the spool no longer keeps: records of "
                    + names.joined(separator: ", ") + "; delivery goes on behind them"))
        emit(.gapAccepted(gaps))
        emit(.answered(.accepted(gaps)))
    }

    private static func isSame(_ named: [LaneGap], _ found: [LaneGap]) -> Bool {
        named.count == found.count && named.allSatisfy { gap in found.contains { $0.names(gap) } }
    }
}
