import OperationLogs
import Synchronization

/// Everything that a crash can leave: of each page that was not synced, whether it reached the medium; of each file whose
/// length changed, whether that did; of each directory, how many of its changes.
package struct CrashChoices: Sendable {
    private enum Unit: Hashable {
        case page(node: Int, page: Int)
        case length(node: Int)
        case directory(String)
    }

    private static let sectorsOfPage = 4096 / DiskState.sector

    /// What there is to choose, and among how many outcomes.
    private let units: [(unit: Unit, outcomes: Int)]
    private let contents: DiskState.Contents

    package init(_ disk: DiskState) {
        contents = disk.contents.withLock { $0 }
        var units: [(Unit, Int)] = []
        for number in contents.nodes.keys.sorted() {
            guard let node = contents.nodes[number] else { continue }
            // What was written over itself is there either way.
            let changed = node.before.filter { !node.holds($0.value, $0.key) }
            for page in Set(changed.keys.map { $0 / Self.sectorsOfPage }).sorted() {
                units.append((.page(node: number, page: page), 2))
            }
            if node.bytes.count != node.durableLength { units.append((.length(node: number), 2)) }
        }
        for name in contents.directories.keys.sorted() {
            let pending = contents.directories[name]?.pending.count ?? 0
            if pending > 0 { units.append((.directory(name), 1 << pending)) }
        }
        self.units = units
    }

    /// How many outcomes there are.
    package var count: Int { units.reduce(1) { $0 * $1.outcomes } }

    /// The disk after the crash with that outcome, from 0.
    package func disk(_ outcome: Int) -> DiskState {
        var rest = outcome
        var contents = contents
        var kept: [Unit: Int] = [:]
        for (unit, outcomes) in units {
            kept[unit] = rest % outcomes
            rest /= outcomes
        }
        for number in contents.nodes.keys {
            contents.nodes[number]?.settle(
                keepsPage: { kept[.page(node: number, page: $0)] == 1 }, keepsLength: kept[.length(node: number)] != 0)
        }
        for name in contents.directories.keys {
            contents.directories[name]?.settle(keeping: kept[.directory(name)] ?? 0)
        }
        contents.failsFrom = .max
        let disk = DiskState()
        disk.contents.withLock { $0 = contents }
        return disk
    }
}

extension DiskState.Node {
    fileprivate func holds(_ former: [UInt8], _ sector: Int) -> Bool {
        bytes.dropFirst(sector * DiskState.sector).prefix(former.count).elementsEqual(former)
    }

    fileprivate mutating func settle(keepsPage: (Int) -> Bool, keepsLength: Bool) {
        dropGivenUp()
        for (sector, former) in before where !keepsPage(sector * DiskState.sector / 4096) { put(former, sector) }
        if !keepsLength { resize(durableLength) }
        before = [:]
        durableLength = bytes.count
    }
}

extension DiskState.Directory {
    /// - Parameter subset: a bit for each pending change.
    fileprivate mutating func settle(keeping subset: Int) {
        for (index, change) in pending.enumerated() where subset & 1 << index != 0 { change(&durable) }
        entries = durable
        pending = []
    }
}
