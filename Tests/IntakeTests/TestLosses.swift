import Glibc
import LinuxSystem
import OperationLogs
import Synchronization

@testable import Intake

/// Gives orders as a spool does that has lost something, and notes what it is told.
final class TestLosses: LostSources {
    struct State {
        var orders = DamageOrders()
        var wakes: [@Sendable () -> Void] = []
        var aside: [SourceRange] = []
        var over: [Int] = []
        var done: [Rereading] = []
        var failsToSetAside = false
    }

    private let state = Mutex(State())

    var told: State { state.withLock { $0 } }
    func order(_ change: (inout DamageOrders) -> Void) {
        let wakes = state.withLock { state in
            change(&state.orders)
            return state.wakes
        }
        for wake in wakes { wake() }
    }
    func fail(_ on: Bool) { state.withLock { $0.failsToSetAside = on } }

    func orders(for input: String) -> DamageOrders { state.withLock { $0.orders } }
    func onOrders(_ wake: @escaping @Sendable () -> Void) { state.withLock { $0.wakes.append(wake) } }
    func setAside(_ bytes: [SourceRange], range: Int) throws {
        try state.withLock { state in
            if state.failsToSetAside { throw SystemError(call: "write", subject: "losses", code: ENOSPC) }
            state.aside += bytes
        }
    }
    func setAsideFurther(_ key: [UInt8], from: UInt64, upTo: UInt64) throws {
        state.withLock { state in
            for index in state.aside.indices where state.aside[index].key == key && state.aside[index].upTo == from {
                state.aside[index].upTo = upTo
            }
        }
    }
    func areCertain(_ keys: [[UInt8]], range: Int) throws {
        state.withLock { state in
            for index in state.orders.doubts.indices { state.orders.doubts[index].keys.subtract(keys) }
        }
    }
    func passedOver(range: Int, input: String) throws {
        state.withLock { state in
            state.over.append(range)
            state.orders.doubts.removeAll { $0.range == range }
        }
    }
    func readAgain(_ rereading: Rereading) throws {
        state.withLock { state in
            state.done.append(rereading)
            state.orders.rereadings.removeAll { $0 == rereading }
        }
    }
}

extension FileScene {
    /// A scene of a spool that has lost something.
    static func withLosses() throws -> (FileScene, TestLosses) {
        let scene = try FileScene()
        let losses = TestLosses()
        scene.losses = losses
        return (scene, losses)
    }

    /// Of the position of a file.
    func key(of name: String) -> [UInt8] {
        spool.positions.first { FilePosition($0.value)?.path == path(name) }?.key ?? []
    }
}
