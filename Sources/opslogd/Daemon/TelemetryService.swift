import Instruments
import ServiceLifecycle
import Telemetry

/// The HTTP servers: the control socket, and what the configuration names.
struct TelemetryService: Service {
    private let servers: [TelemetryServer]

    /// Listens at each address: an occupied one is told before the daemon calls itself ready.
    init(_ places: [(address: TelemetryAddress, endpoints: TelemetryEndpoints)], log: DaemonLog) async throws {
        var servers: [TelemetryServer] = []
        for (address, endpoints) in places {
            let server = TelemetryServer(address, endpoints)
            do {
                log.write(.info, "telemetry", "listens on \(try await server.start())")
            } catch {
                for server in servers { await server.shutdown() }
                throw error
            }
            servers.append(server)
        }
        self.servers = servers
    }

    func run() async throws {
        // Cancelled or asked: both mean the end.
        try? await gracefulShutdown()
        await close()
    }

    func close() async {
        for server in servers { await server.shutdown() }
    }
}
