/// The N-th call of each kind fails, in every way, once and for good, for every N until the scenario makes fewer calls.
///
/// Signals and short counts end below the seam: `WholeTransfer` goes on behind them, and has tests of its own. What they
/// leave at the seam are writes that fail with a part of their bytes written.
package struct FaultSweep: Sendable {
    /// A fault with the scenario in which it happens.
    package struct Case: Sendable, CustomStringConvertible {
        package let scenario: FaultScenario
        package fileprivate(set) var rule: CallFaults.Rule

        package var description: String { "\(scenario.name); \(rule)" }
    }

    package struct Outcome: Sendable {
        /// How many have struck, by kind of call.
        package var faults: [StorageCall: Int] = [:]
        package var broken: [(of: Case, promise: BrokenPromise)] = []
        package init() {}
    }

    private let scenarios: [FaultScenario]
    private let calls: [StorageCall]
    private let every: Int
    private let shard: (number: Int, of: Int)

    /// - Parameters:
    ///   - every: only every so-many-th N, beginning with another one for each error, so that each call fails in some way.
    ///   - shard: a share of the work, from 0, of so many.
    package init(
        scenarios: [FaultScenario] = FaultScenario.all, calls: [StorageCall] = StorageCall.allCases, every: Int = 1,
        shard: (number: Int, of: Int) = (0, 1)
    ) {
        self.scenarios = scenarios
        self.calls = calls
        self.every = every
        self.shard = shard
    }

    /// - Parameters:
    ///   - limit: ends behind so many broken promises.
    ///   - willPlay: is told of each case before it is played, so that a trap can be placed.
    package func play(upTo limit: Int = 1, willPlay: (Case) -> Void = { _ in }) -> Outcome {
        var outcome = Outcome()
        var series = 0
        for scenario in scenarios {
            for call in calls {
                for (code, _) in CallFaults.codes {
                    for (isForGood, torn) in Self.extents(of: call) {
                        series += 1
                        guard series % shard.of == shard.number else { continue }
                        let first = CallFaults.Rule(
                            call: call, nth: 1 + series % every, code: code, isForGood: isForGood, torn: torn)
                        play(first, in: scenario, upTo: limit, willPlay, &outcome)
                        if outcome.broken.count >= limit { return outcome }
                    }
                }
            }
        }
        return outcome
    }

    /// The first call that may fail so, the second, …
    private func play(
        _ first: CallFaults.Rule, in scenario: FaultScenario, upTo limit: Int, _ willPlay: (Case) -> Void,
        _ outcome: inout Outcome
    ) {
        var one = Case(scenario: scenario, rule: first)
        while outcome.broken.count < limit {
            willPlay(one)
            do {
                guard try scenario.play(one.rule) else { return }
                outcome.faults[first.call, default: 0] += 1
            } catch {
                outcome.broken.append((one, error as? BrokenPromise ?? BrokenPromise("\(error)")))
            }
            one.rule.nth += every
        }
    }

    private static func extents(of call: StorageCall) -> [(isForGood: Bool, torn: CallFaults.Torn)] {
        let torn = call == .write ? CallFaults.Torn.allCases : [.nothing]
        return [false, true].flatMap { isForGood in torn.map { (isForGood, $0) } }
    }
}
