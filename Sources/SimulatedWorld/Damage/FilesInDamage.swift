import OperationLogs
import Spool

/// What may become of a file's line whose record was lost with a damaged place: it is read again, or its bytes are listed
/// for the operator's word, or no file holds it any more.
struct FilesInDamage {
    /// Those of which the daemon says that they are not in the spool.
    let listed: [SourceRange]
    let rule: LossRule

    init(_ losses: [LossSummary], _ rule: LossRule) {
        listed = losses.flatMap(\.sources)
        self.rule = rule
    }

    /// Whether the line's bytes, which begin there in a file of its job, are among those that are listed.
    func isListed(_ line: SimulatedLine, at offset: Int) -> Bool {
        listed.contains { bytes in
            bytes.path.contains("/\(line.source).log") && bytes.from <= UInt64(offset)
                && UInt64(offset) < bytes.upTo ?? .max
        }
    }

    /// Lines with more than one record, and those among them that have one which is whole. No line may have two.
    static func repeated(
        in entries: [Books.Entry], _ rule: LossRule
    ) throws -> (lines: Set<SimulatedLine>, whole: Set<SimulatedLine>) {
        var records: [SimulatedLine: Int] = [:]
        var whole: Set<SimulatedLine> = []
        for (index, entry) in entries.enumerated() {
            records[entry.line, default: 0] += 1
            guard !rule.mayLack(index + 1) else { continue }
            guard whole.insert(entry.line).inserted else {
                throw BrokenPromise("\(entry.line.name) is in the spool twice")
            }
        }
        let lines = Set(records.lazy.filter { $0.value > 1 }.map(\.key))
        return (lines, lines.intersection(whole))
    }
}
