import CLibpq

/// The hosts of a conninfo, wherever it has them from, as libpq was told them.
///
/// In its non-blocking form libpq goes on to the next host of a list when one refuses, and never when one takes the
/// connection and says nothing: a server that is suspended, or whose disk hangs. So the one that was silent is left out
/// here, and the others are tried again.
struct HostList {
    private struct Host {
        var name: String?
        var address: String?
        var port: String?
    }

    private var hosts: [Host]

    /// Of a connection that was started.
    init(of connection: OpaquePointer) {
        var values: [String: [String]] = [:]
        if let options = PQconninfo(connection) {
            var option = options
            while let keyword = option.pointee.keyword {
                let name = String(cString: keyword)
                if let value = option.pointee.val, ["host", "hostaddr", "port"].contains(name) {
                    values[name] = String(cString: value).split(
                        separator: ",", omittingEmptySubsequences: false
                    ).map(String.init)
                }
                option += 1
            }
            PQconninfoFree(options)
        }
        let (names, addresses, ports) = (values["host"] ?? [], values["hostaddr"] ?? [], values["port"] ?? [])
        hosts = (0..<max(names.count, addresses.count)).map { index in
            // One port counts for all hosts.
            Host(
                name: names.indices.contains(index) ? names[index] : nil,
                address: addresses.indices.contains(index) ? addresses[index] : nil,
                port: ports.count == 1 ? ports[0] : ports.indices.contains(index) ? ports[index] : nil)
        }
    }

    /// The list without the host that the connection is being opened to; nil if no other is left.
    func without(hostOf connection: OpaquePointer) -> HostList? {
        func text(_ value: UnsafeMutablePointer<CChar>?) -> String { value.map { String(cString: $0) } ?? "" }
        let (name, address, port) = (text(PQhost(connection)), text(PQhostaddr(connection)), text(PQport(connection)))
        let silent = hosts.firstIndex { host in
            let isNamed = host.name.map { !$0.isEmpty && $0 == name } ?? false
            let isAt = host.address.map { !$0.isEmpty && ($0 == address || $0 == name) } ?? false
            return (isNamed || isAt) && (host.port.map { $0.isEmpty || $0 == port } ?? true)
        }
        guard let silent, hosts.count > 1 else { return nil }
        var rest = self
        rest.hosts.remove(at: silent)
        return rest
    }

    /// As words that take the place of the conninfo's own.
    var words: [(String, String)] {
        let all: [(String, [String?])] = [
            ("host", hosts.map(\.name)), ("hostaddr", hosts.map(\.address)), ("port", hosts.map(\.port)),
        ]
        return all.compactMap { word, values in
            values.contains { $0 != nil } ? (word, values.map { $0 ?? "" }.joined(separator: ",")) : nil
        }
    }

    /// What the connection is being opened to: it changes when libpq goes on to the next host or address.
    static func target(of connection: OpaquePointer) -> [String] {
        [PQhost(connection), PQhostaddr(connection), PQport(connection)].map {
            $0.map { String(cString: $0) } ?? ""
        }
    }
}
