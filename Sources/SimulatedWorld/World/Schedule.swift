import OperationLogs

/// What happens in a simulated world, from a seed.
package struct Schedule: Sendable {
    package let seed: UInt64
    package let actions: [Action]
    private let length: Int
    /// Which of the seed's actions these are, from 0.
    package let kept: [Int]

    /// - Parameters:
    ///   - length: how many actions are drawn.
    ///   - kept: which of them happen; nil: all.
    package init(seed: UInt64, length: Int = 250, keeping kept: [Int]? = nil) {
        var random = SplitMix64(seed: seed)
        let circumstances = Circumstances(seed: seed)
        let all = (0..<length).map { _ in Action.draw(circumstances, &random) }
        self.seed = seed
        self.length = length
        self.kept = (kept ?? Array(0..<length)).filter { $0 < length }
        actions = self.kept.map { all[$0] }
    }

    /// Plays it in a world of its own.
    ///
    /// - Parameter trace: is told of each action, and of all that the daemon says.
    /// - Returns: a digest of all that happened: the same for the same schedule.
    /// - Throws: `BrokenPromise`.
    @discardableResult
    package func play(trace: (@Sendable (String) -> Void)? = nil) throws -> UInt64 {
        let world = World(seed: seed, trace: trace)
        for (index, action) in actions.enumerated() {
            do {
                try world.take(action)
            } catch {
                throw BrokenPromise("action \(kept[index]), \(action): \(error)")
            }
        }
        try world.end()
        return world.digest
    }

    /// A schedule that fails too, with fewer actions: halves, quarters, … and single actions are left out as long as it
    /// still fails.
    package func shortened(while fails: (Schedule) -> Bool = \.breaksPromise) -> Schedule {
        var kept = kept
        var share = max(1, kept.count / 2)
        while true {
            var at = 0
            while at < kept.count {
                var fewer = kept
                fewer.removeSubrange(at..<min(at + share, kept.count))
                if fails(keeping(fewer)) { kept = fewer } else { at += share }
            }
            if share == 1 { return keeping(kept) }
            share /= 2
        }
    }

    private func keeping(_ kept: [Int]) -> Schedule { Schedule(seed: seed, length: length, keeping: kept) }

    package var breaksPromise: Bool {
        do {
            try play()
            return false
        } catch {
            return true
        }
    }
}
