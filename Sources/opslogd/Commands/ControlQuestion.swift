import DaemonConfiguration
import Telemetry

/// Asks the running daemon over its control socket.
struct ControlQuestion {
    let settings: DaemonSettings
    var timeoutSeconds = 10

    /// - Returns: the body of the answer, without a line end behind it.
    /// - Throws: `CommandFailure`: 69 where nobody answers, 77 for a user who may not ask.
    func get(_ target: String) throws -> String {
        try body { client throws(ControlSocketClient.Failure) in try client.get(target) }
    }

    /// Gives an order.
    ///
    /// - Throws: as `get`; 75 where the daemon cannot follow it now.
    func post(_ target: String, _ bytes: [UInt8]) throws -> String {
        try body { client throws(ControlSocketClient.Failure) in try client.post(target, bytes) }
    }

    private func body(
        _ ask: (ControlSocketClient) throws(ControlSocketClient.Failure) -> ControlSocketClient.Answer
    ) throws -> String {
        let path = settings.stateDirectory + "/control.sock"
        let answer: ControlSocketClient.Answer
        do {
            answer = try ask(ControlSocketClient(path: path, timeoutSeconds: timeoutSeconds))
        } catch {
            throw CommandFailure(describing: error)
        }
        let body = answer.body.hasSuffix("\n") ? String(answer.body.dropLast()) : answer.body
        switch answer.code {
        case 200: return body
        case 503: throw CommandFailure(.tryAgain, body)
        default: throw CommandFailure(.unavailable, "\(path): the daemon answered \(answer.code); look at its log")
        }
    }
}
