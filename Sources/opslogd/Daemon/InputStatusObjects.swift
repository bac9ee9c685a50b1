import Intake
import OperationLogs

// What `status --json` has of each input: one JSON object, with the keys that the README documents.

extension SocketInputStatus {
    /// - Parameter obstacle: why the input takes nothing, whatever its own state is.
    func json(_ obstacle: String? = nil) -> String {
        var object = inputObject(name, type: "socket")
        object.add("path", text: path)
        object.add("connections", raw: "\(connections)")
        object.add("waiting", text: obstacle ?? (isAccepting ? nil : "takes no further connections at the moment"))
        return object.text
    }
}

extension DatagramInputStatus {
    /// - Parameter obstacle: why the input takes nothing, whatever its own state is.
    func json(_ obstacle: String? = nil) -> String {
        var object = inputObject(name, type: "datagram")
        object.add("path", text: path)
        object.add("waiting", text: obstacle ?? (isReceiving ? nil : "receives nothing at the moment"))
        return object.text
    }
}

extension FileInputStatus {
    /// - Parameter obstacle: why the input takes nothing, whatever its own state is.
    func json(_ obstacle: String? = nil) -> String {
        var object = inputObject(name, type: "file")
        object.add("files", raw: "\(files.count)")
        object.add("lag_bytes", raw: hasLooked ? "\(lagBytes)" : "null")
        object.add("lost_bytes", raw: "\(bytesLost)")
        object.add("watched_directories", raw: "\(watchedDirectories.count)")
        object.add("polled_directories", raw: array(polledDirectories))
        object.add("waiting", text: obstacle ?? wait ?? (hasLooked ? failures.first : "its files are being looked for"))
        let listed = files.prefix(100).map { file in
            var entry = JSONObjectWriter()
            entry.add("path", text: file.path)
            entry.add("position", raw: "\(file.position)")
            entry.add("size", raw: "\(file.size)")
            entry.add("state", text: file.state.rawValue)
            return entry.text
        }
        object.add("first_files", raw: "[" + listed.joined(separator: ",") + "]")
        return object.text
    }
}

extension JournalInputStatus {
    /// - Parameter obstacle: why the input takes nothing, whatever its own state is.
    func json(_ obstacle: String? = nil) -> String {
        var object = inputObject(name, type: "journal")
        object.add("directory", text: directory)
        object.add("units", raw: array(units))
        object.add("identifiers", raw: array(identifiers))
        object.add(
            "read_up_to", text: seenMicroseconds.map { Timestamp(unixMicroseconds: Int64(clamping: $0)).rfc3339 })
        object.add("at_end", raw: isAtEnd ? "true" : "false")
        object.add("lost_entries", raw: "\(entriesLost)")
        object.add("waiting", text: obstacle ?? wait)
        return object.text
    }
}

/// What each begins with.
private func inputObject(_ name: String, type: String) -> JSONObjectWriter {
    var object = JSONObjectWriter()
    object.add("name", text: name)
    object.add("type", text: type)
    return object
}

private func array(_ texts: [String]) -> String {
    "[" + texts.map(JSONObjectWriter.quoted).joined(separator: ",") + "]"
}
