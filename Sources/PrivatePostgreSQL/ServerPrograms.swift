import Glibc

/// PostgreSQL's own programs: `initdb` and `postgres` of one major version.
public struct ServerPrograms: Sendable, Hashable {
    /// Where they stand.
    public let directory: String

    public var initdb: String { directory + "/initdb" }
    public var postgres: String { directory + "/postgres" }

    /// Finds them: in `directory` if one is given, else the newest of Debian's `/usr/lib/postgresql/*/bin`, else on
    /// `PATH` (where other systems have them).
    ///
    /// - Parameter majorVersion: only this one will do, as for an existing data directory.
    /// - Throws: `.programsNotFound`.
    public static func find(in directory: String? = nil, majorVersion: Int? = nil) throws(ServerProblem)
        -> ServerPrograms
    {
        if let directory {
            guard let found = at(directory) else {
                throw .programsNotFound(
                    "PostgreSQL's initdb and postgres are not in \(directory); name the directory that holds them")
            }
            return found
        }
        for version in debianVersions() where majorVersion == nil || version == majorVersion {
            if let found = at("/usr/lib/postgresql/\(version)/bin") { return found }
        }
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        if majorVersion == nil {
            for entry in path.split(separator: ":") {
                if let found = at(String(entry)) { return found }
            }
        }
        let wanted = majorVersion.map { " \($0)" } ?? ""
        throw .programsNotFound(
            "PostgreSQL\(wanted)'s server programs (initdb, postgres) were not found in /usr/lib/postgresql/*/bin"
                + (majorVersion == nil ? " nor on PATH" : "")
                + "; install them: apt-get install postgresql\(majorVersion.map { "-\($0)" } ?? "")")
    }

    private static func at(_ directory: String) -> ServerPrograms? {
        // A link such as /usr/bin/postgres -> /usr/lib/…/postgres: the server finds its files beside the real one.
        guard let real = realpath(directory + "/postgres", nil) else { return nil }
        defer { free(real) }
        let home = String(cString: real).split(separator: "/").dropLast().map { "/" + $0 }.joined()
        guard access(home + "/postgres", X_OK) == 0, access(home + "/initdb", X_OK) == 0 else { return nil }
        return ServerPrograms(directory: home)
    }

    /// Newest first.
    private static func debianVersions() -> [Int] {
        guard let stream = opendir("/usr/lib/postgresql") else { return [] }
        defer { closedir(stream) }
        var versions: [Int] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let version = Int(name) { versions.append(version) }
        }
        return versions.sorted(by: >)
    }
}
