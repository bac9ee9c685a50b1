import Instruments
import LinuxSystem
import OperationLogs

/// Contents that were truncated before anything of them was read: all that is left of them is their copies.
extension FileTailer {
    /// A file came that is not followed: if it has a rotated name of one whose content has not been read since, the next
    /// read of that one tells whether it is the copy of a content that is gone.
    func noteCopy(at path: String, _ identity: FileIdentity) {
        guard let name = nameBeforeRotation(of: path) else { return }
        guard let file = byName[name], identity.birthNanoseconds > file.contentSince else {
            // That of a file that has gone on as another before anybody saw it, perhaps.
            trackUnseen([Candidate(path: path, identity: identity, isWanted: false)])
            return
        }
        guard identity.birthNanoseconds <= file.firstRead || file.tail.isReady else { return }
        unreadCopied.insert(file.serial)
        apply(.mayHaveGrown, to: file)
    }

    /// What stands in the file is known, and is what was read before: copies from before the first read of it that begin
    /// otherwise hold what no read saw.
    ///
    /// - Parameter bytes: those at the file's position.
    func compareUnreadCopies(of file: Tracked, _ bytes: UnsafeRawBufferPointer) {
        // Also where there is nothing: a copy that holds something is that of another content.
        let isBegun = file.read.offset > 0
        let looked = followUnreadCopies(
            of: file, bornAfter: file.contentSince, upTo: isBegun ? file.firstRead : .max,
            beginningOtherThan: isBegun ? file.head : wholeLines(bytes))
        // What is copied and not read may be gone from the file by the next read.
        if looked.isWhole, !looked.isPresentCopied { unreadCopied.remove(file.serial) }
    }

    /// The beginning of what this read takes from the file: of a line without its end, nothing.
    private func wholeLines(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        let end = bytes.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
        return Array(bytes[..<end].prefix(FilePosition.fingerprintBytes))
    }

    /// Follows what stood in a file and was truncated before any of it was read, since the spool had no room: copies
    /// under rotated names that nobody follows, younger than the time at which the last content known began.
    ///
    /// Where one of them cannot be looked at, the file's next read asks again.
    ///
    /// - Parameters:
    ///   - last: nor younger than this.
    ///   - known: the first bytes of the content that is read in the file itself.
    ///   - former: what stood in it before, and is looked for by itself.
    /// - Returns: whether all could be looked at, and whether there is a copy of what stands in the file now, of which
    ///   nothing is read yet.
    @discardableResult
    func followUnreadCopies(
        of file: Tracked, bornAfter time: Int64, upTo last: Int64 = .max, beginningOtherThan known: [UInt8] = [],
        besides former: ContentComparison? = nil
    ) -> (isWhole: Bool, isPresentCopied: Bool) {
        var survey = Survey()
        var isPresentCopied = false
        let look = lookAround(file.path) { candidates in
            survey = Survey()
            for candidate in candidates {
                guard !candidate.isWanted, candidate.identity.birthNanoseconds > time,
                    candidate.identity.birthNanoseconds <= last, byKey[FileKey(candidate.identity)] == nil,
                    nameBeforeRotation(of: candidate.path) == file.path
                else { continue }
                let isOther = compare(candidate, for: file.path, &survey) { (open, identity) throws(SystemError) in
                    let head = try open.bytes(FilePosition.fingerprintBytes, at: 0)
                    // One that begins like what is read of the file is a copy of it, and read there.
                    let common = min(head.count, known.count)
                    if head.isEmpty || common > 0 && head.prefix(common) == known.prefix(common) { return false }
                    // As long as nothing is, the file itself tells: no copy holds more than its original does then, and
                    // what only begins like it does so by chance.
                    if known.isEmpty, try file.file?.bytes(head.count, at: 0) == head {
                        isPresentCopied = true
                        return false
                    }
                    if try former?.match(open, size: identity.size, thoroughly: true) != nil { return false }
                    return try !continuesFormer(candidate, open, identity, recordedAs: file.path)
                }
                guard isOther ?? false else { continue }
                diagnostics.info(
                    "input \(options.name): \(file.path) was truncated before it was read; \(candidate.path) is its copy,"
                        + " and read from its beginning")
                track(candidate.path, recordedAs: file.path, known: candidate.identity)
            }
            return false
        }
        let isWhole = survey.isWhole && look.survey.isWhole
        if !isWhole {
            unreadCopied.insert(file.serial)
            file.contentSince = min(file.contentSince, time)
            file.nextLook = now + milliseconds(limits.retryMilliseconds)
        }
        return (isWhole, isPresentCopied)
    }

    /// A file of which nothing was read became shorter, or is gone: its copy is read, or the loss is told.
    ///
    /// - Parameter bytes: those that stand in it now.
    /// - Returns: false if that has to wait, since something cannot be looked at.
    @discardableResult
    func recoverUnread(_ file: Tracked, _ bytes: UnsafeRawBufferPointer, _ what: String = "truncated") -> Bool {
        let looked = followUnreadCopies(
            of: file, bornAfter: file.contentSince, beginningOtherThan: wholeLines(bytes))
        guard looked.isWhole else { return false }
        let isFollowed = files.values.contains {
            $0.key.birthNanoseconds > file.contentSince && nameBeforeRotation(of: $0.presentPath) == file.path
        }
        file.contentSince = timeBeforeLooking
        if !isFollowed {
            reportLoss(file.path, 0, file.size, "it was \(what) before it was read, and no copy of it was found")
        }
        return true
    }
}
