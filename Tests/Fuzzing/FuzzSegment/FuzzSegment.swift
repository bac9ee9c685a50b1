import Fuzzer
import LinuxSystem
import OperationLogs

@testable import Spool

/// Any bytes as the file of a segment: whoever reads it takes it or says what is wrong, and all agree on what is intact.
///
/// Input: a byte of options and, as they say, the whole file, the bytes behind a good header, or frames as
/// ``SegmentMaker`` takes them.
@main enum FuzzSegment {
    static func main() {
        fuzz { data, size in
            FuzzSegment.test(ByteFeed(data, size))
            return 0
        }
    }

    private static func test(_ input: ByteFeed) {
        var feed = input
        let flags = feed.byte()
        let maker: SegmentMaker
        switch flags & 3 {
        case 0: maker = SegmentMaker(file: Array(feed.rest))
        case 1: maker = SegmentMaker(behindHeader: Array(feed.rest))
        default: maker = SegmentMaker(&feed)
        }
        withExactCopy(maker.file) { bytes in
            if case .valid(let header) = SegmentHeader.read(bytes) {
                require(withExactCopy(header.bytes, SegmentHeader.read) == .valid(header), "a header reads back")
            }
        }
        inspect(maker)
    }

    private static func inspect(_ maker: SegmentMaker) {
        let segments = MemoryDisk([SegmentName.of(maker.first): maker.file])
        guard let inspector = try? SpoolInspector(MemoryDisk(folders: ["segments": segments])) else {
            return require(false, "a directory can be looked at")
        }
        var scan: SegmentScan?
        var isDamaged = false
        do {
            if let opened = try inspector.open(maker.first) { scan = try SegmentScan(opened.file, opened.header) }
        } catch {
            require(error.code == .damaged, "what does not verify is called damaged: \(error)")
            isDamaged = true
        }
        if let scan {
            require(scan.end <= max(scan.header.fileLength, UInt64(SegmentHeader.length)), "it ends within its length")
            require(scan.lastGroupOffset <= scan.end, "the last group is one of its frames")
            _ = scan.tail.recoveryCase.remedy
        }
        _ = try? inspector.segments()
        let verification = try? inspector.verify()
        require(verification != nil, "a damaged segment is a finding, no failure")
        require(!isDamaged || verification?.isWhole == false, "damage is found")
        var next = SequenceNumber.zero
        do {
            try inspector.forEachGroup(from: .zero) { group in
                require(group.firstSequence >= next, "groups come in order")
                if let scan, verification?.findings.isEmpty == true {
                    require(group.lastSequence < scan.nextSequence, "no group stands behind the scan's end")
                }
                next = group.lastSequence
                try read(group)
                return true
            }
        } catch let error as SpoolError {
            require(error.code == .damaged, "what does not verify is called damaged: \(error)")
        } catch {
            require(error is MalformedChunk, "a group that verifies holds chunks or is malformed: \(error)")
        }
    }

    /// Reads everything in a group, as delivery and the lists do.
    private static func read(_ group: RecordGroup) throws {
        try group.forEachChunk { chunk in
            _ = try chunk.originators()
            try chunk.forEachPosition { _, _ in }
            var count = 0
            try chunk.forEachRecord { record in
                count += 1
                if let tuple = try EventTuple(record) {
                    _ = tuple.line
                } else if try RetryNote(record) == nil {
                    _ = try RejectedLine(record.payload)
                }
            }
            require(count == chunk.recordCount, "the records are counted")
            var cursor = RecordCursor(chunk)
            while try cursor.next() != nil { count -= 1 }
            require(count == 0, "both ways to read find the same records")
        }
    }
}
