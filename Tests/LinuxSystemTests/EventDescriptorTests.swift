import Glibc
import LinuxSystem
import Synchronization
import Testing

@Suite struct EventDescriptorTests {
    @Test func `signals before a wait are one, and none is left behind it`() throws {
        let event = try EventDescriptor()
        #expect(!event.wait(milliseconds: 0))
        for _ in 0..<5 { event.signal() }
        #expect(event.wait())
        #expect(!event.wait(milliseconds: 0))
    }

    @Test func `clearing takes a signal back`() throws {
        let event = try EventDescriptor()
        event.signal()
        event.clear()
        #expect(!event.wait(milliseconds: 0))
        event.clear()
        event.signal()
        #expect(event.wait(milliseconds: 0))
    }

    @Test func `a signal from another thread wakes a waiting one`() throws {
        let event = try EventDescriptor()
        let waiting = try EventDescriptor()
        WorkerThread.start("signals") {
            _ = waiting.wait()
            event.signal()
        }
        waiting.signal()
        #expect(event.wait(milliseconds: 20_000))
    }

    @Test func `a wait ends when its time is up, not before`() throws {
        let event = try EventDescriptor()
        let clock = SystemTime()
        let start = clock.monotonicNanoseconds()
        #expect(!event.wait(milliseconds: 30))
        #expect(clock.monotonicNanoseconds() - start >= 29_000_000)
    }

    @Test func `a worker's result and failure come back to who awaits it`() async throws {
        struct Failed: Error {}
        let ran = Mutex(false)
        try await WorkerThread.run("worker") { ran.withLock { $0 = true } }
        #expect(ran.withLock { $0 })
        await #expect(throws: Failed.self) { try await WorkerThread.run("worker") { throw Failed() } }
    }
}
