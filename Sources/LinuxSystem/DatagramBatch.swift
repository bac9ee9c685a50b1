import CLinux
import Glibc

/// Datagrams received in one call, in memory of its own. Owned by one thread. Related system call: `recvmmsg`.
public final class DatagramBatch {
    /// One of them, valid until the next `receive`.
    public struct Datagram {
        /// What was kept of it, with a line feed behind it.
        public let line: UnsafeRawBufferPointer
        /// As it was sent, without that line feed.
        public let sentBytes: Int
        /// Who sent it, as the kernel names it; nil if it was sent before `passCredentials`.
        public let sender: UnixSocket.Peer?
    }

    /// What all places together take of the address space; memory is used only for what came.
    private static let budgetBytes = 8 << 20
    private static let mostAtOnce = 64

    /// Received together at most.
    public let capacity: Int
    private let roomBytes: Int
    private let strideBytes: Int
    private let buffer: UnsafeMutableRawBufferPointer
    private let heads: UnsafeMutablePointer<clinux_datagram>
    private var count = 0

    /// - Parameter roomBytes: what is kept of each.
    public init(roomBytes: Int) {
        self.roomBytes = roomBytes
        // One more byte for the line feed; each begins on a cache line.
        strideBytes = (roomBytes + 1 + 63) & ~63
        capacity = min(max(Self.budgetBytes / strideBytes, 1), Self.mostAtOnce)
        buffer = .allocate(byteCount: strideBytes * capacity, alignment: 64)
        heads = .allocate(capacity: capacity)
        heads.initialize(repeating: clinux_datagram(), count: capacity)
    }

    deinit {
        buffer.deallocate()
        heads.deallocate()
    }

    /// Has the kernel name the sender of every datagram that is sent from now on. Related socket option: `SO_PASSCRED`.
    public static func passCredentials(_ socket: Descriptor, _ subject: String) throws(SystemError) {
        guard clinux_pass_credentials(socket.rawValue) == 0 else { throw .last("setsockopt", subject) }
    }

    /// Receives what is there, without waiting; what was received before is gone.
    ///
    /// - Returns: how many came.
    public func receive(from socket: Descriptor, _ subject: String) throws(SystemError) -> Int {
        count = 0
        let received = retryingInterrupts {
            Int(
                clinux_receive_datagrams(
                    socket.rawValue, buffer.baseAddress, strideBytes, roomBytes, Int32(capacity), heads))
        }
        guard let received else {
            if errno == EAGAIN { return 0 }
            throw .last("recvmmsg", subject)
        }
        count = received
        return received
    }

    public subscript(index: Int) -> Datagram {
        precondition(index < count)
        let head = heads[index]
        let kept = min(Int(head.length), roomBytes)
        let start = index * strideBytes
        buffer[start + kept] = 0x0a
        return Datagram(
            line: UnsafeRawBufferPointer(rebasing: buffer[start...start + kept]), sentBytes: Int(head.length),
            sender: head.pid == 0 ? nil : UnixSocket.Peer(pid: head.pid, uid: head.uid, gid: head.gid))
    }
}
