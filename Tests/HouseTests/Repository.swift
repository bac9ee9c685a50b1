import Foundation

/// The checkout that this file stands in.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    struct File {
        /// Relative to the root.
        let path: String
        let text: String

        var name: String { path.split(separator: "/").last.map(String.init) ?? path }
        /// Of `Sources/MODULE/…`.
        var module: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
        var isSwift: Bool { name.hasSuffix(".swift") }
    }

    /// Every text file below a folder, hidden ones and build products left out.
    static func files(below folder: String) throws -> [File] {
        try FileManager.default.subpathsOfDirectory(atPath: root.appendingPathComponent(folder).path).sorted()
            .compactMap {
                guard !$0.split(separator: "/").contains(where: { $0.hasPrefix(".") }) else { return nil }
                let path = "\(folder)/\($0)"
                let place = root.appendingPathComponent(path)
                guard (try? place.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) == true,
                    let text = try? String(contentsOf: place, encoding: .utf8)
                else { return nil }
                return File(path: path, text: text)
            }
    }

    static func swiftSources() throws -> [File] { try files(below: "Sources").filter(\.isSwift) }

    static func text(of path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// What stands at the top, hidden names left out.
    static func topLevel() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.path).filter { !$0.hasPrefix(".") }.sorted()
    }
}
