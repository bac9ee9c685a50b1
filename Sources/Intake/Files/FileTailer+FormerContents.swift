import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// Contents that were read in part, and stand in no file that is followed: the search for their copies, which is taken
/// again as long as one that may be a copy cannot be looked at.
extension FileTailer {
    /// How many are remembered at most: the oldest is given up.
    private static var mostFormerContents: Int { 256 }

    /// Those of which a copy may still come.
    ///
    /// A file that cannot be compared now may be one, however long that takes.
    var presentFormers: [FormerContent] {
        guard !formerContents.isEmpty else { return [] }
        if !filesInOrder.contains(where: { !$0.isJudged && $0.trouble != nil }) {
            formerContents.removeAll { $0.until.map { $0 <= now } ?? false }
        }
        return formerContents
    }

    /// Looks for the copies of what stood in a file: what stands behind the place in them is read, or nothing. Where there is
    /// none, the loss is told; where that is not known, the position stays, and the search goes on later.
    ///
    /// - Returns: the file that goes on with it.
    @discardableResult
    func search(for wanted: FormerContent) -> Tracked? {
        var former = wanted
        var successor: Tracked?
        var survey = Survey()
        let look = lookAround(former.path) { candidates in
            survey = Survey()
            successor = copy(of: former, among: candidates, &survey)
            passOverShorterCopies(of: former, among: candidates, &survey)
            return successor != nil
        }
        followRewritten(former, among: look.candidates)
        if let successor {
            takeOver(former, by: successor)
            former.key = nil
        }
        if let trouble = survey.trouble ?? look.survey.trouble {
            keep(former, trouble)
        } else if successor == nil {
            lose(
                former,
                former.isGone
                    ? "it was deleted, or moved out of sight, while it was not open (max_open_files)"
                    : "it was truncated or written anew, and no copy of it was found",
                mayHaveGrown: former.mayHaveGrown)
        }
        return successor
    }

    /// A file is gone that was not open. Nobody knows whether it was truncated before, after it was copied: what holds its
    /// content is taken for a copy.
    func loseClosed(_ file: Tracked) {
        var former = FormerContent(
            truncated: file.position(boot: boot), key: file.positionKey, isInSpool: file.isRecorded)
        former.isGone = true
        former.mayHaveGrown = file.tail.isReady
        // The position is the copy's, or nobody's.
        file.isRecorded = false
        file.positionKey = FilePositionKey.new(input: options.name, id: randomID())
        guard let successor = search(for: former) else { return }
        diagnostics.info(
            "input \(options.name): \(file.path) is gone; \(successor.presentPath) holds what was read of it, and is read from"
                + " byte \(former.mark.offset) on")
    }

    /// Takes up all searches that could not be ended.
    func searchAgain() {
        nextSearch = nil
        let open = formerContents.filter { $0.until == nil }
        formerContents.removeAll { $0.until == nil }
        resume(open.filter { !$0.hasLeftItsFile })
        for former in open where former.hasLeftItsFile {
            if let successor = search(for: former) {
                diagnostics.info(
                    "input \(options.name): \(former.path) goes on in \(successor.presentPath) from byte"
                        + " \(former.mark.offset)")
            }
        }
        for file in files.values { renamed[file.serial] = file }
        settleNames()
        news.isThere.store(true, ordering: .releasing)
        settleRereadings()
    }

    /// It stays open where the content is.
    func keep(_ wanted: FormerContent, _ trouble: SystemError) {
        var former = wanted
        if former.trouble != trouble {
            let next =
                former.hasLeftItsFile
                ? "goes on in a copy, perhaps, which is looked for again"
                : "is read on from there once it can be opened"
            diagnostics.warning(
                "input \(options.name): \(trouble); \(former.path) was read up to byte \(former.mark.offset) and \(next)"
            )
        }
        former.trouble = trouble
        former.until = nil
        if let key = former.key, !former.isNoted {
            // Its last lines are in the open chunk, and a copy must not be read from before them after a crash.
            window.builder.addPosition(key: key, value: former.position.encoded)
            (former.isNoted, former.isInSpool) = (true, true)
        }
        remember(former)
        let time = now + milliseconds(limits.retryMilliseconds)
        nextSearch = min(nextSearch ?? time, time)
    }

    /// It is nowhere: that is told; a copy may still come.
    func lose(_ wanted: FormerContent, _ why: String, mayHaveGrown: Bool = false) {
        var former = wanted
        let (path, offset) = (former.path, former.mark.offset)
        if let key = former.key, former.isInSpool { forgotten.append(key) }
        former.key = nil
        former.hasLeftItsFile = true
        former.until = now + milliseconds(limits.graceMilliseconds)
        if offset > 0 { remember(former) }
        if former.position.sizeSeen > offset { return reportLoss(path, offset, former.position.sizeSeen, why) }
        if former.isGone, !mayHaveGrown { return }
        if mayHaveGrown {
            return diagnostics.warning(
                "input \(options.name): \(path): read up to byte \(offset), all that was seen of it; what was written to it"
                    + " afterwards, if anything, is not found: \(why)")
        }
        diagnostics.info(
            "input \(options.name): \(path) was truncated or written anew after all \(offset) bytes that were seen in it had"
                + " been read; it is read from its beginning")
    }

    private func remember(_ former: FormerContent) {
        formerContents.append(former)
        guard formerContents.count > Self.mostFormerContents else { return }
        let oldest = formerContents.removeFirst()
        if let key = oldest.key, oldest.isInSpool { forgotten.append(key) }
        if oldest.until == nil, oldest.position.sizeSeen > oldest.mark.offset {
            reportLoss(
                oldest.path, oldest.mark.offset, oldest.position.sizeSeen, "what may hold it could not be looked at")
        }
    }

    /// The file goes on with the content, under the key of its position.
    func takeOver(_ former: FormerContent, by file: Tracked) {
        formerContents.removeAll { $0.mark == former.mark && $0.path == former.path }
        guard let key = former.key else { return }
        forgetPosition(of: file)
        file.goOn(with: former, under: key)
        touch(file)
    }

    /// Of the files that are held back, else of the candidates: one that holds all that was read. Every held copy is read
    /// from there on; the first is the one that is given back.
    func copy(of former: FormerContent, among candidates: [Candidate], _ survey: inout Survey) -> Tracked? {
        var first: Tracked?
        for file in filesInOrder where file.read.offset == 0 && !file.isJudged {
            let found = compare(file, for: former.path, &survey) {
                (open, size) throws(SystemError) -> (head: [UInt8], size: UInt64)? in
                guard let head = try former.comparison.match(open, size: size, thoroughly: true) else { return nil }
                return (head, size)
            }
            guard let found else { continue }
            file.size = found.size
            adopt(former.mark, head: found.head, by: file)
            first = first ?? file
        }
        if let first { return first }
        for candidate in candidates {
            guard byKey[FileKey(candidate.identity)] == nil, candidate.identity.size >= former.mark.offset else {
                continue
            }
            let file = compare(candidate, for: former.path, &survey) {
                (open, identity) throws(SystemError) -> Tracked? in
                guard let head = try former.comparison.match(open, size: identity.size, thoroughly: true) else {
                    return nil
                }
                return follow(candidate, open, identity, from: former.mark, head: head, recordedAs: former.path)
            }
            if let file { return file }
        }
        return nil
    }
}
