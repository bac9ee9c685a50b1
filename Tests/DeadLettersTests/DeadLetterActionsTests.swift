import DeadLetters
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization
import Testing

/// Dead letters sent again and discarded, with crashes in between: each at most once.
@Suite struct DeadLetterActionsTests {
    private let line = Array("{\"event\":\"cast_errors\"}".utf8)
    private let whole = Array("{\"event\":\"cast_errors\",\"column_name\":\"c\"}".utf8)

    /// What stands on the disk, and a run of the daemon on it.
    private final class Scene {
        let scratch: ScratchDirectory
        let spool = MemorySpool()
        let faults: FaultyStorage.Faults
        private(set) var store: DeadLetterStore<FaultyStorage>
        private(set) var mover: DeadLetterMover<FaultyStorage, SystemTime>
        private(set) var actions: DeadLetterActions<FaultyStorage, SystemTime>

        init(rejecting lines: [[UInt8]]) throws {
            scratch = try ScratchDirectory()
            faults = FaultyStorage.Faults()
            if !lines.isEmpty { spool.append(rejections: [lines]) }
            (store, mover, actions) = try Self.start(FaultyStorage(real: scratch.storage, faults: faults), spool)
            try mover.begin()
            try move()
        }

        /// A crash and a new start; what was handed over and is not durable is gone.
        func restart() throws {
            spool.settlePending(isDurable: false)
            (store, mover, actions) = try Self.start(FaultyStorage(real: scratch.storage, faults: faults), spool)
        }

        func begin() throws { try mover.begin() }
        func move() throws { _ = try mover.turn(isLastRound: false) }

        /// What is handed over becomes durable, and the mover meets it.
        func settle() throws {
            spool.settlePending()
            try move()
        }

        private static func start(_ storage: FaultyStorage, _ spool: MemorySpool) throws -> (
            DeadLetterStore<FaultyStorage>, DeadLetterMover<FaultyStorage, SystemTime>,
            DeadLetterActions<FaultyStorage, SystemTime>
        ) {
            let store = try openStore(storage, spool: DeadLettersTests.spool)
            let mover = try DeadLetterMover(
                source: spool.source(), ledger: spool, store: store, clock: SystemTime(), diagnostics: .silent)
            let actions = try DeadLetterActions(
                stateDirectory: { storage }, store: store, mover: mover, spool: DeadLettersTests.spool, ledger: spool,
                sink: spool,
                clock: SystemTime()
            ) { input in
                input == "loader" || input == "legacy-loader"
                    ? LineEncoder.Options(
                        maxLineBytes: 1 << 20, maxFutureMicroseconds: .max, counting: .lines, takesControlLines: false,
                        reportsRejections: true) : nil
            }
            return (store, mover, actions)
        }

        /// Sends again, and settles.
        func retry(_ requests: RetryRequest...) throws -> [LetterOutcome.Result] {
            let batch = try actions.begin(requests)
            try settle()
            #expect(actions.isOver(batch))
            return actions.finish(batch).map(\.result)
        }

        /// The event of each kind that is durable.
        func events() throws -> [(sequence: UInt64, line: String, received: Int64)] {
            var found: [(sequence: UInt64, line: String, received: Int64)] = []
            try spool.source().walk(from: SequenceNumber(1)) { group in
                try group.forEachChunk { chunk in
                    try chunk.forEachRecord { record in
                        guard let event = try EventTuple(record) else { return }
                        found.append(
                            (
                                record.sequence.rawValue, String(decoding: event.line, as: UTF8.self),
                                record.received.microseconds
                            ))
                    }
                }
                return true
            }
            return found
        }
    }

    private func request(_ id: UInt64, _ line: [UInt8]? = nil) -> RetryRequest {
        RetryRequest(id: SequenceNumber(id), line: line)
    }

    @Test func `what is sent again becomes a record with the first time of receipt, and its dead letter is over`()
        throws
    {
        let scene = try Scene(rejecting: [line, line, line])
        #expect(try scene.retry(request(2, whole)) == [.retried(as: SequenceNumber(4))])
        #expect(try listedIDs(scene.scratch.storage) == [1, 3])
        #expect(scene.store.count == 2)
        let events = try scene.events()
        #expect(events.map(\.sequence) == [4])
        #expect(events.map(\.received) == [42])
        #expect(try scene.retry(request(2, whole)) == [.unknown])
        #expect(try scene.events().count == 1)
    }

    @Test func `what fails again is a new dead letter of the same source, and only that is left`() throws {
        let scene = try Scene(rejecting: [line])
        let again = try scene.retry(request(1))
        guard case .rejectedAgain(SequenceNumber(2), .missingField, _) = again.first else {
            Issue.record("\(again)")
            return
        }
        let left = try listed(scene.scratch.storage)
        #expect(left.map(\.id.rawValue) == [2])
        #expect(left.map(\.source.path) == ["/var/log/a.ndjson"])
        #expect(left.map(\.time.microseconds) == [42])
    }

    @Test func `a crash before it is durable leaves the dead letter, and one behind that leaves its successor`() throws
    {
        for isDurable in [false, true] {
            let scene = try Scene(rejecting: [line, line])
            _ = try scene.actions.begin([request(1, whole)])
            if isDurable { scene.spool.settlePending() }
            #expect(
                try listed(scene.scratch.storage, unmoved: { try scene.spool.source().walk(from: $0, $1) })
                    .map(\.id.rawValue) == (isDurable ? [2] : [1, 2]), "the list knows before the mover does")
            try scene.restart()
            if isDurable {
                #expect(throws: DeadLetterActionsError.notCaughtUp, "nobody knows yet what was sent") {
                    _ = try scene.actions.begin([request(1, whole)])
                }
                #expect(throws: DeadLetterActionsError.notCaughtUp) {
                    _ = try scene.actions.discard([SequenceNumber(1)])
                }
            }
            try scene.begin()
            try scene.move()
            #expect(
                try scene.retry(request(1, whole)) == [isDurable ? .unknown : .retried(as: SequenceNumber(3))])
            #expect(try scene.events().count == 1)
            #expect(try listedIDs(scene.scratch.storage) == [2])
        }
    }

    @Test func `what is under way is not sent again, nor discarded`() throws {
        let scene = try Scene(rejecting: [line, line])
        let first = try scene.actions.begin([request(1, whole)])
        #expect(scene.actions.finish(first).map(\.result) == [.underWay])
        let second = try scene.actions.begin([request(1, whole), request(2, whole)])
        #expect(try scene.actions.discard([SequenceNumber(1)]).map(\.result) == [.underWay])
        try scene.settle()
        #expect(scene.actions.isOver(second))
        #expect(scene.actions.finish(second).map(\.result) == [.underWay, .retried(as: SequenceNumber(5))])
        #expect(try scene.events().map(\.sequence) == [3, 5])
    }

    @Test func `what is over by the time at which its line is read is not sent again`() throws {
        let scene = try Scene(rejecting: [line])
        _ = try scene.actions.begin([request(1, whole)])
        // The list has looked for tombstones, and reads the lines now.
        nonisolated(unsafe) let running = scene
        scene.faults.before(read: 3) { try? running.settle() }
        let second = try scene.actions.begin([request(1, whole)])
        try scene.settle()
        #expect(scene.actions.finish(second).map(\.result) == [.unknown])
        #expect(try scene.events().count == 1)
    }

    @Test func `a record and the note of whose it is are handed over in one chunk, however many there are`() throws {
        let long = Array(
            "{\"event\":\"cast_errors\",\"column_name\":\"\(String(repeating: "x", count: 300_000))\"}".utf8)
        let scene = try Scene(rejecting: (0..<8).map { _ in line })
        _ = try scene.actions.begin((1...8).map { request($0, long) })
        let chunks = scene.spool.state.withLock { $0.pending }
        #expect(chunks.count == 4)
        for chunk in chunks {
            var kinds: [UInt8] = []
            try ChunkReader(chunk.bytes, firstSequence: .zero).forEachRecord { kinds.append($0.kind) }
            #expect(kinds == [4, 129, 4, 129])
        }
    }

    @Test func `a dead letter that is named twice is sent once`() throws {
        let scene = try Scene(rejecting: [line])
        #expect(
            try scene.retry(request(1, whole), request(1, whole))
                == [.retried(as: SequenceNumber(2)), .retried(as: SequenceNumber(2))])
        #expect(try scene.events().count == 1)
    }

    @Test func `what cannot be sent stays`() throws {
        // The second is cut off.
        let scene = try Scene(rejecting: [line, whole, Array("  ".utf8)])
        try scene.store.append([letter(4, input: "gone")])
        scene.spool.append(events: 4)
        try scene.move()
        let outcomes = try scene.retry(request(2), request(3), request(4), request(1, Array("{}\n{}".utf8)), request(9))
        #expect(outcomes.last == .unknown)
        for outcome in outcomes.dropLast() {
            guard case .kept = outcome else {
                Issue.record("\(outcome)")
                continue
            }
        }
        #expect(try listedIDs(scene.scratch.storage) == [1, 2, 3, 4])
        #expect(try scene.retry(request(2, whole)) == [.retried(as: SequenceNumber(8))], "a whole line in its place")
    }

    @Test func `nothing is done with a number that the spool has not given, nor with another spool's`() throws {
        let scene = try Scene(rejecting: [line])
        let other = try openStore(
            scene.scratch.storage, spool: UniqueID(high: 1, low: 2))
        try other.append([letter(1, .rejectedByDatabase), letter(500, .rejectedByDatabase)])
        try scene.restart()
        try scene.begin()
        try scene.move()
        #expect(try scene.actions.discard([SequenceNumber(500)]).map(\.result) == [.unknown])
        #expect(try scene.retry(request(500, whole)) == [.unknown])
        // As one whose first line is damaged would have it.
        try scene.store.append([letter(600, .rejectedByDatabase)])
        guard case .kept? = try scene.actions.discard([SequenceNumber(600)]).first?.result else {
            Issue.record("a record that is still to come must not be ended")
            return
        }
        #expect(scene.store.holdsRefusal(of: SequenceNumber(600)))
    }

    @Test func `a refused row is read in the columns' own names, whatever its input`() throws {
        let scene = try Scene(rejecting: [])
        scene.spool.append(events: 3)
        try scene.store.append([letter(2, .rejectedByDatabase, line: whole, input: "gone")])
        try scene.move()
        #expect(try scene.retry(request(2)) == [.retried(as: SequenceNumber(4))])
        #expect(scene.store.holdsRefusal(of: SequenceNumber(2)), "the record itself is never sent")
        try scene.restart()
        #expect(scene.store.holdsRefusal(of: SequenceNumber(2)))
        #expect(try listedIDs(scene.scratch.storage) == [])
    }

    @Test func `a watermark without its time is as old as its line, whatever came since`() throws {
        let scene = try Scene(rejecting: [line])
        let watermark = Array("{\"event\":\"pipeline_watermarks\",\"pipeline_name\":\"p\"}".utf8)
        _ = try scene.retry(request(1, watermark))
        #expect(try scene.events().first?.line.contains("2000-01-01T00:00:00.000042Z") == true)
    }

    @Test func `what is discarded is over after a restart too`() throws {
        let scene = try Scene(rejecting: [line, line])
        let ids = [SequenceNumber(2), SequenceNumber(7)]
        #expect(try scene.actions.discard(ids).map(\.result) == [.discarded, .unknown])
        #expect(scene.store.count == 1)
        try scene.restart()
        #expect(scene.store.count == 1)
        #expect(try listedIDs(scene.scratch.storage) == [1])
        try scene.begin()
        try scene.move()
        #expect(try scene.actions.discard(ids).map(\.result) == [.unknown, .unknown])
    }

    @Test func `a tombstone that a torn end has taken is written again from the note in the spool`() throws {
        let scene = try Scene(rejecting: [line, line])
        _ = try scene.retry(request(1, whole))
        var bytes = try scene.scratch.bytes(of: "0000000001.dead")
        bytes.removeLast(5)
        try scene.scratch.write(bytes, to: "0000000001.dead")
        try scene.restart()
        #expect(throws: DeadLetterActionsError.notCaughtUp) { _ = try scene.actions.begin([request(1, whole)]) }
        try scene.begin()
        try scene.move()
        #expect(try scene.retry(request(1, whole)) == [.unknown])
        #expect(try listedIDs(scene.scratch.storage) == [2])
    }

    @Test func `a request takes what it can, and says of the rest that it has not looked at it`() throws {
        let long = Array(
            "{\"event\":\"cast_errors\",\"column_name\":\"\(String(repeating: "x", count: 900_000))\"}".utf8)
        let scene = try Scene(rejecting: (0..<12).map { _ in line })
        let outcomes = try scene.actions.begin((1...12).map { request($0, long) })
        try scene.settle()
        let results = scene.actions.finish(outcomes).map(\.result)
        #expect(results.prefix(10).allSatisfy { if case .retried = $0 { true } else { false } })
        #expect(results.suffix(2) == [.notTaken, .notTaken])
        #expect(try listedIDs(scene.scratch.storage) == [11, 12])
    }

    @Test func `trying out sends nothing`() throws {
        let scene = try Scene(rejecting: [line, line])
        let outcomes = try scene.actions.tryOut([request(1), request(2, whole), request(3)]).map(\.result)
        guard case .wouldBeRejected(.missingField, _) = outcomes[0], case .wouldBecome(.castErrors, _) = outcomes[1],
            outcomes[2] == .unknown
        else {
            Issue.record("\(outcomes)")
            return
        }
        try scene.settle()
        #expect(try scene.events().isEmpty)
        #expect(try listedIDs(scene.scratch.storage) == [1, 2])
    }
}
