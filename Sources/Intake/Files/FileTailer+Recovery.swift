import Instruments
import LinuxSystem
import OperationLogs

/// The start: recovered positions are matched to the files that are there, by who they are and what they hold.
extension FileTailer {
    typealias RecoveredPosition = (key: [UInt8], value: FilePosition)

    func recover(_ recovered: [(key: [UInt8], value: [UInt8])]) {
        let time = timeBeforeLooking
        let markKey = FilePositionKey.mark(input: options.name)
        let mark = recovered.first { $0.key == markKey }.flatMap { FileInputMark($0.value) }
        isFirstStart = recovered.isEmpty
        let startsAtEnd = isFirstStart && options.startAt == .end
        directories = watch.walk(wanted + rotatedPatterns())
        var positions: [RecoveredPosition] = []
        for (key, value) in recovered where key != markKey {
            guard let position = FilePosition(value) else {
                diagnostics.error(
                    "input \(options.name): a file position of an unknown version is set aside; a file may be read again"
                )
                continue
            }
            positions.append((key, position))
        }
        positions.sort { a, b in
            let (first, second) = (a.value.mark.offset, b.value.mark.offset)
            return first == second ? a.key.lexicographicallyPrecedes(b.key) : first > second
        }
        seen.seenUntil = mark?.seenUntil ?? time
        resume(positions)
        let found = followAll(in: places(of: positions), startingAtEnd: startsAtEnd)
        passOverCovered()
        for file in files.values { renamed[file.serial] = file }
        settleNames()
        if found.isSettled { allIsSeen(until: time) }
        lastLook = time
        submit()
        for path in found.candidates.lazy.filter(\.isWanted).map(\.path) { watch.followLinks(of: path) }
        watch.endUnused()
        board.setDirectories(watched: watch.watched, polled: watch.polled.sorted())
        board.setLooked()
        nextPoll = watch.polled.isEmpty ? nil : now + milliseconds(limits.pollMilliseconds)
    }

    /// Where rotated files may be: in the directories of the patterns and in those of the positions.
    private func places(of positions: [RecoveredPosition]) -> Set<String> {
        directories.union(positions.map { Self.directory(of: $0.value.path) })
    }

    /// Follows every file that is wanted and not followed yet, under whatever name it has by now, and those that came and
    /// were rotated while nobody looked.
    private func followAll(in places: Set<String>, startingAtEnd: Bool) -> (candidates: [Candidate], isSettled: Bool) {
        var formerNames: [FileKey: String] = [:]
        let formers = Dictionary(files.values.map { ($0.path, $0) }) { $0.serial < $1.serial ? $0 : $1 }
        return lookUntilSettled(in: places) { candidates in
            for candidate in candidates {
                let key = FileKey(candidate.identity)
                if !candidate.isWanted {
                    if byKey[key] == nil, let name = formerNames[key] { track(candidate.path, recordedAs: name) }
                } else if byName[candidate.path] == nil {
                    formerNames[key] = candidate.path
                    if let known = byKey[key] {
                        known.names.insert(candidate.path)
                        byName[candidate.path] = known
                    } else {
                        track(candidate.path, after: formers[candidate.path], startingAtEnd: startingAtEnd)
                    }
                }
            }
            trackUnseen(candidates, bornAfter: seen.seenUntil)
            return false
        }
    }

    // MARK: By identity, then by content

    private func resume(_ positions: [RecoveredPosition]) {
        let places = places(of: positions)
        var byInode: [UInt64: [Candidate]] = [:]
        func same(_ position: FilePosition) -> [Candidate] {
            (byInode[position.inode] ?? []).filter { isSame($0.identity, position) }
        }
        func lookForSame(_ missing: inout [RecoveredPosition]) {
            _ = lookUntilSettled(in: places) { candidates in
                byInode = Dictionary(grouping: candidates, by: \.identity.inode)
                missing.removeAll { key, position in same(position).contains { resume(key, position, as: $0) } }
                return missing.isEmpty
            }
        }
        var unmatched = positions.filter { $0.value.mark.offset > 0 }
        lookForSame(&unmatched)
        var copyless = unmatched
        if !copyless.isEmpty {
            let (candidates, _) = lookUntilSettled(in: places) { candidates in
                copyless.removeAll { key, position in resumeInCopy(key, position, among: candidates) }
                return copyless.isEmpty
            }
            byInode = Dictionary(grouping: candidates, by: \.identity.inode)
        }
        for (key, position) in copyless {
            if cannotBeLookedFor(position, among: same(position).map(\.path)) {
                awaited.append((key, position))
            } else {
                lose(key, position, wasRewritten: !same(position).isEmpty)
            }
        }
        // Of what nothing was read, after the copies are known: a file that was held back may be one of them.
        var unread = positions.filter { $0.value.mark.offset == 0 }
        if !unread.isEmpty { lookForSame(&unread) }
        for (key, position) in unread {
            if cannotBeLookedFor(position, among: []) {
                awaited.append((key, position))
            } else {
                forgotten.append(key)
            }
        }
        for (_, position) in unmatched {
            for rewritten in same(position)
            where byKey[FileKey(rewritten.identity)] == nil && !awaited.contains(where: { $0.value == position }) {
                track(rewritten.path, recordedAs: position.path)
                byName[rewritten.path]?.skipsNULs = true
            }
        }
    }

    /// Goes on in a file that is another one and holds what was read.
    private func resumeInCopy(_ key: [UInt8], _ position: FilePosition, among candidates: [Candidate]) -> Bool {
        let comparison = ContentComparison(position)
        guard let copy = candidates.first(where: { holds($0, comparison) }),
            resume(key, position, as: copy, byContent: true)
        else { return false }
        diagnostics.info(
            "input \(options.name): \(position.path) goes on in \(copy.path) from byte \(position.mark.offset)")
        return true
    }

    /// Whether the file may well be there, but its directory is not (not mounted yet, perhaps), or it cannot be opened:
    /// then its position is kept.
    private func cannotBeLookedFor(_ position: FilePosition, among paths: [String]) -> Bool {
        do {
            _ = try fileSystem.names(in: Self.directory(of: position.path))
            for path in paths { _ = try fileSystem.open(path) }
            return false
        } catch {
            diagnostics.warning(
                "input \(options.name): \(error); \(position.path) was read up to byte \(position.mark.offset) and is read"
                    + " on from there once it can be opened")
            return true
        }
    }

    /// Follows a file whose position has been kept until it could be opened.
    func resumeAwaited(_ path: String, _ identity: FileIdentity) -> Bool {
        let candidate = Candidate(path: path, identity: identity, isWanted: true)
        guard
            let index = awaited.firstIndex(where: { key, position in
                isSame(identity, position) && resume(key, position, as: candidate)
            })
        else { return false }
        awaited.remove(at: index)
        if let file = byKey[FileKey(identity)] { renamed[file.serial] = file }
        return true
    }

    /// Whether inode, birth time and, within one boot, the device are the same.
    private func isSame(_ identity: FileIdentity, _ position: FilePosition) -> Bool {
        identity.inode == position.inode && identity.birthNanoseconds == position.birthNanoseconds
            && (position.boot != boot || identity.device == position.device)
    }

    private func holds(_ candidate: Candidate, _ comparison: ContentComparison) -> Bool {
        guard byKey[FileKey(candidate.identity)] == nil, candidate.identity.size >= comparison.mark.offset,
            let (open, identity) = open(candidate)
        else { return false }
        return comparison.match(open, size: identity.size, thoroughly: true) != nil
    }

    /// Follows the candidate from the position on, if it holds what was read.
    ///
    /// The whole of it is compared where the file system keeps no birth time to tell a reused inode.
    private func resume(_ key: [UInt8], _ position: FilePosition, as candidate: Candidate, byContent: Bool = false)
        -> Bool
    {
        guard byKey[FileKey(candidate.identity)] == nil, let (open, identity) = open(candidate) else { return false }
        var head: [UInt8] = []
        if position.mark.offset > 0 {
            let isCertain = byContent || (position.birthNanoseconds != 0 && position.boot == boot)
            guard let found = ContentComparison(position).match(open, size: identity.size, thoroughly: !isCertain)
            else { return false }
            head = found
        }
        guard
            let file = add(
                candidate.path, open, identity, mark: position.mark, head: head, recordedAs: position.path)
        else { return false }
        file.positionKey = key
        file.takenFrom = position.takenFrom
        file.isRecorded = true
        file.isRotated = byContent || position.flags.contains(.isRotated)
        file.skipsNULs = position.flags.contains(.skippingNULs)
        file.skipsLine = position.flags.contains(.skippingLine)
        // One that was begun is no copy; one that was not may be.
        file.isJudged = position.mark.offset > 0 || file.skipsNULs
        if byContent { touch(file) }
        passOver(file)
        refresh(file)
        return true
    }

    private func lose(_ key: [UInt8], _ position: FilePosition, wasRewritten: Bool) {
        forgotten.append(key)
        keepFormerContent(ContentComparison(position), of: position.path)
        let (path, offset) = (position.path, position.mark.offset)
        let compressed = compressedForm(of: path)
        let why =
            (wasRewritten ? "the file was truncated or written anew" : "the file is gone")
            + (compressed.map { " and may be left only compressed, as \($0)" }
                ?? ", and nothing beside it holds its content")
        if position.sizeSeen > offset { return reportLoss(path, offset, position.sizeSeen, why) }
        diagnostics.warning(
            "input \(options.name): \(path): read up to byte \(offset), all that was seen of it; what was written to it"
                + " afterwards, if anything, is not found: \(why)")
    }

    private func compressedForm(of path: String) -> String? {
        list(Self.directory(of: path)).first { name in
            name.hasPrefix(path) && Self.compressedEndings.contains { name.hasSuffix($0) }
        }
    }

    // MARK: The remainder of a truncated file

    /// Looks beside a file and among the rotated files for one that is not followed and holds all that was read.
    func remainder(of comparison: ContentComparison, beside path: String) -> Tracked? {
        var found: Tracked?
        lookUntilSettled(in: directories.union([Self.directory(of: path)])) { candidates in
            for candidate in candidates where found == nil {
                found = follow(candidate, from: comparison, recordedAs: path)
            }
            return found != nil
        }
        return found
    }

    private func follow(_ candidate: Candidate, from comparison: ContentComparison, recordedAs path: String) -> Tracked?
    {
        guard holds(candidate, comparison), let (open, identity) = open(candidate),
            let head = comparison.match(open, size: identity.size, thoroughly: false)
        else { return nil }
        return follow(candidate, open, identity, from: comparison.mark, head: head, recordedAs: path)
    }
}
