import Testing

/// The checkers, held against small samples of what they must find and what they must let pass.
@Suite struct CheckerTests {
    @Test(arguments: [
        ("import Spool", ["Spool"]), ("  @testable import Spool // why", ["Spool"]),
        ("public import struct Spool.Segment", ["Spool"]), ("@preconcurrency private import Glibc", ["Glibc"]),
        ("import A; let x = 1", ["A"]), ("// import Spool", []), ("let x = \"import Spool\"", []),
        ("/* import A\nimport B /* import C */ */\nimport D", ["D"]),
        ("let s = \"\"\"\nimport A\n\"\"\"\nimport B", ["B"]),
        ("let important = 1", []), ("let s = \"\\\"\"\nimport E", ["E"]),
    ])
    func `imports are found in code and nowhere else`(_ text: String, _ found: [String]) {
        #expect(SwiftText(text).imports == found)
    }

    @Test func `a stage that imports a stage is found, by itself and in the manifest`() {
        let path = "Sources/Intake/Bad.swift"
        #expect(
            ImportRule.violations(path: path, module: "Intake", text: "import OperationLogs\nimport Spool\n")
                == ["\(path): the stage Intake imports the stage Spool"])
        let manifest = Manifest(
            """
            targets: [
                .target(name: "OperationLogs", swiftSettings: strict),
                .target(
                    name: "Delivery",
                    dependencies: ["OperationLogs", .product(name: "NIOCore", package: "swift-nio"), "DeadLetters"],
                    swiftSettings: strict),
                .target(name: "CLinux"),
                .testTarget(name: "DeliveryTests", dependencies: ["Delivery"]),
            ]
            """)
        #expect(manifest.targets.map(\.name) == ["OperationLogs", "Delivery", "CLinux", "DeliveryTests"])
        #expect(manifest["Delivery"]?.dependencies == ["OperationLogs", "NIOCore", "DeadLetters"])
        #expect(
            ImportRule.violations(in: manifest) == [
                "Package.swift: Delivery may not depend on NIOCore",
                "Package.swift: Delivery may not depend on DeadLetters",
            ])
    }

    @Test(arguments: [
        "OperationLogs", "Instruments", "LinuxSystem", "Intake", "Spool", "Delivery", "DeadLetters", "PostgreSQL",
    ])
    func `Foundation stays out of the path of a line`(_ module: String) {
        #expect(ImportRule.violations(path: "a", module: module, text: "import Foundation").count == 1)
    }

    @Test func `a module that nobody knows is found`() {
        #expect(ImportRule.violations(path: "a", module: "Shared", text: "").count == 1)
        #expect(ImportRule.violations(in: Manifest(".target(name: \"Shared\")")).count == 1)
    }

    @Test func `what traps is found in code, not in words about it`() {
        let text =
            "let a = try! b()\n// try! is not used\nlet c = d as! E\nlet f = \"fatalError(\"\nfatalError(\"g\")\n"
        #expect(SourceRules.traps(path: "p", text: text) == ["p:1: try!", "p:3: as!", "p:5: fatalError("])
    }

    @Test func `leftovers are found in comments too`() {
        #expect(SourceRules.leftovers(path: "p", text: "a\n// TO" + "DO: b\n").count == 1)
        #expect(SourceRules.leftovers(path: "p", text: "// done\n").isEmpty)
    }

    @Test func `a file of 400 lines passes, one of 401 does not`() {
        let text = String(repeating: "a\n", count: 400)
        #expect(SourceRules.tooLong(path: "p", text: text).isEmpty)
        #expect(SourceRules.tooLong(path: "p", text: text + "a").count == 1)
    }

    @Test(arguments: [
        ("Sources/Spool/SpoolHelpers.swift", 1), ("Sources/Utils/Frame.swift", 1),
        ("Sources/A/SessionManager.swift", 1),
        ("Sources/A/Utilities.swift", 1), ("Sources/A/CommonPrefix.swift", 1), ("Sources/A/Uncommon.swift", 0),
        ("Sources/A/Submission.swift", 0),
    ])
    func `names that say nothing are found`(_ path: String, _ count: Int) {
        #expect(SourceRules.vagueNames(path: path).count == count)
    }

    @Test func `a type named like a module is found, a use of the module is not`() {
        let modules: Set = ["Spool", "Delivery"]
        #expect(
            SourceRules.typesNamedLikeModules(
                path: "p", text: "public final class Spool: A {}\nenum Delivery<A> {}\n", modules: modules
            ).count == 2)
        #expect(
            SourceRules.typesNamedLikeModules(
                path: "p", text: "struct SpoolFile {\n    struct Spool {}\n}\nlet a: Spool.Segment // struct Spool\n",
                modules: modules
            ).isEmpty)
    }

    @Test func `articles are found where they are named`() {
        #expect(
            SourceRules.articles(in: "/// In <doc:RecordFormat>, and <doc:Other>.\na < b") == ["RecordFormat", "Other"])
        #expect(SourceRules.article("A", from: "Spool") == "Sources/Spool/Spool.docc/A.md")
        #expect(
            SourceRules.article("/OperationLogs/A", from: "Spool") == "Sources/OperationLogs/OperationLogs.docc/A.md")
    }
}
