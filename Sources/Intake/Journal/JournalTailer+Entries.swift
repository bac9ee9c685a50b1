import Glibc
import Instruments
import LinuxSystem
import OperationLogs

/// From entries to the records of the open chunk.
extension JournalTailer {
    /// Looks at entries until there are none, the chunk's lines have no more room, or others are to have their turn.
    func readEntries() {
        do throws(JournalTrouble) {
            for _ in 0..<limits.entriesInTurn {
                if standsAtNext {
                    standsAtNext = false
                } else if try !goOn() {
                    return reachEnd()
                }
                try see()
                attempt { () throws(JournalTrouble) in try take() }
                if let trouble = unplaced { throw unsee(trouble) }
                if window.builder.isFull { submit() }
                if window.isFull { break }
            }
            // A lone line goes at once. While the disk is busy with several chunks already, small ones are gathered: they
            // could not be durable sooner.
            if !window.builder.isEmpty,
                window.isFull || window.chunksUnderWay < 4 || window.builder.recordBytes >= 64 << 10
            {
                submit()
            } else if entriesSincePosition > 0 {
                perform(machine.event(.passedEntries, now: now))
            }
        } catch {
            fail(error)
        }
    }

    /// Until the next entry is taken note of, the reader stands at none that was seen: what fails in between must not make
    /// its cursor the position.
    private func goOn() throws(JournalTrouble) -> Bool {
        let stood = standsAtSeen
        standsAtSeen = false
        if try reader.next() { return true }
        standsAtSeen = stood
        return false
    }

    private func reachEnd() {
        if !window.builder.isEmpty { submit() }
        endPassing()
        _ = machine.event(.reachedEnd(oldestPart: joiner.oldestPart), now: now)
        if entriesSincePosition > 0 { perform(machine.event(.passedEntries, now: now)) }
    }

    /// Takes note of the entry at which the reader has arrived. Fails before it is noted or not at all: from here on the
    /// position is behind it.
    private func see() throws(JournalTrouble) {
        let time = try reader.moment()
        before = (moment, ordinal)
        ordinal = moment.map { time.isSameTurn(as: $0) } ?? false ? ordinal &+ 1 : 1
        moment = time
        standsAtSeen = true
        entriesSincePosition += 1
        entriesCounted += 1
        if countedFrom == nil {
            // What cannot be told now is told when the position moves.
            guard let here = try? place(ordinal: ordinal) else { return }
            tellGone(upTo: here)
            (countedFrom, entriesCounted) = (here, 0)
        }
    }

    /// The position is in front of the entry again: where it stands is not known now, and it will be, unlike a field of it
    /// that is damaged.
    private func unsee(_ trouble: JournalTrouble) -> JournalTrouble {
        unplaced = nil
        (moment, ordinal) = before
        standsAtSeen = false
        entriesSincePosition -= 1
        entriesCounted = entriesCounted > 0 ? entriesCounted - 1 : 0
        return trouble
    }

    /// An entry that cannot be read is passed over: the journal would never get behind it.
    private func attempt(_ body: () throws(JournalTrouble) -> Void) {
        do {
            try body()
        } catch {
            noteLost(1)
            if entryTrouble != error {
                diagnostics.error("input \(options.name): \(error); the entry is passed over")
            }
            entryTrouble = error
        }
    }

    /// Takes the entry's line, if it is wanted.
    private func take() throws(JournalTrouble) {
        guard let isPrinted = try reader.field(.transport, { $0.elementsEqual("stdout".utf8) }) else { throw damage }
        guard isPrinted else { return }
        guard try reader.field(.unit, { selection.takes(unit: $0) }) ?? selection.takes(unit: nil) else { return }
        if selection.looksAtIdentifiers {
            guard try reader.field(.identifier, { selection.takes(identifier: $0) }) ?? false else { return }
        }
        let end = try reader.field(.lineBreak) { JournalLineEnd(lineBreak: $0) } ?? .ended
        if end == .goesOn || !joiner.isEmpty {
            if try takePart(end) { return }
        }
        let sender = try sender()
        let count = try reader.field(.message) { copy($0) }
        guard let count else { throw damage }
        read.bytes += count
        read.lines += 1
        guard !isPassed else { return }
        record(bytes: count, hasEnd: end == .ended, from: sender)
    }

    /// Of an entry that lacks what each has: libsystemd leaves out fields that are damaged.
    private var damage: JournalTrouble {
        JournalTrouble(
            SystemError(call: "sd_journal_get_data", subject: options.place, code: EBADMSG),
            advice: "'journalctl --verify' tells")
    }

    /// Of a line that is cut, or may be the rest of one.
    ///
    /// - Returns: false if the entry is a line of its own.
    private func takePart(_ end: JournalLineEnd) throws(JournalTrouble) -> Bool {
        let stream = try reader.field(.stream) { Array($0.prefix(JournalPosition.longestStream)) } ?? []
        let time = now
        let isHeld = stream.withUnsafeBytes { joiner.holds($0) }
        guard end == .goesOn || isHeld else { return false }
        if !isHeld {
            let sender = try sender()
            do throws(JournalTrouble) {
                joiner.begin(stream, at: try place(ordinal: ordinal), from: sender, now: time)
            } catch {
                // Without its place the line could not be put together again after a restart.
                unplaced = error
                return true
            }
        }
        let whole = try reader.field(.message) { part in
            read.bytes += part.count
            return stream.withUnsafeBytes { joiner.go(on: $0, part, end, now: time) }
        }
        if let line = whole ?? nil { record(line, hasEnd: end == .ended) }
        endLines { joiner.removeSurplus() }
        return true
    }

    /// The rest of these has not come in time.
    func endUnfinishedLines() {
        let wait = limits.timings.unfinished
        let time = now
        endLines { joiner.removeQuiet(since: time >= wait ? time - wait : 0) }
        submit()
        _ = machine.event(.reachedEnd(oldestPart: joiner.oldestPart), now: now)
    }

    /// Of those that are not recorded yet the position holds the beginning, so a full chunk is closed before each.
    private func endLines(_ next: () -> JournalLineJoiner.Line?) {
        while true {
            if window.builder.isFull { submit() }
            guard let line = next() else { return }
            record(line, hasEnd: false)
        }
    }

    // MARK: Records

    private func record(_ whole: JournalLineJoiner.Line, hasEnd: Bool) {
        read.lines += 1
        guard !isPassed(whole.begin.moment) else { return }
        let kept = whole.kept.withUnsafeBytes { copy($0) }
        record(bytes: max(kept, whole.total), hasEnd: hasEnd, from: whole.sender, at: whole.begin.moment)
    }

    /// Encodes the line that was copied.
    private func record(bytes: Int, hasEnd: Bool, from sender: JournalSender, at begin: JournalMoment? = nil) {
        let kept = min(bytes, copied)
        line[kept] = 0x0a
        let text = UnsafeRawBufferPointer(rebasing: line[...kept])
        // When journald took it: the journal is asked by time.
        let offset = (begin ?? moment)?.realtime ?? 0
        let received = Timestamp(unixMicroseconds: clock.realtimeMicroseconds())
        while true {
            let originator = senders.index(of: sender, input: options.name, in: window)
            let isTaken = encoder.encode(
                wholeLine: text, sentBytes: bytes, hasEnd: hasEnd, offset: offset, originator: originator,
                received: received, into: window.builder)
            if isTaken { return }
            // Never met: a chunk is closed when it is full. But what is full must not be waited for.
            submit()
        }
    }

    /// Copies a message to where a line feed can be put behind it: what is longer than any line is cut off.
    ///
    /// - Returns: how long the message is.
    private func copy(_ message: UnsafeRawBufferPointer) -> Int {
        let most = max(options.maxLineBytes, RecordLayout.keptOfOverlongLine) + 1
        copied = min(message.count, most)
        if line.count <= copied {
            line.deallocate()
            line = .allocate(byteCount: min(most + 1, 2 * copied + 1), alignment: 16)
        }
        line.copyMemory(from: UnsafeRawBufferPointer(rebasing: message[..<copied]))
        return message.count
    }

    func sender() throws(JournalTrouble) -> JournalSender {
        func number(_ field: JournalField) throws(JournalTrouble) -> UInt32? {
            try reader.field(field) { digits in
                digits.reduce(UInt32?(0)) { number, digit in
                    guard let number, 0x30...0x39 ~= digit else { return nil }
                    let (tenfold, isFar) = number.multipliedReportingOverflow(by: 10)
                    let (sum, isFarther) = tenfold.addingReportingOverflow(UInt32(digit - 0x30))
                    return isFar || isFarther ? nil : sum
                }
            } ?? nil
        }
        let (uid, pid) = (try number(.userID), try number(.processID))
        if let known = try reader.field(.unit, { senders.latest(unit: $0, uid: uid, pid: pid) }) ?? nil { return known }
        let unit = try reader.field(.unit) { String(decoding: $0.prefix(256), as: UTF8.self) }
        return JournalSender(unit: unit, uid: uid, pid: pid)
    }

    // MARK: Handing over

    /// Closes the open chunk with the position that its lines advance.
    func submit() {
        window.noteRead(bytes: read.bytes, lines: read.lines)
        read = (0, 0)
        if let moment {
            let cursor = standsAtSeen ? cursorOfSeen(moment) : nil
            let isOld = cursor == nil && position.seen?.moment == moment && position.seen?.ordinal == ordinal
            let seen = JournalPlace(
                cursor: cursor ?? (isOld ? position.seen?.cursor : nil) ?? moment.cursor,
                moment: moment, ordinal: ordinal)
            tellGone(upTo: seen)
            tellUnseen(upTo: seen)
            position = JournalPosition(seen: seen, unfinished: joiner.unfinished)
            (countedFrom, entriesCounted) = (seen, 0)
        }
        position.passedUntil = passing?.until
        window.builder.addPosition(key: positionKey, value: position.encoded)
        window.submit()
        entriesSincePosition = 0
        _ = machine.event(.noted, now: now)
    }

    /// Nil where the reader has lost it: its file is gone, or going on has failed.
    private func cursorOfSeen(_ seen: JournalMoment) -> String? {
        guard let moment = try? reader.moment(), moment == seen else { return nil }
        return try? reader.cursor()
    }
}
