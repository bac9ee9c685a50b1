import Instruments
import LinuxSystem
import OperationLogs

/// What was lost, of the journal or of the spool: said where it happens, and never read twice.
extension JournalTailer {
    /// Lines that are not taken, since they may have been before the spool was damaged.
    struct Passing {
        var doubts: [PositionDoubt]
        /// Microseconds since 1970: what was written up to then; nil: nothing.
        var until: UInt64?
        var lines: UInt64 = 0
        /// With this chunk the input has gone on behind them.
        var end: UInt64?
    }

    func noteLost(_ entries: UInt64) {
        lostEntries.add(Int(clamping: entries))
        board.addLost(entries)
    }

    // MARK: Of the journal

    /// If the last entry that was seen is not there any more: this is the one that was seen now, the next that is there or a
    /// later one.
    func tellGone(upTo next: JournalPlace) {
        guard let last = gone, entriesCounted > 0 else { return }
        gone = nil
        if next.isNumberedAgain(behind: last) {
            diagnostics.notice(
                "input \(options.name): \(options.place) has lost what was read from it up to \(last.moment.inWords) (a power "
                    + "cut takes what journald has not synced yet): those lines are safe, and what was written since is read"
            )
            return
        }
        let count = next.entries(since: last).map { $0 < entriesCounted ? 0 : $0 - (entriesCounted - 1) }
        // It was removed after all that followed it had been seen.
        if count == 0 { return }
        let many = count.map { $0 == 1 ? "one entry" : "up to \($0) entries" } ?? "what was written"
        diagnostics.error(
            "input \(options.name): \(many) between \(last.moment.inWords) and \(next.moment.inWords), of whatever unit, "
                + "may have been removed from \(options.place) before it was read"
                + (count == nil ? ": how many cannot be told" : "")
                + "; let journald keep more (SystemMaxUse=, SystemKeepFree=, MaxRetentionSec=)")
        if let count { noteLost(count) }
    }

    /// Entries that have numbers between two positions, and were not seen. To be called before the position moves.
    func tellUnseen(upTo seen: JournalPlace) {
        // Files that are left out may hold them.
        guard leftOut.isEmpty, let last = countedFrom, let between = seen.entries(since: last) else { return }
        guard between + 1 > entriesCounted else { return }
        let count = between + 1 - entriesCounted
        diagnostics.error(
            "input \(options.name): \(count == 1 ? "one entry" : "\(count) entries") between \(last.moment.inWords) and "
                + "\(seen.moment.inWords), of whatever unit, could not be read from \(options.place): removed, or damaged "
                + "('journalctl --verify' tells)")
        noteLost(count)
    }

    // MARK: Of the spool

    /// Whether reading may begin; says so if not.
    func mayBegin(_ orders: DamageOrders) -> Bool {
        if let reason = orders.wait, saidWait != reason {
            diagnostics.warning("input \(options.name) waits: \(reason)")
        }
        saidWait = orders.wait
        board.setWait(orders.wait)
        return orders.wait == nil
    }

    /// The newest position may have stood in a place that was lost, with lines that were delivered: what was written up to
    /// then is not taken.
    ///
    /// The position says so too as long as that goes on: it moves meanwhile, and the spool then takes it for a certain one.
    func beginPassing(_ doubts: [PositionDoubt]) {
        guard !doubts.isEmpty || position.passedUntil != nil else { return }
        let concerned = doubts.filter { $0.keys.contains(positionKey) || isFirstStart }
        let newest = concerned.map(\.bornBefore).max().map { UInt64(max(0, $0)) / 1000 }
        let until = [newest, position.passedUntil].compactMap { $0 }.max()
        passing = Passing(doubts: doubts, until: until)
        guard let until else {
            passing?.end = 0
            return
        }
        let words = Timestamp(unixMicroseconds: Int64(clamping: until)).rfc3339
        let ranges =
            concerned.isEmpty
            ? "" : " (range \(concerned.map { "\($0.range)" }.joined(separator: ", ")))"
        diagnostics.warning(
            "input \(options.name): how far the journal was read is in doubt since the spool was damaged\(ranges): "
                + "lines \(position.seen.map { "since \($0.moment.inWords) " } ?? "")up to \(words) may have been delivered, "
                + "and are passed over"
                + (position.seen.map {
                    "; 'journalctl -o cat --after-cursor=\"\($0.cursor)\" --until=@\(until / 1_000_000)' prints them, with "
                        + "those of other units"
                } ?? ""))
    }

    /// Whether the line of the present entry is not taken.
    var isPassed: Bool { moment.map { isPassed($0) } ?? false }

    func isPassed(_ begin: JournalMoment) -> Bool {
        guard let until = passing?.until, begin.realtime <= until else { return false }
        passing?.lines += 1
        return true
    }

    /// At the end of what is there: nothing comes any more that was written before.
    func endPassing() {
        guard let until = passing?.until, clock.realtimeMicroseconds() > Int64(clamping: until) else { return }
        let lines = passing?.lines ?? 0
        passing?.until = nil
        noteLost(lines)
        diagnostics.warning(
            "input \(options.name): \(lines == 1 ? "one line was" : "\(lines) lines were") passed over that may have been "
                + "delivered before the spool was damaged")
        submit()
        passing?.end = window.openTicket - 1
    }

    /// Tells that the input has gone on, once that is durable.
    func settlePassing() {
        guard let end = passing?.end, window.settle() >= end, let doubts = passing?.doubts else { return }
        passing = nil
        for doubt in doubts {
            do {
                try losses?.passedOver(range: doubt.range, input: options.name)
            } catch {
                // Found out again at the next start.
                diagnostics.error("input \(options.name): \(error)")
            }
        }
    }
}
