import Glibc
import LinuxSystem
import Testing

@Suite struct DirectoryStorageTests {
    private func code(_ body: () throws -> Void) -> Int32? {
        do { try body() } catch let error as SystemError { return error.code } catch { return -1 }
        return nil
    }

    private func mode(_ path: String) throws -> UInt32 { try FileIdentity.at(path).mode & 0o7777 }

    @Test func `directories are made 0700 and files 0600, whatever they are called later`() throws {
        let scratch = try ScratchDirectory()
        let made = try scratch.storage.directory("spool")
        let file = try made.open("a", .creating)
        #expect(try mode("\(scratch.path)/spool") == 0o700)
        #expect(try mode("\(scratch.path)/spool/a") == 0o600)
        #expect(code { _ = try made.open("a", .creating) } == EEXIST)
        #expect(code { _ = try made.open("b", .reading) } == ENOENT)
        try made.rename("a", to: "b")
        try made.synchronizeDirectory()
        #expect(try made.names() == ["b"])
        #expect(try file.length() == 0)
        try made.remove("b")
        #expect(try made.names().isEmpty)
        #expect(try made.availableBytes() > 0)
    }

    @Test(arguments: [0o770, 0o702, 0o777] as [mode_t])
    func `a directory that others may write to is refused`(_ mode: mode_t) throws {
        let scratch = try ScratchDirectory()
        mkdir("\(scratch.path)/open", 0o700)
        chmod("\(scratch.path)/open", mode)
        #expect(code { _ = try DirectoryStorage(path: "\(scratch.path)/open") } == EPERM)
        #expect(code { _ = try scratch.storage.directory("open") } == EPERM)
        chmod("\(scratch.path)/open", 0o755)
        #expect(code { _ = try scratch.storage.directory("open") } == nil)
    }

    @Test func `a directory of somebody else is refused`() throws {
        let scratch = try ScratchDirectory()
        // Root gives one away; others find one of root's.
        let path = geteuid() == 0 ? "\(scratch.path)/foreign" : "/"
        if geteuid() == 0 {
            mkdir(path, 0o700)
            try #require(chown(path, 65534, 65534) == 0)
        }
        let error = #expect(throws: SystemError.self) { _ = try DirectoryStorage(path: path) }
        #expect(error?.code == EPERM)
        #expect(error?.description.contains("it must belong to this user") == true)
    }

    @Test func `no symbolic link within it is followed`() throws {
        let scratch = try ScratchDirectory()
        _ = try scratch.storage.open("real", .creating)
        _ = try scratch.storage.directory("house")
        symlink("real", "\(scratch.path)/link")
        symlink("house", "\(scratch.path)/door")
        symlink("nowhere", "\(scratch.path)/dangling")
        #expect(code { _ = try scratch.storage.open("link", .reading) } == ELOOP)
        #expect(code { _ = try scratch.storage.open("link", .writing) } == ELOOP)
        #expect(code { _ = try scratch.storage.open("dangling", .creating) } == EEXIST)
        #expect(code { _ = try scratch.storage.directory("door") } == ENOTDIR)
        #expect(code { _ = try scratch.storage.lock("link") } == ELOOP)
    }

    @Test func `a file in the place of a directory is refused`() throws {
        let scratch = try ScratchDirectory()
        _ = try scratch.storage.open("a", .creating)
        #expect(code { _ = try scratch.storage.directory("a") } == ENOTDIR)
    }

    @Test func `a lock has one holder, who is named, and passes on when it is let go`() throws {
        let scratch = try ScratchDirectory()
        var held = try scratch.storage.lock("lock")
        #expect(held != nil)
        #expect(try scratch.storage.lock("lock") == nil)
        #expect(try DirectoryStorage(path: scratch.path).lock("lock") == nil)
        #expect(scratch.storage.lockHolder("lock") == "\(getpid())")
        held = nil
        #expect(try scratch.storage.lock("lock") != nil)
        _ = held
    }

    @Test func `another process is held off by the lock`() throws {
        let scratch = try ScratchDirectory()
        func otherGetsIt() throws -> Bool {
            var child = pid_t()
            let words = ["flock", "--nonblock", "--exclusive", "\(scratch.path)/lock", "true"]
            var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
            defer { for argument in arguments { free(argument) } }
            try #require(posix_spawnp(&child, "flock", nil, nil, &arguments, environ) == 0)
            var status: Int32 = 0
            try #require(retryingInterrupts { waitpid(child, &status, 0) } == child)
            return status == 0
        }
        let held = try #require(try scratch.storage.lock("lock"))
        #expect(try !otherGetsIt())
        withExtendedLifetime(held) {}
    }

    @Test func `an error says what happened, to what, and what to do`() {
        let full = SystemError(call: "pwritev", subject: "/s/a", code: ENOSPC)
        #expect(full.description == "/s/a: pwritev: No space left on device; free space on that file system")
        #expect(full.isOutOfSpace)
        #expect(SystemError(call: "a", subject: "b", code: EDQUOT).isOutOfSpace)
        #expect(!SystemError(call: "a", subject: "b", code: EIO).isOutOfSpace)
    }
}
