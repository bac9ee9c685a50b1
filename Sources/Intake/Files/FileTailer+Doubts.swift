import Instruments
import LinuxSystem
import OperationLogs

/// Goes on where the files stand now, where the spool may have lost how far they had been read: a line that was
/// delivered must not come twice. What is passed over is set aside by name, durably, before any position moves.
extension FileTailer {
    /// Tells that the input has gone on, once that is durable; of files that are still looked for, it has not.
    func settleDoubts() {
        guard let ticket = doubtsEnd, window.settle() >= ticket else { return }
        doubtsEnd = nil
        let left = Set(formerContents.compactMap(\.key).filter { isDoubtful($0) })
        for doubt in doubts {
            if left.isEmpty, !isDoubtLeft {
                tell { try losses?.passedOver(range: doubt.range, input: options.name) }
            } else {
                let certain = files.values.filter { $0.retryAt != .max }.map(\.positionKey)
                let keys = doubt.keys.intersection(certain).sorted { $0.lexicographicallyPrecedes($1) }
                tell { try losses?.areCertain(keys, range: doubt.range) }
            }
        }
        doubts = left.isEmpty ? [] : doubts
    }

    private func isDoubtful(_ key: [UInt8]) -> Bool { doubts.contains { $0.keys.contains(key) } }

    /// Sets the file's lines up to its last line end aside, if how far it was read is in doubt. To be called before its
    /// position is noted.
    func passOver(_ file: Tracked) {
        let doubt = doubts.first { doubt in
            if doubt.keys.contains(file.positionKey) { return true }
            return !file.isRecorded && file.key.birthNanoseconds <= doubt.bornBefore
        }
        guard let doubt else { return }
        let before = file.position(boot: boot)
        do {
            let open = try file.file ?? fileSystem.open(file.presentPath)
            var end = file.read.offset
            var mark = file.read
            var head = file.head
            let size = try open.identity().size
            // Of a rotated file the last line may have been read without its end.
            let isWhole = file.standing != .named || file.isRotated
            try scan(open, from: file.read.offset, to: size) { bytes, at in
                let upTo = isWhole ? bytes.count : bytes.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
                if upTo > 0 { end = at + UInt64(upTo) }
            }
            guard end > file.read.offset else { return }
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
            file.isJudged = true
            if file.firstRead == .max { file.firstRead = clock.realtimeMicroseconds() * 1000 }
            touch(file)
            diagnostics.warning(
                "input \(options.name): \(file.path): \(bytes.inWords) may have been delivered (range \(doubt.range)); they "
                    + "are set aside for 'opslogd spool reread'")
        } catch {
            diagnostics.error(
                "input \(options.name): \(file.path): how far it was read is in doubt (range \(doubt.range)), and \(error); "
                    + "it is not read before the next start")
            file.retryAt = .max
            isDoubtLeft = true
        }
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
