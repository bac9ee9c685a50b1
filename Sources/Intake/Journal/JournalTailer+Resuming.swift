import Instruments
import OperationLogs

/// Going on behind the last entry whose line is in the spool: after a start, and after the journal's files changed.
///
/// | what is found at the position | what happens |
/// | --- | --- |
/// | there is none, and this is the first start | from the beginning, or behind the last entry with `start_at: end` |
/// | the entry with its cursor | read on behind it |
/// | a later entry of the same boot: the one that was seen was removed | read on with it, and the loss is said |
/// | none, or one of another boot or numbering: as many of its boot and microsecond are passed over as were seen (the journal was moved from /run to /var), and if there are none, what comes next by time is read | what may be lost is said when it is known |
extension JournalTailer {
    func resume() throws(JournalTrouble) {
        (standsAtSeen, standsAtNext) = (false, false)
        guard let seen = position.seen else { return try startAnew() }
        if !position.unfinished.isEmpty { try collectUnfinishedLines(upTo: seen) }
        (moment, ordinal) = (seen.moment, seen.ordinal)
        (countedFrom, entriesCounted) = (nil, 0)
        _ = try reader.seek(.cursor(seen.cursor))
        // One that was made of a time only fits every entry of that time.
        if seen.number != nil, try reader.next() {
            if try reader.isAt(seen.cursor) {
                standsAtSeen = true
                (countedFrom, entriesCounted) = (seen, 0)
                return
            }
            let found = try place(ordinal: 1)
            if found.follows(seen), found.moment.boot == seen.moment.boot {
                gone = seen
                standsAtNext = true
                return
            }
        }
        // Its number would lead astray: what a power cut took from the journal, the next boot numbers again.
        _ = try reader.seek(.cursor(seen.moment.cursor))
        try passOverTurn(of: seen)
    }

    private func startAnew() throws(JournalTrouble) {
        moment = nil
        ordinal = 0
        // What was read before damage of the spool is passed over from the beginning on.
        if isFirstStart, options.startAt == .end, passing == nil, try reader.seek(.end) {
            // Noted at once: a start that dies before the first line must not make the next one a first start, which
            // would leave out what comes meanwhile.
            (moment, ordinal) = (try reader.moment(), try ordinalAtEnd())
            standsAtSeen = true
            isFirstStart = false
            submit()
        } else {
            _ = try reader.seek(.beginning)
            if isFirstStart, options.startAt == .end {
                isFirstStart = false
                submit()
            }
        }
        isFirstStart = false
    }

    /// Which the last entry is among those of its time.
    private func ordinalAtEnd() throws(JournalTrouble) -> UInt32 {
        // Entries of the same time that are found behind it by its cursor come behind it: only where the journal is moved
        // does this count, and then the ones before it count too.
        let cursor = try reader.cursor()
        let last = try reader.moment()
        _ = try reader.seek(.cursor(last.cursor))
        var count: UInt32 = 0
        while try reader.next() {
            guard try reader.moment().isSameTurn(as: last) else { break }
            count += 1
            if try reader.isAt(cursor) { return count }
        }
        _ = try reader.seek(.cursor(cursor))
        _ = try reader.next()
        return 1
    }

    /// The reader stands before the first entry of the turn of the one that was seen, if any of it is left.
    private func passOverTurn(of seen: JournalPlace) throws(JournalTrouble) {
        for passed in 0..<seen.ordinal {
            guard try reader.next() else {
                if passed == 0 { gone = seen }
                return
            }
            if try reader.moment().isSameTurn(as: seen.moment) { continue }
            if passed == 0 { gone = seen }
            standsAtNext = true
            return
        }
        standsAtSeen = true
    }

    /// Reads the parts again of lines that had not ended, from the first of them to the last entry that was seen.
    private func collectUnfinishedLines(upTo seen: JournalPlace) throws(JournalTrouble) {
        joiner.removeAll()
        var awaited = position.unfinished
        while let first = awaited.first, try !isFound(first.begin) { tellRemoved(awaited.removeFirst()) }
        guard let first = awaited.first else { return }
        var here = (first.begin.moment, first.begin.ordinal)
        while true {
            try collectPart(at: here, &awaited)
            guard here != (seen.moment, seen.ordinal), try reader.next() else { break }
            let time = try reader.moment()
            here = (time, time.isSameTurn(as: here.0) ? here.1 &+ 1 : 1)
            if try isBehind(seen) { break }
        }
        for line in awaited { tellRemoved(line) }
    }

    /// Whether the reader stands at an entry now that was seen before.
    private func isFound(_ place: JournalPlace) throws(JournalTrouble) -> Bool {
        _ = try reader.seek(.cursor(place.cursor))
        if try reader.next(), try reader.isAt(place.cursor) { return true }
        _ = try reader.seek(.cursor(place.moment.cursor))
        for _ in 0..<place.ordinal {
            guard try reader.next(), try reader.moment().isSameTurn(as: place.moment) else { return false }
        }
        // Where the numbering is the same, it is another one of its time.
        return try self.place(ordinal: place.ordinal).number?.numbering != place.number?.numbering
    }

    private func tellRemoved(_ line: JournalPosition.Unfinished) {
        diagnostics.error(
            "input \(options.name): the beginning of a line that had not ended, of \(line.begin.moment.inWords), was removed"
                + " from \(options.place); its rest is no event")
        noteLost(1)
    }

    private func isBehind(_ seen: JournalPlace) throws(JournalTrouble) -> Bool {
        let now = try reader.moment()
        return now.boot == seen.moment.boot
            ? now.monotonic > seen.moment.monotonic : now.realtime > seen.moment.realtime
    }

    private func collectPart(
        at here: (JournalMoment, ordinal: UInt32), _ awaited: inout [JournalPosition.Unfinished]
    ) throws(JournalTrouble) {
        let stream = try reader.field(.stream) { Array($0.prefix(JournalPosition.longestStream)) } ?? []
        let time = now
        if let first = awaited.first(where: { $0.stream == stream }) {
            guard (first.begin.moment, first.begin.ordinal) == here else { return }
            awaited.removeAll { $0 == first }
            let sender = try sender()
            joiner.begin(stream, at: try place(ordinal: here.ordinal), from: sender, now: time)
        } else if !stream.withUnsafeBytes({ joiner.holds($0) }) {
            return
        }
        _ = try reader.field(.message) { part in
            stream.withUnsafeBytes { _ = joiner.go(on: $0, part, .goesOn, now: time) }
        }
    }

    /// The entry at which the reader stands.
    func place(ordinal: UInt32) throws(JournalTrouble) -> JournalPlace {
        JournalPlace(cursor: try reader.cursor(), moment: try reader.moment(), ordinal: ordinal)
    }
}

extension JournalPlace {
    /// Whether its number is a later one.
    fileprivate func follows(_ earlier: JournalPlace) -> Bool { entries(since: earlier) != nil }
}

extension JournalMoment {
    /// For a sentence.
    var inWords: String { Timestamp(unixMicroseconds: Int64(clamping: realtime)).rfc3339 }
}
