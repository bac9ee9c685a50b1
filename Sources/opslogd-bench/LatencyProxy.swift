import Glibc
import LinuxSystem
import Synchronization

/// Before a server's socket: each byte arrives later than it was sent, and nothing else is held up by that.
final class LatencyProxy: Sendable {
    /// Where its socket is: a host of a conninfo.
    let directory: String
    private let target: String
    private let delayMicroseconds: UInt64
    private let listener: Descriptor

    /// - Parameter oneWay: microseconds of delay in each direction.
    init(target: String, directory: String, oneWay: Int) throws {
        self.target = target
        self.directory = directory
        delayMicroseconds = UInt64(max(0, oneWay))
        mkdir(directory, 0o755)
        let path = directory + "/.s.PGSQL.5432"
        unlink(path)
        listener = try UnixSocket.open()
        try UnixSocket.bind(listener, to: path)
        try UnixSocket.setBlocking(true, listener.rawValue, path)
        guard listen(listener.rawValue, 8) == 0 else { throw SystemError.last("listen", path) }
        let listening = listener.rawValue
        WorkerThread.start("latency") { [weak self] in
            while true {
                let client = accept(listening, nil, nil)
                guard client >= 0, let self else { return }
                take(Descriptor(owning: client))
            }
        }
    }

    deinit { shutdown(listener.rawValue, Int32(SHUT_RDWR)) }

    private func take(_ client: Descriptor) {
        guard let server = try? UnixSocket.connect(to: target, waiting: true),
            (try? UnixSocket.setBlocking(true, server.rawValue, target)) != nil
        else { return }
        // Closed with the last of its four threads.
        let ends = SocketPair(client, server)
        for (source, sink) in [(client.rawValue, server.rawValue), (server.rawValue, client.rawValue)] {
            guard let way = try? Way(source: source, sink: sink, ends: ends, delayMicroseconds: delayMicroseconds)
            else { return }
            WorkerThread.start("far-read") { way.read() }
            WorkerThread.start("far-write") { way.write() }
        }
    }

    private final class SocketPair: Sendable {
        private let first: Descriptor
        private let second: Descriptor

        init(_ first: Descriptor, _ second: Descriptor) {
            self.first = first
            self.second = second
        }
    }

    /// One direction of a connection: what was read waits until it is due.
    private final class Way: Sendable {
        private let source: Int32
        private let sink: Int32
        private let ends: SocketPair
        private let delayMicroseconds: UInt64
        private let pieces = Mutex<[(due: UInt64, bytes: [UInt8])]>([])
        private let arrived: EventDescriptor

        init(source: Int32, sink: Int32, ends: SocketPair, delayMicroseconds: UInt64) throws {
            self.source = source
            self.sink = sink
            self.ends = ends
            self.delayMicroseconds = delayMicroseconds
            arrived = try EventDescriptor()
        }

        func read() {
            var buffer = [UInt8](repeating: 0, count: 256 << 10)
            while true {
                let count = Glibc.read(source, &buffer, buffer.count)
                let due = SystemTime().monotonicNanoseconds() + delayMicroseconds * 1000
                pieces.withLock { $0.append((due, Array(buffer.prefix(max(0, count))))) }
                arrived.signal()
                if count <= 0 { return }
            }
        }

        func write() {
            while true {
                let waiting = pieces.withLock { pieces in
                    defer { pieces = [] }
                    return pieces
                }
                if waiting.isEmpty { _ = arrived.wait(milliseconds: nil) }
                for (due, bytes) in waiting {
                    let now = SystemTime().monotonicNanoseconds()
                    if due > now { usleep(UInt32((due - now) / 1000)) }
                    guard !bytes.isEmpty else {
                        shutdown(sink, Int32(SHUT_WR))
                        return
                    }
                    var at = 0
                    while at < bytes.count {
                        let sent = bytes.withUnsafeBytes { buffer in
                            send(
                                sink, buffer.baseAddress.map { $0 + at }, bytes.count - at, Int32(MSG_NOSIGNAL)
                            )
                        }
                        guard sent > 0 else {
                            shutdown(source, Int32(SHUT_RDWR))
                            return
                        }
                        at += sent
                    }
                }
            }
        }
    }
}
