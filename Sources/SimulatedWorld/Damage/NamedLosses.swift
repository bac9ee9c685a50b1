import OperationLogs
import Spool

/// The records that a daemon has named as lost, in its status, in any of its lives.
struct NamedLosses {
    private var ranges: Set<LostRange> = []
    private(set) var sequences: Set<UInt64> = []

    var isEmpty: Bool { ranges.isEmpty }

    mutating func take(_ found: [LostRange]) {
        for range in found where ranges.insert(range).inserted {
            sequences.formUnion(range.first.rawValue..<range.next.rawValue)
        }
    }
}
