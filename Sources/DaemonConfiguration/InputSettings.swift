import OperationLogs

/// Where lines come from.
public enum InputSettings: Sendable, Hashable {
    case socket(SocketInputSettings)
    case datagram(DatagramInputSettings)
    case file(FileInputSettings)
    case journal(JournalInputSettings)

    /// Its own among all inputs: what metrics, dead letters and positions call it.
    public var name: String {
        switch self {
        case .socket(let socket): socket.name
        case .datagram(let datagram): datagram.name
        case .file(let file): file.name
        case .journal(let journal): journal.name
        }
    }

    /// Without the line's end.
    public var maxLineBytes: Int {
        switch self {
        case .socket(let socket): socket.maxLineBytes
        case .datagram(let datagram): datagram.maxLineBytes
        case .file(let file): file.maxLineBytes
        case .journal(let journal): journal.maxLineBytes
        }
    }

    /// How its lines name events and columns.
    public var mapping: LineMapping {
        switch self {
        case .socket(let socket): socket.mapping
        case .datagram(let datagram): datagram.mapping
        case .file(let file): file.mapping
        case .journal(let journal): journal.mapping
        }
    }

    /// 1 KiB to 16 MiB.
    public static let lineBytesRange = 1 << 10...16 << 20
    /// What every input takes where its own key is absent.
    public static let usualMaxLineBytes = 1 << 20
}

/// A Unix stream socket on which producers write lines.
public struct SocketInputSettings: Sendable, Hashable {
    public var name: String
    /// Absolute; a socket that systemd hands over is matched to its input by this path, or else by `name`.
    public var path = Self.usualPath
    /// The permissions of a socket that opslogd makes itself.
    public var mode: UInt32 = 0o660
    /// The group of a socket that opslogd makes itself; nil: the daemon's own.
    public var group: String?
    /// Nil: whoever may open the socket may send everything.
    public var allow: [PeerRule]?
    /// Further ones wait in the backlog.
    public var maxConnections = 512
    public var maxLineBytes = InputSettings.usualMaxLineBytes
    public var mapping = LineMapping()

    public static let usualPath = "/run/opslogd/opslogd.sock"

    public init(name: String) {
        self.name = name
    }
}

/// A Unix datagram socket to which producers send lines, one a datagram.
public struct DatagramInputSettings: Sendable, Hashable {
    public var name: String
    /// Absolute; as with a stream socket.
    public var path = "/run/opslogd/datagram.sock"
    public var mode: UInt32 = 0o660
    public var group: String?
    /// As with a stream socket, but a group is the sender's primary one only.
    public var allow: [PeerRule]?
    public var maxLineBytes = InputSettings.usualMaxLineBytes
    public var mapping = LineMapping()

    public init(name: String) {
        self.name = name
    }
}

/// Files to which others append lines.
public struct FileInputSettings: Sendable, Hashable {
    /// Where a file is begun that exists when the input first starts. One that appears later is read from its beginning.
    public enum Start: String, Sendable, CaseIterable {
        case beginning, end
    }

    public var name: String
    /// Absolute glob patterns; at least one.
    public var paths: [String]
    /// Patterns of names, or of whole paths where they hold a slash, that are left out.
    public var exclude: [String] = []
    public var startAt = Start.beginning
    public var maxLineBytes = InputSettings.usualMaxLineBytes
    public var mapping = LineMapping()
    /// How many files that have been read to their end are kept open: those that were written to last.
    public var maxOpenFiles = 256
    /// Absolute glob patterns of where rotated files go, if not beside the file.
    public var rotated: [String] = []

    public static let openFilesRange = 1...1_000_000

    public init(name: String, paths: [String]) {
        self.name = name
        self.paths = paths
    }
}

/// Lines that units print to standard output, from the journal.
public struct JournalInputSettings: Sendable, Hashable {
    /// Where the journal is begun when the input first starts.
    public enum Start: String, Sendable, CaseIterable {
        case beginning, end
    }

    public var name: String
    /// Patterns of unit names; empty: all units. Those or `identifiers` are there.
    public var units: [String] = []
    /// Patterns of identifiers (`SyslogIdentifier=`, by default the name of the program); empty: all.
    public var identifiers: [String] = []
    /// Absolute: where the journal's files are; nil: this machine's journal.
    public var directory: String?
    public var startAt = Start.beginning
    public var maxLineBytes = InputSettings.usualMaxLineBytes
    public var mapping = LineMapping()

    public init(name: String) {
        self.name = name
    }
}
