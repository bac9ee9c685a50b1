import OperationLogs

/// What a job that only knows files does with its log, or logrotate with it.
package enum JobAction: Sendable, Hashable {
    /// Where a rotated file goes.
    package enum Rotated: Sendable, Hashable, CaseIterable {
        /// `.1`, and what was there moves on; the third is deleted.
        case shifted
        /// `-` and a number.
        case dated
        /// Into the directory for rotated files.
        case elsewhere
    }

    /// Whole lines, to the file that it has open; else to that of its name, which is made.
    case append(lines: Int)
    /// So many bytes of the next line, or of one that was begun.
    case part(bytes: Int)
    /// The file gets another name; the job goes on writing to it.
    case rotate(Rotated)
    /// The job opens the file of its name, and makes it if there is none.
    case reopen
    /// A copy is made …
    case copy(Rotated)
    /// … and the file truncated; or only that.
    case truncate
    /// Both, with so many lines written in between.
    case copyTruncate(Rotated, between: Int)
    /// The file loses its name; the job goes on writing to it.
    case delete
    /// One of the rotated files goes.
    case deleteRotated
    /// A new file takes the name of the present one, which goes.
    case replace
    /// The job ends before the end of its line; its file is rotated, and the next job begins another.
    case abandonLine(Rotated)

    static func draw(_ random: inout SplitMix64) -> JobAction {
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        let rotated = Rotated.allCases[number(0...2)]
        switch number(0...99) {
        case ..<46: return .append(lines: [1, 1, 2, 5, 20][number(0...4)])
        case ..<57: return .part(bytes: number(1...120))
        case ..<68: return .rotate(rotated)
        case ..<79: return .reopen
        case ..<87: return .copyTruncate(rotated, between: number(0...2))
        case ..<91: return .copy(rotated)
        case ..<93: return .truncate
        case ..<95: return .delete
        case ..<96: return .deleteRotated
        case ..<97: return .replace
        default: return .abandonLine(rotated)
        }
    }
}
