// A line that stands alone: what a datagram or an entry of the journal holds.
extension LineEncoder {
    /// Encodes one line whose end is known from elsewhere. A line feed within it is a part of it, and of no JSON.
    ///
    /// - Parameters:
    ///   - line: ends in a line feed, which does not count.
    ///   - sentBytes: of the line as it was sent, without that line feed: more than `line` holds where it was cut off,
    ///     which is `lineTooLong`.
    ///   - hasEnd: whether the line had an end where it came from; without one it counts if it is a complete object, else
    ///     it is `incompleteLine`.
    ///   - offset: the number of the line. The other parameters are those of `encode`.
    /// - Returns: false if the chunk is full and nothing was taken: close it, and call again.
    public mutating func encode(
        wholeLine line: UnsafeRawBufferPointer, sentBytes: Int, hasEnd: Bool = true, offset: UInt64,
        originator: UInt16, received: Timestamp, into chunk: ChunkBuilder
    ) -> Bool {
        precondition(line.last == 0x0a, "a whole line ends in a line feed")
        guard !chunk.isFull else { return false }
        let kept = UnsafeRawBufferPointer(rebasing: line.dropLast())
        if sentBytes > kept.count {
            var cut = OverlongLine(offset: offset)
            cut.append(kept)
            cut.skip(sentBytes - kept.count)
            reject(cut, originator: originator, received: received, into: chunk)
        } else {
            // No control lines: nobody is answered.
            let source = LineSource(offset: offset, originator: originator, received: received, chunk: chunk)
            _ = takeAlone(line, isLastLine: !hasEnd, source)
        }
        return true
    }
}
