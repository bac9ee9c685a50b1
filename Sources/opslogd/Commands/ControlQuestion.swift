import DaemonConfiguration
import Telemetry

/// Asks the running daemon over its control socket.
struct ControlQuestion {
    let settings: DaemonSettings
    var timeoutSeconds = 10

    /// - Returns: the body of the answer, without a line end behind it.
    /// - Throws: `CommandFailure`: 69 where nobody answers, 77 for a user who may not ask.
    func get(_ target: String) throws -> String {
        let path = settings.stateDirectory + "/control.sock"
        let answer: ControlSocketClient.Answer
        do {
            answer = try ControlSocketClient(path: path, timeoutSeconds: timeoutSeconds).get(target)
        } catch {
            throw CommandFailure(describing: error)
        }
        guard answer.code == 200 else {
            throw CommandFailure(.unavailable, "\(path): the daemon answered \(answer.code); look at its log")
        }
        return answer.body.hasSuffix("\n") ? String(answer.body.dropLast()) : answer.body
    }
}
