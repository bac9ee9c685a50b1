import Foundation
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

/// Random damage between random runs of a daemon, with its database there or away, stopped or killed, and words of the
/// operator now and then. `OPSLOGD_LOSSES` sets how many histories are tried, `OPSLOGD_LOSS_SEED` the first.
private struct LossHistory {
    let disk = DiskState()
    var model = LossModel(lines: 0)
    var generator: SplitMix64
    /// How often a line may be there more than once, by words that were given.
    var allowed: [UInt64: Int] = [:]
    var isDamaged = false
    /// Refused for good, with a status that says so.
    var isRefused = false
    var story: [String] = []

    init(seed: UInt64) {
        generator = SplitMix64(seed: seed)
        model.fill = [10, 1000, 4000].randomElement(using: &generator) ?? 10
        model.linesInChunk = UInt64.random(in: 1...3, using: &generator)
    }

    mutating func play() throws {
        for _ in 0..<Int.random(in: 2...9, using: &generator) where !isRefused {
            model.lines += UInt64.random(in: 0...40, using: &generator)
            model.isDatabaseThere = Bool.random(using: &generator)
            try run(isKilled: Bool.random(using: &generator))
            if Int.random(in: 0..<3, using: &generator) > 0 { damage() }
            if Int.random(in: 0..<4, using: &generator) == 0 { try giveWord() }
        }
        model.isDatabaseThere = true
        for _ in 0..<3 where !isRefused { try run(isKilled: false) }
    }

    private mutating func run(isKilled: Bool) throws {
        story.append("run\(isKilled ? ", killed" : "")\(model.isDatabaseThere ? "" : ", away") to \(model.lines)")
        do {
            let writer = try model.open(disk)
            try model.live(writer)
            if !isKilled { try writer.stopNow() }
        } catch let error as SpoolError where isDamaged {
            story.append("\(error)")
            // The last group, damaged while nothing stands behind it, ends a daemon; the next start cuts it.
            isRefused = (try? model.open(disk)) == nil
        }
    }

    private mutating func damage() {
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            guard let node = disk.segmentNodes().randomElement(using: &generator) else { return }
            let count = disk.contents.withLock { ($0.nodes[node]?.bytes ?? []).lastIndex { $0 != 0 } ?? 0 }
            guard count > 0 else { return }
            let offset = Int.random(in: 0...count, using: &generator)
            let bit = UInt8(1 << Int.random(in: 0...7, using: &generator))
            if Bool.random(using: &generator) {
                disk.edit(node) { $0[offset] ^= bit }
                story.append("bit of \(node) at \(offset)")
            } else {
                let sector = offset / 512 * 512
                disk.edit(node) { for at in sector..<min(sector + 512, $0.count) { $0[at] = 0 } }
                story.append("sector of \(node) at \(sector)")
            }
            isDamaged = true
        }
    }

    private mutating func giveWord() throws {
        guard let losses = try? SpoolInspector(SimulatedDisk(disk)).losses() else { return }
        for loss in losses where loss.state == .setAside {
            var word = try SpoolRereading(SimulatedDisk(disk))
            guard try word.ask(loss.number, now: Timestamp(microseconds: 0), isMeant: true) == .asked else { continue }
            story.append("word \(loss.number)")
            for bytes in loss.sources {
                for line in bytes.from..<min(bytes.upTo ?? .max, model.lines + 1) { allowed[line, default: 0] += 1 }
            }
        }
    }

    /// What is wrong; nil if nothing is.
    var fault: String? {
        for (line, count) in model.database.rows.sorted(by: { $0.key < $1.key })
        where count > 1 + (allowed[line] ?? 0) {
            return "line \(line) is there \(count) times"
        }
        guard !isRefused else { return nil }
        guard let losses = try? SpoolInspector(SimulatedDisk(disk)).losses() else { return "no list" }
        // Where nothing tells the positions around it, only numbers are named.
        let isUntold = losses.contains { $0.sources.isEmpty && $0.next.map { $0 > SequenceNumber(0) } ?? true }
        for line in UInt64(1)...max(1, model.lines) where model.lines > 0 && model.database.rows[line] == nil {
            let isNamed = losses.contains { $0.sources.contains { $0.from <= line && line < $0.upTo ?? .max } }
            if !isNamed, !isUntold { return "line \(line) is lost in silence" }
        }
        return nil
    }
}

@Test func `whatever is damaged, and whenever, no line comes twice without a word, nor is lost in silence`() throws {
    let environment = ProcessInfo.processInfo.environment
    let count = environment["OPSLOGD_LOSSES"].flatMap(UInt64.init) ?? 300
    let first = environment["OPSLOGD_LOSS_SEED"].flatMap(UInt64.init) ?? 1
    var refused = 0
    for seed in first..<first + count {
        var history = LossHistory(seed: seed)
        do {
            try history.play()
        } catch {
            Issue.record("seed \(seed): \(error); \(history.story.joined(separator: "; "))")
            continue
        }
        if history.isRefused { refused += 1 }
        if let fault = history.fault {
            Issue.record("seed \(seed): \(fault); \(history.story.joined(separator: "; "))")
        }
    }
    #expect(refused <= count / 2)
}
