import OperationLogs

/// What is to be written back on a connection, in its order. Values only; the connection's shell writes.
///
/// Rejections are held until the chunk that carries them is durable. Of `durable` only the newest is kept while the
/// client does not read, so a client that never reads costs no more than `limitBytes`.
package struct AnswerQueue {
    /// Held and unsent answers beyond which nothing more is read from the connection.
    package static let limitBytes = 1 << 20

    /// Rejections of lines that are not durable yet.
    private var held: [UInt8] = []
    /// All bytes that ever left `held`: a mark in `held` counts from there.
    private var releasedBytes = 0
    /// What is ready to be written, from `sent` on.
    private var ready: [UInt8] = []
    private var sent = 0
    private var newestDurable: UInt64?
    /// Whether the last write found no room.
    private var isBlocked = false
    /// The client is gone: what it is told goes nowhere.
    package private(set) var isMuted = false

    /// Where `held` ends now, for `release(upTo:)`.
    package var mark: Int { releasedBytes + held.count }
    package var isFull: Bool { held.count + ready.count - sent >= Self.limitBytes }
    /// Whether a connection that was stopped because of `isFull` may be read from again.
    package var hasDrained: Bool { held.count + ready.count - sent < Self.limitBytes / 2 }
    /// Whether something is to be written now.
    package var hasOutput: Bool { sent < ready.count || newestDurable != nil }

    /// Holds a rejection.
    package mutating func hold(_ rejection: LineEncoder.Rejection) {
        guard !isMuted else { return }
        var inner = JSONObjectWriter()
        inner.add("line", raw: String(rejection.offset))
        inner.add("reason", text: rejection.reason.name)
        inner.add("detail", text: rejection.detail)
        held += #"{"rejected":"#.utf8
        held += inner.text.utf8
        held += "}\n".utf8
    }

    /// Lets the rejections up to a mark go, and tells `lines` behind them.
    package mutating func release(upTo mark: Int, durable lines: UInt64) {
        guard !isMuted else { return }
        let count = mark - releasedBytes
        if count > 0 {
            ready += held[..<count]
            held.removeFirst(count)
            releasedBytes = mark
        }
        newestDurable = lines
    }

    /// Answers a control line.
    package mutating func add(error sentence: String) {
        var answer = JSONObjectWriter()
        answer.add("error", text: sentence)
        add(line: answer.text)
    }

    /// Adds a line as it is.
    package mutating func add(line: String) {
        guard !isMuted else { return }
        ready += line.utf8
        ready.append(0x0a)
    }

    /// Hands what is ready to `write`, until all is written or there is no room.
    package mutating func flush(_ write: (UnsafeRawBufferPointer) -> StreamOutcome) {
        while hasOutput {
            // Behind a full pipe only the newest number waits; it is put into words when there is room for it.
            if let lines = newestDurable, !isBlocked || sent == ready.count {
                ready += "{\"durable\":\(lines)}\n".utf8
                newestDurable = nil
            }
            let outcome = ready[sent...].withUnsafeBytes { write($0) }
            switch outcome {
            case .wrote(let count): sent += count
            case .noRoom:
                isBlocked = true
                compact()
                return
            case .nobodyThere: return mute()
            }
            if sent == ready.count { isBlocked = false }
        }
        compact()
    }

    /// Nobody reads any more: forgets everything, and takes nothing in.
    package mutating func mute() {
        self = AnswerQueue()
        isMuted = true
    }

    private mutating func compact() {
        if sent == ready.count {
            ready.removeAll(keepingCapacity: ready.capacity <= 16 << 10)
            sent = 0
        } else if sent > Self.limitBytes / 4 {
            ready.removeFirst(sent)
            sent = 0
        }
    }
}

/// What became of one write.
package enum StreamOutcome {
    case wrote(Int)
    case noRoom
    case nobodyThere
}
