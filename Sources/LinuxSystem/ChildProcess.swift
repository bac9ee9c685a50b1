import CLinux
import Glibc

/// A program that this process has started. Whoever starts one waits for it once.
///
/// Related system calls: `fork`, `setresuid`, `execve`, `waitpid`.
public struct ChildProcess: Sendable {
    /// The user that a program runs as; its primary group is the only one it gets.
    public struct User: Sendable, Hashable {
        public var name: String
        public var uid: UInt32
        public var gid: UInt32

        /// Of the system's user database.
        /// - Returns: nil if there is no such user.
        public init?(named name: String) {
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            var text = [CChar](repeating: 0, count: 16_384)
            guard getpwnam_r(name, &entry, &text, text.count, &found) == 0, found != nil else { return nil }
            self.name = name
            uid = entry.pw_uid
            gid = entry.pw_gid
        }
    }

    public struct Start: Sendable {
        /// Absolute path.
        public var program: String
        /// Without the program's name.
        public var arguments: [String]
        /// All that it gets.
        public var environment: [String: String]
        /// Where it runs; it must be able to enter it.
        public var directory: String
        /// Where its standard output and error go.
        public var output: Descriptor
        /// nil: this process's own. Another one needs root.
        public var user: User?
        /// The signal that a guard process sends to the program when this process ends, however it ends (also by
        /// `kill -9`); nil: no guard, and the program outlives this process.
        public var guardSignal: Int32?

        public init(
            program: String, arguments: [String], environment: [String: String], directory: String, output: Descriptor,
            user: User? = nil, guardSignal: Int32? = nil
        ) {
            self.program = program
            self.arguments = arguments
            self.environment = environment
            self.directory = directory
            self.output = output
            self.user = user
            self.guardSignal = guardSignal
        }
    }

    /// The program's process id.
    public let processID: Int32
    private let child: Int32
    private let leash: Descriptor?

    /// Starts a program in a session of its own, with its signals at their defaults and no descriptor but the three
    /// standard ones.
    ///
    /// - Throws: `SystemError` of the call that failed; EACCES of `chdir` where `user` may not enter `directory`.
    public static func start(_ start: Start) throws(SystemError) -> ChildProcess {
        let arguments = CStrings([start.program] + start.arguments)
        let environment = CStrings(start.environment.map { "\($0.key)=\($0.value)" }.sorted())
        var spawned = clinux_spawned()
        let result = start.program.withCString { program in
            start.directory.withCString { directory in
                var request = clinux_spawn(
                    program: program, arguments: arguments.pointers, environment: environment.pointers,
                    directory: directory, output: start.output.rawValue, changes_user: start.user == nil ? 0 : 1,
                    uid: start.user?.uid ?? 0, gid: start.user?.gid ?? 0, guard_signal: start.guardSignal ?? 0)
                return clinux_spawn(&request, &spawned)
            }
        }
        guard result == 0 else {
            let code = errno
            let call = String(cString: spawned.failed_call)
            throw SystemError(call: call, subject: call == "chdir" ? start.directory : start.program, code: code)
        }
        return ChildProcess(
            processID: spawned.program, child: spawned.child,
            leash: spawned.leash < 0 ? nil : Descriptor(owning: spawned.leash))
    }

    /// Waits until it has ended.
    ///
    /// - Parameter milliseconds: the longest wait; nil waits without end.
    /// - Returns: its exit status, 128 + the signal's number if a signal ended it; nil if the time ran out.
    public func wait(milliseconds: Int? = nil) -> Int32? {
        let clock = SystemTime()
        let deadline = milliseconds.map { clock.monotonicNanoseconds() + UInt64(max($0, 0)) * 1_000_000 }
        var status: Int32 = 0
        while true {
            guard let ended = retryingInterrupts({ waitpid(child, &status, deadline == nil ? 0 : WNOHANG) }) else {
                return 127
            }
            if ended == child { break }
            if let deadline, clock.monotonicNanoseconds() >= deadline { return nil }
            usleep(2000)
        }
        let signal = status & 0x7f
        return signal == 0 ? status >> 8 & 0xff : 128 + signal
    }

    /// Sends a signal to the program. Only before `wait` has returned its status.
    public func signal(_ number: Int32) {
        kill(processID, number)
    }
}

/// Strings as C's execve wants them, for as long as this lives.
private final class CStrings {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() { (pointers + index).initialize(to: strdup(string)) }
        (pointers + count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count { free(pointers[index]) }
        pointers.deallocate()
    }
}
