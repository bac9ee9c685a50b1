import Instruments
import OperationLogs

/// What Delivery counts, under its public names.
package struct DeliveryMetrics: Sendable {
    private let delivered: [Counter]
    private let attempts: [DeliveryStateMachine.AttemptOutcome: Counter]
    private let lag: Histogram
    private let databaseUp: Gauge
    private let superseded: Counter
    private let givenUp: [Counter]

    package init(_ registry: Registry) {
        delivered = EventKind.allCases.map {
            registry.counter(
                "opslogd_events_delivered_total", help: "Events committed to their tables.",
                labels: [("event", $0.name)])
        }
        attempts = Dictionary(
            uniqueKeysWithValues: DeliveryStateMachine.AttemptOutcome.allCases.map {
                (
                    $0,
                    registry.counter(
                        "opslogd_delivery_attempts_total", help: "Transactions tried, by their outcome.",
                        labels: [("outcome", $0.rawValue)])
                )
            })
        lag = registry.histogram(
            "opslogd_delivery_lag_seconds", help: "From the receipt of a line to the commit of its row.",
            bounds: Histogram.lagBounds)
        databaseUp = registry.gauge("opslogd_database_up", help: "1 while the database is connected.")
        databaseUp.set(0)
        superseded = registry.counter(
            "opslogd_watermarks_superseded_total",
            help: "Watermarks that a newer one of the same batch has overtaken.")
        givenUp = EventKind.allCases.map {
            registry.counter(
                "opslogd_accepted_gap_records_total",
                help: "Records that a restored database lacks and that were given up on the operator's word, at most.",
                labels: [("event", $0.name)])
        }
    }

    func count(_ outcome: DeliveryStateMachine.AttemptOutcome) { attempts[outcome]?.add() }
    func count(_ gaps: [LaneGap]) {
        for gap in gaps { givenUp[Int(gap.lane.rawValue) - 1].add(Int(clamping: gap.recordCount)) }
    }
    func setDatabaseUp(_ isUp: Bool) { databaseUp.set(isUp ? 1 : 0) }

    func count(_ batch: BatchSummary) {
        for share in batch.shares { delivered[Int(share.lane.rawValue) - 1].add(share.rows) }
    }

    func count(superseded count: Int) { superseded.add(count) }

    /// - Parameter now: of the commit.
    func observe(_ receipts: ReceiptTimes, now: Timestamp) {
        for run in receipts.runs {
            // A clock that was set back shows no negative lag.
            let microseconds = max(0, now.microseconds &- run.received.microseconds)
            lag.observe(Double(microseconds) / 1_000_000, times: run.count)
        }
    }
}
