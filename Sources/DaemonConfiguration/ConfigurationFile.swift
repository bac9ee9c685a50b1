import Glibc

/// What was read, and what is doubtful in it though it can be used.
public struct LoadedSettings: Sendable, Hashable {
    public let settings: DaemonSettings
    /// Sorted by place.
    public let warnings: [Finding]
    private let file: String
    private let inputsPlace: Place
    private let conninfoPlace: Place

    init(
        _ settings: DaemonSettings, _ warnings: [Finding], file: String, inputsPlace: Place, conninfoPlace: Place
    ) {
        self.settings = settings
        self.warnings = warnings
        self.file = file
        self.inputsPlace = inputsPlace
        self.conninfoPlace = conninfoPlace
    }

    /// What a daemon needs beyond what a command needs.
    /// - Throws: `ConfigurationError.invalid` if there is no input.
    public func requireInputs() throws(ConfigurationError) {
        guard settings.inputs.isEmpty else { return }
        throw .invalid([
            Finding(file: file, place: inputsPlace, message: "`inputs`: at least one is needed, found none")
        ])
    }

    /// What only the database's client library knows: whether it takes `database.conninfo`.
    /// - Parameter problem: says what is wrong with a connection string; nil if nothing is.
    /// - Throws: `ConfigurationError.invalid` with the problem and the string's place.
    public func requireConninfo(_ problem: (String) -> String?) throws(ConfigurationError) {
        guard let problem = problem(settings.database.conninfo) else { return }
        throw .invalid([Finding(file: file, place: conninfoPlace, message: "`database.conninfo`: \(problem)")])
    }
}

/// Reads one YAML file into settings.
public enum ConfigurationFile {
    public static let usualPath = "/etc/opslogd/opslogd.yaml"
    /// A file beyond this is not taken for a configuration: 4 MiB.
    static let mostBytes = 4 << 20

    /// Reads and checks the file; `-` is not standard input.
    ///
    /// Related system calls: `open`, `fstat`, `read`.
    /// - Parameter environment: for `${NAME}`, and `STATE_DIRECTORY`.
    /// - Throws: `unreadable` with the errno, or `invalid` with all that is wrong.
    public static func load(_ file: String, environment: [String: String]) throws(ConfigurationError) -> LoadedSettings
    {
        let (bytes, mode) = try read(file)
        return try parse(bytes, file: file, othersMayRead: mode & S_IROTH != 0, environment: environment)
    }

    /// Checks the text of a file.
    /// - Parameter file: how findings call it.
    public static func parse(
        _ text: String, file: String, environment: [String: String] = [:]
    ) throws(ConfigurationError) -> LoadedSettings {
        try parse(Array(text.utf8), file: file, othersMayRead: false, environment: environment)
    }

    static func parse(
        _ bytes: [UInt8], file: String, othersMayRead: Bool, environment: [String: String]
    ) throws(ConfigurationError) -> LoadedSettings {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let place = firstInvalidUTF8(in: bytes)
            throw .invalid([
                Finding(file: file, place: place, message: "expected UTF-8, found other bytes in this line")
            ])
        }
        let findings = FindingCollector(file: file, environment: environment, othersMayRead: othersMayRead)
        let root = YAMLDocument.root(of: text, findings)
        let settings = SettingsReader(findings: findings).settings(root)
        guard findings.errors.isEmpty else { throw .invalid(findings.errors.sorted { $0.place < $1.place }) }
        return LoadedSettings(
            settings, findings.warnings.sorted { $0.place < $1.place }, file: file,
            inputsPlace: findings.place(of: "inputs") ?? .start,
            conninfoPlace: findings.place(of: "database.conninfo") ?? .start)
    }

    static func reason(_ code: Int32) -> String {
        switch code {
        case ENOENT: "there is no such file; write one, or name another with --config"
        case EACCES, EPERM: "it may not be read by this user; mend its permissions, or run as another user"
        case EFBIG: "it is larger than 4 MiB, which no configuration is"
        case EISDIR: "it is a directory; name the file in it"
        default: "it cannot be read: \(String(cString: strerror(code)))"
        }
    }

    private static func read(_ file: String) throws(ConfigurationError) -> ([UInt8], mode_t) {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(file: file, code: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .unreadable(file: file, code: errno) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return (bytes, status.st_mode) }
            if count < 0 {
                if errno == EINTR { continue }
                throw .unreadable(file: file, code: errno)
            }
            bytes += buffer[..<count]
            if bytes.count > mostBytes { throw .unreadable(file: file, code: EFBIG) }
        }
    }

    private static func firstInvalidUTF8(in bytes: [UInt8]) -> Place {
        var number = 0
        for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            guard String(validating: line, as: UTF8.self) == nil else { continue }
            // The longest valid beginning; a scalar takes at most four bytes.
            let whole = (0...line.count).last { String(validating: line.prefix($0), as: UTF8.self) != nil } ?? 0
            let scalars = String(decoding: line.prefix(whole), as: UTF8.self).unicodeScalars.count
            return Place(line: number, column: scalars + 1)
        }
        return .start
    }
}
