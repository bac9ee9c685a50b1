import OperationLogs

/// Position rows that do not go on from where they were left: a database that was set back, a history that has forked.
///
/// What is found is made durable before anything is sent by it, so that a crash in between finds the same again.
extension DeliveryStateMachine {
    /// The database was restored, or an old standby promoted: what it lacks is sent again.
    mutating func rewind(_ behind: [FencedRow]) -> Action {
        let first = behind.min { $0.row.position < $1.row.position }
        let from = first.map { self[$0.row.lane].passed(from: $0.row.position) } ?? .zero
        let to = behind.map { self[$0.row.lane].position }.max() ?? .zero
        let tables = behind.map(\.row.lane.name).joined(separator: ", ")
        emit(
            .warning(
                "the database was set back: it lacks records between \(from.rawValue) and \(to.rawValue) of \(tables) "
                    + "that were delivered; they are still kept, and are delivered again"))
        let lanes = lanes.map { lane in
            behind.first { $0.row.lane == lane.lane }.map {
                LanePosition(
                    lane: lane.lane, position: $0.row.position, origin: $0.row.position == .zero ? nil : $0.origin)
            } ?? lane.known
        }
        let fates = zip(lanes, self.lanes).map { known, lane in
            known.position == lane.position ? lane.fate : lane.passed(from: known.position)
        }
        return rollBack(then: .record(.rewind(lanes, settled: fates.min() ?? .zero), then: nil))
    }

    /// The rows are not this spool's alone.
    ///
    /// - Parameter sign: by what this was seen, in words.
    mutating func forked(_ rows: [FencedRow], _ sign: String, _ now: Moment) -> Action {
        takeProven(rows)
        let rule = ForkRule(
            run: run, runs: runs, durable: now.durable, settled: max(settled, lowestFate), hasOwned: hasOwned,
            isDisputed: isDisputed)
        switch rule.verdict(rows, known: lanes.map(\.known)) {
        case .undecidable(let doubt):
            let reason =
                "\(sign); which records both histories have cannot be decided: \(doubt.sentence); nothing is delivered "
                + "until this is settled: stop opslogd, then 'opslogd spool adopt' delivers what this spool holds "
                + "undelivered, under a new identity, or 'opslogd spool discard' throws it away"
            if isDisputed { return waitForOperator(reason, now) }
            emit(.ledger(lanes.map(\.known), settled: settled))
            return rollBack(then: .record(.dispute(true), then: reason))
        case .forked(let common):
            let left = lowestFate
            let others =
                left < common
                ? "; records \(left.rawValue + 1) to \(common.rawValue) were in the spool when the histories parted, and "
                    + "are left to the other one"
                : ""
            emit(
                .warning(
                    "\(sign); records up to \(common.rawValue) are common and count as delivered, later ones go under a "
                        + "new spool identity\(others)"))
            let counted = lanes.map { ($0.lane, max($0.fate, common)) }
            return rollBack(then: .record(.fork(Dictionary(uniqueKeysWithValues: counted)), then: nil))
        }
    }

    /// A row whose record is ours says what was delivered, whoever owns it.
    private mutating func takeProven(_ rows: [FencedRow]) {
        for found in rows where found.row.position > self[found.row.lane].position && found.ownOrigin == found.origin {
            self[found.row.lane].position = found.row.position
            self[found.row.lane].origin = found.origin
            self[found.row.lane].fate = max(self[found.row.lane].fate, found.row.position)
        }
    }

    /// What was found is durable.
    mutating func recorded(_ finding: HistoryFinding, _ reason: String?, _ now: Moment) -> Action {
        switch finding {
        case .rewind(let known, let settled):
            for position in known where position.position < self[position.lane].position {
                self[position.lane].position = position.position
                self[position.lane].origin = position.origin
                self[position.lane].fate = self[position.lane].passed(from: position.position)
            }
            self.settled = settled
            // The batch whose COMMIT was not answered is among what is sent again, or was passed over.
            forgetUnknownOutcomes()
        case .fork(let counted):
            for lane in EventKind.allCases {
                self[lane].position = .zero
                self[lane].origin = nil
                self[lane].floor = counted[lane] ?? .zero
                self[lane].fate = self[lane].floor
            }
            settled = lowestFate
            forgetUnknownOutcomes()
            hasOwned = false
            isDisputed = false
        case .gap(let gaps): gapIsAccepted(gaps)
        case .dispute(let isDisputed): self.isDisputed = isDisputed
        case .server(let server): knownServer = server
        }
        guard let reason else { return mustFence ? choose(now) : recordWhatIsNew(now) }
        noteObstacle(reason, now)
        emit(.attempt(.held))
        return wait(connection.operatorRetry.nextBound(), then: .choose, now)
    }

    private mutating func forgetUnknownOutcomes() {
        for index in connections.indices { connections[index].unknownOutcome = nil }
    }
}
