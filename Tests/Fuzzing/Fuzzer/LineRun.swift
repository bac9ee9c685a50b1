import OperationLogs

/// What became of some bytes of one source, given piece by piece as an input does.
public struct LineRun: Equatable {
    public static let received = Timestamp(microseconds: 848_750_400_000_000)

    /// All records, one behind the other as they stand in chunks.
    public private(set) var records: [UInt8] = []
    public private(set) var recordCount = 0
    public private(set) var controls: [[UInt8]] = []
    public private(set) var lines = 0
    public private(set) var rejections: [LineEncoder.Rejection] = []

    public init(_ pieces: [ArraySlice<UInt8>], _ options: LineEncoder.Options, finishes: Bool = true) {
        var encoder = LineEncoder(options, watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: .min)))
        let builder = ChunkBuilder(expectedBytes: 512)
        var pending: ArraySlice<UInt8> = []
        var offset: UInt64 = options.counting == .lines ? 1 : 0
        for place in 0..<pieces.count + (finishes ? 1 : 0) {
            let isEnd = place == pieces.count
            if !isEnd { pending += pieces[place] }
            var progress: LineEncoder.Progress
            var isStuck = 0
            repeat {
                progress = withExactCopy(pending) { bytes in
                    isEnd
                        ? encoder.finish(bytes, offset: offset, originator: 0, received: Self.received, into: builder)
                        : encoder.encode(bytes, offset: offset, originator: 0, received: Self.received, into: builder)
                }
                require((0...pending.count).contains(progress.consumed), "no more is taken than was given")
                lines += progress.lines
                offset += UInt64(options.counting == .lines ? progress.lines : progress.consumed)
                if case .control(let range) = progress.pause {
                    controls.append(Array(pending.dropFirst(range.lowerBound).prefix(range.count)))
                }
                pending = pending.dropFirst(progress.consumed)
                if progress.pause == .chunkFull { take(builder.close(ticket: 0, receipt: nil)) }
                isStuck = progress.consumed == 0 && progress.pause != .needsMoreBytes ? isStuck + 1 : 0
                require(isStuck < 3, "it comes to an end")
            } while progress.pause != .needsMoreBytes
        }
        require(!finishes || pending.isEmpty, "at the end of a source nothing is left")
        take(builder.close(ticket: 0, receipt: nil))
        rejections = encoder.takeRejections()
    }

    private mutating func take(_ chunk: RecordChunk) {
        records += chunk.bytes[RecordLayout.chunkHeader...]
        recordCount += chunk.recordCount
        do {
            let reader = try ChunkReader(chunk.bytes, firstSequence: SequenceNumber(1))
            require(reader.recordCount == chunk.recordCount, "the header counts the records")
            var seen: UInt32 = 0
            try reader.forEachRecord { record in
                if let tuple = try EventTuple(record) {
                    seen |= 1 << UInt32(tuple.kind.rawValue)
                } else {
                    let line = try RejectedLine(record.payload)
                    require(!line.detail.isEmpty, "a rejection says what is wrong")
                    seen |= 1
                }
            }
            require(seen == reader.present, "the header names the kinds that are there")
        } catch {
            require(false, "what was written reads back: \(error)")
        }
    }

    /// Calls `body` with each event.
    public func forEachEvent(_ body: (EventTuple) -> Void) {
        records.withUnsafeBytes { bytes in
            var at = 0
            while at < bytes.count {
                let length = Int(bytes.littleEndian(at, as: UInt32.self))
                let payload = bytes.part(at + RecordLayout.recordHeader, length - RecordLayout.recordHeader)
                if let kind = EventKind(rawValue: bytes[at + 4]), let tuple = try? EventTuple(kind, payload) {
                    body(tuple)
                }
                at += length
            }
        }
    }

    /// The payloads of the events, in order.
    public var payloads: [[UInt8]] {
        var payloads: [[UInt8]] = []
        records.withUnsafeBytes { bytes in
            var at = 0
            while at < bytes.count {
                let length = Int(bytes.littleEndian(at, as: UInt32.self))
                if bytes[at + 4] != RecordLayout.rejectedLine {
                    payloads.append(Array(bytes[at + RecordLayout.recordHeader..<at + length]))
                }
                at += length
            }
        }
        return payloads
    }
}
