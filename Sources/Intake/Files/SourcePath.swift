/// Names of files, as they stand in patterns, positions and listings: absolute.
enum SourcePath {
    static func directory(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: 0x2f), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
