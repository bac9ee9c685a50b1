import Instruments
import LinuxSystem
import OperationLogs

/// Copies that end before the place up to which their originals were read: more was written between copy and truncation,
/// and read in time. Nothing in them is new.
extension FileTailer {
    /// Of what was truncated: those of which nothing was read yet, and those that are not followed.
    func passOverShorterCopies(of former: FormerContent, among candidates: [Candidate], _ survey: inout Survey) {
        for file in filesInOrder where file.read.offset == 0 && !file.isJudged && mayBeCopy(file, of: former.path) {
            let all = compare(file, for: former.path, &survey) {
                (open: FileSystem.File, size: UInt64) throws(SystemError) -> Content? in
                guard try former.comparison.covers(open, size: size) else { return nil }
                return try content(of: open, size)
            }
            guard let all else { continue }
            diagnostics.info(
                "input \(options.name): \(file.presentPath) is a copy of \(former.path), which was read farther before it"
                    + " was truncated")
            passOver(file, all)
        }
        for candidate in candidates
        where byKey[FileKey(candidate.identity)] == nil && nameBeforeRotation(of: candidate.path) == former.path {
            _ = compare(candidate, for: former.path, &survey) {
                (open: FileSystem.File, identity: FileIdentity) throws(SystemError) -> Tracked? in
                guard try former.comparison.covers(open, size: identity.size) else { return nil }
                let all = try content(of: open, identity.size)
                return follow(
                    candidate, open, identity, from: all.mark, head: all.head, recordedAs: former.path)
            }
        }
    }

    private typealias Content = (mark: ContentMark, head: [UInt8])

    private func content(of open: FileSystem.File, _ size: UInt64) throws(SystemError) -> Content {
        try ContentMark.ofAll(open, size: size)
    }

    /// Follows a file that is a copy of a former content, from the place up to which that was read, or passes it over: in the
    /// chunk in which it is first followed, or a kill would leave it a new file.
    ///
    /// - Returns: whether it is such a copy.
    func continuesFormer(
        _ candidate: Candidate, _ open: FileSystem.File, _ identity: FileIdentity, recordedAs path: String
    ) throws(SystemError) -> Bool {
        for former in presentFormers {
            if let head = try former.comparison.match(open, size: identity.size, thoroughly: true) {
                try former.mustHaveLeftItsFile()
                let file = follow(
                    candidate, open, identity, from: former.mark, head: head, recordedAs: path)
                if let file { takeOver(former, by: file) }
                return true
            }
            if nameBeforeRotation(of: candidate.path) == former.path,
                try former.comparison.covers(open, size: identity.size)
            {
                try former.mustHaveLeftItsFile()
                let all = try content(of: open, identity.size)
                follow(candidate, open, identity, from: all.mark, head: all.head, recordedAs: path)
                return true
            }
        }
        return false
    }

    @discardableResult
    func follow(
        _ candidate: Candidate, _ open: FileSystem.File, _ identity: FileIdentity, from mark: ContentMark,
        head: [UInt8], recordedAs path: String
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

    /// Whether a file has, or is recorded as what once had, a rotated name of the path. What has the path's very name came after
    /// what had it before, and begins like that by chance.
    private func mayBeCopy(_ file: Tracked, of path: String) -> Bool {
        file.path == path && !file.names.contains(path) || nameBeforeRotation(of: file.presentPath) == path
    }

    /// - Returns: whether the file is such a copy.
    func passOverIfCovered(_ file: Tracked, _ open: FileSystem.File, _ size: UInt64) throws(SystemError) -> Bool {
        for former in presentFormers where mayBeCopy(file, of: former.path) {
            guard try former.comparison.covers(open, size: size) else { continue }
            try former.mustHaveLeftItsFile()
            let all = try content(of: open, size)
            diagnostics.info(
                "input \(options.name): \(file.presentPath) is a copy of what \(former.path) held before it was truncated,"
                    + " all of which had been read")
            passOver(file, all)
            return true
        }
        return false
    }

    /// Of the files that were found at the start: in the chunk that forgets the position of what they are copies of.
    func passOverCovered() {
        guard !formerContents.isEmpty else { return }
        for file in filesInOrder where !file.isJudged && file.read.offset == 0 {
            attempt(file) { () throws(SystemError) in
                if let open = try opened(file) { _ = try passOverIfCovered(file, open, open.identity().size) }
            }
        }
    }

    /// All that is in a file has been read, in another.
    private func passOver(_ file: Tracked, _ all: Content) {
        file.size = max(file.size, all.mark.offset)
        adopt(all.mark, head: all.head, by: file)
    }
}
