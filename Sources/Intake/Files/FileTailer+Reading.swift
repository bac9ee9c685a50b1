import Glibc
import Instruments
import LinuxSystem
import OperationLogs

extension FileTailer {
    /// One read of each file that is ready, so that a huge one does not hold up the others.
    func readRound() {
        let round = queue
        queue = []
        for (index, file) in round.enumerated() {
            if window.isFull {
                queue = Array(round[index...]) + queue
                return
            }
            file.isQueued = false
            guard files[file.serial] != nil, file.tail.isReady else { continue }
            if let predecessor = file.predecessor, files[predecessor.serial] != nil, predecessor.tail.isReady,
                predecessor.retryAt == nil
            {
                refresh(file)
                continue
            }
            file.predecessor = nil
            attempt(file) { () throws(SystemError) in
                if file.isInDoubt { passOver(file) }
                if file.isInDoubt { return }
                if !file.isJudged, try !judge(file) { return }
                try read(file, finishing: false)
            }
            refresh(file)
            keepFewOpen()
        }
    }

    /// Reads once from the position on, with the last bytes before it in the same call, and hands the lines over.
    ///
    /// - Parameter finishing: what is left at the end of the file is a line.
    func read(_ file: Tracked, finishing: Bool) throws(SystemError) {
        guard !file.isInDoubt, let open = try opened(file) else { return }
        let before = file.read.tail.count
        let from = file.read.offset - UInt64(before)
        let count = try open.read(into: buffer, at: from)
        // A read may give less than there is: the end is where the file says that it ends.
        guard let identity = try identity(of: open, of: file) else {
            // It is opened again by the name that it has itself.
            letGo(file)
            file.closedPath = nil
            return
        }
        let size = identity.size
        if count < before, size >= file.read.offset { return apply(.mayHaveGrown, to: file) }
        guard count >= before, buffer[..<before].elementsEqual(file.read.tail), try beginsAsRead(file, open) else {
            file.sizeBeforeTruncation = max(file.sizeBeforeTruncation, file.size)
            file.size = size
            return apply(.foundOtherContent, to: file)
        }
        file.contentSeen = timeBeforeLooking
        let reachedEnd = count < buffer.count && size <= from + UInt64(count)
        file.note(identity, isAtEnd: reachedEnd, at: file.contentSeen)
        if file.hasOtherLinks { watchItself(file) }
        file.followsEnd = reachedEnd
        var rest = UnsafeRawBufferPointer(rebasing: buffer[before..<count])
        if reachedEnd, file.read.offset == 0, file.size > UInt64(count) { recoverUnread(file, rest) }
        if reachedEnd { file.size = from + UInt64(count) } else { file.size = max(file.size, size) }
        if unreadCopied.contains(file.serial) { compareUnreadCopies(of: file, rest) }
        let grew = rest.count > file.unfinishedBytes
        if file.skipsNULs { rest = skipNULs(file, rest) }
        if file.skipsLine {
            guard let left = skipLine(file, rest) else { return }
            rest = left
        }
        // One that grew was not quiet, though nothing had told of it.
        let unfinished = encode(file, rest, finishing: finishing && reachedEnd && !grew)
        if unfinished.bytes == rest.count, count == buffer.count, !rest.isEmpty { enlargeBuffer() }
        file.unfinishedBytes = unfinished.bytes
        if file.firstRead == .max, file.read.offset > 0 { file.firstRead = clock.realtimeMicroseconds() * 1000 }
        apply(
            .read(
                grew: grew, leavesUnfinishedLine: unfinished.bytes > 0 || unfinished.overlong, reachedEnd: reachedEnd),
            to: file)
    }

    /// Nil where a program answers for the file system by path, and others have renamed the file: what is open becomes the one
    /// that has the name now, or none.
    private func identity(of open: FileSystem.File, of file: Tracked) throws(SystemError) -> FileIdentity? {
        do {
            let identity = try open.identity()
            return FileKey(identity) == file.key ? identity : nil
        } catch {
            guard error.isAbsence, file.standing != .gone else { throw error }
            return nil
        }
    }

    /// Whether the first bytes are still those that were read. Asked behind an end of file, when it may have been truncated and
    /// filled beyond the position since: lines of one length often end alike.
    private func beginsAsRead(_ file: Tracked, _ open: FileSystem.File) throws(SystemError) -> Bool {
        guard file.followsEnd, file.read.offset > UInt64(file.read.tail.count) else { return true }
        return try open.bytes(file.head.count, at: 0) == file.head
    }

    /// Turns bytes that begin at the file's position into records.
    ///
    /// - Returns: the bytes that were left, and whether an overlong line has not ended.
    private func encode(
        _ file: Tracked, _ bytes: UnsafeRawBufferPointer, finishing: Bool
    ) -> (bytes: Int, overlong: Bool) {
        let received = Timestamp(unixMicroseconds: clock.realtimeMicroseconds())
        var rest = bytes
        var lines = 0
        var isFinishing = false
        var hasOverlong = file.read.offset != file.resume.offset
        while isFinishing || !rest.isEmpty || (finishing && hasOverlong) {
            let offset = file.read.offset
            // Bytes in which no line ends become no record: they take no place among the chunk's originators, of which
            // more files than a chunk has room for would make it full with nothing in it to send.
            let endsLine = isFinishing || rest.isEmpty || Self.hasLineEnd(rest)
            let originator = endsLine ? originator(of: file) : 0
            let progress =
                isFinishing || rest.isEmpty
                ? file.encoder.finish(
                    rest, offset: offset, originator: originator, received: received, into: window.builder)
                : file.encoder.encode(
                    rest, offset: offset, originator: originator, received: received, into: window.builder)
            lines += progress.lines
            hasOverlong = progress.unfinished > 0
            let moves = progress.consumed > 0 || progress.lines > 0
            file.advance(
                over: UnsafeRawBufferPointer(rebasing: rest[..<progress.consumed]), unfinished: progress.unfinished)
            rest = UnsafeRawBufferPointer(rebasing: rest[progress.consumed...])
            if moves { touch(file) }
            switch progress.pause {
            case .chunkFull: submit()
            case .control: continue
            case .needsMoreBytes:
                if !finishing || isFinishing || (rest.isEmpty && !hasOverlong) {
                    window.noteRead(bytes: bytes.count - rest.count, lines: lines)
                    return (rest.count, hasOverlong)
                }
                isFinishing = true
            }
        }
        window.noteRead(bytes: bytes.count - rest.count, lines: lines)
        return (rest.count, hasOverlong)
    }

    private static func hasLineEnd(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.baseAddress.map { memchr($0, 0x0a, bytes.count) != nil } ?? false
    }

    /// The index of the file as an originator in the open chunk, which gets a record or the position of it.
    private func originator(of file: Tracked) -> UInt16 {
        if file.originator.ticket != window.openTicket {
            let added = window.builder.add(
                RecordOriginator(kind: .file, input: options.name, path: file.path))
            file.originator = (window.openTicket, added)
        }
        return file.originator.index
    }

    /// A writer that keeps its old offset leaves a hole when its file is truncated: no line begins in it.
    private func skipNULs(_ file: Tracked, _ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let count = bytes.firstIndex { $0 != 0 } ?? bytes.count
        if count > 0 {
            if file.read.offset == 0 {
                diagnostics.warning(
                    "input \(options.name): \(file.path) begins with NUL bytes since it was truncated: its writer keeps"
                        + " its offset; they are skipped; let the writer open the file for appending")
            }
            file.advance(over: UnsafeRawBufferPointer(rebasing: bytes[..<count]), unfinished: 0)
            skippedNULs.add(count)
            window.noteRead(bytes: count, lines: 0)
            touch(file)
        }
        if count < bytes.count { file.skipsNULs = false }
        return UnsafeRawBufferPointer(rebasing: bytes[count...])
    }

    /// A line longer than a read needs a larger one; up to the longest line that is taken.
    private func enlargeBuffer() {
        let most = options.maxLineBytes + ContentMark.tailBytes + (64 << 10)
        guard buffer.count < most else { return }
        replaceBuffer(min(max(buffer.count * 2, limits.readBytes), most))
    }

    func replaceBuffer(_ count: Int) {
        buffer.deallocate()
        buffer = .allocate(byteCount: count, alignment: 16)
    }

    // MARK: What fails

    /// Does what needs to look at a file, and maybe at others that it may be a copy of.
    ///
    /// The one place where a failure ends that: it has decided nothing, and is tried again later.
    func attempt(_ file: Tracked, _ body: () throws(SystemError) -> Void) {
        do {
            try body()
            if file.trouble != nil, file.retryAt == nil { file.trouble = nil }
        } catch {
            putOff(file, error)
        }
    }

    /// Says once what is wrong.
    func putOff(_ file: Tracked, _ error: SystemError) {
        if file.trouble != error {
            diagnostics.error(
                "input \(options.name): \(error); \(file.presentPath) is tried again every"
                    + " \(limits.retryMilliseconds / 1000) s")
        }
        file.trouble = error
        file.retryAt = now + milliseconds(limits.retryMilliseconds)
    }
}
