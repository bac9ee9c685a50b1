import DaemonConfiguration
import DeadLetters
import Delivery
import Glibc
import Intake
import LinuxSystem
import OperationLogs
import OperationLogsClient
import PostgreSQL
import PrivatePostgreSQL
import Spool
import Telemetry

/// The one place where the errors of the parts become exit statuses. Their sentences are their own.
extension CommandFailure {
    init(describing error: any Error) {
        if let failure = error as? CommandFailure {
            self = failure
            return
        }
        let status: ExitStatus =
            switch error {
            case let failure as SystemError: Self.status(of: failure.code)
            case let failure as SpoolError: ExitStatus(rawValue: failure.exitStatus) ?? .inputOutput
            case let failure as DeadLetterStoreError: Self.status(of: failure)
            case let failure as ServerProblem: Self.status(of: failure)
            case let failure as SchemaProblem: Self.status(of: failure)
            case let failure as TelemetryServerError: Self.status(of: failure)
            case let failure as ControlSocketClient.Failure: Self.status(of: failure)
            case let failure as SocketOpenError: Self.status(of: failure)
            case let failure as SendingError: Self.status(of: failure)
            case let failure as DatabaseFailure: failure == .interrupted ? .tryAgain : .unavailable
            case let failure as ConfigurationError: Self.status(of: failure)
            default: .inputOutput
            }
        self.init(status, "\(error)")
    }

    /// A configuration that cannot be used: the first finding, and how many more there are.
    init(configuration error: ConfigurationError) {
        let lines = error.lines
        let more = lines.count > 1 ? " (and \(lines.count - 1) more: see 'opslogd check')" : ""
        self.init(Self.status(of: error), (lines.first ?? "the configuration is not valid") + more)
    }

    private static func status(of code: Int32) -> ExitStatus {
        switch code {
        case EACCES, EPERM: .noPermission
        case EADDRINUSE, EAGAIN: .tryAgain
        default: .inputOutput
        }
    }

    private static func status(of problem: ServerProblem) -> ExitStatus {
        switch problem {
        case .programsNotFound, .failed: .unavailable
        case .notPermitted: .noPermission
        case .unsuitable: .configuration
        case .busy: .tryAgain
        case .system(let error): status(of: error.code)
        }
    }

    private static func status(of problem: SchemaProblem) -> ExitStatus {
        switch problem {
        case .unreachable: .unavailable
        case .notPermitted: .noPermission
        case .doesNotFit: .notSo
        }
    }

    private static func status(of error: TelemetryServerError) -> ExitStatus {
        switch error.kind {
        case .occupied: .tryAgain
        case .notPermitted: .noPermission
        case .unavailable: .configuration
        }
    }

    private static func status(of error: SocketOpenError) -> ExitStatus {
        switch error.reason {
        case .occupied: .tryAgain
        case .permission, .foreign: .noPermission
        case .notASocket, .unsuitable, .unknownGroup, .unknownUser: .configuration
        case .system(let error): status(of: error.code)
        }
    }

    private static func status(of error: SendingError) -> ExitStatus {
        switch error {
        case .nobodyListens, .notUnderstood: .unavailable
        case .notPermitted: .noPermission
        case .closed: .tryAgain
        case .refused: .notSo
        case .system(let error): status(of: error.code)
        }
    }

    private static func status(of error: DeadLetterStoreError) -> ExitStatus {
        if case .unknownVersion = error { .configuration } else { .inputOutput }
    }

    private static func status(of failure: ControlSocketClient.Failure) -> ExitStatus {
        switch failure {
        case .nobodyThere: .unavailable
        case .notPermitted: .noPermission
        case .ended: .tryAgain
        case .failed, .notUnderstood: .inputOutput
        }
    }

    private static func status(of error: ConfigurationError) -> ExitStatus {
        switch error {
        case .unreadable(_, EACCES): .noPermission
        case .unreadable(_, ENOENT): .noInput
        case .unreadable: .inputOutput
        case .invalid: .configuration
        }
    }
}
