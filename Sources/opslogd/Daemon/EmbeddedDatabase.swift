import DaemonConfiguration
import Glibc
import Instruments
import LinuxSystem
import PostgreSQL
import PrivatePostgreSQL

/// Where rows go: the database that the configuration names, or a private one under the state directory, started and
/// given its schema here (`database.embedded`).
struct EmbeddedDatabase {
    let conninfo: String
    private let server: PrivateServer?

    init(_ settings: DaemonSettings, _ diagnostics: Diagnostics) throws {
        guard settings.database.embedded else {
            conninfo = settings.database.conninfo
            server = nil
            return
        }
        // PostgreSQL never runs as root: its user must pass through the state directory, where all else is closed to it.
        if geteuid() == 0, chmod(settings.stateDirectory, 0o711) != 0 {
            throw SystemError.last("chmod", settings.stateDirectory)
        }
        let server = try PrivateServer(directory: settings.stateDirectory + "/postgresql")
        try server.start()
        _ = try Schema.apply(conninfo: server.conninfo)
        diagnostics.notice("a private PostgreSQL runs in \(server.path)")
        conninfo = server.conninfo
        self.server = server
    }

    func stop() { server?.stop() }
}
