import ArgumentParser
import Glibc
import LinuxSystem
import PrivatePostgreSQL

/// PgBouncer in transaction pooling before a private server, beside whose socket it has its own.
final class PoolerProcess {
    private let child: ChildProcess
    private let directory: String

    init(server: PrivateServer) throws {
        let places = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
        guard let program = places.first(where: { (place: String) in access(place, X_OK) == 0 }) else {
            throw ValidationError("PgBouncer is not there: apt-get install pgbouncer")
        }
        directory = server.path
        let file = directory + "/pgbouncer.ini"
        guard let opened = fopen(file, "w") else { throw SystemError.last("fopen", file) }
        fputs(
            """
            [databases]
            * = host=\(directory) port=5432 user=postgres
            [pgbouncer]
            unix_socket_dir = \(directory)
            listen_port = 6432
            auth_type = any
            pool_mode = transaction

            """, opened)
        fclose(opened)
        // It does not run as root either.
        let user = geteuid() == 0 ? ChildProcess.User(named: "postgres") : nil
        child = try ChildProcess.start(
            ChildProcess.Start(
                program: program, arguments: ["-q", file], environment: [:], directory: "/",
                output: Descriptor(owning: open("/dev/null", O_WRONLY)), user: user, guardSignal: SIGTERM))
        for _ in 0..<500 where access(directory + "/.s.PGSQL.6432", F_OK) != 0 { usleep(10_000) }
    }

    var conninfo: String { "host=\(directory) port=6432 user=postgres dbname=postgres" }

    func stop() {
        child.signal(SIGTERM)
        _ = child.wait()
    }
}
