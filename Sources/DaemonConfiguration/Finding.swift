/// A place in the configuration file. Both count from 1; columns count Unicode scalars.
public struct Place: Sendable, Hashable, Comparable {
    public let line: Int
    public let column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public static let start = Place(line: 1, column: 1)

    public static func < (left: Place, right: Place) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// One thing that is wrong or doubtful in a configuration file, and where.
public struct Finding: Sendable, Hashable, CustomStringConvertible {
    public let file: String
    public let place: Place
    public let message: String

    public init(file: String, place: Place, message: String) {
        self.file = file
        self.place = place
        self.message = Self.oneLine(message)
    }

    /// Control characters and bidirectional marks that the file holds neither break the line nor move a terminal's cursor.
    private static func oneLine(_ text: String) -> String {
        var line = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0..<0x20, 0x7f..<0xa0, 0x061c, 0x200e...0x200f, 0x2028...0x202e, 0x2066...0x2069:
                line += "\\u{\(String(scalar.value, radix: 16))}"
            default:
                line.unicodeScalars.append(scalar)
            }
        }
        return line
    }

    /// `FILE:LINE:COLUMN: message`, on one line.
    public var description: String { "\(file):\(place.line):\(place.column): \(message)" }
}

/// Why there are no settings.
public enum ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file could not be read; `code` is the errno.
    case unreadable(file: String, code: Int32)
    /// All that was found, sorted by place; at least one.
    case invalid([Finding])

    /// One line each.
    public var lines: [String] {
        switch self {
        case .unreadable(let file, let code): ["\(file): \(ConfigurationFile.reason(code))"]
        case .invalid(let findings): findings.map(\.description)
        }
    }

    public var description: String { lines.joined(separator: "\n") }
}
