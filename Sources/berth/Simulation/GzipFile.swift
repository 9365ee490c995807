import CZlib
import Foundation

/// A gzip file that is read as what it unzips to. Owns zlib's stream: never copied, closed on leaving scope.
struct GzipFile: ~Copyable {
    private let stream: gzFile
    private let path: String

    init(path: String) throws {
        guard let stream = gzopen(path, "rb") else {
            throw Failure(2, "\(path) cannot be read: \(String(cString: strerror(errno))).")
        }
        // zlib would pass through what is not zipped; under this name that is a damaged file.
        guard gzdirect(stream) == 0 else {
            gzclose(stream)  // `deinit` runs only after a completed `init`.
            throw Failure(2, "\(path) is no gzip file. Name it without .gz if it is not zipped.")
        }
        self.stream = stream
        self.path = path
    }

    deinit { gzclose(stream) }

    /// What the file unzips to, if that is at most `limit` bytes, of which no more are ever held.
    /// - Throws: `Failure` (2) for larger, damaged and truncated files.
    func contents(upTo limit: Int) throws -> [UInt8] {
        var contents: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = Int(gzread(stream, &part, UInt32(part.count)))
            guard count >= 0 else { throw damage }
            if count == 0 { break }
            guard contents.count + count <= limit else { throw InputFile.tooLarge(path, limit) }
            contents += part[..<count]
        }
        // A file that ends too early reads like a whole one; only the state tells.
        var state: Int32 = Z_OK
        gzerror(stream, &state)
        guard state == Z_OK || state == Z_STREAM_END else { throw damage }
        return contents
    }

    private var damage: Failure {
        var state: Int32 = Z_OK
        let words = gzerror(stream, &state).map { String(cString: $0) } ?? ""
        let problem =
            switch state {
            case Z_BUF_ERROR: "it ends before its contents do"
            case Z_DATA_ERROR: "its contents are damaged"
            default: words
            }
        return Failure(2, "\(path) cannot be unzipped: \(problem). Fetch it again.")
    }
}
