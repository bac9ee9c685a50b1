import Glibc

/// Reading from and writing to a connected, non-blocking stream socket. Related system calls: `recv`, `send`, `shutdown`.
public enum StreamTransfer {
    public enum Received: Sendable, Hashable {
        case bytes(Int)
        /// There is nothing now.
        case nothingYet
        /// There will be nothing more: the other side has shut down its writing side, closed, or is gone.
        case end
    }

    public enum Sent: Sendable, Hashable {
        case bytes(Int)
        /// There is no room now.
        case noRoomYet
        /// Nobody will read it.
        case nobodyThere
    }

    public static func receive(
        into buffer: UnsafeMutableRawBufferPointer, from connection: Descriptor, _ subject: String
    ) throws(SystemError) -> Received {
        guard let count = retryingInterrupts({ recv(connection.rawValue, buffer.baseAddress, buffer.count, 0) }) else {
            switch errno {
            case EAGAIN: return .nothingYet
            // A peer that died without reading our answers; everything it sent was read before this is told.
            case ECONNRESET, EPIPE, ENOTCONN: return .end
            default: throw .last("recv", subject)
            }
        }
        return count == 0 ? .end : .bytes(count)
    }

    public static func send(
        _ bytes: UnsafeRawBufferPointer, to connection: Descriptor, _ subject: String
    ) throws(SystemError) -> Sent {
        guard
            let count = retryingInterrupts({
                Glibc.send(connection.rawValue, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            })
        else {
            switch errno {
            case EAGAIN: return .noRoomYet
            case ECONNRESET, EPIPE, ENOTCONN: return .nobodyThere
            default: throw .last("send", subject)
            }
        }
        return .bytes(count)
    }

    /// Ends the reading side: the peer can write no more, what it has written can still be read.
    public static func endReading(_ connection: Descriptor) {
        shutdown(connection.rawValue, Int32(SHUT_RD))
    }

    /// Ends the writing side: the peer reads to the end of what was written.
    public static func endWriting(_ connection: Descriptor) {
        shutdown(connection.rawValue, Int32(SHUT_WR))
    }

    /// Whether the peer has already ended its writing side.
    public static func peerHasEndedWriting(_ connection: Descriptor) -> Bool {
        // POLLRDHUP, which poll(2) has under _GNU_SOURCE only.
        let readHangUp: Int16 = 0x2000
        var asked = pollfd(fd: connection.rawValue, events: readHangUp, revents: 0)
        return poll(&asked, 1, 0) > 0 && asked.revents & (readHangUp | Int16(POLLHUP)) != 0
    }
}
