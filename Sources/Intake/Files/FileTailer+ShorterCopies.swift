import Instruments
import LinuxSystem
import OperationLogs

/// Copies that end before the place up to which their originals were read: more was written between copy and truncation,
/// and read in time. Nothing in them is new.
extension FileTailer {
    /// Of a file that was truncated: those of which nothing was read yet, and those that are not followed.
    func passOverShorterCopies(of original: Tracked) {
        let comparison = ContentComparison(mark: original.resume, head: original.head)
        for file in filesInOrder where file !== original && file.read.offset == 0 && !file.isJudged {
            guard mayBeCopy(file, of: original.path), let open = opened(file), let size = try? open.identity().size,
                comparison.covers(open, size: size)
            else { continue }
            diagnostics.info(
                "input \(options.name): \(file.presentPath) is a copy of \(original.path), which was read farther before it"
                    + " was truncated")
            passOver(file, open, size)
        }
        lookUntilSettled(in: directories.union([Self.directory(of: original.path)])) { candidates in
            for candidate in candidates
            where byKey[FileKey(candidate.identity)] == nil && nameBeforeRotation(of: candidate.path) == original.path {
                guard let (open, identity) = open(candidate), comparison.covers(open, size: identity.size) else {
                    continue
                }
                passOver(candidate, open, identity, recordedAs: original.path)
            }
            return false
        }
    }

    /// Follows a file that is a copy of a former content, from the place up to which that was read, or passes it over: in the
    /// chunk in which it is first followed, or a kill would leave it a new file.
    ///
    /// - Returns: whether it is such a copy.
    func continuesFormer(
        _ candidate: Candidate, _ open: FileSystem.File, _ identity: FileIdentity, recordedAs path: String
    ) -> Bool {
        for former in formerContents where former.until > now {
            if let head = former.comparison.match(open, size: identity.size, thoroughly: true) {
                formerContents.removeAll { $0.comparison.mark == former.comparison.mark }
                follow(candidate, open, identity, from: former.comparison.mark, head: head, recordedAs: path)
                return true
            }
            if isCovered(candidate.path, open, identity.size, by: former) {
                passOver(candidate, open, identity, recordedAs: path)
                return true
            }
        }
        return false
    }

    /// All that is in a file that is not followed has been read, in another: that is noted, or a restart would take it for
    /// one that came while nobody looked.
    func passOver(_ candidate: Candidate, _ open: FileSystem.File, _ identity: FileIdentity, recordedAs path: String) {
        guard let all = try? ContentMark.ofAll(open, size: identity.size) else { return }
        follow(candidate, open, identity, from: all.mark, head: all.head, recordedAs: path)
    }

    @discardableResult
    func follow(
        _ candidate: Candidate, _ open: FileSystem.File, _ identity: FileIdentity, from mark: ContentMark,
        head: [UInt8],
        recordedAs path: String
    ) -> Tracked? {
        guard let file = add(candidate.path, open, identity, mark: mark, head: head, recordedAs: path) else {
            return nil
        }
        file.isJudged = true
        file.isRotated = true
        touch(file)
        apply(.standing(file.standing), to: file)
        return file
    }

    /// Whether a file has, or is recorded as what once had, a rotated name of the path.
    private func mayBeCopy(_ file: Tracked, of path: String) -> Bool {
        file.path == path || nameBeforeRotation(of: file.presentPath) == path
    }

    /// Whether a file is a copy, under a rotated name, of a former content that was read farther than the copy reaches.
    func isCovered(_ path: String, _ open: FileSystem.File, _ size: UInt64, by former: FormerContent) -> Bool {
        former.until > now && nameBeforeRotation(of: path) == former.path && former.comparison.covers(open, size: size)
    }

    /// - Returns: whether the file is such a copy.
    func passOverIfCovered(_ file: Tracked, _ open: FileSystem.File, _ size: UInt64) -> Bool {
        let covering = formerContents.first {
            $0.until > now && mayBeCopy(file, of: $0.path) && $0.comparison.covers(open, size: size)
        }
        guard let former = covering else { return false }
        diagnostics.info(
            "input \(options.name): \(file.presentPath) is a copy of what \(former.path) held before it was truncated, all of"
                + " which had been read")
        passOver(file, open, size)
        return true
    }

    /// Of the files that were found at the start: in the chunk that forgets the position of what they are copies of.
    func passOverCovered() {
        guard !formerContents.isEmpty else { return }
        for file in filesInOrder where !file.isJudged && file.read.offset == 0 {
            guard let open = file.file, let size = try? open.identity().size else { continue }
            _ = passOverIfCovered(file, open, size)
        }
    }

    /// All that is in a file has been read, in another.
    private func passOver(_ file: Tracked, _ open: FileSystem.File, _ size: UInt64) {
        guard let all = try? ContentMark.ofAll(open, size: size) else { return }
        file.size = size
        adopt(all.mark, head: all.head, by: file)
    }
}
