import OperationLogs

/// Text from outside, made safe to print: control characters and bidirectional marks are escaped.
enum Printable {
    static func text(_ text: String) -> String {
        let quoted = JSONObjectWriter.quoted(text).dropFirst().dropLast()
        return String(quoted.replacing("\\\"", with: "\"").replacing("\\\\", with: "\\"))
    }

    /// `1234567` as `1,234,567`.
    static func count(_ number: some BinaryInteger) -> String {
        var grouped = ""
        for (index, digit) in String(number).reversed().enumerated() {
            if index > 0, index % 3 == 0, digit != "-" { grouped.append(",") }
            grouped.append(digit)
        }
        return String(grouped.reversed())
    }

    /// Bytes in the largest unit that leaves a number above one.
    static func bytes(_ number: some BinaryInteger) -> String {
        var value = Double(number)
        for unit in ["B", "KiB", "MiB", "GiB"] {
            if value < 1024 || unit == "GiB" {
                let tenths = Int((value * 10).rounded())
                return unit == "B" || tenths % 10 == 0
                    ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
            }
            value /= 1024
        }
        return "\(number) B"
    }
}
