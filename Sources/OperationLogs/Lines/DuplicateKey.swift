extension LineScanner {
    /// The first key that stands a second time, if any does.
    ///
    /// Keys are compared as they are meant, by a hash with the process's own seed first: an object of a million keys
    /// takes 16 bytes each and no time that its writer could drive up.
    @inline(never)
    func duplicateKey() -> LineFailure? {
        let count = fieldCount + furtherKeys.count
        var hashed: [(hash: Int, place: Int)] = []
        hashed.reserveCapacity(count)
        for place in 0..<count { hashed.append((hash(key(place)), place)) }
        hashed.sort { $0 < $1 }

        var first = count
        var run = 0
        for index in hashed.indices {
            if hashed[index].hash != hashed[run].hash { run = index }
            let place = hashed[index].place
            if place < first, (run..<index).contains(where: { isSame(hashed[$0].place, place) }) { first = place }
        }
        guard first < count else { return nil }
        return LineFailure(
            reason: .duplicateField, event: nil, column: column(key(first).key - 1),
            detail: RejectionDetail.duplicate(key(first).unescaped))
    }

    private func key(_ place: Int) -> JSONKey {
        guard place < fieldCount else { return furtherKeys[place - fieldCount] }
        let field = fields[place]
        return JSONKey(key: field.key, length: field.keyLength, isEscaped: field.keyIsEscaped)
    }

    private func hash(_ key: JSONKey) -> Int {
        var hasher = Hasher()
        if key.isEscaped {
            key.unescaped.withUnsafeBytes { hasher.combine(bytes: $0) }
        } else {
            hasher.combine(bytes: UnsafeRawBufferPointer(start: key.key, count: Int(key.length)))
        }
        return hasher.finalize()
    }

    private func isSame(_ left: Int, _ right: Int) -> Bool { key(left).unescaped == key(right).unescaped }
}
