import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Testing

@testable import DeadLetters

/// The machine goes down while room is made, on a file system that keeps the changes of a directory in no order.
@Suite struct TidyingCrashTests {
    private static let maxBytes: UInt64 = 1 << 17
    /// Of no store are they smaller.
    private static let fileBytes: UInt64 = 64 << 10
    private let now = Timestamp(microseconds: 800_000_000_000_000)

    private func store(_ disk: DiskState) throws -> DeadLetterStore<SimulatedDisk> {
        try DeadLetterStore(
            in: SimulatedDisk(disk), spool: spool, lowestPosition: .zero, registry: Registry(), diagnostics: .silent,
            limits: DeadLetterLimits(maxBytes: Self.maxBytes, maxAgeSeconds: nil, whenFull: .dropOldest, inputs: ["a"]))
    }

    /// The first file holds dead letters that are over; that they are stands in the second, which is to be dropped.
    private func fill(_ store: DeadLetterStore<SimulatedDisk>) throws -> [SequenceNumber] {
        let line = [UInt8](repeating: 0x78, count: 1000)
        var last: UInt64 = 0
        func append() throws {
            last += 1
            try store.append([letter(last, line: line, input: "a")])
        }
        while store.bytes < Self.fileBytes { try append() }
        let over = (1...last).map { SequenceNumber($0) }
        try append()
        try store.end(over.map { LetterEnd(id: $0, fate: .discarded, time: now) })
        // More than writing the first file anew gives back.
        while store.bytes <= Self.maxBytes + 2 * Self.fileBytes { try append() }
        return over
    }

    @Test func `what is over does not come back, whatever of the tidying a crash has left`() throws {
        var (step, outcomes, isDone) = (0, 0, false)
        while !isDone {
            step += 1
            let disk = DiskState()
            let store = try store(disk)
            let over = Set(try fill(store).map(\.rawValue))
            disk.fail(from: disk.operations + step)
            isDone = (try? store.tidy(now, firstKept: SequenceNumber(1 << 40))) != nil
            let choices = CrashChoices(disk)
            for outcome in 0..<choices.count {
                let left = choices.disk(outcome)
                _ = try self.store(left)
                let returned = over.intersection(try listedIDs(SimulatedDisk(left)))
                #expect(returned.isEmpty, "step \(step), outcome \(outcome)")
            }
            outcomes += choices.count
        }
        #expect(step > 6 && outcomes > 2 * step, "\(step) \(outcomes)")
    }
}
