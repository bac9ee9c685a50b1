/// Finds the key that was probably meant.
enum NearestKey {
    /// The known key with the fewest edits from `key`, if they are few enough for a typing mistake.
    static func to(_ key: String, among known: [String]) -> String? {
        let given = key.lowercased().map { $0 == "-" ? "_" : $0 }
        let near = known.map { (key: $0, edits: edits(given, Array($0))) }.min { $0.edits < $1.edits }
        guard let near, near.edits <= max(1, given.count / 3) else { return nil }
        return near.key
    }

    /// The Levenshtein distance.
    private static func edits(_ left: [Character], _ right: [Character]) -> Int {
        var row = Array(0...right.count)
        for (i, one) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (one == other ? 0 : 1))
                diagonal = above
            }
        }
        return row[right.count]
    }
}
