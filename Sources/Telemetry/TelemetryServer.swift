import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A small HTTP server for `/metrics`, `/healthz`, `/readyz` and `/status`, on one thread of its own.
///
/// It speaks HTTP/1.1 with kept connections. Connections beyond the limit are closed at once, those that keep it waiting
/// at the deadline. The same class serves the daemon's control socket.
public final class TelemetryServer: Sendable {
    /// What a peer may take.
    public struct Limits: Sendable {
        public var connections = 64
        /// For a request to come whole and its answer to be read; also how long a kept connection may be idle.
        public var requestSeconds = 30

        public init() {}
    }

    private struct Running {
        let group: MultiThreadedEventLoopGroup
        let channel: any Channel
        let listener: UnixListener?
    }

    private let address: TelemetryAddress
    private let endpoints: TelemetryEndpoints
    private let limits: Limits
    private let running = Mutex<Running?>(nil)
    private let connections = ConnectionCount()

    public init(_ address: TelemetryAddress, _ endpoints: TelemetryEndpoints, limits: Limits = Limits()) {
        self.address = address
        self.endpoints = endpoints
        self.limits = limits
    }

    /// Listens, and returns where: the address given, with the port that was taken in place of 0.
    public func start() async throws(TelemetryServerError) -> TelemetryAddress {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do throws(TelemetryServerError) {
            let (channel, listener) = try await listen(group)
            running.withLock { $0 = Running(group: group, channel: channel, listener: listener) }
            guard case .tcp(let host, _) = address, let port = channel.localAddress?.port else { return address }
            return .tcp(host: host, port: port)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Closes the listener and all connections, removes the path, ends the thread. Nothing if it does not run.
    public func shutdown() async {
        let ended = running.withLock { running in
            defer { running = nil }
            return running
        }
        guard let ended else { return }
        ended.listener?.removePath()
        try? await ended.channel.close()
        try? await ended.group.shutdownGracefully()
    }

    private func listen(
        _ group: MultiThreadedEventLoopGroup
    ) async throws(TelemetryServerError) -> (any Channel, UnixListener?) {
        let bootstrap = self.bootstrap(group)
        switch address {
        case .tcp(let host, let port):
            do {
                let reused = bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                return (try await reused.bind(host: host, port: port).get(), nil)
            } catch {
                throw failure(error)
            }
        case .unix(let path, let mode):
            let listener = try UnixListener(path: path, mode: mode)
            do {
                return (try await bootstrap.withBoundSocket(listener.descriptor).get(), listener)
            } catch {
                listener.removePath()
                throw failure(error)
            }
        }
    }

    private func bootstrap(_ group: MultiThreadedEventLoopGroup) -> ServerBootstrap {
        let (endpoints, limits, connections) = (endpoints, limits, connections)
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .childChannelInitializer { channel in
                guard connections.enter(most: limits.connections) else { return channel.close() }
                channel.closeFuture.whenComplete { _ in connections.leave() }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(
                        RequestHandler(endpoints, deadline: .seconds(Int64(limits.requestSeconds))))
                }
            }
    }

    private func failure(_ error: any Error) -> TelemetryServerError {
        if error is SocketAddressError.UnknownHost {
            return TelemetryServerError(kind: .unavailable, address: address, detail: "there is no such host")
        }
        guard let error = error as? IOError else {
            return TelemetryServerError(kind: .unavailable, address: address, detail: "\(error)")
        }
        let detail = String(cString: strerror(error.errnoCode))
        return switch error.errnoCode {
        case EADDRINUSE:
            TelemetryServerError(kind: .occupied, address: address, detail: "another process listens there")
        case EACCES, EPERM: TelemetryServerError(kind: .notPermitted, address: address, detail: detail)
        default: TelemetryServerError(kind: .unavailable, address: address, detail: detail)
        }
    }
}

/// How many connections are open.
private final class ConnectionCount: Sendable {
    private let open = Atomic<Int>(0)

    /// Counts one more; false if there are `most` already.
    func enter(most: Int) -> Bool {
        if open.add(1, ordering: .relaxed).newValue <= most { return true }
        leave()
        return false
    }

    func leave() {
        open.subtract(1, ordering: .relaxed)
    }
}
