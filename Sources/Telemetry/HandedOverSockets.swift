/// Which of the sockets that the service manager handed over belongs to which input.
///
/// The path decides first. An input whose path none has takes one that bears the input's name (`FileDescriptorName=`) and
/// belongs to no other input by its path; since all sockets of one unit bear one name, one of the input's type goes
/// before the others. Whether the type fits is for the input to say.
public struct HandedOverSockets: Sendable {
    /// An input that listens on a Unix socket.
    public struct Input: Sendable {
        public let name: String
        public let path: String
        public let isDatagram: Bool

        public init(name: String, path: String, isDatagram: Bool) {
            self.name = name
            self.path = path
            self.isDatagram = isDatagram
        }
    }

    private var byInput: [String: HandedOverSocket] = [:]
    /// Those that belong to no input.
    public private(set) var unclaimed: [HandedOverSocket]

    public init(_ sockets: [HandedOverSocket], for inputs: [Input]) {
        unclaimed = sockets
        for input in inputs { claim(for: input) { $0.path == input.path } }
        for input in inputs where byInput[input.name] == nil {
            claim(for: input) { $0.name == input.name && $0.isDatagram == input.isDatagram }
        }
        for input in inputs where byInput[input.name] == nil { claim(for: input) { $0.name == input.name } }
    }

    /// Of the input of that name; nil: it makes its own.
    public subscript(input: String) -> HandedOverSocket? { byInput[input] }

    private mutating func claim(for input: Input, _ fits: (HandedOverSocket) -> Bool) {
        guard let index = unclaimed.firstIndex(where: fits) else { return }
        byInput[input.name] = unclaimed.remove(at: index)
    }
}
