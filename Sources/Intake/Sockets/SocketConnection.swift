import LinuxSystem
import OperationLogs

/// One accepted connection: its descriptor, its session, and what it has sent of a line that has not ended.
///
/// Owned by the input's thread.
final class SocketConnection {
    /// Why nothing is read from it now.
    enum Pause: Hashable {
        /// The spool has enough under way.
        case windowFull
        /// The client does not read what it is told, or has asked more than was answered yet.
        case answersFull
    }

    let id: UInt64
    let descriptor: Descriptor
    let originator: RecordOriginator
    var session = SocketSession()
    var encoder: LineEncoder
    /// Bytes that were read and not yet taken: the beginning of a line, and more than that only while `hasWork`.
    var carry: [UInt8] = []
    /// Whether `carry`, or the end that was reached, can be worked on without reading more.
    var hasWork = false
    var pause: Pause?
    /// Whether the client's end was read.
    var hasReachedEnd = false
    /// Whether the daemon itself has ended the reading side, maybe in the middle of a line.
    var isCutOff = false
    /// What epoll waits for on it.
    var interest: Epoll.Interest = []
    /// Whether it stands in the lists of its name.
    var isTouched = false
    var isDirty = false
    private var place: (chunk: UInt64, index: UInt16)?

    init(id: UInt64, descriptor: Descriptor, originator: RecordOriginator, encoder: LineEncoder) {
        self.id = id
        self.descriptor = descriptor
        self.originator = originator
        self.encoder = encoder
    }

    /// The index of its originator in the chunk that is open now.
    func originatorIndex(inChunk number: UInt64, of window: ChunkWindow) -> UInt16 {
        if let place, place.chunk == number { return place.index }
        let index = window.builder.add(originator)
        place = (number, index)
        return index
    }

    /// What it has to be waited for.
    var wantedInterest: Epoll.Interest {
        var wanted: Epoll.Interest = []
        if !hasReachedEnd && pause == nil { wanted.insert(.readable) }
        if session.answers.hasOutput { wanted.insert(.writable) }
        return wanted
    }

    /// Forgets the first `count` bytes of `carry`.
    func dropCarried(_ count: Int) {
        if count == carry.count {
            carry.removeAll(keepingCapacity: carry.capacity <= 4096)
        } else {
            carry.removeFirst(count)
        }
    }
}
