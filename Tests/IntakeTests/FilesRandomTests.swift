import Glibc
import LinuxSystem
import OperationLogs
import Testing

@testable import Intake

/// Random histories of a few files against a model: what was written must become durable, each line once.
@Suite struct FilesRandomTests {
    private struct Behind: Error {}

    @Test(arguments: 1...16)
    func `each line of a random history is read once`(seed: Int) throws {
        var dice = SplitMix64(seed: UInt64(seed))
        let scene = try FileScene(pattern: seed % 2 == 0 ? "*.log*" : "*.log")
        scene.limits.readBytes = 256
        scene.limits.holdBackMilliseconds = 600
        scene.limits.graceMilliseconds = 100
        scene.limits.stopMilliseconds = 50
        mkdir(scene.path("old"), 0o755)
        scene.options.rotated = [scene.path("old")]
        var wanted: [String] = []
        var history: [String] = []
        var rotations = 0
        var isRunning = false
        var isAcknowledging = true

        func write(_ name: String) throws {
            let texts = (0..<Int.random(in: 1...6, using: &dice)).map { "\(wanted.count + $0)-\(name)" }
            wanted += texts
            try scene.append(texts, to: name)
        }
        func start() throws {
            scene.spool.setAcknowledging(true)
            isAcknowledging = true
            try scene.start()
            isRunning = true
        }
        /// Until all that was written is read, so that what follows destroys nothing unread.
        func catchUp() throws {
            if !isRunning { try start() }
            scene.spool.setAcknowledging(true)
            scene.spool.acknowledgeAll()
            isAcknowledging = true
            if !scene.eventually({ scene.spool.texts.count >= wanted.count }) { throw Behind() }
        }

        try start()
        // Before the mark of the first start is durable, a file that leaves the pattern was never there.
        #expect(scene.eventually { scene.spool.chunks > 0 })
        steps: for _ in 0..<150 {
            if history.last == "behind" { break steps }
            do {
                let name = "\(["a", "b", "c"].randomElement(using: &dice) ?? "a").log"
                let action = Int.random(in: 0..<100, using: &dice)
                history.append("\(action) \(name)")
                scene.messages.add("step \(action) \(name)")
                switch action {
                case 0..<50: try write(name)
                case 50..<58 where access(scene.path(name), F_OK) == 0:
                    rotations += 1
                    let target = action < 54 ? "\(name).\(rotations)" : "old/\(name).\(rotations)"
                    try scene.rename(name, target)
                    if action % 2 == 0 { try write(target) }
                case 58..<64 where access(scene.path(name), F_OK) == 0:
                    try catchUp()
                    try scene.rewrite("", to: name)
                    if action % 2 == 0 { try write(name) }
                case 64..<70 where access(scene.path(name), F_OK) == 0:
                    rotations += 1
                    // The copy holds what has not been read yet; something before it must have been, to know it by.
                    try catchUp()
                    if action % 2 == 0, try FileIdentity.at(scene.path(name)).size > 0 { try write(name) }
                    try scene.copy(name, "\(name).\(rotations)")
                    try scene.rewrite("", to: name)
                    try write(name)
                case 70..<74:
                    try catchUp()
                    scene.remove(name)
                case 74..<80 where isRunning:
                    scene.spool.setAcknowledging(true)
                    scene.spool.acknowledgeAll()
                    scene.stop()
                    isRunning = false
                case 80..<84 where isRunning:
                    scene.kill()
                    isRunning = false
                case 84..<90 where !isRunning: try start()
                case 90..<93 where isRunning:
                    scene.spool.setAcknowledging(false)
                    isAcknowledging = false
                case 93..<95:
                    scene.spool.setAcknowledging(true)
                    scene.spool.acknowledgeAll()
                    isAcknowledging = true
                default: usleep(UInt32.random(in: 0..<4000, using: &dice))
                }
            } catch is Behind {
                history.append("behind")
            }
        }
        if history.last != "behind" { try? catchUp() }
        let settled = scene.settles(on: wanted, milliseconds: 8000)
        let got = scene.spool.texts
        let lost = Set(wanted).subtracting(got).sorted()
        let doubled = Dictionary(grouping: got, by: { $0 }).filter { $0.value.count > 1 }.keys.sorted()
        #expect(
            settled,
            "lost \(lost), doubled \(doubled); \(scene.messages.list.suffix(60)); \(String(describing: scene.input?.status))"
        )
        #expect(scene.spool.failure == nil)
        #expect(isAcknowledging)
        scene.stop()
    }
}
