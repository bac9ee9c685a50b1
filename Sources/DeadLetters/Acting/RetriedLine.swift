import OperationLogs

/// One dead letter's line, parsed anew.
struct RetriedLine {
    enum Outcome {
        /// One record was appended to the chunk.
        case event
        /// The same, and it is a rejection.
        case rejection(RejectionReason, detail: String)
        /// Nothing was appended.
        case nothing(String)
    }

    let letter: DeadLetter
    /// In place of the letter's own.
    let replacement: [UInt8]?

    /// Appends what the line is now: with the time at which it was received first, and where it came from.
    ///
    /// - Parameter options: of the letter's input; nil if that is gone.
    func append(_ options: LineEncoder.Options?, _ originator: UInt16, to chunk: ChunkBuilder) -> Outcome {
        if letter.isTruncated, replacement == nil {
            return .nothing("only its first \(letter.line.count) bytes are kept; give the whole line with --edit")
        }
        let line = replacement ?? letter.line
        guard !line.contains(0x0a) else { return .nothing("a line feed stands in the middle of its line") }
        guard let options = letter.isRefusal ? Self.refusedRow(options) : options else {
            return .nothing("its input is not in the configuration: nothing says how to read the line")
        }
        // A watermark that came without its time is as old as its line: it moves no pipeline back.
        var encoder = LineEncoder(options, watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: .min)))
        let before = chunk.recordCount
        let isTaken = (line + [0x0a]).withUnsafeBytes {
            encoder.encode(
                wholeLine: $0, sentBytes: line.count, offset: letter.offset, originator: originator,
                received: letter.time, into: chunk)
        }
        guard isTaken, chunk.recordCount > before else { return .nothing("its line is empty") }
        guard let rejection = encoder.takeRejections().first else { return .event }
        return .rejection(rejection.reason, detail: rejection.detail)
    }

    /// A refused row was written again in the columns' own names: no mapping is its.
    private static func refusedRow(_ options: LineEncoder.Options?) -> LineEncoder.Options {
        LineEncoder.Options(
            maxLineBytes: 64 << 20, maxFutureMicroseconds: options?.maxFutureMicroseconds ?? .max, counting: .lines,
            takesControlLines: false, reportsRejections: true)
    }
}
