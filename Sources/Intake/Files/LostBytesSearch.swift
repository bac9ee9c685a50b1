import LinuxSystem
import OperationLogs

/// Looks for the file that holds the lines of a lost range: by inode and birth, then by content, beside the path that
/// it had and where rotated files go. Its content up to the known position must be the same.
public struct LostBytesSearch<FileSystem: SourceFileSystem> {
    private let fileSystem: FileSystem
    private let places: [String]

    /// - Parameter places: directories to look in, beside the file's own.
    public init(in fileSystem: FileSystem, places: [String] = []) {
        self.fileSystem = fileSystem
        self.places = places
    }

    /// Where the file is now; nil if nothing holds the lines any more.
    public func path(of bytes: SourceRange) -> String? { file(of: bytes)?.path }

    func file(of bytes: SourceRange) -> (path: String, file: FileSystem.File)? {
        guard let position = FilePosition(bytes.identity) else { return nil }
        let comparison = ContentComparison(position)
        var others: [(path: String, identity: FileIdentity)] = []
        let directories = Set(places + [directory(of: position.path), directory(of: bytes.path)])
        for directory in directories.sorted() {
            let names = (try? fileSystem.names(in: directory).names) ?? []
            for path in names.map({ directory == "/" ? "/\($0)" : "\(directory)/\($0)" }) {
                guard let identity = try? fileSystem.identity(of: path), identity.isRegularFile,
                    identity.size >= max(position.mark.offset, bytes.upTo ?? 0)
                else { continue }
                others.append((path, identity))
            }
        }
        let isFirst = { (identity: FileIdentity) in
            identity.inode == position.inode && identity.birthNanoseconds == position.birthNanoseconds
        }
        let ordered = others.filter { isFirst($0.identity) } + others.filter { !isFirst($0.identity) }
        for (path, _) in ordered {
            guard let open = try? fileSystem.open(path), let identity = try? open.identity(), identity.isRegularFile
            else { continue }
            // Of a file of which nothing had been read there is no content to compare: only its own inode will do.
            if position.mark.offset == 0, isFirst(identity), identity.birthNanoseconds != 0 { return (path, open) }
            if comparison.match(open, size: identity.size, thoroughly: true) != nil { return (path, open) }
        }
        return nil
    }

    private func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
