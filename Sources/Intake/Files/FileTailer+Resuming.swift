import Instruments
import LinuxSystem
import OperationLogs

/// Positions are matched to files: first by who these are, then by what they hold. What cannot be told now stays open, and
/// so does the position.
extension FileTailer {
    /// At a start, and again for those of which it could not be told.
    func resume(_ formers: [FormerContent]) {
        guard !formers.isEmpty else { return }
        var open = Matching(formers.filter { $0.mark.offset > 0 })
        matchByIdentity(&open)
        let rewritten = matchByContent(&open)
        // Of what nothing was read, after the copies are known: a file that was held back may be one of them.
        var unread = Matching(formers.filter { $0.mark.offset == 0 })
        matchByIdentity(&unread)
        for former in unread.left {
            if let trouble = unread.trouble(of: former) ?? absence(of: former) {
                keep(former, trouble)
            } else if let key = former.key {
                forgotten.append(key)
            }
        }
        for former in rewritten.formers { followRewritten(former, among: rewritten.candidates) }
    }

    /// The file from which a content is gone, and which is not followed for it any more, is read from its beginning.
    func followRewritten(_ former: FormerContent, among candidates: [Candidate]) {
        for candidate in candidates where isSame(candidate.identity, former.position) {
            guard byKey[FileKey(candidate.identity)] == nil else { continue }
            track(candidate.path, recordedAs: former.path, known: candidate.identity)
            byName[candidate.path]?.skipsNULs = true
        }
    }

    /// Positions that are being matched.
    private struct Matching {
        var left: [FormerContent]
        /// Of single ones, by key: what could not be compared.
        var troubles: [[UInt8]: SystemError] = [:]
        /// Of the look at the directories.
        var survey = Survey()
        var byInode: [UInt64: [Candidate]] = [:]

        init(_ formers: [FormerContent]) { left = formers }

        func trouble(of former: FormerContent) -> SystemError? { former.key.flatMap { troubles[$0] } ?? survey.trouble }
    }

    private func matchByIdentity(_ open: inout Matching) {
        guard !open.left.isEmpty else { return }
        var found = open
        let look = lookUntilSettled(in: places(of: open.left), bearing: homes(of: open.left)) { candidates in
            found.byInode = Dictionary(grouping: candidates, by: \.identity.inode)
            var troubles: [[UInt8]: SystemError] = [:]
            let matching = found
            found.left.removeAll { former in
                var survey = Survey()
                let isResumed = same(former, matching).contains { candidate in
                    let file = survey.answer { () throws(SystemError) in
                        try resume(former, as: candidate)
                    }
                    return file != nil
                }
                if !isResumed, let key = former.key { troubles[key] = survey.trouble }
                return isResumed
            }
            found.troubles = troubles
            return found.left.isEmpty
        }
        found.survey = look.survey
        open = found
    }

    private func homes(of formers: [FormerContent]) -> Set<String> {
        Set(formers.map { SourcePath.directory(of: $0.path) })
    }

    private func same(_ former: FormerContent, _ open: Matching) -> [Candidate] {
        (open.byInode[former.position.inode] ?? []).filter { isSame($0.identity, former.position) }
    }

    /// - Returns: those that do not stand in their own files any more, and what was seen: last, or of their own files, which
    ///   the last look may have failed to see, before.
    private func matchByContent(_ open: inout Matching) -> (formers: [FormerContent], candidates: [Candidate]) {
        guard !open.left.isEmpty else { return ([], []) }
        var certain: [FormerContent] = []
        for former in open.left {
            // Its file may still hold it: a copy must not be read beside that.
            if let trouble = open.trouble(of: former) ?? absence(of: former) {
                keep(former, trouble)
            } else {
                certain.append(former)
            }
        }
        var copyless = certain
        var troubles: [[UInt8]: SystemError] = [:]
        let look = lookUntilSettled(in: places(of: certain), bearing: homes(of: certain)) { candidates in
            troubles = [:]
            copyless.removeAll { former in
                var survey = Survey()
                let isFound = resumeInCopy(former, among: candidates, &survey)
                if let key = former.key { troubles[key] = survey.trouble }
                return isFound
            }
            return copyless.isEmpty
        }
        let own = certain.flatMap { same($0, open) }
        open.byInode = Dictionary(grouping: look.candidates + own, by: \.identity.inode)
        for former in copyless {
            var survey = Survey()
            passOverShorterCopies(of: former, among: look.candidates, &survey)
            if let trouble = former.key.flatMap({ troubles[$0] }) ?? survey.trouble ?? look.survey.trouble {
                var left = former
                left.hasLeftItsFile = true
                keep(left, trouble)
            } else {
                lose(recovered: former, wasRewritten: !same(former, open).isEmpty)
            }
        }
        return (certain, look.candidates + own)
    }

    /// Goes on in a file that is another one and holds what was read.
    private func resumeInCopy(_ former: FormerContent, among candidates: [Candidate], _ survey: inout Survey) -> Bool {
        var left = former
        left.hasLeftItsFile = true
        guard let file = copy(of: left, among: candidates, &survey) else { return false }
        takeOver(left, by: file)
        passOver(file)
        refresh(file)
        diagnostics.info(
            "input \(options.name): \(former.path) goes on in \(file.presentPath) from byte \(former.mark.offset)")
        return true
    }

    /// Where the file's own directory is not there (not mounted yet, perhaps), the file may well be.
    private func absence(of former: FormerContent) -> SystemError? {
        do {
            _ = try fileSystem.names(in: SourcePath.directory(of: former.path))
            return nil
        } catch {
            return error
        }
    }

    /// Follows a file of which a position was kept until it could be looked at.
    ///
    /// - Throws: where it still cannot.
    func resumeFormer(_ path: String, _ identity: FileIdentity) throws(SystemError) -> Bool {
        let candidate = Candidate(path: path, identity: identity, isWanted: true)
        for former in formerContents where !former.hasLeftItsFile && isSame(identity, former.position) {
            guard let file = try resume(former, as: candidate) else { continue }
            formerContents.removeAll { $0.key == former.key }
            renamed[file.serial] = file
            return true
        }
        return false
    }

    /// Whether inode, birth time and, within one boot, the device are the same.
    func isSame(_ identity: FileIdentity, _ position: FilePosition) -> Bool {
        identity.inode == position.inode && identity.birthNanoseconds == position.birthNanoseconds
            && (position.boot != boot || identity.device == position.device)
    }

    /// Follows the candidate from the position on, if it holds what was read.
    ///
    /// The whole of it is compared where the file system keeps no birth time to tell a reused inode.
    private func resume(_ former: FormerContent, as candidate: Candidate) throws(SystemError) -> Tracked? {
        guard byKey[FileKey(candidate.identity)] == nil else { return nil }
        let position = former.position
        guard let (open, identity) = try self.open(candidate) else { return nil }
        var head: [UInt8] = []
        if position.mark.offset > 0 {
            let isCertain = position.birthNanoseconds != 0 && position.boot == boot
            guard let found = try former.comparison.match(open, size: identity.size, thoroughly: !isCertain) else {
                return nil
            }
            head = found
        }
        let added = add(candidate.path, open, identity, mark: position.mark, head: head, recordedAs: position.path)
        guard let file = added else { return nil }
        if let key = former.key { file.positionKey = key }
        file.isRecorded = former.isInSpool
        file.isRotated = position.flags.contains(.isRotated)
        file.takenFrom = position.takenFrom
        file.skipsNULs = position.flags.contains(.skippingNULs)
        file.skipsLine = position.flags.contains(.skippingLine)
        file.isInDoubt = position.flags.contains(.inDoubt)
        // One that was begun is no copy; one that was not may be.
        file.isJudged = position.mark.offset > 0 || file.skipsNULs
        passOver(file)
        refresh(file)
        return file
    }

    private func lose(recovered former: FormerContent, wasRewritten: Bool) {
        let compressed = compressedForm(of: former.path)
        let why =
            (wasRewritten ? "the file was truncated or written anew" : "the file is gone")
            + (compressed.map { " and may be left only compressed, as \($0)" }
                ?? ", and nothing beside it holds its content")
        lose(former, why, mayHaveGrown: true)
    }

    private func compressedForm(of path: String) -> String? {
        list(SourcePath.directory(of: path))?.first { name in
            name.hasPrefix(path) && Self.compressedEndings.contains { name.hasSuffix($0) }
        }
    }
}
