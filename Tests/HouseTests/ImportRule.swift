/// Which module may import which: the picture of the house, as data.
///
/// The stages are Intake, Spool, Delivery and DeadLetters. None of them imports another: they meet at the ports of
/// OperationLogs, and in the executable.
enum ImportRule {
    static let stages: Set = ["Intake", "Spool", "Delivery", "DeadLetters"]

    private static let below: Set = ["OperationLogs", "Instruments", "LinuxSystem"]
    private static let system: Set = ["Glibc", "CLinux", "Synchronization"]
    private static let swiftNIO: Set = ["NIOCore", "NIOPosix", "NIOHTTP1"]

    /// The modules of this package and of others that a module may import.
    static let allowed: [String: Set<String>] = [
        "OperationLogs": ["Synchronization"],
        "Instruments": ["Synchronization"],
        "LinuxSystem": system,
        "Intake": below.union(system),
        "Spool": below.union(system),
        "Delivery": below.union(system),
        "DeadLetters": below.union(system),
        // Not a stage, and like one: it meets the others at the ports only.
        "Bookkeeping": below.union(system),
        "PostgreSQL": ["CLibpq", "OperationLogs", "LinuxSystem", "Delivery", "Glibc", "Synchronization"],
        "PrivatePostgreSQL": ["LinuxSystem", "Glibc", "Synchronization"],
        "Telemetry": swiftNIO.union(["CLibsystemd", "Instruments", "Glibc", "Synchronization"]),
        "SystemJournal": ["CLibsystemd", "OperationLogs", "LinuxSystem", "Intake", "Glibc"],
        "DaemonConfiguration": ["OperationLogs", "Yams", "Glibc"],
        "OperationLogsClient": ["OperationLogs", "LinuxSystem", "Glibc", "Synchronization"],
        "SimulatedWorld": below.union(stages).union(system).union(["Bookkeeping"]),
        "opslogd-world": ["SimulatedWorld", "ArgumentParser", "Glibc"],
        "opslogd": executables.union(["Logging", "ServiceLifecycle", "UnixSignals"]),
        "opslogd-bench": executables,
    ]

    /// What joins the parts may import all of them.
    private static let executables: Set = below.union(stages).union(system).union([
        "Bookkeeping", "PostgreSQL", "PrivatePostgreSQL", "Telemetry", "SystemJournal", "DaemonConfiguration",
        "OperationLogsClient", "CLibpq", "ArgumentParser", "Foundation",
    ])

    /// A file that needs one thing more, and why.
    static let exceptions: [String: Set<String>] = [
        // memchr finds a line's end several times faster than a loop over the bytes, and nothing else is asked of it.
        "Sources/OperationLogs/Lines/LineFraming.swift": ["Glibc"]
    ]

    /// What a file imports against the rule, in words.
    static func violations(path: String, module: String, text: String) -> [String] {
        guard let allowed = allowed[module] else {
            return ["\(path): the module \(module) is not in the table of imports"]
        }
        let exception = exceptions[path] ?? []
        return SwiftText(text).imports.filter { !allowed.contains($0) && !exception.contains($0) }.map {
            stages.contains(module) && stages.contains($0)
                ? "\(path): the stage \(module) imports the stage \($0)" : "\(path): \(module) may not import \($0)"
        }
    }

    /// What a manifest's targets depend on against the rule.
    static func violations(in manifest: Manifest) -> [String] {
        manifest.targets.flatMap { target -> [String] in
            switch target.kind {
            case "target", "executableTarget":
                // C targets are below everything.
                if target.name.hasPrefix("C"), target.dependencies.isEmpty { return [] }
                guard let allowed = allowed[target.name] else {
                    return ["Package.swift: the module \(target.name) is not in the table of imports"]
                }
                return target.dependencies.filter { !allowed.contains($0) }.map {
                    "Package.swift: \(target.name) may not depend on \($0)"
                }
            default: return []
            }
        }
    }
}
