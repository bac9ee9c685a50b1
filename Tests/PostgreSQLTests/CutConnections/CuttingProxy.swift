import Glibc
import LinuxSystem
import Synchronization

/// Between a session and its server: passes bytes on, and cuts a connection after so many of them.
final class CuttingProxy: Sendable {
    enum Direction: String, Sendable, CaseIterable { case toServer, toClient }

    struct Cut: Sendable {
        var direction: Direction
        /// So many bytes still pass.
        var bytes: Int
        /// Nothing is closed at first: everything behind the cut is swallowed. The server's side is closed, as
        /// keepalives would do it, after that many milliseconds.
        var silentMilliseconds = 0
        /// Whether the bytes are counted from the opening of the next connection, the present one being closed, or from
        /// now on.
        var isOfOpening = false
    }

    private struct Shared {
        var cut: Cut?
        /// Which connection's bytes are counted.
        var counted = 0
        var passed = 0
        var connections = 0
        var hasFired = false
    }

    private struct Ends {
        let client: Int32
        let server: Int32
    }

    private let shared = Mutex(Shared())
    private let directory: TemporaryDirectory
    private let listener: Descriptor
    private let target: String
    /// As a host of a conninfo.
    var host: String { directory.path }

    /// - Parameter target: the path of the server's socket.
    init(target: String) throws {
        self.target = target
        directory = try TemporaryDirectory()
        listener = try UnixSocket.open()
        let path = directory.path + "/.s.PGSQL.5432"
        try UnixSocket.bind(listener, to: path)
        try UnixSocket.setBlocking(true, listener.rawValue, path)
        guard listen(listener.rawValue, 8) == 0 else { throw SystemError.last("listen", path) }
        let listening = listener.rawValue
        WorkerThread.start("proxy") { [weak self] in
            while true {
                let client = accept(listening, nil, nil)
                guard client >= 0, let self else {
                    close(client)
                    return
                }
                take(Descriptor(owning: client))
            }
        }
    }

    /// Ends the thread that accepts.
    func stop() { shutdown(listener.rawValue, Int32(SHUT_RDWR)) }

    func arm(_ cut: Cut) {
        shared.withLock {
            $0.cut = cut
            $0.passed = 0
            $0.hasFired = false
            $0.counted = $0.connections + (cut.isOfOpening ? 1 : 0)
        }
    }

    /// - Returns: whether the connection was cut.
    func disarm() -> Bool {
        shared.withLock {
            $0.cut = nil
            return $0.hasFired
        }
    }

    private func take(_ client: Descriptor) {
        guard let server = try? UnixSocket.connect(to: target, waiting: true),
            (try? UnixSocket.setBlocking(true, server.rawValue, target)) != nil
        else { return }
        let number = shared.withLock {
            $0.connections += 1
            return $0.connections
        }
        // Closed when the thread ends.
        WorkerThread.start("proxy-\(number)") { [self] in
            carry(Ends(client: client.rawValue, server: server.rawValue), number)
            withExtendedLifetime((client, server)) {}
        }
    }

    /// How the bytes that are there may go on.
    private enum Passage {
        case all
        case some(Int)
        case cut(Cut)
    }

    private func passage(_ direction: Direction, _ number: Int) -> Passage {
        shared.withLock { state in
            guard let cut = state.cut, state.counted == number, cut.direction == direction else { return .all }
            if state.passed >= cut.bytes {
                state.hasFired = true
                state.cut = nil
                return .cut(cut)
            }
            return .some(cut.bytes - state.passed)
        }
    }

    private func notePassed(_ count: Int, _ direction: Direction, _ number: Int) {
        shared.withLock { state in
            if state.counted == number, state.cut?.direction == direction { state.passed += count }
        }
    }

    private func carry(_ ends: Ends, _ number: Int) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            // A connection before the one that is waited for has to go first.
            if shared.withLock({ $0.cut?.isOfOpening == true && number < $0.counted }) { return }
            var waiting = [
                pollfd(fd: ends.client, events: Int16(POLLIN), revents: 0),
                pollfd(fd: ends.server, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&waiting, 2, -1) > 0 else { return }
            for (index, direction) in [Direction.toServer, .toClient].enumerated() where waiting[index].revents != 0 {
                if shared.withLock({ $0.cut?.isOfOpening == true && number < $0.counted }) { return }
                var most = buffer.count
                switch passage(direction, number) {
                case .all: break
                case .some(let count): most = min(most, count)
                case .cut(let cut): return end(cut)
                }
                let (from, to) = index == 0 ? (ends.client, ends.server) : (ends.server, ends.client)
                let count = read(from, &buffer, most)
                guard count > 0, send(to, buffer, count, Int32(MSG_NOSIGNAL)) == count else { return }
                notePassed(count, direction, number)
                // Behind the last byte that passes the cut comes at once, without waiting for one more.
                if most > 0, case .cut(let cut) = passage(direction, number) { return end(cut) }
            }
        }
    }

    private func end(_ cut: Cut) {
        if cut.silentMilliseconds > 0 { usleep(UInt32(cut.silentMilliseconds) * 1000) }
    }
}
