/// The books of one run, as they stood at one moment.
public struct BooksReport: Sendable, Hashable {
    /// What became of the lines of one input. Records, in numbers; lines of white space only are none.
    public struct Input: Sendable, Hashable {
        public var name: String
        /// Lines that the input has handed to the spool in this run.
        public var read = 0
        /// Records that stood in the spool at the start, without a fate.
        public var carried = 0
        /// Dead letters that were sent again.
        public var retried = 0
        /// Rows that a database which was set back had lost, and that are delivered again.
        public var returned = 0

        /// Rows of tables, and watermarks that a newer one has overtaken.
        public var delivered = 0
        /// Became dead letters, whatever became of those.
        public var deadLettered = 0
        /// Left to another history of the spool, or discarded.
        public var passedOver = 0
        /// Of places of the spool that are damaged, and named so.
        public var lost = 0
        /// Had their fate, and their segment was gone, before they were entered.
        public var unseen = 0
        /// In the spool, without a fate.
        public var inSpool = 0
        /// Handed over, and not durable or not entered yet.
        public var underWay = 0
        /// Entries of the spool that went twice.
        public var overdrawn = 0

        public init(name: String) { self.name = name }

        /// What came in and is nowhere; negative: what is somewhere and never came in.
        public var difference: Int {
            read + carried + retried + returned - delivered - deadLettered - passedOver - lost - unseen - inSpool
                - underWay
        }
        public var unaccounted: Int { abs(difference) + overdrawn }
    }

    /// The rows of one table, counted twice.
    public struct Crossing: Sendable, Hashable {
        /// Records that the spool has in the stretch that is said to be done.
        public var due = 0
        /// How many Delivery, or the store of dead letters, has counted of them.
        public var counted = 0
        /// Of `due`: found done by an earlier run, or by a COMMIT whose answer was lost.
        public var found = 0
        public var unaccounted = 0
    }

    public var inputs: [Input] = []
    /// By the number of the kind, from 1; index 0 is that of rejected lines on their way to the dead letters.
    public var crossings = [Crossing](repeating: Crossing(), count: 9)
    /// Every record up to here is entered.
    public var enteredUpTo: UInt64 = 0
    public var durable: UInt64 = 0
    /// Why nothing is entered any more; nil while the books are kept.
    public var closed: String?

    public init() {}

    public var unaccounted: Int {
        inputs.reduce(0) { $0 + $1.unaccounted } + crossings.reduce(0) { $0 + $1.unaccounted }
    }
}
