import DaemonConfiguration
import DeadLetters
import LinuxSystem
import OperationLogs
import Telemetry

/// What may be ordered over the control socket: `/dead-letters/retry` (with `?dry_run=1`, nothing is sent) and
/// `/dead-letters/discard`.
///
/// A body has a line for each dead letter: its id, and to have another line sent in its place, a space and that line. The
/// answer has one JSON object for each, in the same order.
struct DeadLetterOrders: Sendable {
    let actions: DeadLetterActions<DirectoryStorage, SystemTime>

    var endpoints: [String: TelemetryEndpoints.Order] {
        [
            "/dead-letters/retry": { request, answer in
                carryOut(request, answer) { requests in
                    request.flag("dry_run") ? try actions.tryOut(requests) : try actions.retry(requests)
                }
            },
            "/dead-letters/discard": { request, answer in
                carryOut(request, answer) { try actions.discard($0.map(\.id)) }
            },
        ]
    }

    /// On a thread of its own: it reads the store, and waits for the disk.
    private func carryOut(
        _ request: TelemetryEndpoints.OrderRequest,
        _ answer: @escaping @Sendable (TelemetryEndpoints.OrderAnswer) -> Void,
        _ body: @escaping @Sendable ([RetryRequest]) throws -> [LetterOutcome]
    ) {
        guard let requests = Self.requests(in: request.body) else {
            return answer(.refused("each line of the body is the id of a dead letter, and perhaps a space and a line"))
        }
        WorkerThread.start("dead-letters") {
            do {
                answer(.done(try body(requests).map { $0.json + "\n" }.joined()))
            } catch {
                answer(.unavailable("\(error)"))
            }
        }
    }

    private static func requests(in body: [UInt8]) -> [RetryRequest]? {
        var requests: [RetryRequest] = []
        for line in body.split(separator: 0x0a) {
            let digits = line.prefix { $0 != 0x20 }
            guard let id = SequenceNumber(argument: String(decoding: digits, as: UTF8.self)) else { return nil }
            let replacement = line.dropFirst(digits.count)
            requests.append(RetryRequest(id: id, line: replacement.isEmpty ? nil : Array(replacement.dropFirst())))
        }
        return requests
    }

    /// How each input of the configuration reads its lines; whoever may give orders may send any event.
    static func readers(_ settings: DaemonSettings) -> @Sendable (_ input: String) -> LineEncoder.Options? {
        let options = Dictionary(
            settings.inputs.map { input in
                let options = LineEncoder.Options(
                    maxLineBytes: input.maxLineBytes, maxFutureMicroseconds: settings.delivery.maxFuture.microseconds,
                    counting: .lines, takesControlLines: false, reportsRejections: true,
                    dialect: LineDialect(input.mapping))
                return (input.name, options)
            }, uniquingKeysWith: { first, _ in first })
        return { options[$0] }
    }
}
