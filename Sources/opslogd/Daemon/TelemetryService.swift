import Instruments
import ServiceLifecycle
import Telemetry

/// The HTTP servers: the control socket, and what the configuration names.
struct TelemetryService: Service {
    let addresses: [TelemetryAddress]
    let endpoints: TelemetryEndpoints
    let log: DaemonLog

    func run() async throws {
        var servers: [TelemetryServer] = []
        for address in addresses {
            let server = TelemetryServer(address, endpoints)
            let bound = try await server.start()
            log.write(.info, "telemetry", "listens on \(bound)")
            servers.append(server)
        }
        // Cancelled or asked: both mean the end.
        try? await gracefulShutdown()
        for server in servers { await server.shutdown() }
    }
}
