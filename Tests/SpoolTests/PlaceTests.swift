import LinuxSystem
import Testing

@testable import Spool

@Test(arguments: [.network("NFS"), .overlay(isVolatile: true)] as [FileSystemKind])
func `where nothing could be promised the spool is not opened, and the sentence says what to do`(kind: FileSystemKind) {
    let refusal = #expect(throws: SpoolError.self) { try SpoolPlace.warning(of: kind, "/state") }
    #expect(refusal?.exitStatus == 78)
    #expect(refusal?.description.contains("/state") == true && refusal?.description.contains("state_directory") == true)
}

@Test(
    arguments: [
        (.overlay(isVolatile: false), "mount a volume there"), (.memory, "lost when the machine restarts"),
        (.userSpace, "up to the program behind it"),
    ] as [(FileSystemKind, String)])
func `where less is promised, that is said`(kind: FileSystemKind, words: String) throws {
    let warning = try #require(try SpoolPlace.warning(of: kind, "/state"))
    #expect(warning.contains("/state") && warning.contains(words))
}

@Test func `on a disk nothing is said`() throws {
    #expect(try SpoolPlace.warning(of: .local, "/state") == nil)
}
