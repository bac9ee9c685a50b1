import CLibpq

/// A connection string by itself, before anything is connected.
public enum Conninfo {
    /// What is wrong with it, in one line that shows no value of it; nil if libpq takes it.
    ///
    /// A word without `=` and `://` is the name of a database, as libpq reads it. Related: `PQconninfoParse`.
    public static func problem(in conninfo: String) -> String? {
        guard conninfo.contains("=") || conninfo.contains("://") else { return nil }
        var message: UnsafeMutablePointer<CChar>?
        if let options = PQconninfoParse(conninfo, &message) {
            PQconninfoFree(options)
            return nil
        }
        defer { PQfreemem(message) }
        let words = message.map { String(cString: $0) } ?? ""
        // Only these messages name a key; others quote what may be a part of a password.
        for beginning in ["invalid connection option", "invalid URI query parameter"] where words.hasPrefix(beginning) {
            return String(words.prefix { $0 != "\n" }) + "; see the key words of libpq's connection strings"
        }
        return "expected `key=value` pairs or a URI as libpq takes them; look at quotes and at missing `=`"
    }
}
