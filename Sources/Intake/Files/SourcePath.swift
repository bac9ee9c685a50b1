/// Names of files, as they stand in patterns, positions and listings: absolute.
enum SourcePath {
    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
