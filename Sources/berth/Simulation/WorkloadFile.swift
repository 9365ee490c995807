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
    func bytes() throws -> [UInt8] { Array(try contents()) }

    /// - Throws: `Failure` (2) where the file cannot be read.
    func text() throws -> String { String(decoding: try contents(), as: UTF8.self) }

    /// What `read` makes of the text; what it finds wrong with it is said of this file.
    func read<Value>(_ read: (String) throws(TraceError) -> Value) throws -> Value {
        let text = try text()
        do throws(TraceError) { return try read(text) } catch { throw Failure(2, "\(name): \(error)") }
    }

    private func contents() throws -> Data {
        if path.hasSuffix(".gz") { return try GzipFile(path: path).contents(upTo: Self.largestSize) }
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw Failure(2, "\(path) cannot be read: \(String(cString: strerror(errno))).")
        }
        defer { try? handle.close() }
        let data: Data
        // One byte more than is allowed tells that it is too large. An empty file is read as nothing at all.
        do { data = try handle.read(upToCount: Self.largestSize + 1) ?? Data() } catch {
            throw Failure(2, "\(path) cannot be read: it is no file of text.")
        }
        if data.count > Self.largestSize { throw Self.tooLarge(path, Self.largestSize) }
        return data
    }

    static func tooLarge(_ path: String, _ limit: Int) -> Failure {
        Failure(2, "\(path) is larger than \(ByteCount.text(Int64(limit))), the most that is read. Split it.")
    }
}
