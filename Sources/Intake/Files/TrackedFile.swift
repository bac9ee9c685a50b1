import LinuxSystem
import OperationLogs

/// Who a file is within one boot, while it exists.
struct FileKey: Hashable {
    let device: UInt64
    let inode: UInt64
    let birthNanoseconds: Int64

    init(device: UInt64, inode: UInt64, birthNanoseconds: Int64) {
        self.device = device
        self.inode = inode
        self.birthNanoseconds = birthNanoseconds
    }

    init(_ identity: FileIdentity) {
        self.init(device: identity.device, inode: identity.inode, birthNanoseconds: identity.birthNanoseconds)
    }
}

/// One content of one file that is followed. Owned by the input's thread.
final class TrackedFile<File: SourceFile> {
    /// Counts up in the order of discovery.
    let serial: UInt64
    let key: FileKey
    /// The name under which its lines are recorded: that under which it was first seen, or the original of a copy was.
    private(set) var path: String
    /// The names that it has in watched directories.
    var names: Set<String>
    /// Whether it is the old content of a name that goes on as another file.
    var isRotated: Bool
    /// Nil while it is followed by its name only; see ``FileTailer/hold(_:_:)``.
    var file: File?
    /// The name that the kernel knew it by when it was closed, with no symbolic link in it.
    var closedPath: String?
    /// Nanoseconds since 1970: when it was written to last, as it said when it was last looked at.
    var lastWritten: Int64
    /// How it looked when it was last read to its end; nil where a change since might not show in that.
    var stamp: FileStamp?
    var tail: TailStateMachine

    /// The key of its position in the spool; another one when its content is new.
    var positionKey: [UInt8]
    /// Whether the spool may hold that position.
    var isRecorded = false
    /// Where reading under that key began.
    var takenFrom: UInt64
    /// Everything that was read.
    var read: ContentMark
    /// Where to read on after a restart: before `read` within an overlong line that has not ended.
    var resume: ContentMark
    /// The first bytes, at most 1,024, as far as they were read.
    var head: [UInt8] { didSet { hasNewHead = true } }
    /// What ``FileBeginnings`` knows of them, and whether it has to be told.
    var firstLine: UInt64?
    var hasNewHead = true
    var encoder: LineEncoder
    var skipsNULs = false
    /// Whether what was read of it is not known, and could not be set aside yet: nothing is read of it.
    var isInDoubt = false
    /// Whether what is left of the line at its position was set aside with its beginning.
    var skipsLine = false
    /// Whether the last read came to the end of the file.
    var followsEnd = false
    /// Whether it was compared to the files that it may be a copy of.
    var isJudged = false
    /// The key of the content, followed under its name, that it looks like a copy of, while it is held back.
    var resembled: [UInt8]?
    /// The size that was last seen, and before the last read.
    var size: UInt64
    var sizeBeforeTruncation: UInt64 = 0
    /// Nanoseconds since 1970: copies of what stood in it before are older.
    var contentSince: Int64 = .max
    /// Nanoseconds since 1970: what was read stood in it at this time. `min` before the first read.
    var contentSeen: Int64 = .min
    /// Nanoseconds since 1970: copies that were made later begin with what was read of it. `max` while nothing was read.
    var firstRead: Int64 = .max
    /// Bytes behind `read` that are known, of a line that has not ended.
    var unfinishedBytes = 0
    /// Read to its end first: the file that had the name before.
    weak var predecessor: TrackedFile<File>?
    /// The watch of the file itself, where its names do not tell of every write.
    var watch: Int32?
    /// Whether it has, or had, more than one link: its writer may have it open under one that no watch tells of, or that was
    /// removed since.
    var hasOtherLinks: Bool
    /// When to try again what has failed; nothing is read before.
    var retryAt: UInt64?
    /// What has failed, until a read succeeds.
    var trouble: SystemError?
    /// When to read again though nothing says that it has grown: what would say so could not be watched, or something
    /// else could not be looked at.
    var nextLook: UInt64?

    /// The index of its originator in the chunk with this ticket.
    var originator: (ticket: UInt64, index: UInt16) = (0, 0)
    var isQueued = false
    /// Whether its position has moved since the last chunk was closed.
    var isTouched = false
    var lag = 0

    init(
        serial: UInt64, identity: FileIdentity, path: String, tail: TailStateMachine, positionKey: [UInt8],
        mark: ContentMark, head: [UInt8], encoder: LineEncoder
    ) {
        self.serial = serial
        key = FileKey(identity)
        self.path = path
        names = [path]
        isRotated = false
        self.tail = tail
        self.positionKey = positionKey
        takenFrom = mark.offset
        read = mark
        resume = mark
        self.head = head
        self.encoder = encoder
        hasOtherLinks = identity.links > 1
        self.size = identity.size
        lastWritten = identity.modifiedNanoseconds
    }

    /// It holds that content, and nothing was read under its own key. All lines of one key are recorded under one name, by
    /// which they are known after damage.
    func goOn(with former: FormerContent, under key: [UInt8]) {
        positionKey = key
        takenFrom = former.position.takenFrom
        isRecorded = former.isInSpool
        isInDoubt = former.position.flags.contains(.inDoubt)
        path = former.path
    }

    /// What its names make of it.
    var standing: TailStateMachine.Standing {
        if names.isEmpty { return .gone }
        return !isRotated && names.contains(path) ? .named : .renamed
    }

    /// A name by which it can be opened now.
    var presentPath: String { names.contains(path) ? path : names.min() ?? path }

    /// Takes note of bytes that were read.
    ///
    /// - Parameter unfinished: how many bytes before their end belong to a line that has not ended.
    func advance(over bytes: UnsafeRawBufferPointer, unfinished: Int) {
        if head.count < FilePosition.fingerprintBytes, read.offset == UInt64(head.count) {
            head.append(contentsOf: bytes.prefix(FilePosition.fingerprintBytes - head.count))
        }
        let whole = bytes.count - unfinished
        if whole >= 0 {
            read.advance(over: UnsafeRawBufferPointer(rebasing: bytes[..<whole]))
            resume = read
            read.advance(over: UnsafeRawBufferPointer(rebasing: bytes[whole...]))
        } else {
            read.advance(over: bytes)
        }
    }

    /// Whether what was read of it does not stand in it any more. To be asked while it is open.
    func hasOtherContent() throws(SystemError) -> Bool {
        guard let file else { return false }
        return try file.bytes(resume.tail.count, at: resume.offset - UInt64(resume.tail.count)) != resume.tail
    }

    /// Takes note of how it looks at a read.
    func note(_ identity: FileIdentity, isAtEnd: Bool, at time: Int64) {
        lastWritten = identity.modifiedNanoseconds
        if identity.links > 1 { hasOtherLinks = true }
        stamp = isAtEnd ? FileStamp(identity, at: time) : nil
    }

    /// The value of its position.
    func position(boot: [UInt8]) -> FilePosition {
        var flags: FilePosition.Flags = skipsNULs ? .skippingNULs : []
        if standing != .named { flags.insert(.isRotated) }
        if skipsLine { flags.insert(.skippingLine) }
        if isInDoubt { flags.insert(.inDoubt) }
        let fingerprinted = head.prefix(Int(min(resume.offset, UInt64(FilePosition.fingerprintBytes))))
        return FilePosition(
            inode: key.inode, birthNanoseconds: key.birthNanoseconds, device: key.device, boot: boot, flags: flags,
            mark: resume, sizeSeen: max(size, resume.offset),
            fingerprint: fingerprinted.withUnsafeBytes { ContentHash.of($0).value },
            beginning: ContentBeginning(of: fingerprinted), takenFrom: min(takenFrom, resume.offset), path: path)
    }
}
