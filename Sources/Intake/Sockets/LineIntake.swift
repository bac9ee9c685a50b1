import Glibc
import LinuxSystem
import OperationLogs

/// From the bytes of many connections to the records of one open chunk.
///
/// Complete lines are parsed where they were read; only the beginning of an unfinished one is copied, to the connection.
/// All connections share the chunk, so that lone lines of many of them travel as one.
final class LineIntake {
    /// The bytes of one read: what a connection can bring in one round.
    static let readBytes = 256 << 10
    /// What is parsed before the room for answers is looked at again, on a connection that is told of rejections.
    private static let answeredSliceBytes = 32 << 10

    let window: ChunkWindow
    private let options: SocketInputOptions
    private let watermarkClock: WatermarkClock
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: readBytes, alignment: 64)
    /// Of the open chunk; indices of originators hold within it only.
    private var chunkNumber: UInt64 = 0
    /// Connections with lines in the open chunk.
    private var touched: [SocketConnection] = []
    /// Who waits for which chunk, in the order of the tickets.
    private var waiting: [(ticket: UInt64, connection: SocketConnection)] = []

    init(_ options: SocketInputOptions, window: ChunkWindow, watermarkClock: WatermarkClock) {
        self.options = options
        self.window = window
        self.watermarkClock = watermarkClock
    }

    deinit { buffer.deallocate() }

    /// A new connection's encoder.
    func encoder(reportingRejections: Bool, permitted: EventKindSet) -> LineEncoder {
        LineEncoder(
            LineEncoder.Options(
                maxLineBytes: options.maxLineBytes, maxFutureMicroseconds: options.maxFutureMicroseconds,
                counting: .lines, takesControlLines: true, reportsRejections: reportingRejections,
                dialect: options.dialect, permitted: permitted),
            watermarkClock: watermarkClock)
    }

    /// Gives a connection its turn: what it carries, then one read.
    func takeTurn(_ connection: SocketConnection, received: Timestamp) throws(SystemError) {
        guard !connection.session.hasEnded else { return }
        connection.pause = nil
        if connection.hasWork, !connection.hasReachedEnd { takeCarried(connection, received) }
        guard connection.pause == nil else { return }
        if !connection.hasReachedEnd {
            guard hasRoom(connection) else { return }
            switch try StreamTransfer.receive(into: buffer, from: connection.descriptor, options.path) {
            case .nothingYet: return
            case .end: connection.hasReachedEnd = true
            case .bytes(let count): take(UnsafeRawBufferPointer(rebasing: buffer[..<count]), connection, received)
            }
        }
        if connection.hasReachedEnd { finish(connection, received) }
    }

    /// Hands the open chunk over, and notes who waits for it.
    func closeChunk() {
        let ticket = window.submit()
        // Connections that brought no record leave nothing behind in the next chunk either.
        if ticket == nil { window.builder.forgetOriginators() }
        chunkNumber += 1
        for connection in touched {
            connection.isTouched = false
            let waits = connection.session.chunkClosed(as: ticket)
            // Lines of earlier chunks may be under way where this one brought none.
            let asks = connection.session.questions.chunkClosed(upTo: window.submittedTicket)
            if asks, window.isSettled {
                connection.session.durable(upTo: window.submittedTicket)
            } else if asks || waits {
                waiting.append((window.submittedTicket, connection))
            }
        }
        touched.removeAll(keepingCapacity: true)
    }

    /// Takes note of what has become durable.
    ///
    /// - Returns: the connections that have something to be told.
    func settle() -> [SocketConnection] {
        let durable = window.settle()
        let reached = waiting.prefix { $0.ticket <= durable }
        let connections = reached.map(\.connection)
        for connection in connections { connection.session.durable(upTo: durable) }
        waiting.removeFirst(reached.count)
        return connections
    }

    private func take(_ bytes: UnsafeRawBufferPointer, _ connection: SocketConnection, _ received: Timestamp) {
        window.noteRead(bytes: bytes.count, lines: 0)
        var rest = bytes
        if !connection.carry.isEmpty {
            // The beginning of a line waits. It is parsed when its end has come or when it is too long, not at each
            // read: a client that sends byte by byte would make each byte cost the whole line.
            let end = lineEnd(in: rest)
            let count = end ?? rest.count
            connection.carry += rest[..<count]
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            if end != nil || connection.carry.count > options.maxLineBytes + 1 {
                takeCarried(connection, received)
            }
        }
        if connection.pause == nil, !rest.isEmpty {
            let taken = encode(rest, connection, received)
            rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
        }
        connection.carry += rest
    }

    /// Where the first line ends, its end included.
    private func lineEnd(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress, let end = memchr(base, 0x0a, bytes.count) else { return nil }
        return UnsafeRawPointer(end) - base + 1
    }

    private func takeCarried(_ connection: SocketConnection, _ received: Timestamp) {
        let taken = connection.carry.withUnsafeBytes { encode($0, connection, received) }
        connection.dropCarried(taken)
    }

    /// Encodes until no further line ends, or the connection has to pause.
    ///
    /// - Returns: the bytes taken.
    private func encode(
        _ bytes: UnsafeRawBufferPointer, _ connection: SocketConnection, _ received: Timestamp
    ) -> Int {
        connection.hasWork = true
        touch(connection)
        var at = 0
        var slice = sliceBytes(connection)
        while at < bytes.count {
            guard hasRoom(connection) else { return at }
            let end = min(bytes.count, at + slice)
            let part = UnsafeRawBufferPointer(rebasing: bytes[at..<end])
            let progress = connection.encoder.encode(
                part, offset: connection.session.nextLine,
                originator: connection.originatorIndex(inChunk: chunkNumber, of: window),
                received: received, into: window.builder)
            at += progress.consumed
            note(progress, of: part, connection)
            if case .needsMoreBytes = progress.pause {
                if end == bytes.count { break }
                // A line longer than the slice.
                slice = progress.consumed == 0 ? slice * 2 : sliceBytes(connection)
            } else {
                // A control line may have asked for answers.
                slice = sliceBytes(connection)
            }
        }
        connection.hasWork = false
        return at
    }

    /// Takes the end of what the client sent.
    private func finish(_ connection: SocketConnection, _ received: Timestamp) {
        connection.hasWork = true
        touch(connection)
        // Where the daemon has cut a line off, it is not a line that the client ended: never acknowledged, it is sent
        // again. Who asked for no answers cannot know; the cut line becomes a dead letter.
        let isSentAgain = connection.isCutOff && connection.session.acknowledges
        var pause = LineEncoder.Progress.Pause.chunkFull
        while !isSentAgain, pause == .chunkFull {
            guard hasRoom(connection) else { return }
            let (consumed, found) = connection.carry.withUnsafeBytes { tail in
                let progress = connection.encoder.finish(
                    tail, offset: connection.session.nextLine,
                    originator: connection.originatorIndex(inChunk: chunkNumber, of: window),
                    received: received, into: window.builder)
                note(progress, of: tail, connection)
                return (progress.consumed, progress.pause)
            }
            connection.dropCarried(consumed)
            pause = found
        }
        connection.carry = []
        connection.hasWork = false
    }

    private func note(
        _ progress: LineEncoder.Progress, of bytes: UnsafeRawBufferPointer, _ connection: SocketConnection
    ) {
        window.noteRead(bytes: 0, lines: progress.lines)
        connection.session.received(
            lines: progress.lines,
            rejections: connection.session.acknowledges ? connection.encoder.takeRejections() : [])
        switch progress.pause {
        case .needsMoreBytes: break
        case .chunkFull: closeChunk()
        case .control(let range):
            if connection.session.received(ControlLine(UnsafeRawBufferPointer(rebasing: bytes[range]))) {
                connection.encoder = encoder(reportingRejections: true, permitted: connection.encoder.permitted)
            }
        }
        touch(connection)
    }

    /// Whether more of the connection's lines may be taken; if not, it pauses.
    private func hasRoom(_ connection: SocketConnection) -> Bool {
        if window.isFull {
            connection.pause = .windowFull
        } else if connection.session.isFull {
            connection.pause = .answersFull
        }
        return connection.pause == nil
    }

    private func sliceBytes(_ connection: SocketConnection) -> Int {
        connection.session.acknowledges ? Self.answeredSliceBytes : Self.readBytes
    }

    private func touch(_ connection: SocketConnection) {
        guard !connection.isTouched else { return }
        connection.isTouched = true
        touched.append(connection)
    }
}
