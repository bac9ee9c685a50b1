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
    ///
    /// - Throws: where nothing was found, and something could not be looked at.
    public func path(of bytes: SourceRange) throws(SystemError) -> String? { try file(of: bytes)?.path }

    func file(of bytes: SourceRange) throws(SystemError) -> (path: String, file: FileSystem.File)? {
        var survey = Survey()
        let found = file(of: bytes, &survey)
        if found == nil, let trouble = survey.trouble { throw trouble }
        return found
    }

    private func file(of bytes: SourceRange, _ survey: inout Survey) -> (path: String, file: FileSystem.File)? {
        guard let position = FilePosition(bytes.identity) else { return nil }
        let comparison = ContentComparison(position)
        var others: [(path: String, identity: FileIdentity)] = []
        let directories = Set(places + [SourcePath.directory(of: position.path), SourcePath.directory(of: bytes.path)])
        for directory in directories.sorted() {
            for name in ask(
                &survey, for: bytes.path, { () throws(SystemError) in try fileSystem.names(in: directory).names }) ?? []
            {
                let path = directory == "/" ? "/\(name)" : "\(directory)/\(name)"
                guard
                    let identity = ask(
                        &survey, for: bytes.path, { () throws(SystemError) in try fileSystem.identity(of: path) }),
                    identity.isRegularFile, identity.size >= max(position.mark.offset, bytes.upTo ?? 0)
                else { continue }
                others.append((path, identity))
            }
        }
        let isFirst = { (identity: FileIdentity) in
            identity.inode == position.inode && identity.birthNanoseconds == position.birthNanoseconds
        }
        let ordered = others.filter { isFirst($0.identity) } + others.filter { !isFirst($0.identity) }
        for (path, _) in ordered {
            let file = ask(&survey, for: bytes.path) { () throws(SystemError) -> FileSystem.File? in
                let open = try fileSystem.open(path)
                let identity = try open.identity()
                guard identity.isRegularFile else { return nil }
                // Of a file of which nothing had been read there is no content to compare: only its own inode will do.
                if position.mark.offset == 0, isFirst(identity), identity.birthNanoseconds != 0 { return open }
                return try comparison.match(open, size: identity.size, thoroughly: true) == nil ? nil : open
            }
            if let file { return (path, file) }
        }
        return nil
    }

    /// What is not there is no trouble, nor what this user has no right to, unless it is what had the path.
    private func ask<Answer>(
        _ survey: inout Survey, for path: String, _ body: () throws(SystemError) -> Answer?
    ) -> Answer? {
        do {
            return try body()
        } catch {
            if !error.isAbsence, !error.isDenial || error.subject == path { survey.note(error) }
            return nil
        }
    }
}
