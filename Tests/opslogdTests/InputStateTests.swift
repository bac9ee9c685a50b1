import Foundation
import Testing

@testable import Intake
@testable import opslogd

/// What the status page says of an input, from the JSON that the daemon makes of it.
@Suite struct InputStateTests {
    private func state(_ json: String) throws -> String {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(StatusPage.Input.self, from: Data(json.utf8)).state
    }

    private func journal(
        units: [String] = ["loader@*.service"], identifiers: [String] = [], directory: String? = nil,
        seen: UInt64? = 1_767_225_600_000_000, isAtEnd: Bool = true, wait: String? = nil, lost: UInt64 = 0
    ) -> JournalInputStatus {
        JournalInputStatus(
            name: "units", units: units, identifiers: identifiers, directory: directory, seenMicroseconds: seen,
            isAtEnd: isAtEnd, wait: wait, entriesLost: lost)
    }

    @Test func `the object of a journal has everything, null where there is nothing`() {
        #expect(
            journal(identifiers: ["job?"], directory: "/srv/j", wait: "it \"waits\"", lost: 3).json()
                == #"{"name":"units","type":"journal","directory":"/srv/j","units":["loader@*.service"],"#
                + #""identifiers":["job?"],"read_up_to":"2026-01-01T00:00:00.000000Z","at_end":true,"#
                + #""lost_entries":3,"waiting":"it \"waits\""}"#)
        #expect(
            journal(units: [], seen: nil, isAtEnd: false).json()
                == #"{"name":"units","type":"journal","directory":null,"units":[],"identifiers":[],"#
                + #""read_up_to":null,"at_end":false,"lost_entries":0,"waiting":null}"#)
    }

    @Test func `a journal that was read to its end says what is taken, and of when the last entry is`() throws {
        #expect(
            try state(journal().json())
                == "unit loader@*.service, at the end, last entry 2026-01-01T00:00:00.000000Z")
        #expect(
            try state(journal(units: ["a", "b"], identifiers: ["job?"], directory: "/srv/j", seen: nil).json())
                == "units a b, identifier job?, in /srv/j, at the end, no entry yet")
    }

    @Test func `many units are told by the first of them`() throws {
        #expect(try state(journal(units: ["a", "b", "c", "d"]).json()).hasPrefix("units a b c d, "))
        #expect(try state(journal(units: ["a", "b", "c", "d", "e"]).json()).hasPrefix("units a b c and 2 more, "))
    }

    @Test func `one that is behind says up to when it was read`() throws {
        #expect(
            try state(journal(isAtEnd: false).json())
                == "unit loader@*.service, behind, read up to 2026-01-01T00:00:00.000000Z")
        #expect(try state(journal(seen: nil, isAtEnd: false).json()) == "unit loader@*.service, nothing read yet")
    }

    @Test func `one that waits says why, and not whether more is there`() throws {
        #expect(
            try state(journal(isAtEnd: false, wait: "no journal is there").json())
                == "unit loader@*.service, read up to 2026-01-01T00:00:00.000000Z, no journal is there")
        #expect(
            try state(journal(seen: nil, isAtEnd: false, wait: "no journal is there").json())
                == "unit loader@*.service, no journal is there")
        #expect(
            try state(journal(wait: "x.journal is damaged").json()).hasSuffix(
                "at the end, last entry 2026-01-01T00:00:00.000000Z, x.journal is damaged"),
            "others are read beside what is left out")
    }

    @Test func `what was lost is told`() throws {
        #expect(try state(journal(lost: 1).json()).hasSuffix(", 1 entry lost"))
        #expect(try state(journal(lost: 1234).json()).hasSuffix(", 1,234 entries lost"))
    }

    @Test func `files say how many there are, what is to be read, what was lost, and why they wait`() throws {
        var status = FileInputBoard(name: "loader").status
        #expect(try state(status.json()) == "0 files, its files are being looked for")
        status.hasLooked = true
        status.files = [FileInputStatus.File(path: "/a", position: 0, size: 2048, state: .reading)]
        #expect(try state(status.json()) == "1 file, at the end")
        (status.lagBytes, status.bytesLost, status.failures) = (2048, 512, ["/b: no right"])
        #expect(try state(status.json()) == "1 file, 2 KiB to read, 512 B lost, /b: no right")
    }

    @Test func `sockets say who is connected`() throws {
        let status = SocketInputStatus(name: "s", path: "/run/s", connections: 1, isAccepting: false)
        #expect(try state(status.json()) == "1 connection, takes no further connections at the moment")
    }
}
