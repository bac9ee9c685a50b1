import CLinux
import Glibc

/// A thread of its own for work that blocks in system calls, which Swift's cooperative threads must not do.
public enum WorkerThread {
    private final class Work: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Runs `body` on a new thread and returns what it returned, or throws what it threw, when it has ended.
    ///
    /// The body is not cancelled with the task: what asks it to stop is the caller's own signal.
    /// - Parameter name: at most 15 bytes, as `top -H` shows it.
    public static func run(_ name: String, _ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            start(name) { done.resume(with: Result(catching: body)) }
        }
    }

    /// Starts a detached thread.
    public static func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let work = Unmanaged.passRetained(Work(name: name, body: body))
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 1 << 20)
        var thread = pthread_t()
        let failure = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                let work = Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
                clinux_name_thread(work.name)
                work.body()
                return nil
            }, work.toOpaque())
        pthread_attr_destroy(&attributes)
        precondition(failure == 0, "pthread_create failed with \(failure) while the daemon was starting")
    }
}
