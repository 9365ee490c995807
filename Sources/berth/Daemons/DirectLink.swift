import BerthAgent
import BerthController
import BerthProtocol

extension Controller {
    /// Joins an agent of the same process: frames are handed over as they are, through no socket.
    nonisolated var directLink: Agent.Connect {
        { outgoing, serve in
            let (incoming, continuation) = AsyncThrowingStream.makeStream(of: ControllerFrame.self)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    do {
                        try await self.serve(outgoing, hearsAnnouncements: true) { continuation.yield($0) }
                        continuation.finish()
                    } catch {
                        continuation.finish(throwing: error)
                    }
                }
                group.addTask { try await serve(incoming) }
                try await group.waitForAll()
            }
        }
    }
}
