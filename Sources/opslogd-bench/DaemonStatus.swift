import ArgumentParser
import Foundation
import Glibc
import Telemetry

/// What a running daemon says of itself, as far as benchmarks ask.
struct DaemonStatus: Decodable {
    struct Spool: Decodable {
        let lastSequence: Int
        let undeliveredEvents: Int
    }

    let spool: Spool

    /// Whether so many records are in the spool.
    func hasTaken(_ count: Int) -> Bool { spool.lastSequence >= count }

    /// Whether so many records are in the spool, and each has its fate.
    func isDrained(of count: Int) -> Bool { hasTaken(count) && spool.undeliveredEvents == 0 }

    /// Asks every 10 ms until `condition` holds.
    static func wait(_ state: String, seconds: Int, until condition: (DaemonStatus) -> Bool) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        for _ in 0..<seconds * 100 {
            if let answer = try? ControlSocketClient(path: state + "/control.sock").get("/status"),
                let status = try? decoder.decode(DaemonStatus.self, from: Data(answer.body.utf8)),
                condition(status)
            {
                return
            }
            usleep(10_000)
        }
        throw ValidationError("waited \(seconds) s in vain for the daemon; look at its log")
    }
}
