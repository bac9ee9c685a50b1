import Instruments
import LinuxSystem
import OperationLogs

/// Goes on where the files stand now, where the spool may have lost how far they had been read: a line that was
/// delivered must not come twice. What is passed over is set aside by name, durably, before any position moves.
extension FileTailer {
    /// Tells that the input has gone on, once that is durable; as long as something is still looked for, only of files
    /// that are certain.
    func settleDoubts() {
        guard !doubts.isEmpty else { return }
        if doubtsEnd == nil, !areDoubtsLeft {
            submit()
            doubtsEnd = window.openTicket - 1
        }
        guard let ticket = doubtsEnd, window.settle() >= ticket else { return }
        doubtsEnd = nil
        let areLeft = areDoubtsLeft
        for doubt in doubts {
            if !areLeft {
                tell { try losses?.passedOver(range: doubt.range, input: options.name) }
            } else {
                let certain = filesInOrder.filter { !$0.isInDoubt }.map(\.positionKey)
                let keys = doubt.keys.intersection(certain).sorted { $0.lexicographicallyPrecedes($1) }
                tell { try losses?.areCertain(keys, range: doubt.range) }
            }
        }
        if !areLeft { (doubts, certainSince) = ([], [:]) }
    }

    /// Whether there are files in doubt, or may be where it could not be looked.
    private var areDoubtsLeft: Bool {
        !troubled.isEmpty || !unopened.isEmpty || filesInOrder.contains(where: \.isInDoubt)
            || formerContents.contains { $0.key != nil && isDoubtful($0) }
    }

    /// At the end of the start: what is made of a certain file from now on is known to be.
    func beginDoubts() {
        guard !doubts.isEmpty else { return }
        doubtsEnd = window.openTicket - 1
        for file in filesInOrder where file.standing == .named && !file.isInDoubt { noteCertain(file.path) }
    }

    private func noteCertain(_ name: String) {
        if certainSince[name] == nil { certainSince[name] = clock.realtimeMicroseconds() * 1000 }
    }

    /// Notes which of the recovered positions are in doubt: also those of files that may be copies, and of which nothing was
    /// read. What stood in their originals then may be something that nothing tells of any more.
    func markDoubtful(_ formers: inout [FormerContent]) {
        guard !doubts.isEmpty else { return }
        for index in formers.indices where isDoubtful(formers[index]) || isPerhapsCopyOfDoubtful(formers[index]) {
            formers[index].position.flags.insert(.inDoubt)
            formers[index].isNoted = false
        }
    }

    private func isPerhapsCopyOfDoubtful(_ former: FormerContent) -> Bool {
        guard former.mark.offset == 0 else { return false }
        // What has lost its name is recorded under that of its original.
        let isRotated = former.position.flags.contains(.isRotated)
        let original = isRotated ? former.path : nameBeforeRotation(of: former.path)
        return isPerhapsCopy(of: original, born: former.position.birthNanoseconds)
    }

    private func isDoubtful(_ former: FormerContent) -> Bool {
        former.position.flags.contains(.inDoubt) || doubts.contains { $0.keys.contains(former.key ?? []) }
    }

    /// Whether the file of which a copy may have been made then was in doubt, or may have been.
    private func isPerhapsCopy(of original: String?, born: Int64) -> Bool {
        original.map { certainSince[$0] ?? .max >= born } ?? false
    }

    /// Sets the file's lines up to its last line end aside, if how far it was read is in doubt. To be called before its
    /// position is noted.
    func passOver(_ file: Tracked) {
        let known = doubts.first { doubt in
            if doubt.keys.contains(file.positionKey) { return true }
            return !file.isRecorded && file.key.birthNanoseconds <= doubt.bornBefore
        }
        let wasInDoubt = file.isInDoubt
        let isUnread = file.read.offset == 0 && !file.isJudged && !file.isRecorded
        let original = nameBeforeRotation(of: file.presentPath)
        let isInDoubt = wasInDoubt || isUnread && isPerhapsCopy(of: original, born: file.key.birthNanoseconds)
        guard let doubt = known ?? (isInDoubt ? doubts.first : nil) else {
            file.isInDoubt = false
            return
        }
        let before = file.position(boot: boot)
        do {
            let open = try file.file ?? fileSystem.open(file.presentPath)
            var end = file.read.offset
            var mark = file.read
            var head = file.head
            var endsLine = true
            let size = try open.identity().size
            // Of a rotated file the last line may have been read without its end.
            let isWhole = file.standing != .named || file.isRotated
            try scan(open, from: file.read.offset, to: size) { bytes, at in
                let upTo = isWhole ? bytes.count : bytes.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
                if upTo > 0 { end = at + UInt64(upTo) }
                endsLine = bytes.last == 0x0a || !isWhole
            }
            guard end > file.read.offset else { return isCertain(file, wasInDoubt) }
            try scan(open, from: file.read.offset, to: end) { bytes, at in
                if head.count < FilePosition.fingerprintBytes, at == UInt64(head.count) {
                    head.append(contentsOf: bytes.prefix(FilePosition.fingerprintBytes - head.count))
                }
                mark.advance(over: bytes)
            }
            let former = (file.read, file.resume, file.head)
            (file.read, file.resume, file.head) = (mark, mark, head)
            let bytes = SourceRange(
                input: options.name, path: file.path, from: before.mark.offset, upTo: mark.offset, isExact: false,
                key: file.positionKey, identity: file.position(boot: boot).encoded)
            do {
                try losses?.setAside([bytes], range: doubt.range)
            } catch {
                (file.read, file.resume, file.head) = former
                throw error
            }
            file.skipsNULs = false
            file.skipsLine = !endsLine
            file.isJudged = true
            if file.firstRead == .max { file.firstRead = clock.realtimeMicroseconds() * 1000 }
            touch(file)
            isCertain(file, wasInDoubt)
            diagnostics.warning(
                "input \(options.name): \(file.path): \(bytes.inWords) may have been delivered (range \(doubt.range)); they "
                    + "are set aside for 'opslogd spool reread'")
        } catch {
            if !wasInDoubt {
                diagnostics.error(
                    "input \(options.name): \(file.path): how far it was read is in doubt (range \(doubt.range)), and "
                        + "\(error); tried again every \(limits.retryMilliseconds / 1000) s, and not read before")
            }
            file.isInDoubt = true
            file.retryAt = now + milliseconds(limits.retryMilliseconds)
        }
    }

    /// - Parameter late: not with the others at the start, of which has been told.
    private func isCertain(_ file: Tracked, _ late: Bool) {
        file.isInDoubt = false
        guard late else { return }
        if file.standing == .named { noteCertain(file.path) }
        touch(file)
        doubtsEnd = window.openTicket
    }

    /// Of a line whose beginning was set aside, the rest is too, once it comes.
    ///
    /// - Returns: what stands behind its end; nil if that it is set aside could not be noted: tried again later.
    func skipLine(_ file: Tracked, _ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard !bytes.isEmpty else { return bytes }
        let newline = bytes.firstIndex(of: 0x0a)
        let count = newline.map { $0 + 1 } ?? bytes.count
        let end = file.read.offset + UInt64(count)
        do {
            try losses?.setAsideFurther(file.positionKey, from: file.read.offset, upTo: end)
        } catch {
            diagnostics.error("input \(options.name): \(file.path): \(error)")
            file.retryAt = now + milliseconds(limits.retryMilliseconds)
            return nil
        }
        file.advance(over: UnsafeRawBufferPointer(rebasing: bytes[..<count]), unfinished: 0)
        file.skipsLine = newline == nil
        window.noteRead(bytes: count, lines: 0)
        touch(file)
        return UnsafeRawBufferPointer(rebasing: bytes[count...])
    }

    private func scan(
        _ file: FileSystem.File, from start: UInt64, to end: UInt64, _ body: (UnsafeRawBufferPointer, UInt64) -> Void
    ) throws {
        var at = start
        while at < end {
            let bytes = try file.bytes(Int(min(256 << 10, end - at)), at: at)
            if bytes.isEmpty { return }
            bytes.withUnsafeBytes { body($0, at) }
            at += UInt64(bytes.count)
        }
    }
}

extension SourceRange {
    var inWords: String { upTo.map { "bytes \(from) to \($0)" } ?? "the bytes from \(from) on" }
}
