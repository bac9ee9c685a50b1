import OperationLogs

/// Ids of dead letters, in order, eight bytes each.
struct LetterIDSet: Sendable {
    private var ids: [UInt64] = []

    var count: Int { ids.count }

    /// - Returns: whether it was new.
    @discardableResult
    mutating func insert(_ id: SequenceNumber) -> Bool {
        // Nearly always the newest: most come about in the order of the spool.
        if let last = ids.last, last < id.rawValue {
            ids.append(id.rawValue)
            return true
        }
        let place = place(of: id)
        if place < ids.count, ids[place] == id.rawValue { return false }
        ids.insert(id.rawValue, at: place)
        return true
    }

    mutating func remove(_ id: SequenceNumber) {
        let place = place(of: id)
        if place < ids.count, ids[place] == id.rawValue { ids.remove(at: place) }
    }

    func contains(_ id: SequenceNumber) -> Bool {
        let place = place(of: id)
        return place < ids.count && ids[place] == id.rawValue
    }

    /// How many are not among the others.
    func count(without others: LetterIDSet) -> Int {
        var rest = others.ids[...]
        return ids.count { id in
            rest = rest.drop { $0 < id }
            return rest.first != id
        }
    }

    mutating func subtract(_ others: Set<SequenceNumber>) {
        ids.removeAll { others.contains(SequenceNumber($0)) }
    }

    /// Whether any id from `first` to `last` is among them.
    func contains(from first: SequenceNumber, through last: SequenceNumber) -> Bool {
        let place = place(of: first)
        return place < ids.count && ids[place] <= last.rawValue
    }

    /// Lets go of the ids up to this one, itself included.
    mutating func forget(upTo id: SequenceNumber) {
        guard id.rawValue < .max else { return ids.removeAll() }
        ids.removeFirst(place(of: id.advanced(by: 1)))
    }

    /// Of the first id that is not below `id`.
    private func place(of id: SequenceNumber) -> Int {
        var low = 0
        var high = ids.count
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] < id.rawValue { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
