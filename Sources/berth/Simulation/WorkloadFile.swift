import BerthModel
import BerthWorkloads
import Foundation

/// A file that a simulation reads; unzipped on the way where its name ends in `.gz`.
struct WorkloadFile {
    let path: String

    /// What is read at most, unzipped.
    private static let largestSize = 1 << 30

    init(_ path: String) { self.path = path }

    /// Without folders.
    var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// Without folders and endings: `log` of `data/log.swf.gz`.
    var stem: String {
        let whole = path.hasSuffix(".gz") ? String(name.dropLast(3)) : name
        guard let point = whole.lastIndex(of: "."), point > whole.startIndex else { return whole }
        return String(whole[..<point])
    }

    /// - Throws: `Failure` (2) where the file cannot be read.
    func bytes() throws -> [UInt8] {
        guard path.hasSuffix(".gz") else { return try InputFile.bytes(of: path, upTo: Self.largestSize) }
        return try GzipFile(path: path).contents(upTo: Self.largestSize)
    }

    /// - Throws: `Failure` (2) where the file cannot be read.
    func text() throws -> String { String(decoding: try bytes(), as: UTF8.self) }

    /// What `read` makes of the text; what it finds wrong with it is said of this file.
    func read<Value>(_ read: (String) throws(TraceError) -> Value) throws -> Value {
        let text = try text()
        do throws(TraceError) { return try read(text) } catch { throw Failure(2, "\(name): \(error)") }
    }
}
