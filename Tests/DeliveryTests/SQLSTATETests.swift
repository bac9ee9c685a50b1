import OperationLogs
import Testing

@testable import Delivery

/// Each row of the table, by an error that it is for.
struct SQLSTATETests {
    struct Sample: Sendable {
        var state: String
        var constraint: String?
        var lane: EventKind? = .castErrors
        var label: String
        var meaning: FailureMeaning
    }

    static let samples = [
        Sample(state: "08007", label: "transaction resolution unknown", meaning: .outcomeUnknown),
        Sample(state: "40003", label: "statement completion unknown", meaning: .outcomeUnknown),
        Sample(state: "08P01", label: "protocol violation", meaning: .operators),
        Sample(state: "08006", label: "connection exception", meaning: .passing),
        Sample(state: "53200", label: "out of memory", meaning: .passing),
        Sample(state: "53100", label: "insufficient resources", meaning: .passing),
        Sample(state: "57014", label: "query canceled", meaning: .passing),
        Sample(state: "57P01", label: "admin shutdown", meaning: .passing),
        Sample(state: "57P02", label: "crash shutdown", meaning: .passing),
        Sample(state: "57P03", label: "cannot connect now", meaning: .passing),
        Sample(state: "57P04", label: "database dropped", meaning: .passing),
        Sample(state: "57P05", label: "idle session timeout", meaning: .passing),
        Sample(state: "40001", label: "transaction rollback", meaning: .passing),
        Sample(state: "40P01", label: "transaction rollback", meaning: .passing),
        Sample(state: "55P03", label: "lock not available", meaning: .passing),
        Sample(state: "55006", label: "object in use", meaning: .passing),
        Sample(state: "25006", label: "read-only transaction", meaning: .passing),
        Sample(state: "25P03", label: "idle in transaction timeout", meaning: .passing),
        Sample(state: "25P04", label: "transaction timeout", meaning: .passing),
        Sample(state: "58030", label: "server I/O error", meaning: .passing),
        Sample(state: "22P04", label: "bad COPY file format", meaning: .operators),
        Sample(state: "22P03", label: "incorrect binary data format", meaning: .operators),
        Sample(state: "22003", label: "data exception", meaning: .rowsFault),
        Sample(state: "22P05", label: "data exception", meaning: .rowsFault),
        Sample(state: "23514", constraint: nil, label: "no partition for the row", meaning: .operators),
        Sample(state: "23514", constraint: "positive", label: "constraint violation", meaning: .rowsFault),
        Sample(
            state: "23505", constraint: "cast_errors_pkey", label: "serial key already taken", meaning: .operators),
        Sample(state: "23505", constraint: "cast_errors_u", label: "constraint violation", meaning: .rowsFault),
        Sample(
            state: "23505", constraint: "pipeline_watermarks_pkey", lane: .pipelineWatermarks,
            label: "constraint violation", meaning: .rowsFault),
        Sample(state: "23502", label: "constraint violation", meaning: .rowsFault),
        Sample(state: "54000", label: "program limit exceeded", meaning: .rowsFault),
        Sample(state: "54001", label: "stack depth exceeded", meaning: .rowsFault),
        Sample(state: "P0001", label: "raised by a trigger", meaning: .rowsFault),
        Sample(state: "42P01", label: "missing table, column or privilege", meaning: .operators),
        Sample(state: "28P01", label: "not authorized", meaning: .operators),
        Sample(state: "3D000", label: "no such database", meaning: .operators),
        Sample(state: "3F000", label: "no such schema", meaning: .operators),
        Sample(state: "0A000", label: "not supported for this table", meaning: .operators),
        Sample(state: "XX001", label: "table corrupted", meaning: .operators),
        Sample(state: "XX002", label: "index corrupted", meaning: .operators),
        Sample(state: "XX000", label: "anything else", meaning: .unclassified),
        Sample(state: "", label: "anything else", meaning: .unclassified),
    ]

    @Test(arguments: samples)
    func `an error means what its row of the table says`(sample: Sample) {
        let row = SQLSTATECase.of(
            ServerError(sqlstate: sample.state, message: "m", constraint: sample.constraint), lane: sample.lane)
        #expect(row.label == sample.label)
        #expect(row.meaning == sample.meaning)
    }

    @Test(arguments: [
        ("42P01", FailureMeaning.rowsFault), ("ZZ001", .rowsFault), ("23514", .rowsFault), ("XX001", .rowsFault),
        ("40001", .passing), ("08007", .passing), ("53400", .passing),
    ])
    func `what a trigger raises refuses the row, unless it says to try again`(
        _ sample: (state: String, meaning: FailureMeaning)
    ) {
        let row = SQLSTATECase.of(
            ServerError(sqlstate: sample.state, message: "m", isRaised: true), lane: .castErrors)
        #expect(row.meaning == sample.meaning)
        #expect(row.meaning == .rowsFault || row.concernsOneTable)
    }

    @Test func `08P01 without a table is PgBouncer's, and passes`() {
        #expect(SQLSTATECase.of(ServerError(sqlstate: "08P01", message: ""), lane: nil).meaning == .passing)
    }

    @Test func `every row has a name of its own and a sample`() {
        let labels = SQLSTATECase.table.map(\.label)
        #expect(Set(labels).count == labels.count)
        #expect(Set(labels).subtracting(Self.samples.map(\.label)) == [])
    }

    @Test func `everything that the operator has to mend says how`() {
        for row in SQLSTATECase.table + [SQLSTATECase.anythingElse]
        where row.meaning == .operators || row.meaning == .unclassified {
            #expect(row.remedy != nil, "\(row.label)")
        }
    }

    @Test func `a timeout, a lock and a lack of memory ask for smaller batches`() {
        for state in ["57014", "55P03", "53200"] {
            #expect(SQLSTATECase.of(ServerError(sqlstate: state, message: ""), lane: nil).asksForSmallerBatch)
        }
        #expect(!SQLSTATECase.of(ServerError(sqlstate: "40001", message: ""), lane: nil).asksForSmallerBatch)
    }
}

struct BackoffTests {
    @Test func `the bound doubles up to the largest and each wait is drawn below it`() {
        var backoff = Backoff(initialMilliseconds: 100, maxMilliseconds: 1000)
        var random = SplitMix64(seed: 3)
        var bounds: [Int] = []
        for _ in 0..<6 {
            bounds.append(backoff.bound)
            let bound = backoff.bound
            #expect((1...bound).contains(backoff.next(using: &random)))
        }
        #expect(bounds == [100, 200, 400, 800, 1000, 1000])
        backoff.reset()
        #expect(backoff.bound == 100)
    }

    @Test func `waits are spread over the whole range and the same from the same seed`() {
        func waits(_ seed: UInt64) -> [Int] {
            var random = SplitMix64(seed: seed)
            return (0..<1000).map { _ in
                var backoff = Backoff(initialMilliseconds: 1000, maxMilliseconds: 1000)
                return backoff.next(using: &random)
            }
        }
        let sample = waits(9)
        #expect(sample == waits(9))
        #expect(sample != waits(10))
        #expect(sample.contains { $0 < 100 } && sample.contains { $0 > 900 })
        #expect((450...550).contains(sample.reduce(0, +) / 1000))
    }

    @Test func `a long outage does not overflow`() {
        var backoff = Backoff(initialMilliseconds: .max / 2, maxMilliseconds: .max)
        for _ in 0..<100 { _ = backoff.nextBound() }
        #expect(backoff.bound == .max)
    }
}
