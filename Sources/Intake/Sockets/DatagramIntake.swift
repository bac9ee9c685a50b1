import LinuxSystem
import OperationLogs

/// From datagrams to the records of one open chunk: one line a datagram, each with its sender.
final class DatagramIntake {
    let window: ChunkWindow
    private let name: String
    private let permissions: PeerPermissions
    private var encoder: LineEncoder
    /// The number of the last datagram, from 1 since the input was opened: the offset of its record.
    private var number: UInt64 = 0
    /// Of the open chunk; indices of originators hold within it only.
    private var originators: [UnixSocket.Peer?: UInt16] = [:]
    /// Many datagrams of one sender come in a row.
    private var latest: Sender?
    /// Not counted yet: once a chunk, not a line.
    private var read = (bytes: 0, lines: 0)

    private struct Sender {
        let peer: UnixSocket.Peer?
        let originator: UInt16
    }

    init(
        _ options: DatagramInputOptions, window: ChunkWindow, permissions: PeerPermissions,
        watermarkClock: WatermarkClock
    ) {
        self.window = window
        self.permissions = permissions
        name = options.name
        encoder = LineEncoder(
            LineEncoder.Options(
                maxLineBytes: options.maxLineBytes, maxFutureMicroseconds: options.maxFutureMicroseconds,
                counting: .lines, takesControlLines: false, reportsRejections: false,
                dialect: options.dialect),
            watermarkClock: watermarkClock)
    }

    /// What has to be kept of a datagram, so that every line that is not too long fits with its end.
    static func roomBytes(maxLineBytes: Int) -> Int { maxLineBytes + 2 }

    func take(_ datagram: DatagramBatch.Datagram, received: Timestamp) {
        number += 1
        read.bytes += datagram.sentBytes
        read.lines += 1
        var line = datagram.line
        var sentBytes = datagram.sentBytes
        // The sender's own line end, in place of the one behind the datagram.
        if sentBytes == line.count - 1, sentBytes > 0, line[sentBytes - 1] == 0x0a {
            line = UnsafeRawBufferPointer(rebasing: line.dropLast())
            sentBytes -= 1
        }
        while true {
            let originator = originator(of: datagram.sender)
            let isTaken = encoder.encode(
                wholeLine: line, sentBytes: sentBytes, offset: number, originator: originator, received: received,
                into: window.builder)
            if isTaken { return }
            closeChunk()
        }
    }

    /// Hands the open chunk over.
    func closeChunk() {
        window.noteRead(bytes: read.bytes, lines: read.lines)
        read = (0, 0)
        // Senders that brought no record leave nothing behind in the next chunk either.
        if window.submit() == nil { window.builder.forgetOriginators() }
        originators.removeAll(keepingCapacity: true)
        latest = nil
    }

    /// The sender's index in the open chunk. Sets what it may send.
    private func originator(of peer: UnixSocket.Peer?) -> UInt16 {
        if let latest, latest.peer == peer { return latest.originator }
        encoder.permitted = permissions.permitted(to: peer) { [] }
        let index =
            originators[peer]
            ?? window.builder.add(RecordOriginator(kind: .datagram, input: name, uid: peer?.uid, pid: peer?.pid))
        originators[peer] = index
        latest = Sender(peer: peer, originator: index)
        return index
    }
}
