import BerthController
import BerthModel
import Crypto
import Foundation
import Testing

/// The files that go along with jobs, on the controller's disk.
final class StagedFileStoreTests {
    private let folder = FileManager.default.temporaryDirectory.path + "/berth-staged-\(UUID().uuidString.prefix(8))"

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func store() throws -> StagedFileStore { try StagedFileStore(directory: folder) }

    private static func digest(_ text: String) -> String {
        SHA256.hash(data: Data(text.utf8)).map { String(format: "%02x", $0) }.joined()
    }

    /// As a request's body comes: in parts.
    private static func parts(_ texts: String...) -> AsyncStream<[UInt8]> {
        AsyncStream { continuation in
            for text in texts { continuation.yield(Array(text.utf8)) }
            continuation.finish()
        }
    }

    private var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }
    }

    @Test func `a file is kept under its digest, once, however it came in parts`() async throws {
        let store = try store()
        let digest = Self.digest("hello, world")
        #expect(!store.holds(digest))
        for _ in 0..<2 { try await store.receive(digest, bytes: 12, Self.parts("hello", ", ", "world")) }
        #expect(store.holds(digest))
        #expect(try names == [digest])
        #expect(FileManager.default.contents(atPath: folder + "/" + digest) == Data("hello, world".utf8))
        #expect(try StagedFileStore(directory: folder).holds(digest))
    }

    @Test func `an empty file is one too`() async throws {
        let store = try store()
        try await store.receive(Self.digest(""), bytes: 0, Self.parts())
        #expect(store.holds(Self.digest("")))
    }

    @Test(arguments: [
        (12, ["hello, ", "wurld"], "came, where 12"), (12, ["hello"], "5 bytes"),
        (12, ["hello, world", "!"], "More came than the 12 bytes"), (-1, ["x"], "too large"),
        (65 << 30, ["x"], "too large"), (60 << 40, ["x"], "too large"),
    ])
    func `what is not what was announced is refused, and nothing of it is kept`(
        bytes: Int64, texts: [String], sentence: String
    ) async throws {
        let store = try store()
        let digest = Self.digest("hello, world")
        let parts = AsyncStream<[UInt8]> { continuation in
            for text in texts { continuation.yield(Array(text.utf8)) }
            continuation.finish()
        }
        let problem = await #expect(throws: StagingProblem.self) {
            try await store.receive(digest, bytes: bytes, parts)
        }
        #expect(problem?.description.contains(sentence) == true, "\(String(describing: problem))")
        #expect(try names == [])
    }

    @Test(arguments: [
        "", "../../etc/passwd", "ab", String(repeating: "A", count: 64), String(repeating: "g", count: 64),
    ])
    func `what is no digest names no file`(name: String) async throws {
        let store = try store()
        await #expect(throws: StagingProblem.self) { try await store.receive(name, bytes: 1, Self.parts("x")) }
        #expect(!store.holds(name))
        #expect(try names == [])
    }

    @Test func `neither a sender that is cut off nor a controller that was killed leaves half a file`()
        async throws
    {
        let store = try store()
        let digest = Self.digest("hello, world")
        let broken = AsyncThrowingStream<[UInt8], any Error> { continuation in
            continuation.yield(Array("hello".utf8))
            continuation.finish(throwing: CancellationError())
        }
        await #expect(throws: CancellationError.self) { try await store.receive(digest, bytes: 12, broken) }
        #expect(try names == [])
        try Data("hel".utf8).write(to: URL(fileURLWithPath: folder + "/.partial-\(UUID().uuidString)"))
        _ = try self.store()
        #expect(try names == [])
    }

    /// A file system of its own, smaller than what is kept free for the journal.
    @Test(.enabled(if: getuid() == 0 && access("/bin/mount", X_OK) == 0, "Only root can mount a small file system."))
    func `where the disk is full a file is refused before it comes, with the numbers`() async throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        func run(_ words: String...) throws -> Int32 {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: words[0])
            process.arguments = Array(words.dropFirst())
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }
        guard try run("/bin/mount", "-t", "tmpfs", "-o", "size=1m", "berth-test", folder) == 0 else {
            try Test.cancel("No small file system can be mounted here.")
        }
        defer { _ = try? run("/bin/umount", folder) }
        let store = try store()
        let problem = await #expect(throws: StagingProblem.self) {
            try await store.receive(Self.digest("x"), bytes: 1, Self.parts("x"))
        }
        #expect(problem?.description.contains("no room for 1 bytes more: 1048576 are free") == true)
        #expect(try names == [])
    }
}
