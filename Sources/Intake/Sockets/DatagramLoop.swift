import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// The thread of a datagram input: waits for its socket, receives what is queued, and hands it over as one chunk.
///
/// A round: what is queued, up to a bound, in batches; then the chunk closes. While the spool takes no more, the socket
/// is not waited for. Nothing waits for a timer except a stop and a socket that fails.
final class DatagramLoop<Time: TimeSource> {
    private static var socketToken: UInt64 { 0 }
    private static var wakeToken: UInt64 { 1 }
    /// Received in one round at most, so that the chunk of those who came first does not wait for a flood.
    private static var mostInRound: Int { 1024 }
    /// How long nothing is received after that failed.
    private static var pauseNanoseconds: UInt64 { 1_000_000_000 }

    private let options: DatagramInputOptions
    private let socket: InputSocket
    private let wake: EventDescriptor
    private let intake: DatagramIntake
    private let batch: DatagramBatch
    private let time: Time
    private let progress: DatagramProgress
    private let diagnostics: Diagnostics
    private let epoll: Epoll
    private var isWaitedFor = false
    /// Monotonic nanoseconds; nil while receiving did not fail.
    private var pausedUntil: UInt64?
    private var hasSaidSo = false
    private var stop: Stop?

    private struct Stop {
        /// Monotonic nanoseconds.
        let deadline: UInt64
        /// To a socket that was handed over datagrams go on coming: until here they are received.
        let receiveUntil: UInt64
        var isDrained = false
    }

    init(
        _ options: DatagramInputOptions, socket: InputSocket, wake: EventDescriptor, intake: DatagramIntake, time: Time,
        progress: DatagramProgress, diagnostics: Diagnostics
    ) throws(SystemError) {
        self.options = options
        self.socket = socket
        self.wake = wake
        self.intake = intake
        self.time = time
        self.progress = progress
        self.diagnostics = diagnostics
        batch = DatagramBatch(roomBytes: DatagramIntake.roomBytes(maxLineBytes: options.maxLineBytes))
        epoll = try Epoll()
        try epoll.add(wake.rawValue, .readable, token: Self.wakeToken)
    }

    func run() throws(SystemError) {
        var events: [Epoll.Event] = []
        while true {
            if progress.isStopping.load(ordering: .acquiring), stop == nil { beginStop() }
            let now = time.monotonicNanoseconds()
            if let until = pausedUntil, now >= until { pausedUntil = nil }
            if let stop {
                if stop.isDrained, intake.window.isSettled { return }
                if now >= stop.deadline { return giveUp() }
            }
            try setInterest()
            events.removeAll(keepingCapacity: true)
            _ = try epoll.wait(milliseconds: longestWait(now), appendingTo: &events)
            progress.rounds.add(1, ordering: .relaxed)
            if events.contains(where: { $0.token == Self.wakeToken }) {
                wake.clear()
                intake.window.settle()
            }
            if mayReceive, stop != nil || events.contains(where: { $0.token == Self.socketToken }) { takeRound() }
        }
    }

    private var mayReceive: Bool { pausedUntil == nil && !intake.window.isFull && stop?.isDrained != true }

    /// Nil: until something happens.
    private func longestWait(_ now: UInt64) -> Int? {
        if stop != nil, mayReceive { return 0 }
        guard let first = [stop?.deadline, pausedUntil].compactMap({ $0 }).min() else { return nil }
        return first > now ? Int((first - now) / 1_000_000) + 1 : 0
    }

    /// Waits for the socket if, and only if, something could be received and would not be looked for anyway.
    private func setInterest() throws(SystemError) {
        let wanted = mayReceive && stop == nil
        progress.isReceiving.store(wanted, ordering: .relaxed)
        guard wanted != isWaitedFor else { return }
        if wanted {
            try epoll.add(socket.descriptor.rawValue, .readable, token: Self.socketToken)
        } else {
            try epoll.remove(socket.descriptor.rawValue)
        }
        isWaitedFor = wanted
    }

    private func takeRound() {
        // Read once a round: what it brings was received now.
        let received = Timestamp(unixMicroseconds: time.realtimeMicroseconds())
        var count = 0
        repeat {
            let came = receive()
            if came == 0 { stop?.isDrained = pausedUntil == nil }
            for index in 0..<came { intake.take(batch[index], received: received) }
            count += came
            // Fewer than asked for: the queue was empty then.
            if came < batch.capacity { break }
        } while count < Self.mostInRound && !intake.window.isFull
        intake.closeChunk()
        if let receiveUntil = stop?.receiveUntil, time.monotonicNanoseconds() >= receiveUntil { stop?.isDrained = true }
    }

    private func receive() -> Int {
        do {
            let count = try batch.receive(from: socket.descriptor, options.path)
            hasSaidSo = false
            return count
        } catch {
            pausedUntil = time.monotonicNanoseconds() + Self.pauseNanoseconds
            if !hasSaidSo { diagnostics.error("input \(options.name): nothing is received: \(error)") }
            hasSaidSo = true
            return 0
        }
    }

    // MARK: The stop

    private func beginStop() {
        let now = time.monotonicNanoseconds()
        let limit = UInt64(max(0, options.stopMilliseconds)) * 1_000_000
        stop = Stop(deadline: now + limit, receiveUntil: socket.isInherited ? now + limit / 2 : .max)
        // Closing the socket destroys what is queued; first nobody may send any more. One that was handed over is open
        // elsewhere too, and keeps what is not received.
        if !socket.isInherited {
            socket.removeFile()
            StreamTransfer.endReading(socket.descriptor)
        }
    }

    private func giveUp() {
        diagnostics.warning(
            "input \(options.name): the time for the stop is over before every datagram that was received was durable")
    }
}
