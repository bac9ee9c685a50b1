import Instruments
import LinuxSystem
import OperationLogs

/// What stood in a file before it was truncated, where no copy was found: one may still come.
struct FormerContent {
    let comparison: ContentComparison
    let path: String
    let until: UInt64
}

extension FileTailer {
    /// Compares a new file to those that it may be a copy of, before anything is read from it.
    ///
    /// - Returns: whether it may be read now.
    func judge(_ file: Tracked) -> Bool {
        guard let open = opened(file), let size = try? open.identity().size else { return false }
        file.size = size
        guard size > 0 else { return true }
        if let former = formerContents.first(where: { $0.until > now && continues($0, file, open, size) }) {
            diagnostics.info(
                "input \(options.name): \(file.presentPath) is a copy of what \(former.path) held before it was truncated; it is"
                    + " read from byte \(former.comparison.mark.offset) on")
            formerContents.removeAll { $0.comparison.mark == former.comparison.mark }
            return true
        }
        if passOverIfCovered(file, open, size) { return file.isJudged }
        if resemblance(of: file, open, size) == .none {
            // One that was renamed may have been truncated just before: its next read tells.
            file.predecessor = filesInOrder.first {
                $0 !== file && $0.tail.standing != .named && $0.read.offset > 0 && $0.tail.isReady && $0.retryAt == nil
                    && Resemblance.of(open, size: size, to: $0) != .none
            }
            file.isJudged = file.predecessor == nil
            return file.isJudged
        }
        apply(.looksLikeCopy, to: file)
        return false
    }

    /// A file that is held back has grown.
    func judgeAgain(_ file: Tracked) {
        guard file.tail.isHeld, let open = opened(file), let size = try? open.identity().size else { return }
        let before = file.size
        file.size = size
        switch resemblance(of: file, open, size) {
        case .none:
            file.isJudged = true
            apply(.released, to: file)
        case .beginning where size != before: apply(.looksLikeCopy, to: file)
        case .beginning, .whole: refresh(file)
        }
    }

    /// Whether a file that was held back for long enough is held on: what it looks like has been truncated, and no read of
    /// that has told yet; or it has no name that is wanted, and so is a file of its own only when it is like no other.
    func isHeldOn(_ file: Tracked) -> Bool {
        if let key = file.resembled, let original = filesInOrder.first(where: { $0.positionKey == key }),
            original.hasOtherContent
        {
            return true
        }
        guard !file.names.contains(where: isWanted), let open = opened(file), let size = try? open.identity().size
        else {
            return false
        }
        return resemblance(of: file, open, size) != .none
    }

    /// How it looks beside those that are followed under their names; it is noted which of them it looks like.
    private func resemblance(of file: Tracked, _ open: FileSystem.File, _ size: UInt64) -> Resemblance {
        var found = Resemblance.none
        let before = file.resembled
        file.resembled = nil
        let original = nameBeforeRotation(of: file.presentPath) ?? (file.names.isEmpty ? file.path : nil)
        for other in filesInOrder where other !== file && (other.resume.offset > 0 || other.path == original) {
            // One that has lost its name counts as long as it may have been truncated before: its next read tells.
            guard other.tail.standing == .named || other.positionKey == before && other.hasOtherContent else {
                continue
            }
            var resemblance = Resemblance.of(open, size: size, to: other)
            if resemblance == .none, other.path == original, other.hasOtherContent {
                // Truncated, and no read has told yet: the copy may be of what stands in it now.
                resemblance = Resemblance.ofUnread(open, size: size, to: other)
            }
            if resemblance != .none { file.resembled = other.positionKey }
            switch resemblance {
            case .none: continue
            case .beginning: found = .beginning
            case .whole: return .whole
            }
        }
        return found
    }

    private func continues(_ former: FormerContent, _ file: Tracked, _ open: FileSystem.File, _ size: UInt64) -> Bool {
        guard let head = former.comparison.match(open, size: size, thoroughly: true) else { return false }
        adopt(former.comparison.mark, head: head, by: file)
        return true
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
        let comparison = ContentComparison(mark: old, head: file.head)
        let sizeSeen = max(old.offset, file.sizeBeforeTruncation)
        let successor = old.offset > 0 ? copy(of: comparison, besides: file) : nil
        if old.offset > 0 { passOverShorterCopies(of: file) }
        if let successor {
            diagnostics.info(
                "input \(options.name): \(file.path) was truncated at byte \(old.offset); \(successor.presentPath) is its copy,"
                    + " and read from there on")
            forgetPosition(of: successor)
            successor.goOn(as: file)
            file.isRecorded = false
        } else if old.offset > 0 {
            keepFormerContent(comparison, of: file.path)
            reportTruncation(of: file.path, at: old.offset, sizeSeen: sizeSeen)
            forgetPosition(of: file)
        }
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
        followUnreadCopies(of: file, bornAfter: successor.map { $0.key.birthNanoseconds - 1 } ?? truncatedAfter)
    }

    /// A copy of it may still come, or be found.
    func keepFormerContent(_ comparison: ContentComparison, of path: String) {
        formerContents.removeAll { $0.until <= now }
        formerContents.append(
            FormerContent(comparison: comparison, path: path, until: now + milliseconds(limits.graceMilliseconds)))
    }

    private func reportTruncation(of path: String, at offset: UInt64, sizeSeen: UInt64) {
        guard sizeSeen > offset else {
            diagnostics.info(
                "input \(options.name): \(path) was truncated or written anew after all \(offset) bytes that were seen in"
                    + " it had been read; it is read from its beginning")
            return
        }
        reportLoss(path, offset, sizeSeen, "it was truncated or written anew, and no copy of it was found")
    }

    /// Says and counts what will never be read.
    func reportLoss(_ path: String, _ offset: UInt64, _ end: UInt64, _ why: String) {
        diagnostics.warning(
            "input \(options.name): \(path): bytes \(offset) to \(end) were seen and never read: \(why); if they stand"
                + " somewhere else, give them to opslogd send")
        lostBytes.add(Int(clamping: end - offset))
        board.addLost(end - offset)
    }

    /// Of the files that are held back, else of those beside the file or among the rotated: one that holds all that was
    /// read. Every held copy is read from there on; the first is the one that is given back.
    private func copy(of comparison: ContentComparison, besides original: Tracked) -> Tracked? {
        var first: Tracked?
        let unread = filesInOrder.filter { $0 !== original && $0.read.offset == 0 && !$0.isJudged }
        for file in unread {
            guard let open = opened(file), let size = try? open.identity().size,
                let head = comparison.match(open, size: size, thoroughly: true)
            else { continue }
            file.size = size
            adopt(comparison.mark, head: head, by: file)
            first = first ?? file
        }
        return first ?? remainder(of: comparison, beside: original.path)
    }
}
