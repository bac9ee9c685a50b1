// swift-tools-version: 6.2
import PackageDescription

// The house is the pipeline: Intake -> Spool -> Delivery, and DeadLetters beside it. A stage never imports another
// stage; they meet in the executable only. `HouseTests` holds this manifest and the imports against that rule.

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "opslogd",
    products: [
        .executable(name: "opslogd", targets: ["opslogd"]),
        // For Swift programs that report.
        .library(name: "OperationLogsClient", targets: ["OperationLogsClient"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // The vocabulary that every stage shares; standard library only.
        .target(name: "OperationLogs", swiftSettings: strict),
        .target(name: "Instruments", swiftSettings: strict),

        // The system below.
        .target(name: "CLinux"),
        .target(name: "LinuxSystem", dependencies: ["CLinux"], swiftSettings: strict),

        // The stages.
        .target(name: "Intake", dependencies: ["OperationLogs", "Instruments", "LinuxSystem"], swiftSettings: strict),
        .target(name: "Spool", dependencies: ["OperationLogs", "Instruments", "LinuxSystem"], swiftSettings: strict),
        .target(
            name: "Delivery", dependencies: ["OperationLogs", "Instruments", "LinuxSystem"], swiftSettings: strict),
        .target(
            name: "DeadLetters", dependencies: ["OperationLogs", "Instruments", "LinuxSystem"], swiftSettings: strict),

        // Beside the stages: counts what they do, from what each says and from what the spool holds.
        .target(
            name: "Bookkeeping", dependencies: ["OperationLogs", "Instruments", "LinuxSystem"], swiftSettings: strict),

        // The database.
        .systemLibrary(name: "CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "PostgreSQL", dependencies: ["CLibpq", "OperationLogs", "LinuxSystem", "Delivery"],
            // Links to sql/, whose text goes into the binary.
            resources: [
                .embedInCode("Schema/seed.sql"), .embedInCode("Schema/spool_positions.sql"),
                .embedInCode("Schema/dead_letters.sql"),
            ],
            swiftSettings: strict),
        .target(name: "PrivatePostgreSQL", dependencies: ["LinuxSystem"], swiftSettings: strict),

        // Around the pipeline.
        .systemLibrary(name: "CLibsystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .target(
            name: "Telemetry",
            dependencies: [
                "CLibsystemd", "Instruments",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ], swiftSettings: strict),
        .target(
            name: "SystemJournal", dependencies: ["CLibsystemd", "OperationLogs", "LinuxSystem", "Intake"],
            swiftSettings: strict),
        .target(
            name: "DaemonConfiguration", dependencies: ["OperationLogs", .product(name: "Yams", package: "Yams")],
            swiftSettings: strict),
        .target(name: "OperationLogsClient", dependencies: ["OperationLogs", "LinuxSystem"], swiftSettings: strict),

        // The commands, and the one place where the parts are joined.
        .executableTarget(
            name: "opslogd",
            dependencies: [
                "OperationLogs", "Instruments", "LinuxSystem", "Intake", "Spool", "Delivery", "DeadLetters",
                "Bookkeeping", "PostgreSQL", "PrivatePostgreSQL", "Telemetry", "SystemJournal", "DaemonConfiguration",
                "OperationLogsClient",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ], swiftSettings: strict),
        .executableTarget(
            name: "opslogd-bench",
            dependencies: [
                "OperationLogs", "LinuxSystem", "Instruments", "Intake", "Delivery", "PostgreSQL", "PrivatePostgreSQL",
                "Telemetry", "OperationLogsClient", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: strict),

        // A disk, a database, producers and a clock from a seed, for tests and for the schedules; never a product.
        .target(
            name: "SimulatedWorld",
            dependencies: [
                "OperationLogs", "Instruments", "LinuxSystem", "Intake", "Spool", "Delivery", "DeadLetters",
                "Bookkeeping",
            ], swiftSettings: strict),
        .executableTarget(
            name: "opslogd-world",
            dependencies: ["SimulatedWorld", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict),

        // Each module's tests; HouseTests hold the layout, the imports and this manifest to the rules.
        .testTarget(name: "OperationLogsTests", dependencies: ["OperationLogs"], swiftSettings: strict),
        .testTarget(name: "InstrumentsTests", dependencies: ["Instruments"], swiftSettings: strict),
        .testTarget(name: "LinuxSystemTests", dependencies: ["LinuxSystem", "CLinux"], swiftSettings: strict),
        .testTarget(
            name: "IntakeTests",
            dependencies: ["Intake", "SimulatedWorld", "OperationLogs", "Instruments", "LinuxSystem"],
            swiftSettings: strict),
        .testTarget(
            name: "SpoolTests",
            dependencies: ["Spool", "SimulatedWorld", "OperationLogs", "Instruments", "LinuxSystem"],
            swiftSettings: strict),
        .testTarget(
            name: "DeliveryTests",
            dependencies: ["Delivery", "SimulatedWorld", "OperationLogs", "Instruments", "LinuxSystem"],
            swiftSettings: strict),
        .testTarget(
            name: "DeadLettersTests",
            dependencies: ["DeadLetters", "SimulatedWorld", "OperationLogs", "Instruments", "LinuxSystem"],
            swiftSettings: strict),
        .testTarget(
            name: "BookkeepingTests",
            dependencies: [
                "Bookkeeping", "SimulatedWorld", "Spool", "DeadLetters", "OperationLogs", "Instruments", "LinuxSystem",
            ], swiftSettings: strict),
        .testTarget(
            name: "PostgreSQLTests",
            dependencies: [
                "PostgreSQL", "PrivatePostgreSQL", "Delivery", "Spool", "DeadLetters", "OperationLogs", "Instruments",
                "LinuxSystem",
            ], swiftSettings: strict),
        .testTarget(
            name: "PrivatePostgreSQLTests", dependencies: ["PrivatePostgreSQL", "LinuxSystem"], swiftSettings: strict),
        .testTarget(
            name: "SystemJournalTests",
            dependencies: ["SystemJournal", "Intake", "OperationLogs", "Instruments", "LinuxSystem"],
            swiftSettings: strict),
        .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", "Instruments"], swiftSettings: strict),
        .testTarget(
            name: "DaemonConfigurationTests", dependencies: ["DaemonConfiguration", "OperationLogs"],
            swiftSettings: strict),
        .testTarget(
            name: "OperationLogsClientTests",
            dependencies: ["OperationLogsClient", "Intake", "OperationLogs", "Instruments", "LinuxSystem"],
            swiftSettings: strict),
        .testTarget(
            name: "SimulatedWorldTests",
            dependencies: ["SimulatedWorld", "Delivery", "Spool", "OperationLogs", "LinuxSystem"],
            swiftSettings: strict),
        .testTarget(
            name: "opslogdTests", dependencies: ["opslogd", "Intake", "OperationLogs"], swiftSettings: strict),
        .testTarget(name: "HouseTests", dependencies: [], swiftSettings: strict),
    ]
)
