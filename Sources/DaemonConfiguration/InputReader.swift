import Yams

/// Reads the list `inputs`.
struct InputReader {
    let findings: FindingCollector
    private var names: [String: Place] = [:]
    private var socketPaths: [String: Place] = [:]

    init(_ findings: FindingCollector) {
        self.findings = findings
    }

    mutating func inputs(_ root: inout MappingReader) -> [InputSettings] {
        guard let node = root.node("inputs"), !ScalarValue.isNothing(node) else { return [] }
        guard case .sequence(let sequence) = node else {
            root.refuse("inputs", Place(node.mark), expected: "a list of inputs", found: ScalarValue.words(node))
            return []
        }
        return sequence.enumerated().compactMap { index, element in
            let path = "inputs[\(index)]"
            guard case .mapping(let mapping) = element else {
                root.refuse(
                    path, Place(element.mark), expected: "an input with `type` and `name`",
                    found: ScalarValue.words(element))
                return nil
            }
            return input(MappingReader(mapping, path: path, section: "inputs", findings))
        }
    }

    private mutating func input(_ mapping: MappingReader) -> InputSettings? {
        var mapping = mapping
        let expected = "`socket`, `datagram`, `file` or `journal`"
        guard mapping.keyPlace("type") != nil else {
            findings.error(mapping.place, "`\(mapping.name("type"))` is missing: expected \(expected)")
            return nil
        }
        guard let type = mapping.scalar("type", expected: expected) else { return nil }
        switch type.text {
        case "socket": return socket(&mapping)
        case "datagram": return datagram(&mapping)
        case "file": return file(&mapping)
        case "journal": return journal(&mapping)
        default:
            mapping.refuse(mapping.name("type"), type.place, expected: expected, found: type.words)
        }
        return nil
    }

    private mutating func socket(_ mapping: inout MappingReader) -> InputSettings? {
        let name = name(&mapping)
        var socket = SocketInputSettings(name: name ?? "")
        socket.path = path(&mapping, default: socket.path)
        socket.mode = mode(&mapping, default: socket.mode)
        socket.group = group(&mapping)
        socket.allow = AllowReader.entries(&mapping)
        socket.maxConnections = mapping.count("max_connections", in: 1...65_536, default: socket.maxConnections)
        socket.maxLineBytes = maxLineBytes(&mapping)
        socket.mapping = LineMappingReader(findings: findings).mapping(&mapping)
        mapping.finish()
        return name == nil ? nil : .socket(socket)
    }

    private mutating func datagram(_ mapping: inout MappingReader) -> InputSettings? {
        let name = name(&mapping)
        var datagram = DatagramInputSettings(name: name ?? "")
        datagram.path = path(&mapping, default: datagram.path)
        datagram.mode = mode(&mapping, default: datagram.mode)
        datagram.group = group(&mapping)
        datagram.allow = AllowReader.entries(&mapping)
        datagram.maxLineBytes = maxLineBytes(&mapping)
        datagram.mapping = LineMappingReader(findings: findings).mapping(&mapping)
        mapping.finish()
        return name == nil ? nil : .datagram(datagram)
    }

    /// Of a socket; no other input's.
    private mutating func path(_ mapping: inout MappingReader, default usual: String) -> String {
        let expected = "an absolute path of at most \(SocketPath.mostBytes) bytes"
        let path = mapping.text("path", expected: expected, where: SocketPath.fits) ?? usual
        let pathPlace = findings.place(of: mapping.name("path")) ?? mapping.place
        if let first = socketPaths.updateValue(pathPlace, forKey: path) {
            findings.error(
                pathPlace,
                "`\(mapping.name("path"))`: the input in line \(first.line) already listens on `\(path)`")
        }
        return path
    }

    private func mode(_ mapping: inout MappingReader, default usual: UInt32) -> UInt32 {
        let text = mapping.text("mode", expected: #"permissions in octal such as "0660""#, where: Self.isMode)
        return text.flatMap { UInt32($0, radix: 8) } ?? usual
    }

    private func group(_ mapping: inout MappingReader) -> String? {
        mapping.text("group", expected: "the name of a group") { !$0.isEmpty }
    }

    private mutating func file(_ mapping: inout MappingReader) -> InputSettings? {
        let name = name(&mapping)
        let pattern = "an absolute path or glob pattern"
        if mapping.keyPlace("paths") == nil {
            findings.error(mapping.place, "`\(mapping.name("paths"))` is missing: expected a list, each \(pattern)")
        }
        let paths = mapping.texts("paths", expected: pattern, where: Self.isPattern)
        if let paths, paths.isEmpty, let place = findings.place(of: mapping.name("paths")),
            mapping.isEmptyList("paths")
        {
            mapping.refuse(mapping.name("paths"), place, expected: "at least one path", found: "an empty list")
        }
        var file = FileInputSettings(name: name ?? "", paths: paths ?? [])
        file.exclude = mapping.texts("exclude", expected: "a glob pattern") { !$0.isEmpty } ?? []
        file.startAt = mapping.choice("start_at", default: file.startAt)
        file.maxLineBytes = maxLineBytes(&mapping)
        file.mapping = LineMappingReader(findings: findings).mapping(&mapping)
        file.maxOpenFiles = mapping.count(
            "max_open_files", in: FileInputSettings.openFilesRange, default: file.maxOpenFiles)
        file.rotated = mapping.texts("rotated", expected: pattern, where: Self.isPattern) ?? []
        mapping.finish()
        return name == nil ? nil : .file(file)
    }

    private mutating func journal(_ mapping: inout MappingReader) -> InputSettings? {
        let name = name(&mapping)
        var journal = JournalInputSettings(name: name ?? "")
        let unit = #"the name of a unit or a glob pattern, such as "loader@*.service""#
        let (units, identifiers) = (
            patterns("units", &mapping, expected: unit),
            patterns("identifiers", &mapping, expected: "a name or a glob pattern")
        )
        if units == nil, identifiers == nil {
            findings.error(
                mapping.place,
                "`\(mapping.name("units"))` is missing: expected a list, each \(unit); or `identifiers`, to take what they "
                    + "print in whatever unit")
        }
        journal.units = units ?? []
        journal.identifiers = identifiers ?? []
        journal.directory = mapping.text("directory", expected: "an absolute path", where: Self.isPattern)
        journal.startAt = mapping.choice("start_at", default: journal.startAt)
        journal.maxLineBytes = maxLineBytes(&mapping)
        journal.mapping = LineMappingReader(findings: findings).mapping(&mapping)
        mapping.finish()
        return name == nil ? nil : .journal(journal)
    }

    /// A list that is not empty; nil if the key is not there.
    private func patterns(_ key: String, _ mapping: inout MappingReader, expected: String) -> [String]? {
        guard mapping.keyPlace(key) != nil else {
            mapping.expect(key)
            return nil
        }
        let patterns = mapping.texts(key, expected: expected) { !$0.isEmpty && !$0.utf8.contains(0) }
        if mapping.isEmptyList(key), let place = findings.place(of: mapping.name(key)) {
            mapping.refuse(mapping.name(key), place, expected: "at least one element", found: "an empty list")
        }
        return patterns ?? []
    }

    private mutating func name(_ mapping: inout MappingReader) -> String? {
        let expected = "1 to 64 letters, digits, `-`, `_` or `.`"
        guard mapping.keyPlace("name") != nil else {
            findings.error(mapping.place, "`\(mapping.name("name"))` is missing: expected \(expected)")
            _ = mapping.node("name")
            return nil
        }
        guard let name = mapping.text("name", expected: expected, where: Self.isName) else { return nil }
        let place = findings.place(of: mapping.name("name")) ?? mapping.place
        if let first = names[name] {
            findings.error(
                place, "`\(mapping.name("name"))`: the input in line \(first.line) is already named `\(name)`")
        } else {
            names[name] = place
        }
        return name
    }

    private func maxLineBytes(_ mapping: inout MappingReader) -> Int {
        mapping.size("max_line_bytes", in: InputSettings.lineBytesRange, default: InputSettings.usualMaxLineBytes)
    }

    private static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
    }

    private static func isMode(_ text: String) -> Bool {
        (3...4).contains(text.utf8.count) && UInt32(text, radix: 8).map { $0 <= 0o777 } ?? false
            && text.allSatisfy(\.isNumber)
    }

    private static func isPattern(_ text: String) -> Bool { text.hasPrefix("/") && !text.utf8.contains(0) }
}
