import Delivery
import LinuxSystem

/// Why a schema could not be applied or checked, in a sentence.
public enum SchemaProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// The database cannot be reached, or went away (exit status 69).
    case unreachable(String)
    /// The role may not do it, or the password is wrong (77).
    case notPermitted(String)
    /// The database holds something else (1).
    case doesNotFit(String)

    init(_ failure: DatabaseFailure) {
        switch failure {
        case .connectionLost(let words), .timedOut(let words):
            self = .unreachable("the database is not reachable: \(words); look at database.conninfo and the server")
        case .interrupted: self = .unreachable("the question to the database was interrupted; ask again")
        case .server(let error):
            let words = "\(error.message) (SQLSTATE \(error.sqlstate))"
            switch error.sqlstate {
            case "42501": self = .notPermitted("the database refuses: \(words); let the owner of the schema do it")
            case "28000", "28P01":
                self = .notPermitted(
                    "the database refuses the log-in: \(words); look at user, password and pg_hba.conf")
            case let state where ["08", "53", "57", "3D", "25", "55", "58"].contains(state.prefix(2)):
                self = .unreachable("the database cannot serve: \(words); look at database.conninfo and the server")
            default: self = .doesNotFit("the database refuses: \(words)")
            }
        }
    }

    init(_ error: SystemError) { self = .unreachable(error.description) }

    public var description: String {
        switch self {
        case .unreachable(let sentence), .notPermitted(let sentence), .doesNotFit(let sentence): sentence
        }
    }
}
