import Glibc
import LinuxSystem
import Testing

struct ChildProcessTests {
    private static func start(_ program: String, _ arguments: [String], guardSignal: Int32? = nil) throws
        -> ChildProcess
    {
        try ChildProcess.start(
            ChildProcess.Start(
                program: program, arguments: arguments, environment: [:], directory: "/",
                output: Descriptor(owning: dup(2)), guardSignal: guardSignal))
    }

    @Test func `the exit status is the program's, guarded or not`() throws {
        for signal in [nil, SIGTERM] {
            #expect(try Self.start("/bin/sh", ["-c", "exit 7"], guardSignal: signal).wait() == 7)
            #expect(try Self.start("/bin/sh", ["-c", "kill -9 $$"], guardSignal: signal).wait() == 128 + SIGKILL)
        }
    }

    @Test func `a guarded program gets its signal once nobody holds it any more`() throws {
        var child: ChildProcess? = try Self.start("/bin/sleep", ["100"], guardSignal: SIGTERM)
        let processID = try #require(child?.processID)
        #expect(kill(processID, 0) == 0)
        child = nil
        for _ in 0..<500 where kill(processID, 0) == 0 { usleep(10_000) }
        #expect(kill(processID, 0) != 0)
    }

    @Test func `a program that cannot run is an error that names the call`() {
        #expect(throws: SystemError(call: "execve", subject: "/nonexistent", code: ENOENT)) {
            _ = try Self.start("/nonexistent", [])
        }
        #expect(throws: SystemError(call: "execve", subject: "/nonexistent", code: ENOENT)) {
            _ = try Self.start("/nonexistent", [], guardSignal: SIGTERM)
        }
    }

    @Test func `a program gets the three standard descriptors and no more`() throws {
        let check = "for f in /proc/self/fd/*; do case ${f##*/} in 0|1|2|3) ;; *) exit 1;; esac; done"
        let secret = Descriptor(owning: dup(2))
        // The shell itself holds /proc/self/fd open as the first free number, 3.
        #expect(try Self.start("/bin/sh", ["-c", check], guardSignal: SIGTERM).wait() == 0)
        withExtendedLifetime(secret) {}
    }

    @Test func `waiting has an end`() throws {
        let child = try Self.start("/bin/sleep", ["100"])
        #expect(child.wait(milliseconds: 20) == nil)
        child.signal(SIGKILL)
        #expect(child.wait() == 128 + SIGKILL)
    }
}
