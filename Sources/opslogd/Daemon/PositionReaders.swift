import DaemonConfiguration
import Intake
import OperationLogs

extension DaemonSettings {
    /// What reads the positions of inputs whose lines stand elsewhere too. Whoever opens the spool for writing needs it,
    /// or what a damaged place held of them would not be found out.
    var positionReaders: any SourcePositionReading {
        var (files, journals): ([String], [String]) = ([], [])
        for input in inputs {
            switch input {
            case .file(let settings): files.append(settings.name)
            case .journal(let settings): journals.append(settings.name)
            case .socket, .datagram: break
            }
        }
        return InputPositionReaders([FilePositionReader(inputs: files), JournalPositionReader(inputs: journals)])
    }
}
