import LinuxSystem

/// A file that says that an end was cut off, from before that is done until what stood in it has been moved again: a
/// start that ends in between leaves the next one no other sign of it.
enum CutMark {
    static let name = "cut"

    static func isThere(in directory: some Storage) throws(SystemError) -> Bool {
        try directory.names().contains(name)
    }

    /// Durable when this returns; nothing where the disk has no room for it.
    static func make(in directory: some Storage) throws(SystemError) {
        guard try !isThere(in: directory) else { return }
        do {
            try directory.open(name, .creating).synchronize()
            try directory.synchronizeDirectory()
        } catch {
            guard error.isOutOfSpace else { throw error }
        }
    }

    /// Where a power cut brings it back, what is there already is looked through once more, and nothing is kept twice.
    static func remove(in directory: some Storage) throws(SystemError) {
        guard try isThere(in: directory) else { return }
        try directory.remove(name)
    }
}
