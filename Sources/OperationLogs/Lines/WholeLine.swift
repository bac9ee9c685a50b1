// A line that stands alone: what a datagram holds.
extension LineEncoder {
    /// Encodes one line whose end is known from elsewhere. A line feed within it is a part of it, and of no JSON.
    ///
    /// - Parameters:
    ///   - line: ends in a line feed, which does not count.
    ///   - sentBytes: of the line as it was sent, without that line feed: more than `line` holds where it was cut off,
    ///     which is `lineTooLong`.
    ///   - offset: the number of the line. The other parameters are those of `encode`.
    /// - Returns: false if the chunk is full and nothing was taken: close it, and call again.
    public mutating func encode(
        wholeLine line: UnsafeRawBufferPointer, sentBytes: Int, offset: UInt64, originator: UInt16,
        received: Timestamp, into chunk: ChunkBuilder
    ) -> Bool {
        guard !chunk.isFull else { return false }
        guard line.last == 0x0a, let base = line.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return true }
        let end = base + (line.count - 1)
        if sentBytes > line.count - 1 {
            var cut = OverlongLine(offset: offset)
            cut.append(UnsafeRawBufferPointer(start: base, count: line.count - 1))
            cut.skip(sentBytes - (line.count - 1))
            reject(cut, originator: originator, received: received, into: chunk)
            return true
        }
        withScratch { fields, columns in
            var pass = LinePass(
                base: base, readable: end + 1, offset: offset, fields: fields,
                typing: EventTyping(
                    columns: columns, tables: tables, received: received,
                    maxFutureMicroseconds: options.maxFutureMicroseconds, permitted: options.permitted),
                originator: originator, chunk: chunk)
            // No control lines: a datagram is answered by nobody.
            _ = take(base, end: end, offset, &pass)
        }
        return true
    }
}
