import OperationLogs

extension ServerIdentity {
    /// nil where the role may not ask.
    var server: DatabaseServer? {
        guard let systemIdentifier, let timeline else { return nil }
        return DatabaseServer(systemIdentifier: systemIdentifier, timeline: timeline)
    }
}

/// How a server differs from the one that was delivered to before. It decides nothing: the position rows do. It says
/// why they may have moved.
enum ServerChange: Hashable {
    /// Another cluster: a dump restored into a new one, or a wrong database.
    case otherSystem(UInt64, known: UInt64)
    /// An earlier timeline: a primary of before, or a backup of it.
    case earlierTimeline(UInt32, known: UInt32)
    /// A later one: a standby was promoted, or a backup restored up to a point in time.
    case laterTimeline(UInt32, known: UInt32)

    /// Nil if nothing is different.
    init?(_ server: DatabaseServer, known: DatabaseServer) {
        if server.systemIdentifier != known.systemIdentifier {
            self = .otherSystem(server.systemIdentifier, known: known.systemIdentifier)
        } else if server.timeline < known.timeline {
            self = .earlierTimeline(server.timeline, known: known.timeline)
        } else if server.timeline > known.timeline {
            self = .laterTimeline(server.timeline, known: known.timeline)
        } else {
            return nil
        }
    }

    /// For the log.
    var sentence: String {
        let rows = "the position rows say where to go on"
        return switch self {
        case .otherSystem(let found, let known):
            "the database is on another server than the one that was delivered to (system identifier \(found), before "
                + "\(known)): restored into a new cluster, or not the right one; \(rows)"
        case .earlierTimeline(let found, let known):
            "the database server is on timeline \(found), and \(known) was delivered to before: a primary of before, or "
                + "a backup of it; if both are in use, one lacks what the other has; \(rows)"
        case .laterTimeline(let found, let known):
            "the database server is on timeline \(found), before on \(known): a standby was promoted, or a backup restored;"
                + " \(rows)"
        }
    }
}

extension DeliveryStateMachine {
    mutating func sayWhatIsNew(of identity: ServerIdentity, _ now: Moment) {
        guard let knownServer, let change = identity.server.flatMap({ ServerChange($0, known: knownServer) }) else {
            return
        }
        // A second change within the minute is another thing.
        if case .laterTimeline = change {
            sayOnceAMinute("server: \(change)", now, .notice(change.sentence))
        } else {
            sayOnceAMinute("server: \(change)", now, .warning(change.sentence))
        }
    }
}
