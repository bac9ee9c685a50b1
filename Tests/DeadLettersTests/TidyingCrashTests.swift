import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Testing

@testable import DeadLetters

/// The machine goes down while room is made, on a file system that keeps the changes of a directory in no order.
@Suite struct TidyingCrashTests {
    private let limits = DeadLetterLimits(
        maxBytes: 1 << 17, maxAgeSeconds: nil, whenFull: .dropOldest, inputs: ["a"])
    private let now = Timestamp(microseconds: 800_000_000_000_000)

    private func store(_ disk: DiskState) throws -> DeadLetterStore<SimulatedDisk> {
        try DeadLetterStore(
            in: SimulatedDisk(disk), spool: spool, lowestPosition: .zero, registry: Registry(), diagnostics: .silent,
            limits: limits)
    }

    /// The first file holds dead letters that are over; that they are stands in the second, which is to be dropped.
    private func fill(_ store: DeadLetterStore<SimulatedDisk>) throws -> Set<UInt64> {
        let line = [UInt8](repeating: 0x78, count: 1000)
        var last: UInt64 = 0
        func append() throws {
            last += 1
            try store.append([letter(last, line: line, input: "a")])
        }
        while store.bytes < limits.fileBytes { try append() }
        let over = 1...last
        try append()
        try store.end(over.map { LetterEnd(id: SequenceNumber($0), fate: .discarded, time: now) })
        // More than writing the first file anew gives back.
        while store.bytes <= limits.maxBytes + 2 * limits.fileBytes { try append() }
        return Set(over)
    }

    @Test func `what is over does not come back, whatever of the tidying a crash has left`() throws {
        var (step, outcomes, isDone) = (0, 0, false)
        while !isDone {
            step += 1
            let disk = DiskState()
            let store = try store(disk)
            let over = try fill(store)
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
