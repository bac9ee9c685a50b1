/// Where a record came from: the input, and the file or the peer. Stands once in a chunk for all records that share it.
public struct RecordOriginator: Sendable, Hashable {
    public enum Kind: UInt8, Sendable {
        case file = 1
        case socket = 2
        case journal = 3
        case datagram = 4
    }

    public var kind: Kind
    /// The input's name in the configuration.
    public var input: String
    /// Of a file; nil for others.
    public var path: String?
    /// The peer of a socket, as the kernel names it.
    public var uid: UInt32?
    public var pid: UInt32?

    public init(kind: Kind, input: String, path: String? = nil, uid: UInt32? = nil, pid: UInt32? = nil) {
        self.kind = kind
        self.input = input
        self.path = path
        self.uid = uid
        self.pid = pid
    }
}
