extension StatusPage {
    /// The books of the run, as `/status` has them.
    struct Books: Decodable {
        struct Input: Decodable {
            let name: String
            let read: Int
            let carried: Int
            let retried: Int
            let returned: Int
            let delivered: Int
            let deadLettered: Int
            let passedOver: Int
            let lost: Int
            let unseen: Int
            let inSpool: Int
            let underWay: Int
            let unaccounted: Int
        }

        /// nil while nobody knows.
        let unaccounted: Int?
        let closed: String?
        let inputs: [Input]

        var unaccountedEvents: Int { unaccounted ?? 0 }

        enum CodingKeys: String, CodingKey {
            case unaccounted = "unaccountedEvents"
            case closed, inputs
        }
    }

    func printBooks(_ style: Style) {
        let books: String
        if let closed = self.books.closed {
            books = style.red("not kept any more: \(Printable.text(closed))")
        } else if self.books.unaccountedEvents > 0 {
            let count = Self.count(UInt64(self.books.unaccountedEvents), "event")
            books = style.red("\(count) unaccounted for; see 'opslogd reconcile'")
        } else {
            books = "they balance: no event is unaccounted for"
        }
        StandardOutput.line(style.bold("BOOKS") + "  " + books)
    }
}
