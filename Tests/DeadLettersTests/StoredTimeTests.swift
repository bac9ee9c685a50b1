import OperationLogs
import Testing

@testable import DeadLetters

struct StoredTimeTests {
    @Test func `a time is read back as it was written, over all that 64 bits hold`() {
        for microseconds in [Int64.min, -1, 0, 1, 1_700_000_000_000_000, .max] {
            let time = Timestamp(microseconds: microseconds)
            #expect(Timestamp(stored: time.rfc3339) == time)
        }
    }

    @Test(arguments: [
        "298492-01-01T23:59:59.999999Z", "-298492-01-01T00:00:00.000000Z", "294999-12-31T00:00:00.000000Z",
        "2026-02-30T00:00:00.000000Z", "2026-01-01T24:00:00.000000Z", "2026-01-01T00:00:00.000000",
    ])
    func `what is no time, or beyond those, is none`(_ text: String) {
        #expect(Timestamp(stored: text) == nil)
    }
}
