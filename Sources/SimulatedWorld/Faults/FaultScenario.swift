import OperationLogs

/// A whole piece of a daemon's life, during which one call of the disk fails.
package struct FaultScenario: Sendable {
    package let name: String
    let actions: [Action]

    private init(_ name: String, _ actions: [[Action]]) {
        self.name = name
        self.actions = actions.flatMap { $0 }
    }

    package static let all = [
        FaultScenario("an empty spool", [arrive(3), settle, [.stopAndStart], arrive(2), settle]),
        FaultScenario(
            "segments that are filled, recycled and freed",
            [
                arrive(120), settle, arrive(120), settle, arrive(120), settle, arrive(120), settle,
                [.wait(milliseconds: 1001)],
            ]),
        FaultScenario(
            "dead letters and refused rows", [arrive(60), settle, arrive(60), [.move], settle, arrive(60), settle]),
        FaultScenario(
            "dead letters that are sent again, and discarded",
            [
                arrive(60), settle, [.retry(oneOf: 2, seed: 1), .spool(turns: 4)], settle,
                [.answer, .discard(oneOf: 2, seed: 2), .retry(oneOf: 2, seed: 3), .kill], arrive(10), settle,
                [.retry(oneOf: 1, seed: 4), .spool(turns: 4), .kill, .retry(oneOf: 1, seed: 4)], settle,
                [.discard(oneOf: 1, seed: 5)],
            ]),
        FaultScenario(
            "a stop and a start with a backlog",
            [
                [.databaseUp(false)], arrive(100), [.stopAndStart], arrive(20), [.stopAndStart, .databaseUp(true)],
                settle,
                arrive(5), settle,
            ]),
        FaultScenario(
            "a kill and a power cut",
            [arrive(40), [.kill], arrive(40), settle, [.powerCut(share: 50, seed: 5)], arrive(5)]),
        FaultScenario(
            "a start behind a torn end",
            [
                arrive(40), settle, write(60), [.powerCutWithin(share: 50, seed: 3, operations: 1)], arrive(10), settle,
                write(60), [.powerCutWithin(share: 75, seed: 4, operations: 1)], arrive(40),
                [.powerCutWithin(share: 50, seed: 6, operations: 1)], arrive(10), settle,
            ]),
        FaultScenario(
            // Within the first append of dead letters, and of the line of a run.
            "torn ends of the dead letters and of the identity",
            [
                arrive(60), settle, write(60), [.powerCutWithin(share: 50, seed: 5, operations: 3)], arrive(10), settle,
                [.powerCutTwice(share: 50, seed: 5, operations: 7)], arrive(10), settle,
            ]),
        FaultScenario(
            "a damaged place in the backlog, and another while it is read",
            [
                [.databaseUp(false)], arrive(60), [.damage(.frame, .sector, seed: 1, isRunning: false)], arrive(60),
                [.databaseUp(true), .deliver(steps: 60), .damage(.frame, .bit, seed: 2, isRunning: true)], settle,
                arrive(5),
                settle,
            ]),
        FaultScenario(
            "a database that is set back, to a backup and to a standby",
            [
                arrive(60), settle, [.backUp], arrive(60), settle, [.restore(age: 0, intoNewCluster: true)], arrive(5),
                settle,
                [.promote(lacking: 2)], arrive(5), settle,
            ]),
        FaultScenario(
            "a spool that is full, and a disk",
            [
                [.databaseUp(false)], arrive(240), arrive(240), arrive(240), arrive(240), [.databaseUp(true)], settle,
                settle, settle, settle,
                [.diskFull(true)], arrive(120), settle, arrive(120), settle,
                [.diskFull(false), .wait(milliseconds: 20_000)],
                arrive(10), settle,
            ]),
    ]

    private static func write(_ lines: Int) -> [Action] {
        [.write(source: 0, lines: lines), .read(source: 0, bytes: 20_000)]
    }

    /// Lines come, become durable, and their client knows it.
    private static func arrive(_ lines: Int) -> [Action] {
        [.write(source: 0, lines: lines)]
            + [Action](repeating: .read(source: 0, bytes: 20_000), count: lines / 60 + 1)
            + [.spool(turns: 12), .answer]
    }

    /// What is durable gets its fate, and the cursor says so.
    private static let settle: [Action] = [
        .move, .deliver(steps: 200), .wait(milliseconds: 1001), .spool(turns: 4), .deliver(steps: 200), .move,
        .wait(milliseconds: 1001), .spool(turns: 4),
    ]

    /// Plays it with a fault, and then without: goes on, starts again, loses power and starts again.
    ///
    /// - Returns: whether the fault has struck.
    /// - Throws: `BrokenPromise`.
    @discardableResult
    package func play(_ rule: CallFaults.Rule?) throws -> Bool {
        let world = World(seed: 1)
        if let rule { world.fail(rule) }
        for (number, action) in actions.enumerated() {
            do {
                try world.take(action)
            } catch {
                throw BrokenPromise("action \(number), \(action): \(error)")
            }
        }
        // A daemon that has gone on must need no new start to deliver everything.
        try world.end()
        for ending in [Action.kill, .powerCut(share: 0, seed: 1)] {
            try world.take(ending)
            try world.end()
        }
        return world.hasFaultStruck
    }
}
