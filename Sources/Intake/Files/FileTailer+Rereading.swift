import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// Reads lines again that the spool lost, once it is known that they may be: each chunk of them holds how far they have
/// been read, so that a crash leaves none twice.
extension FileTailer {
    /// Lines that are being read again.
    struct Reread {
        let order: Rereading
        let file: FileSystem.File
        let end: UInt64
        var encoder: LineEncoder
        /// Where the next read begins; and where a later start would go on, which is before within an overlong line.
        var offset: UInt64
        var resume: UInt64
        var skipsNULs: Bool
        var readBytes: Int
        /// The index of its originator in the chunk with this ticket.
        var originator: (ticket: UInt64, index: UInt16) = (0, 0)
    }

    /// Takes over what the spool holds of earlier readings; the rest is of files.
    func takeProgress(_ recovered: [(key: [UInt8], value: [UInt8])]) -> [(key: [UInt8], value: [UInt8])] {
        for (key, value) in recovered where RereadingProgress.isKey(key) { progress[key] = RereadingProgress(value) }
        return recovered.filter { !RereadingProgress.isKey($0.key) }
    }

    /// Whether reading may begin; says so if not.
    func mayBegin(_ orders: DamageOrders) -> Bool {
        if let reason = orders.wait, saidWait != reason {
            diagnostics.warning("input \(options.name) waits: \(reason)")
        }
        saidWait = orders.wait
        board.setWait(orders.wait)
        return orders.wait == nil
    }

    /// Takes new orders, and tells of those whose lines are durable.
    func settleRereadings() {
        let settled = window.settle()
        for (ticket, order) in finished where ticket <= settled { tell { try losses?.readAgain(order) } }
        finished.removeAll { $0.ticket <= settled }
        guard news.isThere.exchange(false, ordering: .acquiringAndReleasing),
            let orders = losses?.orders(for: options.name)
        else { return }
        for order in orders.rereadings where taken.insert(order).inserted { begin(order) }
    }

    private func begin(_ order: Rereading) {
        let bytes = order.bytes
        let known = progress[RereadingProgress.key(order)]
        if known?.isDone ?? false { return tell { try losses?.readAgain(order) } }
        let found: (path: String, file: FileSystem.File)?
        do {
            found = try LostBytesSearch(in: fileSystem, places: directories.sorted()).file(of: bytes)
        } catch {
            fail(bytes.path, "\(error); the lines that the spool lost are read again once that can be looked at")
            taken.remove(order)
            let time = now + milliseconds(limits.retryMilliseconds)
            nextSearch = min(nextSearch ?? time, time)
            return
        }
        guard let (path, file) = found else {
            return diagnostics.error(
                "input \(options.name): \(bytes.path): \(bytes.inWords) are to be read again (range \(order.range)), but "
                    + "no file holds them any more; put a copy of it into its directory, under a name that is not read by "
                    + "itself, and start opslogd again")
        }
        // What stands behind its position is read in its turn.
        let position = filesInOrder.first { $0.positionKey == bytes.key }?.read.offset
        let end = bytes.upTo ?? position ?? (try? file.identity().size) ?? bytes.from
        let offset = max(bytes.from, known?.offset ?? 0)
        diagnostics.notice(
            "input \(options.name): \(path): bytes \(offset) to \(end), which the spool lost (range \(order.range)), "
                + "are read again")
        rereads.append(
            Reread(
                order: order, file: file, end: end, encoder: makeEncoder(), offset: offset, resume: offset,
                skipsNULs: offset == 0, readBytes: limits.readBytes))
    }

    /// One read of the first that is under way.
    func reread() {
        guard var now = rereads.first else { return }
        do {
            let left = now.end > now.offset ? now.end - now.offset : 0
            let bytes = try now.file.bytes(Int(min(UInt64(now.readBytes), left)), at: now.offset)
            let isLast = bytes.isEmpty || UInt64(bytes.count) == left
            bytes.withUnsafeBytes { encode(&now, $0, isLast: isLast) }
            if isLast {
                now.resume = now.end
                rereads.removeFirst()
                finished.append((close(now, isDone: true), now.order))
            } else {
                rereads[0] = now
                close(now, isDone: false)
            }
        } catch {
            rereads.removeFirst()
            diagnostics.error("input \(options.name): \(error); its lines are read again at the next start")
        }
    }

    /// - Parameter isLast: nothing is to be read behind the bytes: what is left is a line.
    private func encode(_ reread: inout Reread, _ bytes: UnsafeRawBufferPointer, isLast: Bool) {
        let received = Timestamp(unixMicroseconds: clock.realtimeMicroseconds())
        let skipped = reread.skipsNULs ? bytes.prefix { $0 == 0 }.count : 0
        if skipped < bytes.count { reread.skipsNULs = false }
        reread.offset += UInt64(skipped)
        var rest = UnsafeRawBufferPointer(rebasing: bytes[skipped...])
        var lines = 0
        var isFinishing = false
        var hasOverlong = reread.offset != reread.resume + UInt64(skipped)
        while isFinishing || !rest.isEmpty || (isLast && hasOverlong) {
            let originator = originator(of: &reread)
            let progress =
                isFinishing || rest.isEmpty
                ? reread.encoder.finish(
                    rest, offset: reread.offset, originator: originator, received: received, into: window.builder)
                : reread.encoder.encode(
                    rest, offset: reread.offset, originator: originator, received: received, into: window.builder)
            lines += progress.lines
            hasOverlong = progress.unfinished > 0
            reread.offset += UInt64(progress.consumed)
            reread.resume = reread.offset - UInt64(progress.unfinished)
            rest = UnsafeRawBufferPointer(rebasing: rest[progress.consumed...])
            if progress.pause == .chunkFull {
                close(reread, isDone: false)
                continue
            }
            if !isLast || isFinishing || (rest.isEmpty && !hasOverlong) { break }
            isFinishing = true
        }
        window.noteRead(bytes: bytes.count - rest.count, lines: lines)
        // A line longer than a read needs a larger one.
        if rest.count == bytes.count, !isLast { reread.readBytes *= 2 }
        if skipped > 0, bytes.count == skipped { reread.resume = reread.offset }
    }

    private func originator(of reread: inout Reread) -> UInt16 {
        if reread.originator.ticket != window.openTicket {
            let added = window.builder.add(
                RecordOriginator(kind: .file, input: options.name, path: reread.order.bytes.path))
            reread.originator = (window.openTicket, added)
        }
        return reread.originator.index
    }

    /// Closes the chunk, with how far its lines have been read.
    ///
    /// - Returns: its ticket.
    @discardableResult
    private func close(_ reread: Reread, isDone: Bool) -> UInt64 {
        let ticket = window.openTicket
        window.builder.addPosition(
            key: RereadingProgress.key(reread.order),
            value: RereadingProgress(offset: reread.resume, isDone: isDone).encoded)
        submit()
        return ticket
    }

    /// What cannot be told now is found out again at the next start.
    func tell(_ body: () throws -> Void) {
        do { try body() } catch { diagnostics.error("input \(options.name): \(error)") }
    }
}

/// Whether an input may have new orders.
final class OrderNews: Sendable {
    let isThere = Atomic<Bool>(true)
}
