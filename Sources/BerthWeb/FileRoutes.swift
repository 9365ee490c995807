import BerthAPI
import BerthController
import BerthModel
import Foundation
import Hummingbird
import NIOCore

/// The files that go along with jobs.
struct FileRoutes: Sendable {
    let store: StagedFileStore

    func add(to api: RouterGroup<WebContext>) {
        api.post("/files/missing", use: missing)
        api.put("/files/:sha256", use: receive)
    }

    /// Which of some files have to be sent.
    @Sendable private func missing(_ request: Request, _ context: WebContext) async throws -> Response {
        let body = try await request.body.collect(upTo: context.maxUploadSize)
        let question = try JSONDecoder().decode(FileDigests.self, from: Data(body.readableBytesView))
        return try .json(FileDigests(sha256: question.sha256.filter { !store.holds($0) }))
    }

    @Sendable private func receive(_ request: Request, _ context: WebContext) async throws -> Response {
        guard let bytes = request.headers[.contentLength].flatMap({ Int64($0) }) else {
            throw Problem(kind: "invalid", problem: "The file's size is missing: send it with a Content-Length.")
        }
        let sha256 = try context.parameters.require("sha256")
        do {
            try await store.receive(sha256, bytes: bytes, request.body.map { Array($0.readableBytesView) })
        } catch let problem as StagingProblem {
            throw Problem(kind: "refused", problem: problem.description)
        }
        return try .json(FileDigests(sha256: [sha256]), status: .created)
    }
}
