import CLibpq
import Delivery

/// Keeps the last warning of class 01 that came over a connection: a COMMIT says so if it is not replicated.
///
/// libpq calls the receiver on the thread that reads from the connection, which is the only one that uses this.
final class CommitWarning {
    var latest: String?

    /// Sees every notice of the connection. This object must outlive the connection.
    func receive(from connection: OpaquePointer) {
        PQsetNoticeReceiver(
            connection,
            { argument, result in
                guard let argument, let result else { return }
                let notice = ServerAnswer.error(of: result)
                if notice.sqlstate.hasPrefix("01") {
                    Unmanaged<CommitWarning>.fromOpaque(argument).takeUnretainedValue().latest =
                        "\(notice.sqlstate): \(notice.message)"
                }
            }, Unmanaged.passUnretained(self).toOpaque())
    }
}
