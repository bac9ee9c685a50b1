import LinuxSystem
import Synchronization

/// The segment files of a spool, as a snapshot of their directory keeps them.
package struct SegmentImage: Sendable {
    private let entries: [String: Int]
    private let nodes: [Int: DiskState.Node]

    package init(_ disk: DiskState) {
        (entries, nodes) = disk.contents.withLock { contents in
            let entries = contents.directories["segments"]?.entries ?? [:]
            return (entries, contents.nodes.filter { entries.values.contains($0.key) })
        }
    }

    /// They take the place of those that are there, durably, as files of their own.
    package func restore(to disk: DiskState) {
        disk.contents.withLock { contents in
            var restored: [String: Int] = [:]
            for (name, number) in entries.sorted(by: { $0.key < $1.key }) {
                guard var node = nodes[number] else { continue }
                node.before = [:]
                node.givenUp = [:]
                node.durableLength = node.bytes.count
                restored[name] = contents.nextNode
                contents.nodes[contents.nextNode] = node
                contents.nextNode += 1
            }
            contents.directories["segments"]?.entries = restored
            contents.directories["segments"]?.durable = restored
            contents.directories["segments"]?.pending = []
        }
    }
}
