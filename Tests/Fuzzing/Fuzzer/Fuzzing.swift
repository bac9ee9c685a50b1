import CFuzzer
import Glibc

/// Hands the process over to libFuzzer, which calls `body` with input after input. A trap is a finding.
public func fuzz(_ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32) -> Never {
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
    exit(LLVMFuzzerRunDriver(&count, &arguments, body))
}

/// A promise that must hold for every input.
public func require(_ holds: Bool, _ promise: @autoclosure () -> String, line: UInt = #line) {
    guard !holds else { return }
    print("BROKEN (line \(line)): \(promise())")
    fflush(nil)
    abort()
}

/// Calls `body` with a copy that ends where its memory ends: a read behind it is caught.
public func withExactCopy<Result>(
    _ bytes: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) throws -> Result
) rethrows -> Result {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    return try body(UnsafeRawBufferPointer(copy))
}

/// Takes an input apart: a few numbers from its beginning steer, the rest is what is tested.
public struct ByteFeed {
    public private(set) var rest: ArraySlice<UInt8>

    public init(_ data: UnsafePointer<UInt8>?, _ size: Int) {
        rest = Array(UnsafeBufferPointer(start: data, count: size))[...]
    }

    public var isEmpty: Bool { rest.isEmpty }

    /// The next byte; 0 behind the end.
    public mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    /// A little-endian number of `count` bytes.
    public mutating func number(_ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(byte()) << UInt64(8 * $1) }
    }

    /// The next bytes, fewer at the end.
    public mutating func take(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}
