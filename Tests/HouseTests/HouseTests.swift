import Testing

/// The rules of the house, held against what is there.
@Suite struct HouseTests {
    private func expectNone(_ violations: [String]) {
        #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
    }

    @Test func `no module imports what it may not, and no stage another stage`() throws {
        let sources = try Repository.swiftSources()
        #expect(sources.count > 50)
        expectNone(sources.flatMap { ImportRule.violations(path: $0.path, module: $0.module, text: $0.text) })
    }

    @Test func `the manifest keeps to the same rule`() throws {
        let manifest = Manifest(try Repository.text(of: "Package.swift"))
        #expect(manifest["Delivery"]?.dependencies.contains("OperationLogs") == true)
        expectNone(ImportRule.violations(in: manifest))
        let folders = Set(try Repository.swiftSources().map(\.module))
        expectNone(folders.filter { manifest[$0] == nil }.map { "Sources/\($0) is no target" })
    }

    @Test func `every module has tests of its own`() throws {
        let manifest = Manifest(try Repository.text(of: "Package.swift"))
        let modules = manifest.targets.filter { $0.kind == "target" && !$0.name.hasPrefix("C") }
        expectNone(modules.filter { manifest["\($0.name)Tests"] == nil }.map { "\($0.name) has no tests" })
    }

    @Test func `a file holds one idea: it is short, and its name says what it is`() throws {
        let files = try Repository.files(below: "Sources") + Repository.files(below: "Tests")
        let code = files.filter { file in [".swift", ".c", ".h"].contains { file.path.hasSuffix($0) } }
        #expect(code.count > 100)
        expectNone(code.flatMap { SourceRules.tooLong(path: $0.path, text: $0.text) })
        expectNone(files.flatMap { SourceRules.vagueNames(path: $0.path) })
    }

    @Test func `nothing in the sources traps on purpose, and nothing is left for later`() throws {
        let sources = try Repository.swiftSources()
        expectNone(sources.flatMap { SourceRules.traps(path: $0.path, text: $0.text) })
        expectNone(
            (sources + (try Repository.files(below: "Tests"))).flatMap {
                SourceRules.leftovers(path: $0.path, text: $0.text)
            })
    }

    @Test func `no type is named like a module`() throws {
        let manifest = Manifest(try Repository.text(of: "Package.swift"))
        let modules = Set(manifest.targets.map(\.name))
        expectNone(
            try Repository.swiftSources().flatMap {
                SourceRules.typesNamedLikeModules(path: $0.path, text: $0.text, modules: modules)
            })
    }

    @Test func `every format is written down, and every article that is named exists`() throws {
        let files = try Repository.files(below: "Sources")
        let articles = Set(files.filter { $0.path.contains(".docc/") }.map(\.path))
        for format in [
            "OperationLogs/OperationLogs.docc/RecordFormat", "Spool/Spool.docc/SpoolFormat",
            "DeadLetters/DeadLetters.docc/StoreFormat", "Intake/Intake.docc/FilePositions",
            "Intake/Intake.docc/JournalPositions",
        ] {
            #expect(articles.contains("Sources/\(format).md"))
        }
        expectNone(
            files.flatMap { file in
                SourceRules.articles(in: file.text)
                    .filter { !articles.contains(SourceRules.article($0, from: file.module)) }
                    .map { "\(file.path): there is no article \($0)" }
            })
    }

    @Test func `the project stands alone: nothing in it names what lies beside it`() throws {
        var files = try ["Sources", "Tests", "examples", "systemd", "sql"].flatMap { try Repository.files(below: $0) }
        for name in ["Package.swift", "README.md"] {
            files.append(.init(path: name, text: try Repository.text(of: name)))
        }
        expectNone(files.flatMap { SourceRules.outsideNames(path: $0.path, text: $0.text) })
    }

    @Test func `the top level holds known names only`() throws {
        let known: Set = [
            "Package.swift", "Package.resolved", "README.md", "CHANGELOG.md", "LICENSE", "Sources", "Tests", "sql",
            "systemd", "examples",
        ]
        expectNone(try Repository.topLevel().filter { !known.contains($0) })
    }
}
