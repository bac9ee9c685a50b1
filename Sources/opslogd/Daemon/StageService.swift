import LinuxSystem
import ServiceLifecycle

/// A stage as a part of the running daemon: its blocking `run()` on a thread of its own, its `stop()` at the shutdown.
struct StageService: Service {
    /// Also the thread's name, as `top -H` shows it.
    let name: String
    let body: @Sendable () throws -> Void
    let stop: @Sendable () -> Void

    func run() async throws {
        try await withGracefulShutdownHandler {
            // A stage that failed takes the others down with it by a cancellation: they end in order all the same.
            try await withTaskCancellationHandler {
                try await WorkerThread.run(name, body)
            } onCancel: {
                stop()
            }
            // A second signal ends delivery before its turn has come in the order of the stop: that is no failure.
            try? await gracefulShutdown()
        } onGracefulShutdown: {
            stop()
        }
    }
}

/// Several stages that stop together: the inputs.
struct StageGroup: Service {
    let stages: [StageService]

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for stage in stages { group.addTask { try await stage.run() } }
            try await group.waitForAll()
        }
    }
}
