import Fuzzer
import OperationLogs

@testable import DaemonConfiguration

/// Any text gives settings, or findings with places that lie within it.
///
/// Input: the text, or, behind a byte of 0xff, a text in which others may read the password.
@main enum FuzzConfiguration {
    static func main() {
        fuzz { data, size in
            FuzzConfiguration.test(ByteFeed(data, size))
            return 0
        }
    }

    private static func test(_ input: ByteFeed) {
        var bytes = Array(input.rest)
        let othersMayRead = bytes.first == 0xff
        if othersMayRead { bytes.removeFirst() }
        // As YAML breaks lines.
        let breaks = String(decoding: bytes, as: UTF8.self).unicodeScalars.count {
            ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"].contains($0)
        }
        func check(_ findings: [Finding]) {
            for finding in findings {
                require((1...breaks + 2).contains(finding.place.line), "the line is there: \(finding)")
                require((1...bytes.count + 1).contains(finding.place.column), "the column is there: \(finding)")
                require(!finding.description.unicodeScalars.contains { $0.value < 0x20 }, "it is one line")
            }
        }
        let environment = ["A": "5", "B": "a\nb", "STATE_DIRECTORY": "/s"]
        do {
            let loaded = try ConfigurationFile.parse(
                bytes, file: "f", othersMayRead: othersMayRead, environment: environment)
            check(loaded.warnings)
            try loaded.requireInputs()
            try loaded.requireConninfo { $0.isEmpty ? nil : "not this one" }
        } catch .invalid(let findings) {
            require(!findings.isEmpty, "what is refused is refused for a reason")
            check(findings)
        } catch {
            require(false, "not a finding: \(error)")
        }
    }
}
