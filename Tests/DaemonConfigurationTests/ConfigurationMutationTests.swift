import DaemonConfiguration
import OperationLogs
import Testing

@Suite struct ConfigurationMutationTests {
    private static let text = """
        inputs:
          - {type: socket, name: a, path: "/run/${N:-a}.sock", mode: "0660", max_connections: 5}
          - type: file
            name: b
            paths: ["/var/log/*.ndjson", '/x']
            max_line_bytes: 1MiB
        spool:
          sync: {interval: 100ms}
          keep_delivered: {bytes: 1GiB, age: 0s}
        delivery: {retry: {initial: 100ms, max: 30s}}   # a comment
        telemetry: {listen: "[::1]:9478"}

        """

    /// Whatever a file holds, it is taken, or told with a place that lies within it.
    @Test(arguments: UInt64(1)...8)
    func `a file that was altered at random never ends the process`(_ seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let signs = Array("{}[]:,-#&*!|>%@`'\"$ \n\tü\u{0}\u{E000}~?<a0".unicodeScalars)
        for _ in 0..<300 {
            var scalars = Array(Self.text.unicodeScalars)
            for _ in 0...Int.random(in: 0..<4, using: &generator) {
                let at = Int.random(in: 0..<scalars.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: scalars.remove(at: at)
                case 1: scalars.insert(signs.randomElement(using: &generator) ?? " ", at: at)
                case 2: scalars[at] = signs.randomElement(using: &generator) ?? " "
                default:
                    let end = min(scalars.count, at + Int.random(in: 1..<60, using: &generator))
                    scalars.insert(
                        contentsOf: scalars[at..<end], at: Int.random(in: 0..<scalars.count, using: &generator))
                }
            }
            let lines = scalars.count { $0 == "\n" } + 2
            let text = String(String.UnicodeScalarView(scalars))
            do {
                let loaded = try ConfigurationFile.parse(text, file: "f")
                #expect(loaded.settings.inputs.count <= 20)
            } catch .invalid(let findings) {
                #expect(!findings.isEmpty)
                #expect(findings.allSatisfy { (1...lines).contains($0.place.line) && $0.place.column >= 1 }, "\(text)")
            } catch {
                Issue.record("not a finding: \(error)")
            }
        }
    }
}
