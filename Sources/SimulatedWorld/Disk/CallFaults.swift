import Glibc

/// Which calls fail: the n-th of one kind, once or from then on.
package struct CallFaults: Sendable {
    /// How much of a write that fails is in the page cache all the same.
    package enum Torn: Sendable, Hashable, CaseIterable { case nothing, half, allButOne }

    package struct Rule: Sendable, Hashable {
        package var call: StorageCall
        /// Counted from 1, from the moment at which the rule is set.
        package var nth: Int
        /// An errno.
        package var code: Int32
        package var isForGood: Bool
        package var torn: Torn

        package init(call: StorageCall, nth: Int, code: Int32, isForGood: Bool, torn: Torn = .nothing) {
            self.call = call
            self.nth = nth
            self.code = code
            self.isForGood = isForGood
            self.torn = torn
        }
    }

    /// What the seam's calls are made to fail with.
    package static let codes: [(code: Int32, name: String)] = [
        (EIO, "EIO"), (ENOSPC, "ENOSPC"), (EDQUOT, "EDQUOT"), (EINTR, "EINTR"), (EMFILE, "EMFILE"), (EACCES, "EACCES"),
        (EROFS, "EROFS"),
    ]

    package let rule: Rule?
    private var count = 0
    /// Whether a call has failed.
    package private(set) var hasStruck = false

    package init(_ rule: Rule? = nil) { self.rule = rule }

    /// Counts a call; how it fails, or nil.
    package mutating func failure(of call: StorageCall) -> Rule? {
        guard let rule, rule.call == call else { return nil }
        count += 1
        guard count == rule.nth || rule.isForGood && count > rule.nth else { return nil }
        hasStruck = true
        return rule
    }
}

extension CallFaults.Rule: CustomStringConvertible {
    package var description: String {
        let name = CallFaults.codes.first { $0.code == code }?.name ?? "errno \(code)"
        let extent = isForGood ? "from call \(nth) on" : "call \(nth)"
        return "\(call.rawValue), \(extent): \(name)\(torn == .nothing ? "" : ", \(torn) of it written")"
    }
}
