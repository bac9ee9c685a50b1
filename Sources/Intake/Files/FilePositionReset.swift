import LinuxSystem
import OperationLogs

/// Sets positions anew on the operator's word, while no daemon runs: files are read again from their beginning, or not
/// up to their last line end.
///
/// As with a file whose content is new, the former key is forgotten, and the position stands under another one: what is
/// known of lost lines is told by the two positions of one key around them, and no position ever goes back.
public struct FilePositionReset<FileSystem: SourceFileSystem> {
    public enum Target: Sendable { case beginning, end }

    /// Of one file.
    public struct Change: Sendable {
        /// As it was.
        public let before: FilePositionSummary
        /// The name that the file has now.
        public let presentPath: String
        /// Where it is read on.
        public let offset: UInt64
        fileprivate let formerKey: [UInt8]
        fileprivate let key: [UInt8]
        fileprivate let value: [UInt8]
    }

    private let fileSystem: FileSystem
    private let places: [String]
    private let randomID: () -> UniqueID

    /// - Parameter places: directories to look for files in, beside each file's own.
    public init(in fileSystem: FileSystem, places: [String], randomID: @escaping () -> UniqueID = UniqueID.random) {
        self.fileSystem = fileSystem
        self.places = places
        self.randomID = randomID
    }

    /// What the word makes of a position; nil if it is none, or no file is the one that it is of.
    ///
    /// - Throws: where that cannot be told.
    public func change(key: [UInt8], value: [UInt8], to target: Target) throws(SystemError) -> Change? {
        guard let before = FilePositionSummary(key: key, value: value), var position = FilePosition(value),
            let (path, file, identity) = try find(position)
        else { return nil }
        let mark: ContentMark
        switch target {
        case .beginning: mark = ContentMark()
        case .end: mark = try .ofLastLine(file, size: identity.size)
        }
        let head = try file.bytes(Int(min(mark.offset, UInt64(FilePosition.fingerprintBytes))), at: 0)
        position.device = identity.device
        position.boot = fileSystem.bootIdentity()
        position.flags.remove(.skippingLine)
        // So it is the operator's word that it is read, whatever file it looks like; see the start's table of cases.
        if target == .beginning { position.flags.insert(.skippingNULs) } else { position.flags.remove(.skippingNULs) }
        position.mark = mark
        position.sizeSeen = max(identity.size, mark.offset)
        position.fingerprint = head.withUnsafeBytes { ContentHash.of($0).value }
        position.beginning = ContentBeginning(of: head)
        position.takenFrom = mark.offset
        return Change(
            before: before, presentPath: path, offset: mark.offset, formerKey: key,
            key: FilePositionKey.new(input: before.input, id: randomID()), value: position.encoded)
    }

    /// All of them in one chunk, and so in one group of the spool: a crash leaves each as it was, or each as it is said.
    public static func chunk(_ changes: [Change], receipt: any DurabilityReceipt) -> RecordChunk {
        let builder = ChunkBuilder()
        for change in changes {
            builder.addPosition(key: change.formerKey, value: [])
            builder.addPosition(key: change.key, value: change.value)
        }
        return builder.close(ticket: 1, receipt: receipt)
    }

    /// Of more files a chunk cannot hold the positions.
    public static var mostChanges: Int { 30_000 }

    private func find(_ position: FilePosition) throws(SystemError) -> (
        path: String, file: FileSystem.File, identity: FileIdentity
    )? {
        let own = SourcePath.directory(of: position.path)
        for directory in Set(places + [own]).sorted() {
            let names: [String]
            do {
                names = try fileSystem.names(in: directory).names
            } catch {
                if error.isAbsence { continue }
                throw error
            }
            for name in names {
                let path = directory == "/" ? "/\(name)" : "\(directory)/\(name)"
                guard let found = try? fileSystem.identity(of: path), found.isRegularFile,
                    found.inode == position.inode, found.birthNanoseconds == position.birthNanoseconds
                else { continue }
                let file = try fileSystem.open(path)
                let identity = try file.identity()
                guard identity.inode == position.inode, identity.birthNanoseconds == position.birthNanoseconds else {
                    continue
                }
                // Without a birth time, another file may have the inode by now.
                if identity.birthNanoseconds == 0, position.mark.offset > 0,
                    try ContentComparison(position).match(file, size: identity.size, thoroughly: true) == nil
                {
                    continue
                }
                return (path, file, identity)
            }
        }
        return nil
    }
}
