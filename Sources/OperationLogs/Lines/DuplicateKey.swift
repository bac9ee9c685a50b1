extension LineScanner {
    /// The first key that stands a second time, if any does.
    ///
    /// Keys are compared as they are meant, by a hash with the process's own seed first: an object of a million keys
    /// takes some 16 bytes each and no time that its writer could drive up.
    @inline(never)
    func duplicateKey() -> LineFailure? {
        let count = fieldCount + furtherFields.count
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
            detail: RejectionDetail.duplicate(key(first).unescapedKey))
    }

    private func key(_ place: Int) -> JSONField {
        place < fieldCount ? fields[place] : furtherFields[place - fieldCount]
    }

    private func hash(_ field: JSONField) -> Int {
        var hasher = Hasher()
        if field.keyIsEscaped {
            field.unescapedKey.withUnsafeBytes { hasher.combine(bytes: $0) }
        } else {
            hasher.combine(bytes: UnsafeRawBufferPointer(start: field.key, count: Int(field.keyLength)))
        }
        return hasher.finalize()
    }

    private func isSame(_ left: Int, _ right: Int) -> Bool { key(left).unescapedKey == key(right).unescapedKey }

    /// Whether a key may stand twice: false only if none does. Allocates nothing.
    var mayRepeatKey: Bool {
        guard furtherFields.isEmpty else { return true }
        for place in 0..<fieldCount {
            let field = fields[place]
            if field.keyIsEscaped { return true }
            let key = UnsafeBufferPointer(start: field.key, count: Int(field.keyLength))
            for other in fields + place + 1..<fields + fieldCount
            where other.pointee.keyLength == field.keyLength
                && key.elementsEqual(UnsafeBufferPointer(start: other.pointee.key, count: key.count))
            { return true }
        }
        return false
    }
}
