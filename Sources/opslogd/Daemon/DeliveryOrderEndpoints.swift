import Delivery
import LinuxSystem
import OperationLogs
import Spool
import Telemetry

/// What may be ordered of delivery over the control socket. Each answer is one JSON object.
///
/// - `/spool/accept-gap`: the body has a line for each table: its name, and the first and the last number that is given up.
///   With `?dry_run=1`, and without a body, it is only said what there is to accept.
/// - `/delivery/release`: the body is the name of a table.
/// - `/delivery/compare`: without a body. Status says `compared` when it has been done.
struct DeliveryOrderEndpoints: Sendable {
    let orders: DeliveryOrders
    let status: @Sendable () -> DeliveryStatus
    let spool: SpoolWriter<DirectoryStorage, SystemTime>

    var endpoints: [String: TelemetryEndpoints.Order] {
        [
            "/spool/accept-gap": { request, answer in
                if request.flag("dry_run") { return answer(.done(whatIsFound)) }
                guard let gaps = Self.gaps(in: request.body) else {
                    return answer(.refused("each line of the body is a table, and the first and last number given up"))
                }
                orders.give(.acceptGap(gaps)) { answer(self.answer(to: $0)) }
            },
            "/delivery/release": { request, answer in
                let name = String(decoding: request.body, as: UTF8.self)
                guard let lane = EventKind(name: name) else {
                    return answer(.refused("the body is the name of a table"))
                }
                orders.give(.release(lane)) { answer(self.answer(to: $0, lane)) }
            },
            "/delivery/compare": { _, answer in
                orders.give(.compare) { outcome in
                    if case .notNow(let why) = outcome { return answer(.unavailable(why)) }
                    answer(.done(#"{"outcome":"comparing"}"#))
                }
            },
        ]
    }

    private static func gaps(in body: [UInt8]) -> [LaneGap]? {
        var gaps: [LaneGap] = []
        for line in body.split(separator: 0x0a) {
            let words = line.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
            guard words.count == 3, let lane = EventKind(name: words[0]), let first = UInt64(words[1]),
                let last = UInt64(words[2]), first <= last
            else { return nil }
            // Where what is kept begins, delivery knows.
            let numbers = (SequenceNumber(first), SequenceNumber(last))
            gaps.append(LaneGap(lane: lane, first: numbers.0, last: numbers.1, end: numbers.1))
        }
        return gaps.isEmpty ? nil : gaps
    }

    private var whatIsFound: String {
        let status = status()
        if !status.gap.isEmpty { return object("found", status.gap) }
        var object = JSONObjectWriter()
        object.add("outcome", text: status.isCompared ? "none" : "unknown")
        object.add("state", text: status.state)
        object.add("gaps", raw: "[]")
        return object.text
    }

    private func object(_ outcome: String, _ gaps: [LaneGap]) -> String {
        var object = JSONObjectWriter()
        object.add("outcome", text: outcome)
        let entries = gaps.map { gap in
            let written = spool.written(gap.first...gap.last)
            var entry = gap.jsonFront
            entry.add("written_after", text: written.after)
            entry.add("written_before", text: written.before?.rfc3339)
            return entry.text
        }
        object.add("gaps", raw: "[" + entries.joined(separator: ",") + "]")
        return object.text
    }

    private func answer(to outcome: OrderOutcome) -> TelemetryEndpoints.OrderAnswer {
        switch outcome {
        case .accepted(let gaps): .done(object("accepted", gaps))
        case .otherGap(let gaps): .done(object("changed", gaps))
        case .notNow(let why): .unavailable(why)
        case .released, .notHeld, .comparing: .unavailable("delivery gave another answer; look at its log")
        }
    }

    private func answer(to outcome: OrderOutcome, _ lane: EventKind) -> TelemetryEndpoints.OrderAnswer {
        var object = JSONObjectWriter()
        object.add("table", text: lane.name)
        switch outcome {
        case .released(let reason):
            object.add("outcome", text: "released")
            object.add("held", text: reason)
            object.add("waiting", text: nil)
        case .notHeld(let obstacle):
            object.add("outcome", text: "not_held")
            object.add("held", text: nil)
            object.add("waiting", text: obstacle)
        case .notNow(let why): return .unavailable(why)
        case .accepted, .otherGap, .comparing: return .unavailable("delivery gave another answer; look at its log")
        }
        return .done(object.text)
    }
}

extension LaneGap {
    /// As every list has it.
    var jsonFront: JSONObjectWriter {
        var object = JSONObjectWriter()
        object.add("table", text: lane.name)
        object.add("first_sequence", raw: "\(first.rawValue)")
        object.add("last_sequence", raw: "\(last.rawValue)")
        return object
    }
}
