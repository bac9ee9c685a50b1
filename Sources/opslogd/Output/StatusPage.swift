import Foundation
import OperationLogs

/// The daemon's status as people read it, from the JSON that `/status` gives.
struct StatusPage: Decodable {
    struct Spool: Decodable {
        let bytes: Int
        let maxBytes: Int
        let segments: Int
        let lastSequence: UInt64
        let queuedChunks: Int
        let undeliveredEvents: UInt64
        let oldestUndeliveredSeconds: Double?
        let movedDeadLetters: UInt64
        let lostRecords: UInt64
        let lostRanges: [LostRange]
        let refillableSince: String?
        let acceptedGaps: [Gap]
        let waiting: String?

        struct Gap: Decodable {
            let table: String
            let firstSequence: UInt64
            let lastSequence: UInt64
            let time: String
        }

        struct LostRange: Decodable {
            let state: String?
            let firstSequence: UInt64?
            let lastSequence: UInt64?
        }
    }

    struct Lane: Decodable {
        let table: String
        let position: UInt64
        let held: String?
    }

    struct Delivery: Decodable {
        let state: String
        let connected: Bool
        let compared: Bool
        let serverVersion: String?
        let eventsDelivered: UInt64
        let nextTryMilliseconds: Int?
        let lastError: String?
        let lastErrorAt: String?
        let lanes: [Lane]
    }

    struct DeadLetters: Decodable {
        let held: Int
        let bytes: Int
        let waiting: String?
        let table: Table?

        struct Table: Decodable {
            let waiting: String?
        }
    }

    struct LastError: Decodable {
        let time: String
        let message: String
    }

    let version: String
    let pid: Int
    let uptimeSeconds: Int
    let inputs: [Input]
    let spool: Spool
    let delivery: Delivery
    let deadLetters: DeadLetters
    let books: Books
    let lastError: LastError?

    init(json: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(StatusPage.self, from: Data(json.utf8))
    }

    func print(_ style: Style = .output) {
        StandardOutput.line("opslogd \(version), process \(pid), up \(Self.duration(uptimeSeconds))")
        StandardOutput.line("")
        var table = TextTable(["INPUT", "TYPE", "STATE"])
        for input in inputs { table.add([input.name, input.type, input.state]) }
        table.print()
        StandardOutput.line("")
        StandardOutput.line(
            style.bold("SPOOL") + "  \(Self.count(spool.undeliveredEvents, "event")) to deliver"
                + (spool.oldestUndeliveredSeconds.map { ", the oldest for \(Self.duration(Int($0)))" } ?? "")
                + "; \(Printable.bytes(spool.bytes)) of \(Printable.bytes(spool.maxBytes)) in \(Self.count(UInt64(spool.segments), "segment"))"
        )
        if let since = spool.refillableSince {
            StandardOutput.line("       what was received since \(since.prefix(19)) is kept for a restored database")
        }
        for gap in spool.acceptedGaps.suffix(10) {
            StandardOutput.line(
                "       given up at \(gap.time.prefix(19)): \(gap.table), records \(gap.firstSequence) to \(gap.lastSequence)"
            )
        }
        if let waiting = spool.waiting { StandardOutput.line("       " + style.red(Printable.text(waiting))) }
        if spool.lostRecords > 0 {
            let ranges = spool.lostRanges.compactMap { range in
                range.firstSequence.flatMap { first in range.lastSequence.map { "\(first) to \($0)" } }
            }
            let named = ranges.prefix(10).joined(separator: ", ") + (ranges.count > 10 ? ", …" : "")
            StandardOutput.line(
                "       " + style.red("\(Self.count(spool.lostRecords, "record")) in damaged places: \(named)"))
        }
        let aside = spool.lostRanges.count { $0.state == "set_aside" }
        if aside > 0 {
            StandardOutput.line(
                "       "
                    + style.red(
                        "lines of \(Self.count(UInt64(aside), "range")) are set aside: see 'opslogd spool reread'"))
        }
        let version = delivery.connected ? delivery.serverVersion : nil
        let server = version.map { " to PostgreSQL \(Printable.text($0))" } ?? ""
        StandardOutput.line(
            style.bold("DELIVERY") + "  " + (delivery.connected ? style.green("connected") : style.red("not connected"))
                + server
                + "; \(Self.count(delivery.eventsDelivered, "event")) delivered since the start")
        StandardOutput.line("          " + Printable.text(delivery.state))
        if let pause = delivery.nextTryMilliseconds {
            let since = delivery.lastErrorAt.map { " (last tried \($0))" } ?? ""
            StandardOutput.line("          next try in \(Self.duration((pause + 999) / 1000))\(since)")
        }
        var lanes = TextTable(["TABLE", "POSITION", "HELD UP BY"], rightAligned: [1])
        for lane in delivery.lanes {
            lanes.add([lane.table, Printable.count(lane.position), lane.held ?? ""])
        }
        lanes.print(indent: "  ")
        StandardOutput.line(
            style.bold("DEAD LETTERS")
                + "  \(Printable.count(deadLetters.held)), \(Printable.bytes(deadLetters.bytes))"
                + (deadLetters.held > 0 ? "; see 'opslogd dead-letters list'" : ""))
        if let waiting = deadLetters.waiting {
            StandardOutput.line("              " + style.red(Printable.text(waiting)))
        }
        if let waiting = deadLetters.table?.waiting {
            StandardOutput.line("              not shown in their table: " + style.red(Printable.text(waiting)))
        }
        printBooks(style)
        if let lastError {
            StandardOutput.line(
                style.bold("LAST ERROR") + "  \(lastError.time)  \(Printable.text(lastError.message))")
        }
    }

    static func count(_ number: UInt64, _ noun: String, _ several: String? = nil) -> String {
        "\(Printable.count(number)) \(number == 1 ? noun : several ?? noun + "s")"
    }

    private static func duration(_ seconds: Int) -> String {
        switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3600) h"
        default: "\(seconds / 86_400) d"
        }
    }
}
