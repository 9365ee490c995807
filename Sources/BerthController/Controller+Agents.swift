import BerthJournal
public import BerthModel
public import BerthProtocol
import Foundation
import Logging

/// The agents' door.
extension Controller {
    /// Serves one agent's stream until either side ends it.
    ///
    /// - Parameters:
    ///   - frames: what the agent says, a hello first.
    ///   - send: puts a frame on its stream.
    public func serve(
        _ frames: AsyncThrowingStream<AgentFrame, any Error>,
        send: @escaping @Sendable (ControllerFrame) async throws -> Void
    ) async throws {
        var iterator = frames.makeAsyncIterator()
        guard case .message(.hello(let registration, let statuses), let topologyXML)? = try await iterator.next() else {
            throw MalformedFrame(description: "An agent's first frame is its hello.")
        }
        let node = registration.name
        guard node.isWellFormed else { throw MalformedFrame(description: "\"\(node)\" is no name for a node.") }
        guard registration.reservedCPUs >= 0, registration.reservedMemoryBytes >= 0 else {
            throw MalformedFrame(description: "The reserve of \(node) is negative.")
        }
        if !topologyXML.isEmpty {
            try await journal.store(attachment: topologyXML, kind: "hwlocXML", digest: registration.inventoryDigest)
        }
        let link = AgentLink(session: nextSession)
        nextSession += 1
        links[node]?.finish()
        links[node] = link
        logger.info("An agent has joined.", metadata: ["node": "\(node)", "attempts": "\(statuses.count)"])
        link.send(.welcome(heartbeatInterval: heartbeatInterval))
        takeIn(.hello(registration, statuses), from: node, session: link.session)
        defer {
            link.finish()
            if links[node]?.session == link.session { links[node] = nil }
            logger.info("An agent's stream has ended.", metadata: ["node": "\(node)"])
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await frame in link.outgoing { try await send(frame) } }
            group.addTask {
                for try await frame in frames { await self.take(frame, from: node, on: link) }
            }
            try await group.next()
            group.cancelAll()
        }
    }

    /// Ends every agent's stream: this controller goes. They join its successor.
    public func dismissAgents() {
        for link in links.values { link.finish() }
    }

    private func take(_ frame: AgentFrame, from node: NodeName, on link: AgentLink) {
        switch frame {
        case .message(let message, _): takeIn(message, from: node, session: link.session)
        case .logPart(let part): link.take(part)
        }
    }

    /// Part of an attempt's output, from its node.
    ///
    /// - Throws: an error with a sentence if the node cannot be asked or has no such output.
    public func output(
        of attempt: Attempt, specification: JobSpecification, isStandardError: Bool, offset: UInt64, wait: Duration
    ) async throws -> LogPart {
        guard let link = links[attempt.allocation.node] else { throw NodeUnreachable() }
        let file = isStandardError ? specification.standardError : specification.standardOutput
        let request = LogRequest(
            request: nextLogRequest, attempt: attempt.id, isStandardError: isStandardError, file: file, offset: offset,
            limit: 256 << 10, wait: wait)
        nextLogRequest += 1
        return try await link.read(request)
    }
}
