/// Tells whether a connection string names a password.
enum PasswordInConninfo {
    /// `password=…` of the keyword form, or `//user:password@` of the URI form, unless a variable stands in its place.
    static func stands(in conninfo: String) -> Bool {
        if let scheme = conninfo.firstRange(of: "://") {
            let authority = conninfo[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
            if let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") {
                return isSecret(authority[authority.index(after: colon)..<at])
            }
        }
        guard let keyword = conninfo.firstRange(of: "password") else { return false }
        let behind = conninfo[keyword.upperBound...].drop { $0 == " " }
        guard behind.first == "=" else { return false }
        return isSecret(behind.dropFirst().drop { $0 == " " || $0 == "'" })
    }

    private static func isSecret(_ value: Substring) -> Bool { !value.isEmpty && !value.hasPrefix("${") }
}
