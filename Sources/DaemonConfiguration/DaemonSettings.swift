/// What one configuration file says, with the defaults of every key it leaves out.
///
/// Plain values: no stage's own options are known here. The executable maps them.
public struct DaemonSettings: Sendable, Hashable {
    /// Where the spool, the dead letters and the control socket live. Absolute.
    public var stateDirectory: String
    /// In the order of the file. Their names are all different. May be empty: only a daemon needs one.
    public var inputs: [InputSettings] = []
    public var spool = SpoolSettings()
    public var database = DatabaseSettings()
    public var delivery = DeliverySettings()
    public var deadLetters = DeadLetterSettings()
    /// Where `/metrics`, `/healthz`, `/readyz` and `/status` are served.
    public var telemetry = ListenAddress.tcp(host: "127.0.0.1", port: 9478)
    public var log = LogSettings()

    /// The directory that holds the state where neither the file nor systemd names one.
    public static let usualStateDirectory = "/var/lib/opslogd"

    /// All defaults.
    /// - Parameter environment: `STATE_DIRECTORY`, as systemd sets it, is the default of the state directory. Of
    ///   several, parted by colons, the first counts.
    public init(environment: [String: String] = [:]) {
        let given = environment["STATE_DIRECTORY"].flatMap { $0.split(separator: ":").first.map(String.init) }
        stateDirectory = given ?? Self.usualStateDirectory
    }
}

/// What the log says and in which form.
public struct LogSettings: Sendable, Hashable {
    /// The least severity that is logged.
    public enum Level: String, Sendable, CaseIterable {
        case debug, info, notice, warning, error
    }

    public enum Format: String, Sendable, CaseIterable {
        case text, json
    }

    public var level = Level.info
    public var format = Format.text

    public init() {}
}
