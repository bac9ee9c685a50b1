import Glibc

// Framing: which bytes are a line, and where it stands.
extension LineEncoder {
    /// Encodes the lines that end within `bytes`.
    ///
    /// - Parameters:
    ///   - bytes: begin at the start of a line, or go on with an overlong one.
    ///   - offset: of `bytes[0]` in the file, or the number of the next line, as the options count.
    ///   - originator: the index that the chunk gave for the source.
    ///   - received: when the bytes were read.
    /// - Returns: how far it came and why it stopped. Call again with the rest, unless more bytes are needed.
    public mutating func encode(
        _ bytes: UnsafeRawBufferPointer, offset: UInt64, originator: UInt16, received: Timestamp,
        into chunk: ChunkBuilder
    ) -> Progress {
        var progress = Progress()
        if chunk.isFull {
            progress.pause = .chunkFull
        } else if let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count > 0 {
            let source = LineSource(offset: offset, originator: originator, received: received, chunk: chunk)
            if options.dialect.isDocumented {
                encode(base, bytes.count, DocumentedNames(), source, &progress)
            } else {
                encode(base, bytes.count, MappedNames(dialect: options.dialect), source, &progress)
            }
        }
        progress.unfinished = overlong?.total ?? 0
        return progress
    }

    private mutating func encode(
        _ base: UnsafePointer<UInt8>, _ count: Int, _ names: some LineNames, _ source: LineSource,
        _ progress: inout Progress
    ) {
        withScratch { fields, columns in
            var pass = pass(base, count, names, source, fields, columns)
            takeLines(&pass, &progress)
        }
    }

    private func pass<Names: LineNames>(
        _ base: UnsafePointer<UInt8>, _ count: Int, _ names: Names, _ source: LineSource,
        _ fields: UnsafeMutablePointer<JSONField>, _ columns: UnsafeMutablePointer<TypedColumn>
    ) -> LinePass<Names> {
        LinePass(
            base: base, readable: base + count, offset: source.offset, fields: fields,
            typing: EventTyping(
                columns: columns, names: names, received: source.received,
                maxFutureMicroseconds: options.maxFutureMicroseconds, permitted: permitted),
            originator: source.originator, chunk: source.chunk)
    }

    /// Takes the end of the source: what is left without a line end counts as a line if it is a complete object, else
    /// it is `incompleteLine`; white space only is nothing.
    ///
    /// - Parameter tail: what the last call of `encode` left. If it holds a line's end all the same, this does what
    ///   `encode` does; call again with the rest.
    /// - Returns: as `encode`; at most one line without an end.
    public mutating func finish(
        _ tail: UnsafeRawBufferPointer, offset: UInt64, originator: UInt16, received: Timestamp,
        into chunk: ChunkBuilder
    ) -> Progress {
        var progress = encode(tail, offset: offset, originator: originator, received: received, into: chunk)
        guard progress.pause == .needsMoreBytes, progress.lines == 0 else { return progress }
        let rest = UnsafeRawBufferPointer(rebasing: tail[progress.consumed...])
        let offset = options.counting == .bytes ? offset + UInt64(progress.consumed) : offset
        progress.consumed = tail.count
        progress.unfinished = 0
        if let ended = overlong {
            overlong = nil
            reject(ended, originator: originator, received: received, into: chunk)
            progress.lines = 1
        } else if !rest.isEmpty {
            let source = LineSource(offset: offset, originator: originator, received: received, chunk: chunk)
            finishLine(rest, at: progress.consumed - rest.count, source, &progress)
        }
        return progress
    }

    /// The last line, which has no end, in memory of its own with one.
    private mutating func finishLine(
        _ rest: UnsafeRawBufferPointer, at place: Int, _ source: LineSource, _ progress: inout Progress
    ) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: rest.count + 1) { copy in
            guard let base = copy.baseAddress else { return }
            UnsafeMutableRawBufferPointer(copy).copyMemory(from: rest)
            base[rest.count] = 0x0a
            let line = UnsafeRawBufferPointer(start: base, count: rest.count + 1)
            if takeAlone(line, isLastLine: true, source) {
                progress.pause = .control(place..<place + rest.count - (rest.last == 0x0d ? 1 : 0))
            } else {
                progress.lines = 1
            }
        }
    }

    /// One line in memory of its own, with a line feed as its last byte.
    ///
    /// - Parameter isLastLine: whether the line feed is not its own.
    /// - Returns: whether it is a control line, of which nothing is recorded.
    mutating func takeAlone(_ line: UnsafeRawBufferPointer, isLastLine: Bool, _ source: LineSource) -> Bool {
        options.dialect.isDocumented
            ? takeAlone(line, isLastLine, DocumentedNames(), source)
            : takeAlone(line, isLastLine, MappedNames(dialect: options.dialect), source)
    }

    @inline(never)
    private mutating func takeAlone(
        _ line: UnsafeRawBufferPointer, _ isLastLine: Bool, _ names: some LineNames, _ source: LineSource
    ) -> Bool {
        guard let base = line.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return false }
        var isControl = false
        withScratch { fields, columns in
            var pass = pass(base, line.count, names, source, fields, columns)
            pass.isLastLine = isLastLine
            isControl = take(base, end: base + (line.count - 1), source.offset, &pass)
        }
        return isControl
    }

    /// Lines one after the other, until no further one ends, the chunk is full, or a control line comes.
    @inline(__always)
    private mutating func takeLines(_ pass: inout LinePass<some LineNames>, _ progress: inout Progress) {
        var at = pass.base
        if overlong != nil {
            at = skipOverlong(pass, &progress)
        } else if options.counting == .bytes, pass.offset == 0, pass.beginsWithMark {
            at += 3
        }
        while at < pass.readable {
            guard let newline = memchr(at, 0x0a, pass.readable - at) else {
                at = leave(at, pass, progress)
                break
            }
            if pass.chunk.isFull {
                progress.pause = .chunkFull
                break
            }
            let end = UnsafePointer(newline.assumingMemoryBound(to: UInt8.self))
            let isControl = take(at, end: end, self.offset(at, pass, progress), &pass)
            if isControl {
                let start = at - pass.base
                progress.pause = .control(start..<start + pass.length(at, end - at))
                at = end + 1
                break
            }
            progress.lines &+= 1
            at = end + 1
        }
        progress.consumed = at - pass.base
    }

    /// The offset of the record of a line that begins at `at`.
    @inline(__always)
    private func offset(_ at: UnsafePointer<UInt8>, _ pass: borrowing LinePass<some LineNames>, _ progress: Progress)
        -> UInt64
    {
        pass.offset &+ UInt64(truncatingIfNeeded: options.counting == .bytes ? at - pass.base : progress.lines)
    }

    /// What begins at `at` has no end yet: it waits, or it is overlong already and is taken.
    private mutating func leave(
        _ at: UnsafePointer<UInt8>, _ pass: borrowing LinePass<some LineNames>, _ progress: Progress
    ) -> UnsafePointer<UInt8> {
        let count = pass.readable - at
        guard pass.length(at, count) > options.maxLineBytes else { return at }
        var line = OverlongLine(offset: offset(at, pass, progress))
        line.append(UnsafeRawBufferPointer(start: at, count: count))
        overlong = line
        return pass.readable
    }

    /// Goes on with an overlong line, to behind its end or to the end of the bytes.
    private mutating func skipOverlong(
        _ pass: borrowing LinePass<some LineNames>, _ progress: inout Progress
    ) -> UnsafePointer<UInt8> {
        let newline = memchr(pass.base, 0x0a, pass.readable - pass.base)
        var end = pass.readable
        if let newline { end = UnsafePointer(newline.assumingMemoryBound(to: UInt8.self)) }
        overlong?.append(UnsafeRawBufferPointer(start: pass.base, count: end - pass.base))
        guard newline != nil, let ended = overlong else { return end }
        overlong = nil
        reject(ended, originator: pass.originator, received: pass.typing.received, into: pass.chunk)
        progress.lines += 1
        return end + 1
    }

    private func withScratch(
        _ body: (UnsafeMutablePointer<JSONField>, UnsafeMutablePointer<TypedColumn>) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: JSONField.self, capacity: LineScanner.fieldLimit) { fields in
            withUnsafeTemporaryAllocation(of: TypedColumn.self, capacity: TypedColumn.limit) { columns in
                if let fields = fields.baseAddress, let columns = columns.baseAddress { body(fields, columns) }
            }
        }
    }
}

/// Where the lines of one call come from and go to.
struct LineSource {
    let offset: UInt64
    let originator: UInt16
    let received: Timestamp
    let chunk: ChunkBuilder
}

/// What stays the same for all lines of one call.
struct LinePass<Names: LineNames> {
    let base: UnsafePointer<UInt8>
    let readable: UnsafePointer<UInt8>
    let offset: UInt64
    let fields: UnsafeMutablePointer<JSONField>
    var typing: EventTyping<Names>
    let originator: UInt16
    let chunk: ChunkBuilder
    /// Whether the line has no end of its own.
    var isLastLine = false

    /// Whether the bytes begin with UTF-8's byte-order mark.
    var beginsWithMark: Bool {
        readable - base >= 3 && base[0] == 0xef && base[1] == 0xbb && base[2] == 0xbf
    }

    /// The bytes of a line without a carriage return at its end.
    @inline(__always)
    func length(_ line: UnsafePointer<UInt8>, _ count: Int) -> Int {
        count > 0 && line[count - 1] == 0x0d ? count - 1 : count
    }
}
