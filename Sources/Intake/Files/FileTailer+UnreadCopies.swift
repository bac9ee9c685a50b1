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
            // Also where there is nothing: a copy that holds something is that of another content.
            let beginning = Array(bytes.prefix(FilePosition.fingerprintBytes))
            followUnreadCopies(of: file, bornAfter: file.contentSince, beginningOtherThan: beginning)
        }
        unreadCopied.remove(file.serial)
    }

    /// Follows what stood in a file and was truncated before any of it was read, since the spool had no room: copies
    /// under rotated names that nobody follows, younger than the time at which the last content known began.
    ///
    /// - Parameters:
    ///   - last: nor younger than this.
    ///   - known: the first bytes of the content that is read in the file itself; nil for what stands there now.
    func followUnreadCopies(
        of file: Tracked, bornAfter time: Int64, upTo last: Int64 = .max, beginningOtherThan known: [UInt8]? = nil
    ) {
        let present = known ?? (try? file.file?.bytes(FilePosition.fingerprintBytes, at: 0)) ?? []
        for directory in directories.union([Self.directory(of: file.path)]).sorted() {
            for candidate in candidates(in: directory)
            where !candidate.isWanted && candidate.identity.birthNanoseconds > time
                && candidate.identity.birthNanoseconds <= last
                && byKey[FileKey(candidate.identity)] == nil && nameBeforeRotation(of: candidate.path) == file.path
            {
                guard let (open, identity) = open(candidate),
                    let head = try? open.bytes(FilePosition.fingerprintBytes, at: 0), !head.isEmpty
                else { continue }
                // One that begins like the file is the copy of what stands in it now, and is read there.
                let common = min(head.count, present.count)
                guard common == 0 || head.prefix(common) != present.prefix(common) else { continue }
                if continuesFormer(candidate, open, identity, recordedAs: file.path) { continue }
                diagnostics.info(
                    "input \(options.name): \(file.path) was truncated before it was read; \(candidate.path) is its copy,"
                        + " and read from its beginning")
                track(candidate.path, recordedAs: file.path)
            }
        }
    }

    /// A file of which nothing was read became shorter: its copy is read, or the loss is told.
    func recoverUnread(_ file: Tracked) {
        followUnreadCopies(of: file, bornAfter: file.contentSince)
        let isFollowed = files.values.contains {
            $0.key.birthNanoseconds > file.contentSince && nameBeforeRotation(of: $0.presentPath) == file.path
        }
        file.contentSince = timeBeforeLooking
        if isFollowed { return }
        reportLoss(file.path, 0, file.size, "it was truncated before it was read, and no copy of it was found")
    }
}
