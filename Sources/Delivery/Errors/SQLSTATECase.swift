import OperationLogs

/// A row of the table that says what an SQLSTATE means ("PostgreSQL Error Codes", appendix A of its documentation).
///
/// The first row of `SQLSTATECase.table` that matches decides.
public struct SQLSTATECase: Sendable {
    /// What of the state is compared.
    public enum Pattern: Sendable, Hashable {
        /// All five characters.
        case code(String)
        /// The first two.
        case everyCodeOfClass(String)
    }

    /// What else must hold for the row to match.
    public enum Condition: Sendable, Hashable {
        case always
        /// The error names no constraint.
        case withoutConstraintName
        /// The error names the primary key of a table, or of a partition of it, whose key is a serial number.
        case onSerialKey
        /// A table was being written.
        case ofTable
    }

    /// Names the row in tests and messages.
    public let label: String
    public let pattern: Pattern
    public let condition: Condition
    public let meaning: FailureMeaning
    /// Whether a smaller batch may get through where this one did not.
    public let asksForSmallerBatch: Bool
    /// Whether only the table at hand is concerned, so that the other lanes need not wait.
    public let concernsOneTable: Bool
    /// For the operator: what to do.
    public let remedy: String?

    init(
        _ label: String, _ pattern: Pattern, when condition: Condition = .always, _ meaning: FailureMeaning,
        asksForSmallerBatch: Bool = false, concernsOneTable: Bool = false, remedy: String? = nil
    ) {
        self.label = label
        self.pattern = pattern
        self.condition = condition
        self.meaning = meaning
        self.asksForSmallerBatch = asksForSmallerBatch
        self.concernsOneTable = concernsOneTable
        self.remedy = remedy
    }

    /// The row for an error; `anythingElse` where no other matches.
    ///
    /// A trigger chooses the state that it raises. One that says to try again is heeded, for its table alone, whatever
    /// else it says refuses the row: it is not the server that misses a table, a right or a partition then.
    ///
    /// - Parameter lane: the table that was being written, if one was.
    public static func of(_ error: ServerError, lane: EventKind?) -> SQLSTATECase {
        let row = table.first { $0.matches(error, lane: lane) } ?? anythingElse
        guard error.isRaised else { return row }
        return row.meaning == .passing || row.meaning == .outcomeUnknown ? raisedAsPassing : raisedByTrigger
    }

    func matches(_ error: ServerError, lane: EventKind?) -> Bool {
        let fits =
            switch pattern {
            case .code(let code): error.sqlstate == code
            case .everyCodeOfClass(let code): error.sqlstate.hasPrefix(code)
            }
        guard fits else { return false }
        switch condition {
        case .always: return true
        case .withoutConstraintName: return error.constraint == nil
        case .onSerialKey:
            // The key of a watermark is its pipeline's name, no serial number.
            guard let lane, lane != .pipelineWatermarks, let constraint = error.constraint else { return false }
            return constraint.hasPrefix(lane.name) && constraint.hasSuffix("_pkey")
        case .ofTable: return lane != nil
        }
    }
}

extension SQLSTATECase {
    /// For the log and `status`: the server's primary message, without DETAIL and CONTEXT, and what to do.
    func sentence(_ error: ServerError) -> String {
        let what = "\(error.message) (SQLSTATE \(error.sqlstate), \(label))"
        return remedy.map { "\(what): \($0)" } ?? what
    }
}
