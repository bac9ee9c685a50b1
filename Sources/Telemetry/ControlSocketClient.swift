import Glibc

/// Asks a running daemon over its Unix socket: one request, one answer, blocking.
///
/// Related system calls: `socket`, `connect`, `send`, `recv`.
public struct ControlSocketClient: Sendable {
    public struct Answer: Sendable, Hashable {
        /// The status code of HTTP.
        public let code: Int
        public let body: String
    }

    /// Why there is no answer.
    public enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
        /// No socket there, or nobody listens.
        case nobodyThere(path: String)
        case notPermitted(path: String)
        /// A system call failed; the errno.
        case failed(path: String, code: Int32)
        /// The daemon ended before its answer was whole.
        case ended(path: String)
        /// What came is no answer of HTTP.
        case notUnderstood(path: String)

        public var description: String {
            switch self {
            case .nobodyThere(let path): "\(path): no daemon answers; start one with `opslogd run`"
            case .notPermitted(let path):
                "\(path): this user may not ask the daemon; run as root or as the daemon's user"
            case .failed(let path, EAGAIN): "\(path): the daemon did not answer in time; look at its log"
            case .failed(let path, let code): "\(path): \(String(cString: strerror(code)))"
            case .ended(let path):
                "\(path): the daemon ended before it had answered; what was asked is done, or not, or in part: repeat the "
                    + "command once it runs again"
            case .notUnderstood(let path): "\(path): the answer is not opslogd's; name the daemon's state directory"
            }
        }
    }

    private let path: String
    private let timeoutSeconds: Int
    private static let mostBytes = 64 << 20

    /// - Parameter timeoutSeconds: for each wait on the daemon.
    public init(path: String, timeoutSeconds: Int = 10) {
        self.path = path
        self.timeoutSeconds = timeoutSeconds
    }

    /// Sends `GET target` and returns the answer, whatever its code.
    public func get(_ target: String) throws(Failure) -> Answer {
        try ask("GET \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
    }

    /// Sends `POST target` with a body and returns the answer, whatever its code.
    public func post(_ target: String, _ body: [UInt8]) throws(Failure) -> Answer {
        let head =
            "POST \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: \(body.count)\r\n\r\n"
        return try ask(Array(head.utf8) + body)
    }

    private func ask(_ request: some Sequence<UInt8>) throws(Failure) -> Answer {
        let descriptor = try connected()
        defer { close(descriptor) }
        try send(Array(request), descriptor)
        let bytes = try receive(descriptor)
        if let answer = Self.parse(bytes) { return answer }
        throw Self.isCutShort(bytes) ? .ended(path: path) : .notUnderstood(path: path)
    }

    private func connected() throws(Failure) -> Int32 {
        guard var address = UnixAddress(path) else { throw .failed(path: path, code: ENAMETOOLONG) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .failed(path: path, code: errno) }
        var timeout = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &timeout, socklen_t(MemoryLayout<timeval>.size))
        }
        guard address.withPointer({ connect(descriptor, $0, $1) }) == 0 else {
            let code = errno
            close(descriptor)
            switch code {
            case ENOENT, ECONNREFUSED, ENOTDIR: throw .nobodyThere(path: path)
            case EACCES, EPERM: throw .notPermitted(path: path)
            default: throw .failed(path: path, code: code)
            }
        }
        return descriptor
    }

    private func send(_ bytes: [UInt8], _ descriptor: Int32) throws(Failure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent < 0, errno == EINTR { continue }
            if sent < 0, errno == EPIPE || errno == ECONNRESET { throw .nobodyThere(path: path) }
            guard sent > 0 else { throw .failed(path: path, code: errno) }
            rest = rest.dropFirst(sent)
        }
    }

    private func receive(_ descriptor: Int32) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= Self.mostBytes {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                if errno == ECONNRESET { return bytes }
                throw .failed(path: path, code: errno)
            }
            bytes += buffer[..<count]
        }
        throw .notUnderstood(path: path)
    }

    /// Whether it is the beginning of an answer, or nothing.
    private static func isCutShort(_ bytes: [UInt8]) -> Bool { bytes.starts(with: "HTTP/1.".utf8.prefix(bytes.count)) }

    /// Takes a whole answer apart: the code of its first line, and the body, which must be as long as was said.
    static func parse(_ bytes: [UInt8]) -> Answer? {
        let blank: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        guard let end = bytes.firstRange(of: blank) else { return nil }
        let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let words = head.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let code = Int(words[1]) else { return nil }
        let body = bytes[end.upperBound...]
        for header in head.dropFirst() where header.lowercased().hasPrefix("content-length:") {
            let length = header.drop { $0 != ":" }.dropFirst().drop { $0 == " " }
            guard Int(length) == body.count else { return nil }
        }
        return Answer(code: code, body: String(decoding: body, as: UTF8.self))
    }
}
