import Delivery
import OperationLogs
import Spool

/// An operator who accepts that a restored database lacks what is no longer kept; and exactly that is missing then.
extension World {
    /// Where delivery waits since such records are missing, they are given up; step by step, since the accounts have to know
    /// from which rows on.
    func acceptGap() throws {
        let count = daemon?.writer.acceptedGaps.count
        try orderGap()
        for _ in 0..<100 where daemon?.writer.acceptedGaps.count == count && daemon?.gap.isEmpty == false {
            try daemon?.deliver(steps: 1)
        }
        try takeAcceptedGaps()
    }

    /// What delivery says has to be so; then the operator gives his word.
    func orderGap() throws {
        guard database.isCompared, let daemon, let wait = DeliveryWait(daemon.deliveryState) else { return }
        let gaps = daemon.gap
        guard !gaps.isEmpty else { return }
        try checkClaim(wait)
        for gap in gaps where gap.last < gap.first || gap.end < gap.last {
            throw BrokenPromise("\(gap) is none")
        }
        orderedGaps += gaps
        daemon.accept(gaps)
    }

    /// Nothing is given up that nobody ordered; and what was given up is missing where the rows are passed over it, in
    /// each state of the database by itself.
    func takeAcceptedGaps() throws {
        guard let gaps = daemon?.writer.acceptedGaps, !gaps.isEmpty else { return }
        if let gap = gaps.first(where: { gap in !orderedGaps.contains { $0.names(gap) } }) {
            throw BrokenPromise("nobody has accepted \(gap)")
        }
        for kind in EventKind.allCases {
            guard var position = database.state.positions[kind]?.position else { continue }
            while let gap = gaps.first(where: {
                $0.lane == kind && $0.first.rawValue <= position.rawValue + 1 && position < $0.end
            }) {
                if gap.last > position {
                    database.state.absent[kind, default: []].formUnion(position.rawValue + 1...gap.last.rawValue)
                }
                position = gap.end
            }
        }
    }
}
