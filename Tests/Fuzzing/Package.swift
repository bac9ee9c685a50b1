// swift-tools-version: 6.2
import PackageDescription

// One program a subject, for libFuzzer; `Tests/scripts/fuzz.py` builds and runs them. A package of its own, since all of
// it is compiled with coverage and the address sanitizer. `Sources` is a link to the real ones.

let instrumented: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .unsafeFlags(["-sanitize=fuzzer,address", "-enable-testing"]),
]

func program(_ name: String, _ modules: String...) -> Target {
    .executableTarget(
        name: name, dependencies: (["Fuzzer", "OperationLogs"] + modules).map { .target(name: $0) }, path: name,
        swiftSettings: instrumented + [.treatAllWarnings(as: .error)],
        // libFuzzer itself is linked by the script, without its `main`; it is C++.
        linkerSettings: [.unsafeFlags(["-sanitize=address"]), .linkedLibrary("stdc++")])
}

let package = Package(
    name: "fuzzing",
    dependencies: [.package(url: "https://github.com/jpsim/Yams", from: "6.2.2")],
    targets: [
        .target(name: "OperationLogs", swiftSettings: instrumented),
        .target(name: "Instruments", swiftSettings: instrumented),
        .target(name: "CLinux"),
        .target(name: "LinuxSystem", dependencies: ["CLinux"], swiftSettings: instrumented),
        .target(
            name: "Intake", dependencies: ["OperationLogs", "Instruments", "LinuxSystem"], swiftSettings: instrumented),
        .target(
            name: "Spool", dependencies: ["OperationLogs", "Instruments", "LinuxSystem"], swiftSettings: instrumented),
        .target(
            name: "Delivery", dependencies: ["OperationLogs", "Instruments", "LinuxSystem"],
            swiftSettings: instrumented),
        .target(
            name: "DeadLetters", dependencies: ["OperationLogs", "Instruments", "LinuxSystem"],
            swiftSettings: instrumented),
        .target(
            name: "DaemonConfiguration", dependencies: ["OperationLogs", .product(name: "Yams", package: "Yams")],
            swiftSettings: instrumented),

        .target(name: "CFuzzer", path: "CFuzzer"),
        .target(
            name: "Fuzzer", dependencies: ["CFuzzer", "LinuxSystem", "OperationLogs"], path: "Fuzzer",
            swiftSettings: instrumented),
        program("FuzzLine"),
        program("FuzzFraming"),
        program("FuzzTimeZone"),
        program("FuzzTuple"),
        program("FuzzSegment", "LinuxSystem", "Spool"),
        program("FuzzCursor", "LinuxSystem", "Spool"),
        program("FuzzIdentity", "LinuxSystem", "Spool"),
        program("FuzzSnapshot", "Spool"),
        program("FuzzJournal", "DeadLetters", "Instruments", "LinuxSystem"),
        program("FuzzConfiguration", "DaemonConfiguration"),
        program("FuzzFilePosition", "Intake"),
        program("FuzzWatermark", "Delivery"),
        program("FuzzJournalPosition", "Intake"),
    ]
)
