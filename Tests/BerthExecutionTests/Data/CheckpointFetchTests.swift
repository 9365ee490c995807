import BerthExecution
import BerthModel
import Foundation
import Synchronization
import Testing

/// Two nodes: `there` has a checkpoint of the task, `here` fetches it.
struct CheckpointFetchTests {
    let folder: DataFolder
    let there: CheckpointStore
    let here: CheckpointStore
    let task = TaskID(job: Job.ID(42))

    init() throws {
        folder = try DataFolder()
        there = try CheckpointStore(path: folder.path + "/there")
        here = try CheckpointStore(path: folder.path + "/here")
    }

    /// Hands questions to the node's own server, and may lose or change answers.
    final class Wire: DataSource {
        let server: CheckpointServer
        let asked = Mutex<[DataRequest]>([])
        let change: @Sendable (DataRequest, inout DataPart) throws -> Void

        init(
            _ store: CheckpointStore, _ folder: DataFolder,
            change: @escaping @Sendable (DataRequest, inout DataPart) throws -> Void = { _, _ in }
        ) {
            let hasher = FileHasher(cache: DigestCache(path: folder.path + "/digests"), now: { .now + .seconds(60) })
            server = CheckpointServer(store: store, hasher: hasher)
            self.change = change
        }

        func part(_ request: DataRequest, on node: NodeName) async throws -> DataPart {
            asked.withLock { $0.append(request) }
            var part = await server.answer(request)
            try change(request, &part)
            return part
        }
    }

    struct Cut: Error {}

    private func fetch(_ wire: Wire, patience: Duration = .zero, maximumBytes: Int64? = nil) -> CheckpointFetch {
        CheckpointFetch(
            task: task, from: "there", into: here, source: wire,
            limits: .init(
                maximumBytes: maximumBytes,
                patience: Patience(silence: patience, preparation: .seconds(300), pause: .milliseconds(1))))
    }

    private func save() throws {
        try folder.write(bytes(3_000_000), to: "there/42/epoch-2/weights")
        try folder.write("2", to: "there/42/step")
        try folder.write("", to: "there/42/empty")
        try FileManager.default.createDirectory(
            atPath: folder.path + "/there/42/nothing", withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/there/42/latest", withDestinationPath: "epoch-2")
    }

    private func bytes(_ count: Int) -> [UInt8] {
        var generator = SeededGenerator(seed: 1)
        return (0..<count / 8).flatMap { _ in withUnsafeBytes(of: generator.next()) { Array($0) } }
    }

    @Test func `everything that the task has saved is there afterwards`() async throws {
        try save()

        let summary = try await fetch(Wire(there, folder)).run()

        #expect(summary == .init(files: 3, bytes: 3_000_001, transferredBytes: 3_000_001))
        #expect(try folder.text("here/42/step") == "2")
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: folder.path + "/here/42/latest/weights"))
                == Data(bytes(3_000_000)))
        #expect(try folder.text("here/42/empty").isEmpty)
        #expect(folder.exists("here/42/nothing"))
        #expect(!folder.exists("here/.partial-42"))
    }

    @Test func `after a cut it goes on from what is there`() async throws {
        try save()
        let cut = Wire(there, folder) { request, _ in
            if request.path == "epoch-2/weights", request.offset >= 2 << 20 { throw Cut() }
        }
        await #expect(throws: Cut.self) { try await fetch(cut).run() }
        #expect(!folder.exists("here/42"))

        let summary = try await fetch(Wire(there, folder)).run()

        #expect(summary.transferredBytes < 1_000_000, "\(summary)")
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: folder.path + "/here/42/epoch-2/weights"))
                == Data(bytes(3_000_000)))
    }

    @Test func `a short cut is waited for`() async throws {
        try save()
        let cuts = Mutex(3)
        let wire = Wire(there, folder) { _, _ in
            if cuts.withLock({ left in
                left -= 1
                return left >= 0
            }) {
                throw Cut()
            }
        }
        #expect(try await fetch(wire, patience: .seconds(300)).run().files == 3)
    }

    @Test func `what was here of an earlier attempt is replaced whole`() async throws {
        try save()
        try folder.write("1", to: "here/42/step")
        try folder.write("old", to: "here/42/epoch-1/weights")

        _ = try await fetch(Wire(there, folder)).run()

        #expect(try folder.text("here/42/step") == "2")
        #expect(!folder.exists("here/42/epoch-1"))
    }

    @Test func `bytes that were changed on the way are found out, and nothing is put in place`() async throws {
        try save()
        try folder.write("1", to: "here/42/step")
        let wire = Wire(there, folder) { request, part in if request.path == "step" { part.data = [0] } }

        await #expect(throws: ExecutionProblem.self) { try await fetch(wire).run() }

        #expect(try folder.text("here/42/step") == "1")
    }

    @Test func `a checkpoint that has changed since the last try is fetched as it is now`() async throws {
        try save()
        let cut = Wire(there, folder) { request, _ in if request.path == "step" { throw Cut() } }
        await #expect(throws: Cut.self) { try await fetch(cut).run() }
        try folder.write(Array(bytes(3_000_000).reversed()), to: "there/42/epoch-2/weights")
        try FileManager.default.removeItem(atPath: folder.path + "/there/42/empty")

        _ = try await fetch(Wire(there, folder)).run()

        let fetched = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/here/42/epoch-2/weights"))
        #expect(fetched == Data(bytes(3_000_000).reversed()))
        #expect(!folder.exists("here/42/empty"))
    }

    @Test(arguments: ["../outside", "/etc/outside", "a//b", "a/./b", "", "a/../../b"])
    func `a manifest that names a place outside is refused`(path: String) async throws {
        try save()
        let manifest = DirectoryManifest(entries: [
            .init(path: path, content: .file(bytes: 1, sha256: String(repeating: "0", count: 64)))
        ])
        let json = Array(try JSONEncoder().encode(manifest))
        let wire = Wire(there, folder) { request, part in
            if request.path == nil { part = DataPart(data: json, total: UInt64(json.count)) }
        }
        await #expect(throws: ExecutionProblem.self) { try await fetch(wire).run() }
        #expect(wire.asked.withLock { $0.allSatisfy { $0.path == nil } })
    }

    @Test func `more than the node has room for is refused before a file is asked for`() async throws {
        try save()
        let wire = Wire(there, folder)
        await #expect(throws: ExecutionProblem.self) { try await fetch(wire, maximumBytes: 1_000_000).run() }
        #expect(wire.asked.withLock { $0.allSatisfy { $0.path == nil } })
    }

    @Test func `a task without a checkpoint there is told at once`() async throws {
        let wire = Wire(there, folder)
        await #expect(throws: ExecutionProblem.self) { try await fetch(wire, patience: .seconds(60)).run() }
        #expect(wire.asked.withLock { $0.count } == 1)
    }

    @Test func `a server follows no link out of the directory`() async throws {
        try save()
        try folder.write("secret", to: "secret")
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/there/42/leak", withDestinationPath: folder.path + "/secret")
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/there/42/up", withDestinationPath: "..")
        for path in ["leak", "up/42/step", "../42/step", "/etc/hostname"] {
            let part = there.part(DataRequest(task: task, path: path, offset: 0, limit: 100), of: path)
            #expect(part.data.isEmpty && part.problem != nil, "\(path)")
        }
    }

    @Test func `an agent that died between two renames leaves the checkpoint whole`() throws {
        try folder.write("1", to: "here/.old-42/step")
        _ = try CheckpointStore(path: here.path)
        #expect(try folder.text("here/42/step") == "1")

        try folder.write("0", to: "here/.old-42/step")
        _ = try CheckpointStore(path: here.path)
        #expect(try folder.text("here/42/step") == "1")
        #expect(!folder.exists("here/.old-42"))
    }

    @Test func `a task's directory goes if nothing was saved in it, and only then`() throws {
        try save()
        let other = TaskID(job: Job.ID(43))
        try FileManager.default.createDirectory(
            atPath: there.directory(of: other), withIntermediateDirectories: true)

        there.removeIfEmpty(task)
        there.removeIfEmpty(other)
        there.removeIfEmpty(TaskID(job: Job.ID(44)))

        #expect(folder.exists("there/42/step") && !folder.exists("there/43"))
    }
}
