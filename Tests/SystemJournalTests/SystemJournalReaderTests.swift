import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Testing

@testable import Intake
@testable import SystemJournal

/// What libsystemd does with real journal files, as far as the input relies on it.
@Suite struct SystemJournalReaderTests {
    @Test func `entries come in order, with their fields, times and cursors`() throws {
        let directory = JournalDirectory()
        try directory.write(["one", "two"], to: "a.journal", fields: ["_LINE_BREAK": "eof"])
        var reader = directory.reader()
        #expect(try reader.open().isEmpty)
        #expect(try reader.next())
        #expect(try reader.message() == "one")
        let moment = try reader.moment()
        #expect(moment.monotonic == 1_001_000 && moment.realtime == 1_764_000_001_001_000)
        #expect(moment.boot == UniqueID(high: 0x0123_4567_89ab_cdef, low: 0x0123_4567_89ab_cdef))
        #expect(try reader.field(.unit) { String(decoding: $0, as: UTF8.self) } == "loader@a.service")
        #expect(try reader.field(.lineBreak) { JournalLineEnd(lineBreak: $0) } == .stopped)
        let cursor = try reader.cursor()
        #expect(try reader.isAt(cursor))
        #expect(try reader.next())
        #expect(try !reader.isAt(cursor))
        #expect(try !reader.next())
        #expect(try reader.message() == "two")
        _ = try reader.seek(.cursor(cursor))
        #expect(try reader.messages() == ["one", "two"])
        _ = try reader.seek(.beginning)
        #expect(try reader.messages() == ["one", "two"])
    }

    @Test func `a field that an entry lacks is nil`() throws {
        let directory = JournalDirectory()
        try directory.write(["one"], to: "a.journal")
        var reader = directory.reader()
        _ = try reader.open()
        _ = try reader.next()
        #expect(try reader.field(.lineBreak) { _ in true } == nil)
    }

    @Test func `lines that are the same, printed at once, are as many entries`() throws {
        let directory = JournalDirectory()
        try directory.write(["same", "same", "same"], to: "a.journal", atOnce: true)
        var reader = directory.reader()
        _ = try reader.open()
        #expect(try reader.messages() == ["same", "same", "same"])
    }

    @Test func `a cursor of another numbering leads to the first entry of its time`() throws {
        let directory = JournalDirectory()
        try directory.write(["zero"], to: "a.journal")
        try directory.write(["one", "two", "three"], to: "a.journal", atOnce: true)
        var reader = directory.reader()
        _ = try reader.open()
        for _ in 0..<3 { _ = try reader.next() }
        let moment = try reader.moment()
        for cursor in [
            "s=\(String(repeating: "a", count: 32));i=7;\(moment.cursor);x=1",
            moment.cursor,
        ] {
            _ = try reader.seek(.cursor(cursor))
            #expect(try reader.messages() == ["one", "two", "three"])
        }
    }

    @Test func `the end is behind the last entry, and what comes later comes`() throws {
        let directory = JournalDirectory()
        try directory.write(["one", "two"], to: "a.journal")
        var reader = directory.reader()
        _ = try reader.open()
        #expect(try reader.seek(.end))
        #expect(try reader.message() == "two")
        try directory.write(["three"], to: "a.journal")
        #expect(reader.wait(or: try EventDescriptor(), milliseconds: 5000) != .nothing)
        #expect(try reader.messages() == ["three"])
    }

    @Test func `a wait ends with its time, with a signal, with entries, and tells of files that come and go`() throws {
        let directory = JournalDirectory()
        try directory.write(["one"], to: "a.journal")
        var reader = directory.reader()
        _ = try reader.open()
        _ = try reader.messages()
        let wake = try EventDescriptor()
        #expect(reader.wait(or: wake, milliseconds: 10) == .nothing)
        wake.signal()
        #expect(reader.wait(or: wake, milliseconds: nil) == .nothing)
        #expect(reader.wait(or: wake, milliseconds: 10) == .nothing)
        try directory.write(["two"], to: "a.journal")
        #expect(reader.wait(or: wake, milliseconds: 5000) == .appended)
        try directory.write(["three"], to: "b.journal")
        #expect(reader.wait(or: wake, milliseconds: 5000) == .filesChanged)
        #expect(try reader.messages() == ["two", "three"])
        directory.remove("a.journal")
        #expect(reader.wait(or: wake, milliseconds: 5000) == .filesChanged)
    }

    @Test func `what is longer than any line is cut off where it is compressed`() throws {
        let directory = JournalDirectory()
        let long = String(repeating: "x", count: 300_000)
        try directory.write([long], to: "a.journal")
        var reader = directory.reader()
        _ = try reader.open()
        _ = try reader.next()
        let count = try reader.field(.message) { $0.count } ?? 0
        #expect(count > 4096)
    }

    // MARK: What is wrong

    @Test func `no directory, and one without files, is an absence`() throws {
        let directory = JournalDirectory()
        for path in [directory.path, directory.path + "/none"] {
            var reader = SystemJournalReader(directory: path, maxLineBytes: 4096)
            let trouble = #expect(throws: JournalTrouble.self) { try reader.open() }
            #expect(
                trouble?.isAbsence == true && "\(trouble.map { "\($0)" } ?? "")".contains("no journal is there yet"))
        }
    }

    @Test func `a damaged file is named, and the others are read`() throws {
        let directory = JournalDirectory()
        try directory.write(["one"], to: "a.journal")
        try directory.write(["two"], to: "b.journal")
        directory.damage("a.journal", at: 0, [UInt8](repeating: 0xff, count: 4096))
        var reader = directory.reader()
        // It may be that it is just being made.
        #expect(try reader.open().isEmpty)
        var old = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
        utimensat(AT_FDCWD, directory.file("a.journal"), &old, 0)
        let leftOut = try reader.open()
        #expect(
            leftOut.count == 1 && "\(leftOut)".contains("a.journal") && "\(leftOut)".contains("journalctl --verify"))
        #expect(try reader.messages() == ["two"])
    }

    @Test(.enabled(if: geteuid() != 0, "root may read every file"))
    func `a file without the right to read it is named`() throws {
        let directory = JournalDirectory()
        try directory.write(["one"], to: "a.journal")
        chmod(directory.file("a.journal"), 0)
        var reader = directory.reader()
        let trouble = #expect(throws: JournalTrouble.self) { try reader.open() }
        #expect(trouble?.failure.code == EACCES)
    }

    @Test func `of this machine's journal the group is named that may read it`() {
        let trouble = JournalFiles(directory: nil).trouble("access", "/var/log/journal/x/system.journal", EACCES)
        #expect("\(trouble)".contains("SupplementaryGroups=systemd-journal") && "\(trouble)".contains("system.journal"))
    }

    @Test func `a reader that is not open says so`() throws {
        let directory = JournalDirectory()
        var reader = directory.reader()
        #expect(throws: JournalTrouble.self) { try reader.next() }
        #expect(reader.wait(or: try EventDescriptor(), milliseconds: 1) == .nothing)
    }
}
