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
        // A first start that died may have left some of its positions.
        isFirstStart = !recovered.contains { $0.key == markKey }
        mayMark = !isFirstStart
        let startsAtEnd = isFirstStart && options.startAt == .end
        seen = mark ?? FileInputMark(seenUntil: time)
        walk()
        var formers: [FormerContent] = []
        for (key, value) in recovered where key != markKey {
            guard let position = FilePosition(value) else {
                diagnostics.error(
                    "input \(options.name): a file position of an unknown version is set aside; a file may be read again"
                )
                continue
            }
            formers.append(FormerContent(recovered: position, key: key))
        }
        formers.sort { a, b in
            let (first, second) = (a.mark.offset, b.mark.offset)
            return first == second ? (a.key ?? []).lexicographicallyPrecedes(b.key ?? []) : first > second
        }
        markDoubtful(&formers)
        resume(formers)
        let found = followAll(in: places(of: formers), startingAtEnd: startsAtEnd)
        passOverCovered()
        for file in files.values { renamed[file.serial] = file }
        settleNames()
        if found.isSettled { allIsSeen(until: time) }
        lastLook = time
        mayMark = true
        submit()
        for path in found.candidates.lazy.filter(\.isWanted).map(\.path) { watch.followLinks(of: path) }
        endWalk()
        board.setLooked()
    }

    /// Where rotated files may be: in the directories of the patterns and in those of the positions.
    func places(of formers: [FormerContent]) -> Set<String> {
        directories.union(formers.map { SourcePath.directory(of: $0.path) })
    }

    /// Files may be renamed while this looks: it looks again until two looks agree.
    ///
    /// - Parameters:
    ///   - bearing: directories that bear on the question, where this user has no right to look either.
    ///   - done: takes what was seen; whether nothing is left to look for.
    /// - Returns: what was seen at last, whether the last two looks agree, and what could not be looked at.
    func lookUntilSettled(
        in places: Set<String>, bearing: Set<String> = [], _ done: ([Candidate]) -> Bool
    ) -> (candidates: [Candidate], isSettled: Bool, survey: Survey) {
        var survey = Survey()
        var candidates = candidates(in: places, bearing: bearing, &survey)
        for _ in 0..<20 {
            if done(candidates) { break }
            let before = Set(candidates)
            let wasWhole = survey.isWhole
            survey = Survey()
            candidates = self.candidates(in: places, bearing: bearing, &survey)
            if wasWhole == survey.isWhole, Set(candidates) == before { return (candidates, true, survey) }
        }
        return (candidates, false, survey)
    }

    /// Follows every file that is wanted and not followed yet, under whatever name it has by now, and those that came and
    /// were rotated while nobody looked.
    private func followAll(in places: Set<String>, startingAtEnd: Bool) -> (
        candidates: [Candidate], isSettled: Bool, survey: Survey
    ) {
        var formerNames: [FileKey: String] = [:]
        let formers = Dictionary(files.values.map { ($0.path, $0) }) { $0.serial < $1.serial ? $0 : $1 }
        return lookUntilSettled(in: places) { candidates in
            for candidate in candidates {
                let key = FileKey(candidate.identity)
                if !candidate.isWanted {
                    if let known = byKey[key] {
                        // What tells of a write names the file as its writer does.
                        if byName[candidate.path] !== known { giveName(candidate.path, to: known) }
                    } else if let name = formerNames[key] {
                        track(candidate.path, recordedAs: name, known: candidate.identity)
                    }
                } else if byName[candidate.path] == nil {
                    formerNames[key] = candidate.path
                    if let known = byKey[key] {
                        known.names.insert(candidate.path)
                        byName[candidate.path] = known
                    } else {
                        track(
                            candidate.path, after: formers[candidate.path], startingAtEnd: startingAtEnd,
                            known: candidate.identity)
                    }
                }
            }
            trackUnseen(candidates)
            return false
        }
    }
}
