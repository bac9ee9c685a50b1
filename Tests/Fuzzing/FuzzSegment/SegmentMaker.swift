import Fuzzer
import LinuxSystem
import OperationLogs

@testable import Spool

/// Makes the file of a segment whose checksums hold, so that an input reaches what stands behind them.
///
/// An input of frames begins with eight bytes for the header: options, first number, how many bytes are cut off or
/// added. Each frame then has a byte for its kind, one for what is wrong with it, the number of its records, the length
/// of its payload (two bytes), and the payload: raw, or lines that become a chunk.
struct SegmentMaker {
    private(set) var file: [UInt8] = []
    private(set) var first = SequenceNumber(1)
    private let salt = UniqueID(high: 1, low: 2)
    private let run = UniqueID(high: 3, low: 4)
    private var next = SequenceNumber(1)
    private var chain: UInt64 = 5

    init(file: [UInt8]) {
        self.file = file
        // The name that its own header asks for, so that it is looked into.
        if file.count >= 56 { first = SequenceNumber(file.withUnsafeBytes { $0.littleEndian(48) }) }
    }

    init(behindHeader bytes: [UInt8]) {
        file = header(fileLength: UInt64(SegmentHeader.length + bytes.count)).bytes + bytes
    }

    init(_ feed: inout ByteFeed) {
        let options = feed.byte()
        first = SequenceNumber(options & 1 == 0 ? 1 + feed.number(2) : feed.number(2) &- 16)
        next = first
        let (added, cut) = (Int(feed.number(2)), Int(feed.byte()))
        var frames: [UInt8] = []
        while !feed.isEmpty { addFrame(&feed, to: &frames) }
        frames += [UInt8](repeating: options & 2 == 0 ? 0 : 0xa5, count: added)
        var length = UInt64(SegmentHeader.length + frames.count)
        if options & 4 != 0 { length = length &+ feed.number(8) &- 4200 }
        if options & 8 != 0 { length = options & 16 == 0 ? 100 : .max - 7 }
        file = header(fileLength: length, isRecycled: options & 32 != 0).bytes + frames.dropLast(cut)
    }

    private func header(fileLength: UInt64, isRecycled: Bool = false) -> SegmentHeader {
        SegmentHeader(
            salt: salt, spool: run, firstSequence: first, chain: 5, made: LineRun.received, fileLength: fileLength,
            previousFirst: .zero, previousSeal: 0, run: run, isRecycled: isRecycled)
    }

    private mutating func addFrame(_ feed: inout ByteFeed, to frames: inout [UInt8]) {
        let (kind, wrong) = (feed.byte(), feed.byte())
        var frame = FrameHeader(
            kind: FrameHeader.Kind(rawValue: kind & 3) ?? .group, endsSegment: kind & 4 != 0, firstSequence: next,
            run: run, chain: chain, latestFilledIn: LineRun.received, written: LineRun.received)
        frame.recordCount = Int(feed.byte())
        var payload = feed.take(Int(feed.number(2)))
        if kind & 8 != 0 { (payload, frame.recordCount) = Self.chunk(payload) }
        frame.payloadLength = payload.count
        frame.payloadChecksum = payload.withUnsafeBytes { CRC32C.of($0) }
        if wrong & 1 != 0 { frame.payloadChecksum ^= 1 }
        if wrong & 2 != 0 { frame.payloadLength = Int(feed.number(8) >> 1) }
        if wrong & 4 != 0 { frame.firstSequence = SequenceNumber(feed.number(8)) }
        if wrong & 8 != 0 { frame.recordCount = Int(feed.number(4)) }
        if frame.kind == .group, frame.payloadLength >= 0 { frame.chain = frame.chain(after: chain) }
        if wrong & 16 != 0 { frame.chain ^= 1 }
        var bytes = frame.bytes(salt: salt, offset: UInt64(SegmentHeader.length + frames.count))
        if wrong & 32 != 0 { bytes[Int(feed.byte()) & 127] ^= 1 }
        frames += bytes + payload
        frames += [UInt8](repeating: 0, count: (8 - frames.count % 8) % 8)
        next = frame.firstSequence.advanced(by: frame.recordCount)
        chain = frame.chain
    }

    /// Lines as an input would hand them over, with where they come from and a position.
    private static func chunk(_ lines: [UInt8]) -> (bytes: [UInt8], records: Int) {
        let builder = ChunkBuilder()
        let originator = builder.add(RecordOriginator(kind: .file, input: "i", path: "/p", uid: nil, pid: nil))
        var encoder = LineEncoder(
            LineEncoder.Options(
                maxLineBytes: 1024, maxFutureMicroseconds: 0, counting: .bytes, takesControlLines: false,
                reportsRejections: false), watermarkClock: WatermarkClock(notBefore: LineRun.received))
        lines.withUnsafeBytes {
            _ = encoder.finish($0, offset: 0, originator: originator, received: LineRun.received, into: builder)
        }
        builder.addPosition(key: Array(lines.prefix(3)), value: Array(lines.prefix(5)))
        let chunk = builder.close(ticket: 0, receipt: nil)
        return (Array(chunk.bytes), chunk.recordCount)
    }
}
