import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// The thread of a socket input: waits for its descriptors, gives each connection its turn, and writes the answers.
///
/// A round: what epoll found, one read a connection; then the chunk closes, and who has ended is told. Nothing waits for
/// a timer except a stop and a process without descriptors.
final class SocketLoop<Time: TimeSource> {
    private static var listenerToken: UInt64 { 0 }
    private static var wakeToken: UInt64 { 1 }

    private let options: SocketInputOptions
    private let permissions: PeerPermissions
    private let wake: EventDescriptor
    private let intake: LineIntake
    private let watermarks: (any WatermarkReader)?
    private let answered: AnsweredQuestions
    private let time: Time
    private let progress: SocketProgress
    private let diagnostics: Diagnostics
    private let epoll: Epoll
    private var door: SocketDoor
    private var connections: [UInt64: SocketConnection] = [:]
    private var nextID: UInt64 = 2
    /// Connections that are to get a turn without an event.
    private var due: [SocketConnection] = []
    /// Connections that wait for room on the way to the spool, in the order in which they met the wall.
    private var held: [SocketConnection] = []
    /// Connections that may have something to be told, to be waited for or to be closed.
    private var dirty: [SocketConnection] = []
    private var stopDeadline: UInt64?

    init(
        _ options: SocketInputOptions, listener: InputSocket, permissions: PeerPermissions, wake: EventDescriptor,
        intake: LineIntake, watermarks: (any WatermarkReader)?, time: Time, progress: SocketProgress,
        diagnostics: Diagnostics
    ) throws(SystemError) {
        self.options = options
        self.permissions = permissions
        self.wake = wake
        self.intake = intake
        self.watermarks = watermarks
        answered = AnsweredQuestions(wake: wake)
        self.time = time
        self.progress = progress
        self.diagnostics = diagnostics
        epoll = try Epoll()
        door = SocketDoor(listener, maxConnections: options.maxConnections)
        try epoll.add(wake.rawValue, .readable, token: Self.wakeToken)
    }

    func run() throws(SystemError) {
        var events: [Epoll.Event] = []
        while true {
            if progress.isStopping.load(ordering: .acquiring), stopDeadline == nil { try beginStop() }
            try waitAtTheDoor()
            if let stopDeadline {
                if connections.isEmpty, intake.window.isSettled { return }
                if time.monotonicNanoseconds() >= stopDeadline { return giveUp() }
            }
            events.removeAll(keepingCapacity: true)
            // A round takes up all who are ready, so that they share a chunk, but not without end.
            var mayBeMore = try epoll.wait(milliseconds: longestWait, appendingTo: &events)
            while mayBeMore, events.count < 1024 {
                let known = events.count
                mayBeMore = try epoll.wait(milliseconds: 0, appendingTo: &events)
                // Level-triggered: the first comes again when all others have come.
                if events[known...].contains(where: { $0.token == events[0].token }) { break }
            }
            try round(events)
        }
    }

    /// Nil: until something happens.
    private var longestWait: Int? {
        if !due.isEmpty { return 0 }
        let deadlines = [stopDeadline, door.closedUntil].compactMap { $0 }
        guard let first = deadlines.min() else { return nil }
        let now = time.monotonicNanoseconds()
        return first > now ? Int((first - now) / 1_000_000) + 1 : 0
    }

    private func round(_ events: [Epoll.Event]) throws(SystemError) {
        progress.rounds.add(1, ordering: .relaxed)
        // Read once a round: what it brings was received now.
        let received = Timestamp(unixMicroseconds: time.realtimeMicroseconds())
        let turns = due
        due.removeAll(keepingCapacity: true)
        for connection in turns { try giveTurn(connection, received) }
        for event in events {
            switch event.token {
            case Self.listenerToken: try accept()
            case Self.wakeToken: takeWake()
            default:
                guard let connection = connections[event.token] else { continue }
                markDirty(connection)
                if event.isHungUp {
                    connection.session.answers.mute()
                    if connection.pause == .answersFull { connection.pause = nil }
                }
                if event.isReadable || event.isHungUp, connection.pause == nil {
                    try giveTurn(connection, received)
                }
            }
        }
        intake.closeChunk()
        while let connection = dirty.popLast() { try attend(connection) }
    }

    private func takeWake() {
        wake.clear()
        for connection in intake.settle() { markDirty(connection) }
        for answer in answered.take() {
            guard let connection = connections[answer.connection] else { continue }
            connection.session.answered(answer.question, with: answer.line)
            markDirty(connection)
        }
        guard !intake.window.isFull, !held.isEmpty else { return }
        due += held
        held.removeAll(keepingCapacity: true)
    }

    private func giveTurn(_ connection: SocketConnection, _ received: Timestamp) throws(SystemError) {
        do {
            try intake.takeTurn(connection, received: received)
        } catch {
            diagnostics.warning("input \(options.name): a connection is closed: \(error)")
            // What it has sent is taken to its end, in the next round.
            connection.hasReachedEnd = true
            connection.hasWork = true
            due.append(connection)
        }
        if connection.pause == .windowFull { held.append(connection) }
        markDirty(connection)
    }

    private func markDirty(_ connection: SocketConnection) {
        guard !connection.isDirty else { return }
        connection.isDirty = true
        dirty.append(connection)
    }

    /// After the chunk was closed: tells the connection what there is to tell, and waits for it or closes it.
    private func attend(_ connection: SocketConnection) throws(SystemError) {
        connection.isDirty = false
        guard connections[connection.id] === connection else { return }
        if connection.hasReachedEnd, !connection.hasWork, connection.pause == nil, !connection.session.hasEnded {
            connection.session.ended()
        }
        ask(for: connection)
        connection.session.answers.flush { write($0, connection) }
        if connection.session.isDone { return try close(connection) }
        if connection.pause == .answersFull, connection.session.hasDrained {
            connection.pause = nil
            due.append(connection)
        }
        try setInterest(connection)
    }

    private func ask(for connection: SocketConnection) {
        for (question, pipeline) in connection.session.questions.takeDue() {
            guard let watermarks else {
                connection.session.answered(
                    question, with: #"{"error":"nobody answers questions for watermarks here"}"#)
                continue
            }
            watermarks.newestWatermark(of: pipeline) { [answered, id = connection.id] answer in
                answered.put(.init(connection: id, question: question, line: answer.json))
            }
        }
    }

    private func write(_ bytes: UnsafeRawBufferPointer, _ connection: SocketConnection) -> StreamOutcome {
        do {
            switch try StreamTransfer.send(bytes, to: connection.descriptor, options.path) {
            case .bytes(let count): return .wrote(count)
            case .noRoomYet: return .noRoom
            case .nobodyThere: return .nobodyThere
            }
        } catch {
            diagnostics.warning("input \(options.name): a connection is answered no more: \(error)")
            return .nobodyThere
        }
    }

    private func setInterest(_ connection: SocketConnection) throws(SystemError) {
        let wanted = connection.wantedInterest
        guard wanted != connection.interest else { return }
        let descriptor = connection.descriptor.rawValue
        if connection.interest.isEmpty {
            try epoll.add(descriptor, wanted, token: connection.id)
        } else if wanted.isEmpty {
            try epoll.remove(descriptor)
        } else {
            try epoll.change(descriptor, to: wanted, token: connection.id)
        }
        connection.interest = wanted
    }

    private func close(_ connection: SocketConnection) throws(SystemError) {
        if !connection.interest.isEmpty { try epoll.remove(connection.descriptor.rawValue) }
        connection.interest = []
        connections[connection.id] = nil
        door.connectionClosed()
        progress.note(connections: connections.count)
    }

    // MARK: The door

    /// Waits for new connections if, and only if, one could be taken.
    private func waitAtTheDoor() throws(SystemError) {
        switch door.next(now: time.monotonicNanoseconds(), open: connections.count) {
        case .nothing: break
        case .wait: try epoll.add(door.descriptor, .readable, token: Self.listenerToken)
        case .ignore: try epoll.remove(door.descriptor)
        }
        progress.isAccepting.store(door.isWaitedFor, ordering: .relaxed)
    }

    private func accept() throws(SystemError) {
        var taken = 0
        while taken < 64, door.isOpen(connections: connections.count) {
            guard let descriptor = acceptOne() else { return }
            taken += 1
            try admit(descriptor)
        }
    }

    private func acceptOne() -> Descriptor? {
        do {
            let accepted = try door.accept()
            if accepted != nil { door.accepted() }
            return accepted
        } catch {
            if door.failed(now: time.monotonicNanoseconds()) {
                diagnostics.error("input \(options.name): no connection is accepted: \(error)")
            }
            return nil
        }
    }

    private func admit(_ descriptor: Descriptor) throws(SystemError) {
        let peer = try? UnixSocket.peer(of: descriptor, options.path)
        let connection = SocketConnection(
            id: nextID, descriptor: descriptor,
            originator: RecordOriginator(kind: .socket, input: options.name, uid: peer?.uid, pid: peer?.pid),
            encoder: intake.encoder(
                reportingRejections: false,
                permitted: permissions.permitted(to: peer) {
                    try UnixSocket.supplementaryGroups(of: descriptor, options.path)
                }))
        nextID += 1
        connections[connection.id] = connection
        progress.note(connections: connections.count)
        try setInterest(connection)
    }

    // MARK: The stop

    /// Takes what stands in the backlog, and cuts off what the clients have not written yet.
    private func beginStop() throws(SystemError) {
        stopDeadline = time.monotonicNanoseconds() + UInt64(max(0, options.stopMilliseconds)) * 1_000_000
        if door.isWaitedFor { try epoll.remove(door.descriptor) }
        // Closing the listener destroys what waits in its backlog; first nobody new may come to it.
        for descriptor in door.close() { try admit(descriptor) }
        for connection in connections.values {
            // A client that has ended by itself is not cut off.
            connection.isCutOff =
                !connection.hasReachedEnd && !StreamTransfer.peerHasEndedWriting(connection.descriptor)
            StreamTransfer.endReading(connection.descriptor)
        }
    }

    private func giveUp() {
        if !intake.window.isSettled || !connections.isEmpty {
            diagnostics.warning(
                "input \(options.name): \(connections.count) connections are closed before everything they sent was "
                    + "durable; what was not acknowledged has to be sent again")
        }
        connections.removeAll()
    }
}
