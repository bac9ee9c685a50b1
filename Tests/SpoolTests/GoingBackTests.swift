import Glibc
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

/// A reader goes back where rows were refused: to records that it has read.
@Suite struct GoingBackTests {
    @Test func `going back in a long segment does not read it from its beginning`() throws {
        let disk = DiskState()
        var options = testOptions(max: 16 << 20)
        options.segmentBytes = 8 << 20
        let writer = try openSimulated(disk, options: options)
        for number in UInt64(1)...700 {
            writer.append(chunk(number...number, fill: 10_000))
            try writer.settle()
        }
        #expect(writer.status.segments == 1)
        let reader = writer.makeReader()
        #expect(try reader.readNumbers().count == 700)
        for number: UInt64 in [690, 350, 689, 10, 700] {
            // Two reads of 256 KiB, whatever stands in front; the whole segment takes 28.
            disk.contents.withLock {
                $0.callFaults = CallFaults(
                    CallFaults.Rule(call: .read, nth: 3, code: EIO, isForGood: true))
            }
            try reader.seek(to: SequenceNumber(number))
            #expect(try reader.next().map(numbers) == [number])
        }
    }

    @Test(arguments: UInt64(1)...8)
    func `wherever a reader goes, it reads what a new one reads there`(seed: UInt64) throws {
        let disk = DiskState()
        let writer = try openSimulated(disk)
        let reader = writer.makeReader()
        var random = SplitMix64(seed: seed)
        var last: UInt64 = 0
        for step in 0..<400 {
            if step % 4 == 0, last < 180 {
                let count = UInt64.random(in: 1...3, using: &random)
                writer.append(chunk(last + 1...last + count, fill: Int.random(in: 0...2000, using: &random)))
                try writer.settle()
                last += count
            }
            if step == 200 {
                // What stands in the reader's memory stays readable: it is of another segment.
                try reader.seek(to: SequenceNumber(last))
                _ = try reader.next()
                damage(disk, 40...44)
            }
            let number = UInt64.random(in: 1...last, using: &random)
            let fresh = writer.makeReader()
            try fresh.seek(to: SequenceNumber(number))
            try reader.seek(to: SequenceNumber(number))
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let expected = try fresh.next()
                let found = try reader.next()
                #expect(found?.firstSequence == expected?.firstSequence && found?.origin == expected?.origin)
                guard let found, let expected else { break }
                let same = try numbers(found) == numbers(expected)
                #expect(same, "step \(step), from \(number)")
            }
        }
        #expect(writer.status.segments > 2 && !writer.status.lostRanges.isEmpty)
    }
}
