import Instruments
import LinuxSystem
import OperationLogs

/// The start: recovered positions are matched to the files that are there, by who they are and what they hold.
extension FileTailer {
    struct Candidate {
        let path: String
        let identity: FileIdentity
        let isWanted: Bool

        fileprivate var place: Place { Place(path: path, file: FileKey(identity)) }
    }

    /// Which file has which name.
    fileprivate struct Place: Hashable {
        let path: String
        let file: FileKey
    }

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
        positions.sort { $0.value.mark.offset > $1.value.mark.offset }
        let candidates = resume(positions)
        for candidate in candidates where candidate.isWanted && byName[candidate.path] == nil {
            if let known = byKey[FileKey(candidate.identity)] {
                known.names.insert(candidate.path)
                byName[candidate.path] = known
                continue
            }
            let former = files.values.first { $0.path == candidate.path }
            track(candidate.path, after: former, startingAtEnd: startsAtEnd)
        }
        trackUnseen(candidates, bornAfter: mark?.seenUntil ?? time)
        for file in files.values { renamed[file.serial] = file }
        settleNames()
        seen.seenUntil = time
        submit()
        for path in candidates.lazy.filter(\.isWanted).map(\.path) { watch.followLinks(of: path) }
        watch.endUnused()
        board.setDirectories(watched: watch.watched, polled: watch.polled.sorted())
        nextPoll = watch.polled.isEmpty ? nil : now + milliseconds(limits.pollMilliseconds)
    }

    /// All files where rotated ones may be: in the directories of the patterns and in those of the positions.
    private func candidates(for positions: [RecoveredPosition]) -> [Candidate] {
        let places = directories.union(positions.map { Self.directory(of: $0.value.path) })
        return places.sorted().flatMap { candidates(in: $0) }
    }

    func candidates(in directory: String) -> [Candidate] {
        list(directory).compactMap { path in
            let isWanted = isWanted(path)
            guard let identity = try? FileIdentity.at(path, followingLinks: isWanted), identity.isRegularFile else {
                // What cannot be looked at is tried again later.
                if isWanted { look(at: path) }
                return nil
            }
            return Candidate(path: path, identity: identity, isWanted: isWanted)
        }
    }

    // MARK: By identity, then by content

    /// - Returns: the files that were there.
    private func resume(_ positions: [RecoveredPosition]) -> [Candidate] {
        var candidates = candidates(for: positions)
        let begun = positions.filter { $0.value.mark.offset > 0 }
        var unmatched = begun
        var byInode: [UInt64: [Candidate]] = [:]
        func same(_ position: FilePosition) -> [Candidate] {
            (byInode[position.inode] ?? []).filter { isSame($0.identity, position) }
        }
        // Files may be renamed while this looks: what is missing is looked for until two looks agree.
        for _ in 0..<20 {
            byInode = Dictionary(grouping: candidates, by: \.identity.inode)
            unmatched.removeAll { key, position in
                same(position).contains { resume(key, position, as: $0) }
            }
            if unmatched.isEmpty { break }
            let before = Set(candidates.map(\.place))
            candidates = self.candidates(for: positions)
            if Set(candidates.map(\.place)) == before { break }
        }
        var copyless = unmatched
        for _ in 0..<20 {
            copyless.removeAll { key, position in resumeInCopy(key, position, among: candidates) }
            if copyless.isEmpty { break }
            let before = Set(candidates.map(\.place))
            candidates = self.candidates(for: positions)
            if Set(candidates.map(\.place)) == before { break }
        }
        byInode = Dictionary(grouping: candidates, by: \.identity.inode)
        for (key, position) in copyless {
            if cannotBeLookedFor(position, among: same(position).map(\.path)) {
                awaited.append((key, position))
            } else {
                lose(key, position, wasRewritten: !same(position).isEmpty)
            }
        }
        // Of what nothing was read, after the copies are known: a file that was held back may be one of them.
        for (key, position) in positions where position.mark.offset == 0 {
            if !same(position).contains(where: { resume(key, position, as: $0) }) { forgotten.append(key) }
        }
        for (_, position) in unmatched {
            for rewritten in same(position)
            where byKey[FileKey(rewritten.identity)] == nil && !awaited.contains(where: { $0.value == position }) {
                track(rewritten.path, recordedAs: position.path)
                byName[rewritten.path]?.skipsNULs = true
            }
        }
        return candidates
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
            _ = try DirectoryListing.names(of: Self.directory(of: position.path))
            for path in paths { _ = try InputFile(path: path) }
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
            let open = try? InputFile(path: candidate.path), let identity = try? open.identity(),
            identity.isRegularFile
        else { return false }
        return comparison.match(open, size: identity.size, thoroughly: true) != nil
    }

    /// Follows the candidate from the position on, if it holds what was read.
    ///
    /// The whole of it is compared where the file system keeps no birth time to tell a reused inode.
    private func resume(_ key: [UInt8], _ position: FilePosition, as candidate: Candidate, byContent: Bool = false)
        -> Bool
    {
        guard byKey[FileKey(candidate.identity)] == nil, let open = try? InputFile(path: candidate.path),
            let identity = try? open.identity(), identity.isRegularFile
        else { return false }
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
        file.isRecorded = true
        file.isRotated = byContent || position.flags.contains(.isRotated)
        file.skipsNULs = position.flags.contains(.skippingNULs)
        // One that was begun is no copy; one that was not may be.
        file.isJudged = position.mark.offset > 0 || file.skipsNULs
        if byContent { touch(file) }
        refresh(file)
        return true
    }

    private func lose(_ key: [UInt8], _ position: FilePosition, wasRewritten: Bool) {
        forgotten.append(key)
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

    private static var compressedEndings: [String] { [".gz", ".xz", ".zst", ".bz2", ".lz4"] }

    /// Follows files that came and were rotated out of the patterns while nobody looked: they have the name of a followed
    /// file with something behind it, and hold nothing that another begins with.
    private func trackUnseen(_ candidates: [Candidate], bornAfter time: Int64) {
        for candidate in candidates.sorted(by: { $0.identity.birthNanoseconds < $1.identity.birthNanoseconds }) {
            guard !candidate.isWanted, candidate.identity.birthNanoseconds > time, candidate.identity.size > 0,
                byKey[FileKey(candidate.identity)] == nil, let name = nameBeforeRotation(of: candidate.path),
                let open = try? InputFile(path: candidate.path),
                !files.values.contains(where: {
                    Resemblance.of(open, size: candidate.identity.size, to: $0) != .none
                })
            else { continue }
            diagnostics.info(
                "input \(options.name): \(candidate.path) came and was rotated while the input was stopped; it is read as"
                    + " \(name)")
            track(candidate.path, recordedAs: name)
        }
    }

    /// `/var/log/a.log` for `/var/log/a.log.1`, `/var/log/a.log-20261120` and the same names where rotated files go;
    /// nil for a name that is no rotated one, or that of a compressed file.
    func nameBeforeRotation(of path: String) -> String? {
        let directory = Self.directory(of: path)
        let name = path.dropFirst(directory == "/" ? 1 : directory.utf8.count + 1)
        guard !Self.compressedEndings.contains(where: { name.hasSuffix($0) }) else { return nil }
        for end in name.indices.reversed() where end > name.startIndex && ".-_".contains(name[end]) {
            let shorter = name[..<end]
            for pattern in wanted {
                let beside = pattern.components.dropLast().joined(separator: "/")
                for place in [directory, "/" + beside] where isWanted("\(place)/\(shorter)") {
                    return "\(place)/\(shorter)"
                }
            }
        }
        return nil
    }

    // MARK: The remainder of a truncated file

    /// Looks beside a file and among the rotated files for one that is not followed and holds all that was read.
    func remainder(of comparison: ContentComparison, beside path: String) -> TrackedFile? {
        for directory in directories.union([Self.directory(of: path)]).sorted() {
            for candidate in candidates(in: directory) where holds(candidate, comparison) {
                guard let open = try? InputFile(path: candidate.path), let identity = try? open.identity(),
                    let head = comparison.match(open, size: identity.size, thoroughly: false),
                    let file = add(
                        candidate.path, open, identity, mark: comparison.mark, head: head, recordedAs: path)
                else { continue }
                file.isJudged = true
                file.isRotated = true
                touch(file)
                apply(.standing(file.standing), to: file)
                return file
            }
        }
        return nil
    }

    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
