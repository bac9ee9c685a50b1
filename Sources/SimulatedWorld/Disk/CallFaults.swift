/// Which calls fail: the n-th of one kind, once or from then on.
package struct CallFaults: Sendable {
    package struct Rule: Sendable, Hashable {
        /// As the system names it: "pwritev", "fdatasync", …
        package var call: String
        /// Counted from 1, from the moment at which the rule is set.
        package var nth: Int
        package var code: Int32
        package var isForGood: Bool

        package init(call: String, nth: Int, code: Int32, isForGood: Bool) {
            self.call = call
            self.nth = nth
            self.code = code
            self.isForGood = isForGood
        }
    }

    private var rule: Rule?
    private var count = 0
    /// Whether a call has failed.
    package private(set) var hasStruck = false

    package init(_ rule: Rule? = nil) { self.rule = rule }

    /// Counts a call; the error with which it fails, or nil.
    package mutating func code(for call: String) -> Int32? {
        guard let rule, rule.call == call else { return nil }
        count += 1
        guard count == rule.nth || rule.isForGood && count > rule.nth else { return nil }
        hasStruck = true
        return rule.code
    }
}
