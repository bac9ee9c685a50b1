import Glibc
import Testing

@testable import opslogd

/// When the file that an editor opens is removed, and when it is kept. The editors are words of the shell.
@Suite struct EditorFileTests {
    private let file: EditorFile

    init() throws { file = try EditorFile(Array("a\n".utf8)) }

    private var isThere: Bool { access(file.path, F_OK) == 0 }

    /// The file has to be there, with the edits in it; it is removed.
    private func expectEdits(_ failure: CommandFailure?, _ status: opslogd.ExitStatus) throws {
        #expect(failure?.status == status)
        #expect(failure?.message.hasSuffix("; your edits are kept in \(file.path)") == true)
        try expectEdits()
    }

    private func expectEdits() throws {
        var bytes = [UInt8](repeating: 0, count: 16)
        let kept = try InputFile(file.path)
        let count = try bytes.withUnsafeMutableBytes { try kept.read(into: $0) }
        #expect(String(decoding: bytes[..<count], as: UTF8.self) == "a\nb")
        unlink(file.path)
    }

    @Test func `edits that were used go with their file`() throws {
        var edited: [UInt8] = []
        try file.edit(with: "printf b >>") {
            edited = $0
            return true
        }
        #expect(String(decoding: edited, as: UTF8.self) == "a\nb")
        #expect(!isThere)
    }

    @Test func `edits that were not used stay`() throws {
        try file.edit(with: "printf b >>") { _ in false }
        try expectEdits()
    }

    @Test func `edits that are refused stay, and so do those that nobody takes`() throws {
        let failure = #expect(throws: CommandFailure.self) {
            try file.edit(with: "printf b >>") { _ in throw CommandFailure(.unavailable, "nobody answers") }
        }
        try expectEdits(failure, .unavailable)
    }

    @Test func `an editor that fails takes no edits along`() throws {
        let failure = #expect(throws: CommandFailure.self) {
            try file.edit(with: "f() { printf b >> \"$1\"; false; }; f") { _ in true }
        }
        try expectEdits(failure, .notSo)
    }

    @Test(arguments: ["true", "false"])
    func `a file that nobody has changed is not kept`(editor: String) {
        let failure = #expect(throws: CommandFailure.self) {
            try file.edit(with: editor) { _ in throw CommandFailure(.notSo, "refused") }
        }
        #expect(failure?.message.contains("kept") == false)
        #expect(!isThere)
    }

    @Test func `one that the editor has removed is not said to be kept`() {
        let failure = #expect(throws: CommandFailure.self) { try file.edit(with: "rm") { _ in true } }
        #expect(failure?.message.contains("your edits") == false)
    }
}
