import Instruments
import LinuxSystem
import OperationLogs

/// Contents that were truncated before anything of them was read: all that is left of them is their copies.
extension FileTailer {
    /// A file came that is not followed: if it has a rotated name of one whose content has not been read since, the next
    /// read of that one tells whether it is the copy of a content that is gone.
    func noteCopy(at path: String, _ identity: FileIdentity) {
        guard let name = nameBeforeRotation(of: path) else { return }
        guard let file = byName[name] else {
            // That of a file that has gone on as another before anybody saw it, perhaps.
            trackUnseen([Candidate(path: path, identity: identity, isWanted: false)], bornAfter: seen.seenUntil)
            return
        }
        guard identity.birthNanoseconds > file.contentSince,
            identity.birthNanoseconds <= file.firstRead || file.tail.isReady
        else { return }
        unreadCopied.insert(file.serial)
        apply(.mayHaveGrown, to: file)
    }

    /// What stands in the file is known, and is what was read before: copies from before the first read of it that begin
    /// otherwise hold what no read saw.
    ///
    /// - Parameter bytes: those at the file's position.
    func compareUnreadCopies(of file: Tracked, _ bytes: UnsafeRawBufferPointer) {
        if file.read.offset > 0 {
            followUnreadCopies(
                of: file, bornAfter: file.contentSince, upTo: file.firstRead, beginningOtherThan: file.head)
        } else {
            let areAll = followUnreadCopies(
                of: file, bornAfter: file.contentSince, beginningOtherThan: wholeLines(bytes))
            // That one may be gone from the file by the next read.
            if !areAll { return }
        }
        unreadCopied.remove(file.serial)
    }

    /// The beginning of what this read takes from the file: of a line without its end, nothing.
    private func wholeLines(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        let end = bytes.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
        return Array(bytes[..<end].prefix(FilePosition.fingerprintBytes))
    }

    /// Follows what stood in a file and was truncated before any of it was read, since the spool had no room: copies
    /// under rotated names that nobody follows, younger than the time at which the last content known began.
    ///
    /// - Parameters:
    ///   - last: nor younger than this.
    ///   - known: the first bytes of the content that is read in the file itself.
    /// - Returns: false if there is a copy of what stands in the file now, of which nothing is read yet.
    @discardableResult
    func followUnreadCopies(
        of file: Tracked, bornAfter time: Int64, upTo last: Int64 = .max, beginningOtherThan known: [UInt8] = []
    ) -> Bool {
        var areAll = true
        lookUntilSettled(in: directories.union([Self.directory(of: file.path)])) { candidates in
            for candidate in candidates
            where !candidate.isWanted && candidate.identity.birthNanoseconds > time
                && candidate.identity.birthNanoseconds <= last
                && byKey[FileKey(candidate.identity)] == nil && nameBeforeRotation(of: candidate.path) == file.path
            {
                guard let (open, identity) = open(candidate),
                    let head = try? open.bytes(FilePosition.fingerprintBytes, at: 0), !head.isEmpty
                else { continue }
                // One that begins like what is read of the file is a copy of it, and read there.
                let common = min(head.count, known.count)
                if common > 0, head.prefix(common) == known.prefix(common) { continue }
                // As long as nothing is, the file itself tells: no copy holds more than its original does then, and what
                // only begins like it does so by chance.
                if known.isEmpty, (try? file.file?.bytes(head.count, at: 0)) == head {
                    areAll = false
                    continue
                }
                if continuesFormer(candidate, open, identity, recordedAs: file.path) { continue }
                diagnostics.info(
                    "input \(options.name): \(file.path) was truncated before it was read; \(candidate.path) is its copy,"
                        + " and read from its beginning")
                track(candidate.path, recordedAs: file.path)
            }
            return false
        }
        return areAll
    }

    /// A file of which nothing was read became shorter: its copy is read, or the loss is told.
    ///
    /// - Parameter bytes: those that stand in it now.
    func recoverUnread(_ file: Tracked, _ bytes: UnsafeRawBufferPointer) {
        followUnreadCopies(of: file, bornAfter: file.contentSince, beginningOtherThan: wholeLines(bytes))
        let isFollowed = files.values.contains {
            $0.key.birthNanoseconds > file.contentSince && nameBeforeRotation(of: $0.presentPath) == file.path
        }
        file.contentSince = timeBeforeLooking
        if isFollowed { return }
        reportLoss(file.path, 0, file.size, "it was truncated before it was read, and no copy of it was found")
    }
}
