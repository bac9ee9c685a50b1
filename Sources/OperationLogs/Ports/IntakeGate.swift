/// Whether an input may take lines. Safe from any thread.
public protocol IntakeGate: AnyObject, Sendable {
    /// Whether it must not read more now.
    var isClosed: Bool { get }
    /// Takes note of rejected lines that the input has handed over.
    ///
    /// - Parameter bytes: of their records' payloads: the lines, and what is wrong with them.
    func rejected(lines: Int, bytes: Int)
    /// Calls `wake` whenever it may again.
    func onOpen(_ wake: @escaping @Sendable () -> Void)
}
