import Yams

/// Turns the text of a file into the root of its one YAML document.
enum YAMLDocument {
    /// The root; nil if the file holds nothing, or cannot be read as YAML: then the collector says why.
    static func root(of text: String, _ findings: FindingCollector) -> Node? {
        var text = text
        // Yams ends at the first mapping with a doubled key. Each is reported, put out of the way, and read on.
        for _ in 0..<RepeatedKey.most {
            do {
                // The encoding is named, since Yams would else look for it in the environment.
                return try Parser(yaml: text, encoding: .utf8).singleRoot()
            } catch let YamlError.duplicatedKeysInMapping(keys, context) {
                let first = Place(context.mark)
                guard let key = keys.first,
                    let repeated = RepeatedKey.find(key, firstAt: first, in: text)
                else {
                    findings.error(first, "`\(keys.first ?? "")` stands more than once in one mapping; keep one")
                    return nil
                }
                findings.error(
                    repeated.place,
                    "`\(key)` stands a second time in one mapping, first in line \(first.line); keep one")
                text = repeated.textWithoutIt
            } catch let error as YamlError {
                report(error, findings)
                return nil
            } catch {
                findings.error(.start, "YAML: \(error)")
                return nil
            }
        }
        return nil
    }

    private static func report(_ error: YamlError, _ findings: FindingCollector) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
            var message = "YAML: \(problem)"
            if let context {
                message += " (\(context.text) in line \(context.mark.line), column \(context.mark.column))"
            }
            if let context, context.text.contains("alias") || context.text.contains("anchor") {
                message += "; a value that begins with `*` or `&` must stand in quotes"
            }
            if problem.contains("cannot start any token") {
                message += "; indent with spaces, and put a value that begins with a sign of YAML in quotes"
            }
            findings.error(Place(mark), message)
        case .composer(_, let problem, let mark, _):
            if problem.contains("another document") {
                findings.error(
                    Place(mark), "expected one document, found a second one; `---` may stand at the start only")
            } else {
                findings.error(
                    Place(mark), "YAML: \(problem); a value that begins with `*` must stand in quotes")
            }
        case .reader(let problem, let offset, _, let yaml):
            findings.error(place(ofCharacter: offset ?? 0, in: yaml), "YAML: \(problem)")
        default:
            findings.error(.start, "YAML: \(error)")
        }
    }

    private static func place(ofCharacter offset: Int, in text: String) -> Place {
        let before = text.prefix(offset)
        let line = before.split(separator: "\n", omittingEmptySubsequences: false)
        return Place(line: line.count, column: (line.last?.unicodeScalars.count ?? 0) + 1)
    }
}

extension Place {
    init(_ mark: Mark?) {
        self = mark.map { Place(line: $0.line, column: $0.column) } ?? .start
    }
}
