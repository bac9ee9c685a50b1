import Glibc
import LinuxSystem
import Synchronization

package struct SimulatedDisk: Storage {
    package let state: DiskState
    package let path: String

    package init(_ state: DiskState = DiskState(), path: String = "") {
        self.state = state
        self.path = path
    }

    package func open(_ name: String, _ opening: StorageOpening) throws(SystemError) -> SimulatedFile {
        let path = path
        if case .creating = opening {
            return SimulatedFile(
                state: state,
                node: try state.change(.openCreating) { contents throws(SystemError) in
                    guard contents.directories[path]?.entries[name] == nil else {
                        throw SystemError(call: "open", subject: name, code: EEXIST)
                    }
                    let node = contents.nextNode
                    contents.nextNode += 1
                    contents.nodes[node] = DiskState.Node()
                    contents.edit(path) { $0[name] = node }
                    return node
                })
        }
        var call = StorageCall.openReading
        if case .writing = opening { call = .openWriting }
        let node = try state.look(call) { contents throws(SystemError) in
            guard let node = contents.directories[path]?.entries[name] else {
                throw SystemError(call: "open", subject: name, code: ENOENT)
            }
            return node
        }
        return SimulatedFile(state: state, node: node)
    }

    package func names() throws(SystemError) -> [String] {
        let path = path
        return try state.look(.names) { contents in contents.directories[path]?.entries.keys.sorted() ?? [] }
    }

    package func rename(_ old: String, to new: String) throws(SystemError) {
        let path = path
        try state.change(.rename) { contents throws(SystemError) in
            guard contents.directories[path]?.entries[old] != nil else {
                throw SystemError(call: "rename", subject: old, code: ENOENT)
            }
            contents.edit(path) { entries in entries[new] = entries.removeValue(forKey: old) }
        }
    }

    package func remove(_ name: String) throws(SystemError) {
        let path = path
        try state.change(.remove) { contents throws(SystemError) in
            guard contents.directories[path]?.entries[name] != nil else {
                throw SystemError(call: "unlink", subject: name, code: ENOENT)
            }
            contents.edit(path) { $0[name] = nil }
        }
    }

    package func synchronizeDirectory() throws(SystemError) {
        let path = path
        try state.change(.synchronizeDirectory) { contents throws(SystemError) in
            guard var directory = contents.directories[path] else { return }
            directory.durable = directory.entries
            directory.pending = []
            contents.directories[path] = directory
        }
    }

    package func availableBytes() throws(SystemError) -> UInt64 {
        try state.look(.availableBytes) { contents in
            guard let capacity = contents.capacityBlocks else { return contents.available }
            return UInt64(max(0, capacity - contents.usedBlocks)) * 4096
        }
    }

    package func directory(_ name: String) throws(SystemError) -> SimulatedDisk {
        let path = path
        try state.look(.directory) { contents in
            if contents.directories[name] == nil {
                contents.directories[name] = DiskState.Directory()
                contents.directories[path]?.entries[name] = 0
                contents.directories[path]?.durable[name] = 0
            }
        }
        return SimulatedDisk(state, path: name)
    }
}
