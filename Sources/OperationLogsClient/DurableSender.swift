import Glibc
import LinuxSystem

/// A line that became a dead letter.
public struct LineRejection: Sendable, Hashable {
    /// The number of the line among those sent, from 1.
    public let line: UInt64
    /// The word of the reason, as in dead letters: `missing_field`.
    public let reason: String
    /// A sentence for people.
    public let detail: String

    public init(line: UInt64, reason: String, detail: String) {
        self.line = line
        self.reason = reason
        self.detail = detail
    }
}

/// Sends event lines to opslogd and learns when they are durable.
///
/// ```swift
/// let sender = try DurableSender(connectingTo: "/run/opslogd/opslogd.sock")
/// try sender.send(#"{"event":"cast_errors","column_name":"price"}"# + "\n")
/// let outcome = try sender.finish()
/// ```
///
/// When `finish()` returns, every line that was sent is on disk: in opslogd's spool, from where it reaches its table
/// exactly once, or in the dead letters, told through `onRejection`. `durable` says so of the first lines at any time.
/// If the connection ends earlier, the error says how many lines are durable; of the others it is not known whether they
/// are, so sending them again may repeat some.
///
/// Calls block while opslogd takes nothing: its spool is full, or its disk. Use it on one thread, and not on one of
/// Swift's cooperative threads. Related system calls: `connect`, `send`, `recv`, `poll`, `shutdown`.
public final class DurableSender {
    /// What became of everything that was sent.
    public struct Outcome: Sendable, Hashable {
        /// Lines sent, empty ones included. All are durable.
        public let lines: UInt64
        /// Of them, those that became dead letters.
        public let rejected: UInt64
    }

    /// Lines sent so far; one without its end counts when that is sent.
    public private(set) var sent: UInt64 = 0
    /// The first of them that are known to be on disk.
    public private(set) var durable: UInt64 = 0
    /// Lines that became dead letters, as far as told.
    public private(set) var rejected: UInt64 = 0

    private let path: String
    private let connection: Descriptor
    private let onDurable: (UInt64) -> Void
    private let onRejection: (LineRejection) -> Void
    private var endsInLine = false
    private var unread: [UInt8] = []
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)
    private var hasEnded = false

    /// An answer is short; what is longer is not opslogd's.
    private static let longestAnswerBytes = 1 << 20

    /// Connects, and asks to be told what is durable.
    ///
    /// - Parameters:
    ///   - path: of opslogd's socket.
    ///   - onDurable: is called with `durable` whenever it has grown, within `send` and `finish`.
    ///   - onRejection: is called for each line that became a dead letter, before `durable` covers it.
    /// - Throws: `nobodyListens`, `notPermitted`, `system`.
    public init(
        connectingTo path: String, onDurable: @escaping (UInt64) -> Void = { _ in },
        onRejection: @escaping (LineRejection) -> Void = { _ in }
    ) throws(SendingError) {
        self.path = path
        self.onDurable = onDurable
        self.onRejection = onRejection
        do {
            connection = try UnixSocket.connect(to: path, waiting: true)
        } catch {
            throw SendingError(connecting: path, error)
        }
        try write(Array("{\"opslogd\":{\"ack\":true}}\n".utf8)[...])
    }

    /// Sends lines, each ended by `\n`; a line may go on in the next call.
    ///
    /// Returns when the kernel has taken the bytes: that they are durable is known from `durable` or `finish()`.
    /// - Throws: `closed`, `refused`, `notUnderstood`, `system`.
    public func send(_ text: String) throws(SendingError) { try send(Array(text.utf8)[...]) }

    /// As `send(_:)` of a text. One call should bring many lines.
    public func send(_ bytes: ArraySlice<UInt8>) throws(SendingError) {
        guard let last = bytes.last else { return }
        for byte in bytes where byte == 0x0a { sent += 1 }
        endsInLine = last != 0x0a
        try write(bytes)
    }

    /// Ends the last line if need be, and waits until everything that was sent is durable. Nothing can be sent after it.
    ///
    /// - Throws: `closed` where the connection ended first; `refused`, `notUnderstood`, `system`.
    public func finish() throws(SendingError) -> Outcome {
        if endsInLine { try send([0x0a]) }
        StreamTransfer.endWriting(connection)
        while !hasEnded {
            try wait(for: Int16(POLLIN))
            try readAnswers()
        }
        guard durable >= sent else { throw closed }
        return Outcome(lines: sent, rejected: rejected)
    }

    private var closed: SendingError { .closed(path: path, durable: durable, sent: sent) }

    /// Writes everything, and reads what is answered meanwhile: if neither side read, both would wait for ever.
    private func write(_ bytes: ArraySlice<UInt8>) throws(SendingError) {
        var rest = bytes
        while !rest.isEmpty {
            let outcome = rest.withUnsafeBytes { bytes in
                Result { () throws(SystemError) in try StreamTransfer.send(bytes, to: connection, path) }
            }
            switch outcome {
            case .success(.bytes(let count)): rest = rest.dropFirst(count)
            case .success(.noRoomYet): try wait(for: Int16(POLLIN) | Int16(POLLOUT))
            case .failure(let failure): throw .system(failure)
            case .success(.nobodyThere):
                // The last answers may still stand in the pipe.
                while !hasEnded {
                    try wait(for: Int16(POLLIN))
                    try readAnswers()
                }
                throw closed
            }
            try readAnswers()
            if hasEnded { throw closed }
        }
    }

    private func wait(for events: Int16) throws(SendingError) {
        var asked = pollfd(fd: connection.rawValue, events: events, revents: 0)
        guard retryingInterrupts({ poll(&asked, 1, -1) }) != nil else { throw .system(.last("poll", path)) }
    }

    /// Reads the answers that are there.
    private func readAnswers() throws(SendingError) {
        while !hasEnded {
            let outcome = buffer.withUnsafeMutableBytes { bytes in
                Result { () throws(SystemError) in try StreamTransfer.receive(into: bytes, from: connection, path) }
            }
            switch outcome {
            case .failure(let failure): throw .system(failure)
            case .success(.nothingYet): return
            case .success(.end): hasEnded = true
            case .success(.bytes(let count)):
                unread += buffer[..<count]
                try takeAnswers()
            }
        }
    }

    private func takeAnswers() throws(SendingError) {
        let before = durable
        var rest = unread[...]
        while let end = rest.firstIndex(of: 0x0a) {
            guard let answer = Answer(rest[..<end]) else { throw .notUnderstood(path: path) }
            rest = rest[(end + 1)...]
            switch answer {
            case .durable(let lines): durable = max(durable, lines)
            case .rejected(let rejection):
                rejected += 1
                onRejection(rejection)
            case .refused(let message): throw .refused(path: path, message: message)
            case .other: break
            }
        }
        unread = Array(rest)
        guard unread.count < Self.longestAnswerBytes else { throw .notUnderstood(path: path) }
        if durable > before { onDurable(durable) }
    }
}
