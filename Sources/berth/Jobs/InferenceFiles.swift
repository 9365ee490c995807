import Foundation

/// The requests of a file: one JSON document, or one a line.
struct InferenceRequests {
    /// Bytes of one.
    private static let mostBytes = 1 << 28

    private let file: UnsafeMutablePointer<FILE>
    private let name: String
    /// What was read to find out which of both it is.
    private var first: Data?
    private var isOneDocument = false

    /// - Parameter name: `-` for standard input.
    init(_ name: String) throws {
        guard let file = name == "-" ? fdopen(dup(0), "r") : fopen(name, "re") else {
            throw Failure(2, "\(name) cannot be read: \(String(cString: strerror(errno))).")
        }
        (self.file, self.name) = (file, name == "-" ? "Standard input" : name)
        first = try line()
        guard let start = first, (try? JSONSerialization.jsonObject(with: start)) == nil else { return }
        var document = start
        while let more = try line() {
            document += more
            guard document.count <= Self.mostBytes else { throw tooLarge }
        }
        guard (try? JSONSerialization.jsonObject(with: document)) != nil else {
            throw Failure(2, "\(name) is neither a request in JSON nor one in each line.")
        }
        (first, isOneDocument) = (document, true)
    }

    /// nil at the end.
    mutating func next() throws -> Data? {
        if let first {
            self.first = nil
            return first
        }
        return isOneDocument ? nil : try line()
    }

    /// The next line that is not empty, with its end.
    private func line() throws -> Data? {
        var bytes: UnsafeMutablePointer<CChar>?
        var room = 0
        defer { free(bytes) }
        while true {
            let count = getline(&bytes, &room, file)
            guard count > 0, let bytes else {
                guard ferror(file) == 0 else {
                    throw Failure(1, "\(name) cannot be read to its end: \(String(cString: strerror(errno))).")
                }
                return nil
            }
            guard count <= Self.mostBytes else { throw tooLarge }
            let line = Data(bytes: bytes, count: count)
            if line.contains(where: { $0 > 32 }) { return line }
        }
    }

    private var tooLarge: Failure { Failure(2, "A request in \(name) has more than \(Self.mostBytes >> 20) MiB.") }
}

/// Where answers go, one a line: a file that appears when it is whole, or standard output.
final class AnswerFile {
    private let name: String
    private let partial: String?
    private let file: UnsafeMutablePointer<FILE>

    /// - Parameter name: `-` for standard output.
    init(_ name: String) throws {
        self.name = name
        partial = name == "-" ? nil : name + ".partial"
        guard let file = partial.map({ fopen($0, "we") }) ?? fdopen(dup(1), "w") else {
            throw Failure(2, "\(partial ?? name) cannot be written: \(String(cString: strerror(errno))).")
        }
        self.file = file
    }

    func add(_ answer: Data) throws {
        let line = answer + [10]
        let count = line.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
        guard count == line.count else { throw problem }
    }

    /// Puts it in its place; durable when this returns.
    func finish() throws {
        guard fflush(file) == 0 else { throw problem }
        guard let partial else { return }
        guard fsync(fileno(file)) == 0, rename(partial, name) == 0 else { throw problem }
    }

    func discard() {
        if let partial { unlink(partial) }
    }

    private var problem: Failure { Failure(1, "\(name) cannot be written: \(String(cString: strerror(errno))).") }
}
