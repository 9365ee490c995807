import BerthAPI
import BerthModel
import Foundation
import NIOCore

/// Copies a job's output as it comes, attempt after attempt, until the job has ended; across restarts of the controller
/// nothing is lost and nothing comes twice.
struct OutputFollower {
    let client: Client
    let job: String
    let isStandardError: Bool
    /// Of a gang, the member; nil for the first.
    var rank: Int?
    /// The attempt to begin with.
    var attempt = 1

    func copy(to file: FileHandle) async throws {
        var number = attempt
        while true {
            var offset = 0
            try await client.patiently { client in
                let query = Client.query([
                    ("attempt", "\(number)"), ("stream", isStandardError ? "stderr" : nil), ("follow", "true"),
                    ("offset", "\(offset)"), ("rank", rank.map(String.init)),
                ])
                try await client.stream("/jobs/\(job)/logs\(query)") { part in
                    try Self.write(part, to: file)
                    offset += part.readableBytes
                }
            }
            let view: JobView = try await client.patiently { try await $0.get("/jobs/\(job)") }
            if view.state.hasEnded, (view.attempts.map(\.number).max() ?? 0) <= number { return }
            number += 1
        }
    }

    static func write(_ part: ByteBuffer, to file: FileHandle) throws {
        do { try file.write(contentsOf: Data(part.readableBytesView)) } catch {
            throw Failure(1, "The output cannot be written any more: \(error.localizedDescription)")
        }
    }
}
