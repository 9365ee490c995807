import BerthModel
import Foundation

/// What users name on the command line: files, and pipes as the shell makes them (`-`, `/dev/stdin`, `<(…)`), whose size
/// nobody knows before they have ended.
enum InputFile {
    /// Everything that is in it.
    ///
    /// - Parameter limit: in bytes.
    /// - Throws: also where there is more than that.
    static func bytes(of file: String, upTo limit: Int) throws(Failure) -> [UInt8] {
        func failure(_ code: Int32) -> Failure {
            Failure(2, "\(file) cannot be read: \(String(cString: strerror(code))).")
        }
        let descriptor = open(file == "-" ? "/dev/stdin" : file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(errno) }
            guard count > 0 else { return bytes }
            bytes += part[..<count]
            guard bytes.count <= limit else { throw tooLarge(file, limit) }
        }
    }

    static func tooLarge(_ file: String, _ limit: Int) -> Failure {
        Failure(2, "\(file) is larger than \(ByteCount.text(Int64(limit))), the most that is read.")
    }

    /// The one word that is in it; nil where it cannot be read.
    static func token(in file: String) -> String? {
        let bytes = try? bytes(of: file, upTo: 4096)
        return bytes.map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines) }
    }
}
