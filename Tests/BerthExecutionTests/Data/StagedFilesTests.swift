import BerthExecution
import BerthModel
import Foundation
import Synchronization
import Testing

/// A node that fetches the files which go along with jobs.
struct StagedFilesTests {
    let folder: DataFolder
    let task = TaskID(job: Job.ID(42))

    init() throws { folder = try DataFolder() }

    /// The controller's side: it has `content`, and may change what it answers.
    final class Store: DataSource {
        let content: [UInt8]
        let asked = Mutex<[DataRequest]>([])
        let change: @Sendable (DataRequest, inout DataPart) throws -> Void

        init(
            _ content: [UInt8], change: @escaping @Sendable (DataRequest, inout DataPart) throws -> Void = { _, _ in }
        ) {
            (self.content, self.change) = (content, change)
        }

        func part(_ request: DataRequest, on node: NodeName) async throws -> DataPart {
            asked.withLock { $0.append(request) }
            let start = min(Int(request.offset), content.count)
            let end = min(content.count, start + Int(request.limit))
            var part = DataPart(data: Array(content[start..<end]), total: UInt64(content.count))
            try change(request, &part)
            return part
        }
    }

    struct Cut: Error {}

    private func staged(_ store: Store?) throws -> StagedFiles {
        try StagedFiles(
            path: folder.path + "/staged", source: store,
            patience: Patience(silence: .zero, preparation: .zero, pause: .milliseconds(1)))
    }

    private static let content = (0..<2_500_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    private let file = StagedFile(path: "data/a.bin", sha256: sha256(content), bytes: 2_500_000)

    @Test func `a file comes once, part by part, and is found under its name`() async throws {
        let store = Store(Self.content)
        let staged = try staged(store)

        #expect(try await staged.bring([file], of: task, to: "here") == 2_500_000)
        #expect(try await staged.bring([file], of: task, to: "here") == 0)
        try staged.lay([file], in: folder.path + "/inputs", for: nil)

        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/inputs/data/a.bin")) == Data(Self.content))
        #expect(store.asked.withLock { $0.map(\.offset) } == [0, 1 << 20, 2 << 20])
        #expect(store.asked.withLock { $0.allSatisfy { $0.staged == file.sha256 && $0.path == nil } })
    }

    @Test func `two attempts that need the same wait for the same`() async throws {
        let store = Store(Self.content)
        let staged = try staged(store)

        let came = try await withThrowingTaskGroup(of: Int64.self) { group in
            for _ in 0..<8 { group.addTask { try await staged.bring([file], of: task, to: "here") } }
            return try await group.reduce(0, +)
        }

        #expect(came == 2_500_000 && store.asked.withLock { $0.count } == 3)
    }

    @Test func `after a cut it goes on from what is there`() async throws {
        let broken = Store(Self.content) { request, _ in if request.offset > 0 { throw Cut() } }
        await #expect(throws: (any Error).self) { try await staged(broken).bring([file], of: task, to: "here") }
        let store = Store(Self.content)

        #expect(try await staged(store).bring([file], of: task, to: "here") == 2_500_000 - 1 << 20)
        #expect(store.asked.withLock { $0.map(\.offset) } == [1 << 20, 2 << 20])
    }

    @Test func `other content is refused and not kept`() async throws {
        let store = Store(Self.content) { _, part in if !part.data.isEmpty { part.data[0] ^= 1 } }

        await #expect { try await staged(store).bring([file], of: task, to: "here") } throws: {
            "\($0)".contains("data/a.bin") && "\($0)".contains("digest")
        }
        #expect(!folder.exists("staged/" + file.sha256))
    }

    @Test func `what the controller does not have is told in its words`() async throws {
        let store = Store([]) { _, part in part.problem = "The controller has no such file." }

        await #expect { try await staged(store).bring([file], of: task, to: "here") } throws: {
            "\($0)".contains("The controller has no such file.")
        }
        #expect(store.asked.withLock { $0.count } == 1)
    }

    @Test func `a file that nobody asked for in a while goes and one in use stays`() async throws {
        let other = StagedFile(path: "b", sha256: sha256([1, 2, 3]), bytes: 3)
        let staged = try staged(Store(Self.content))
        _ = try await staged.bring([file], of: task, to: "here")
        try folder.write([1, 2, 3], to: "staged/" + other.sha256)

        staged.removeOld(.seconds(60), at: .now + .seconds(3600), used: [file.sha256])

        #expect(folder.exists("staged/" + file.sha256) && !folder.exists("staged/" + other.sha256))
    }

    @Test(arguments: ["../a", "/a", "a/../../b", ""])
    func `no link is laid outside of the attempt's directory`(path: String) throws {
        let bad = StagedFile(path: path, sha256: file.sha256, bytes: 1)
        try staged(nil).lay([bad], in: folder.path + "/inputs", for: nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/inputs").isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["inputs", "staged"])
    }
}
