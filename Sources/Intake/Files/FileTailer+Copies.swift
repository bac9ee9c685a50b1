import Instruments
import LinuxSystem
import OperationLogs

extension FileTailer {
    /// Compares a new file to those that it may be a copy of, before anything is read from it.
    ///
    /// - Returns: whether it may be read now.
    /// - Throws: where that cannot be told, since it or one of those cannot be read.
    func judge(_ file: Tracked) throws(SystemError) -> Bool {
        guard let open = try opened(file) else { return false }
        let identity = try open.identity()
        file.size = identity.size
        guard identity.size > 0 else { return true }
        if try continuesFormer(file, open, identity.size) { return file.isJudged }
        if try resemblance(of: file, open, identity) == .none {
            // One that was renamed may have been truncated just before: its next read tells.
            file.predecessor = try renamedOriginal(of: file, open, identity)
            file.isJudged = file.predecessor == nil
            return file.isJudged
        }
        apply(.looksLikeCopy, to: file)
        return false
    }

    /// - Returns: whether it is a copy of a former content, and is read from its place on, or not at all.
    private func continuesFormer(_ file: Tracked, _ open: FileSystem.File, _ size: UInt64) throws(SystemError) -> Bool {
        for former in presentFormers {
            guard let head = try former.comparison.match(open, size: size, thoroughly: true) else { continue }
            try former.mustHaveLeftItsFile()
            diagnostics.info(
                "input \(options.name): \(file.presentPath) is a copy of what \(former.path) held before it was truncated; it is"
                    + " read from byte \(former.mark.offset) on")
            adopt(former.mark, head: head, by: file)
            takeOver(former, by: file)
            return true
        }
        return try passOverIfCovered(file, open, size)
    }

    private func renamedOriginal(of file: Tracked, _ open: FileSystem.File, _ identity: FileIdentity)
        throws(SystemError) -> Tracked?
    {
        let beginning = try beginning(of: open)
        for other in beginnings.alike(beginning)
        where other !== file && other.tail.standing != .named && other.read.offset > 0 && other.tail.isReady {
            guard !isTooOld(identity, toBeCopyOf: other),
                try Resemblance.of(open, beginning, size: identity.size, to: other) != .none
            else { continue }
            // What cannot be read now tells later.
            if other.retryAt != nil, let trouble = other.trouble { throw trouble }
            if other.retryAt == nil { return other }
        }
        return nil
    }

    /// A file that is held back has grown.
    func judgeAgain(_ file: Tracked) {
        guard file.tail.isHeld else { return }
        attempt(file) { () throws(SystemError) in
            guard let open = try opened(file) else { return }
            let before = file.size
            let identity = try open.identity()
            file.size = identity.size
            if try continuesFormer(file, open, file.size) { return }
            switch try resemblance(of: file, open, identity) {
            case .none:
                file.isJudged = true
                apply(.released, to: file)
            case .beginning where file.size != before: apply(.looksLikeCopy, to: file)
            case .beginning, .whole: refresh(file)
            }
        }
        // As long as it cannot be compared, the time in which it may be a copy does not run out.
        if file.tail.isHeld, file.trouble != nil { apply(.looksLikeCopy, to: file) }
    }

    /// Whether a file that was held back for long enough is held on: what it looks like has been truncated, and no read of
    /// that has told yet, or that cannot be told now; or it has no name that is wanted, and so is a file of its own only
    /// when it is like no other.
    func isHeldOn(_ file: Tracked) -> Bool {
        var isHeld = true
        attempt(file) { () throws(SystemError) in isHeld = try mustBeHeldOn(file) }
        return isHeld
    }

    private func mustBeHeldOn(_ file: Tracked) throws(SystemError) -> Bool {
        if let key = file.resembled, let original = filesInOrder.first(where: { $0.positionKey == key }),
            try hasOtherContent(original)
        {
            return true
        }
        let open = try reached(file)
        let identity = try open.identity()
        if try continuesFormer(file, open, identity.size) || file.names.contains(where: isWanted) { return false }
        return try resemblance(of: file, open, identity, byMuch: true) != .none
    }

    /// One that cannot be opened any more holds nothing.
    private func hasOtherContent(_ file: Tracked) throws(SystemError) -> Bool {
        if file.standing != .gone || file.file != nil { try reached(file) }
        return try file.hasOtherContent()
    }

    func beginning(of open: FileSystem.File) throws(SystemError) -> [UInt8] {
        try open.bytes(FilePosition.fingerprintBytes, at: 0)
    }

    /// Whether a file was made before another, and written to last before that was: then it holds nothing of it.
    func isTooOld(_ identity: FileIdentity, toBeCopyOf other: Tracked) -> Bool {
        identity.birthNanoseconds != 0 && identity.birthNanoseconds < other.key.birthNanoseconds
            && identity.modifiedNanoseconds < other.key.birthNanoseconds
    }

    /// How it looks beside those that are followed under their names; it is noted which of them it looks like.
    ///
    /// - Parameter byMuch: of one under another name than its original would have, only where much is the same: a heading is
    ///   no sign of a copy.
    private func resemblance(
        of file: Tracked, _ open: FileSystem.File, _ identity: FileIdentity, byMuch: Bool = false
    ) throws(SystemError) -> Resemblance {
        let beginning = try beginning(of: open)
        let size = identity.size
        var found = Resemblance.none
        var resembled: [UInt8]?
        let original = nameBeforeRotation(of: file.presentPath) ?? (file.names.isEmpty ? file.path : nil)
        if let original { try mustBeKnown(original) }
        var others = beginnings.alike(beginning)
        if original != nil {
            // Its content may be another one by now, or nothing of it may have been read.
            let alike = Set(others.map(\.serial))
            others = filesInOrder.filter { alike.contains($0.serial) || $0.path == original }
        }
        for other in others where other !== file && (other.resume.offset > 0 || other.path == original) {
            if isTooOld(identity, toBeCopyOf: other) { continue }
            // One that has lost its name counts as long as it may have been truncated before: its next read tells. One that
            // went on as another file may have the name of the copy's original all the same.
            if other.tail.standing == .named || original.map(other.names.contains) ?? false {
                try reached(other)
            } else {
                guard other.positionKey == file.resembled, try hasOtherContent(other) else { continue }
            }
            var resemblance = try Resemblance.of(open, beginning, size: size, to: other)
            if resemblance == .none, other.path == original, try other.hasOtherContent() {
                // Truncated, and no read has told yet: the copy may be of what stands in it now.
                resemblance = try Resemblance.ofUnread(open, size: size, to: other)
            }
            if resemblance == .none { continue }
            if byMuch, let original, other.path != original, !other.names.contains(original),
                !resemblance.isOfMuch(of: size, other)
            {
                continue
            }
            (found, resembled) = (resemblance, other.positionKey)
            if resemblance == .whole { break }
        }
        file.resembled = resembled
        return found
    }

    /// The file holds what was read of another: only what stands behind the place is read from it.
    func adopt(_ mark: ContentMark, head: [UInt8], by file: Tracked) {
        file.takenFrom = mark.offset
        file.read = mark
        file.resume = mark
        file.head = head
        file.isJudged = true
        file.isRotated = true
        touch(file)
        apply(.released, to: file)
        apply(.standing(file.standing), to: file)
        apply(.mayHaveGrown, to: file)
    }

    /// The file's content is new: it was truncated or written anew. What is left of the old content is looked for in a
    /// copy; the file itself is read from its beginning.
    func startAgain(_ file: Tracked) {
        let old = file.resume
        var successor: Tracked?
        var former: FormerContent?
        if old.offset > 0 {
            var position = file.position(boot: boot)
            position.sizeSeen = max(old.offset, file.sizeBeforeTruncation)
            let lost = FormerContent(truncated: position, key: file.positionKey, isInSpool: file.isRecorded)
            former = lost
            successor = search(for: lost)
            if let successor {
                diagnostics.info(
                    "input \(options.name): \(file.path) was truncated at byte \(old.offset); \(successor.presentPath) is its"
                        + " copy, and read from there on")
            }
            file.isRecorded = false
        }
        file.sizeBeforeTruncation = 0
        file.positionKey = FilePositionKey.new(input: options.name, id: randomID())
        // When it was truncated is not known: some time after it was read.
        let truncatedAfter = file.contentSeen == .min ? timeBeforeLooking : file.contentSeen
        file.contentSince = truncatedAfter
        file.contentSeen = .min
        file.firstRead = .max
        file.takenFrom = 0
        file.read = ContentMark()
        file.resume = ContentMark()
        file.head = []
        file.encoder = makeEncoder()
        file.unfinishedBytes = 0
        file.skipsNULs = true
        file.skipsLine = false
        file.isJudged = true
        touch(file)
        // It may have been filled and truncated again before this read, within the same tick of the clock of births too.
        let time = successor.map { $0.key.birthNanoseconds - 1 } ?? truncatedAfter
        followUnreadCopies(of: file, bornAfter: time, besides: former?.comparison)
    }

    /// Says and counts what will never be read.
    func reportLoss(_ path: String, _ offset: UInt64, _ end: UInt64, _ why: String) {
        diagnostics.warning(
            "input \(options.name): \(path): bytes \(offset) to \(end) were seen and never read: \(why); if they stand"
                + " somewhere else, give them to opslogd send")
        lostBytes.add(Int(clamping: end - offset))
        board.addLost(end - offset)
    }
}
