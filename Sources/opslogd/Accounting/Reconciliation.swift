import DaemonConfiguration
import DeadLetters
import Delivery
import LinuxSystem
import OperationLogs
import PostgreSQL
import PrivatePostgreSQL
import Spool

/// The comparison of the spool with the dead letters, with the database's position rows, and with the books of the run.
struct Reconciliation {
    enum Database {
        case compared
        /// Why not, in one line.
        case notAsked(String)
    }

    let standing: SpoolStanding
    let records: KeptRecords
    let rows: [EventKind: PositionRow]
    let database: Database
    /// Of the running daemon; nil if none runs.
    let run: StatusPage.Books?
    private(set) var findings: [String] = []

    var isDatabaseCompared: Bool { if case .compared = database { true } else { false } }

    /// - Parameter ask: asks the running daemon for its books.
    init(
        _ files: StateFiles, _ settings: DaemonSettings, asking ask: () throws -> StatusPage.Books?
    ) throws {
        let spool = try files.spool()
        guard let standing = try spool.standing() else {
            throw CommandFailure(.noInput, "\(files.path)/spool holds no spool: the daemon has not run here yet")
        }
        self.standing = standing
        let letters = try files.letterRegister(of: standing.birthName)
        var rows: [EventKind: PositionRow]?
        do {
            rows = Dictionary(
                try Self.rows(of: standing.name, settings).map { ($0.lane, $0) },
                uniquingKeysWith: { first, _ in first })
            database = .compared
        } catch let failure as DatabaseFailure {
            database = .notAsked("\(failure)")
        } catch let failure as CommandFailure {
            database = .notAsked(failure.message)
        }
        self.rows = rows ?? [:]
        records = try KeptRecords(spool, RecordFates(standing: standing, letters: letters, rows: rows))
        run = try ask()
        findings = recordFindings + (rows == nil ? [] : rowFindings) + runFindings
    }

    private static func rows(of spool: UniqueID, _ settings: DaemonSettings) throws -> [PositionRow] {
        var conninfo = settings.database.conninfo
        if settings.database.embedded {
            do {
                conninfo = try PrivateServer(directory: settings.stateDirectory + "/postgresql").conninfo
            } catch {
                throw CommandFailure(describing: error)
            }
        }
        let session = try LibpqSession(conninfo: conninfo, limits: .lookup)
        defer { session.disconnect() }
        _ = try session.connect()
        return try session.positions(spool: spool)
    }

    private var recordFindings: [String] {
        var found: [String] = []
        let stranded = records.inputs.values.reduce(0) { $0 + $1.stranded }
        if stranded > 0 {
            let example = records.examples.first { $0.fate == .stranded }.map {
                ", the first being \($0.sequence.rawValue)"
            }
            found.append(
                "\(StatusPage.count(UInt64(stranded), "record")) count as done and are in no table and no dead letter"
                    + "\(example ?? ""); see 'opslogd trace', and keep the state directory as it is")
        }
        for gap in records.missing.prefix(5) {
            found.append(
                "\(StatusPage.count(gap.count, "record")) from \(gap.first.rawValue) on are not in the spool, and had not "
                    + "been delivered; see 'opslogd spool verify'")
        }
        let end = max(standing.settled, standing.moved)
        let isNamed = standing.lostRanges.contains { $0.first <= records.last.advanced(by: 1) && end < $0.next }
        if end > records.last, records.first != nil, !isNamed {
            found.append(
                "the spool counts records up to \(end.rawValue) as done and holds them only up to "
                    + "\(records.last.rawValue); see 'opslogd spool verify'")
        }
        return found
    }

    private var rowFindings: [String] {
        let runs = Set(standing.runs.map(\.id))
        var found: [String] = []
        for lane in EventKind.allCases {
            let known = standing.positions[lane]?.position ?? .zero
            guard let row = rows[lane] else {
                if known > .zero {
                    found.append(
                        "\(lane.name): delivered up to record \(known.rawValue), and the database has no position row of "
                            + "this spool: is it the right one? see 'opslogd status'")
                }
                continue
            }
            let at = row.position.rawValue
            if !runs.contains(row.owner) {
                found.append(
                    "\(lane.name): its position row belongs to a run that this spool never had: a copy of the spool "
                        + "delivers to this database; see 'opslogd spool adopt --help'")
            } else if row.position < known {
                found.append(
                    "\(lane.name): delivered up to record \(known.rawValue), and the database stands at \(at): it was set "
                        + "back; a running daemon delivers again what it lacks, see 'opslogd status'")
            } else if row.position > max(records.last, standing.settled) {
                found.append("\(lane.name): the database stands at record \(at), which this spool does not hold yet")
            } else if let own = records.origins[row.position], own != RecordOrigin(run: row.run, chain: row.chain) {
                found.append("\(lane.name): record \(at) is another one in the database than in this spool")
            }
        }
        return found
    }

    private var runFindings: [String] {
        guard let run else { return [] }
        if let closed = run.closed { return ["the daemon does not keep its books any more: \(Printable.text(closed))"] }
        guard run.unaccountedEvents > 0 else { return [] }
        return [
            "the daemon's own books of this run do not balance: "
                + "\(StatusPage.count(UInt64(run.unaccountedEvents), "line or record", "lines or records")) unaccounted "
                + "for; its log says since when"
        ]
    }
}
