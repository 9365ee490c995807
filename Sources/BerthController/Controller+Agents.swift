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
    ///   - hearsAnnouncements: whether it is told of attempts before they are recorded, so that it gets ready for them.
    ///   - send: puts a frame on its stream.
    public func serve<Frames: AsyncSequence & Sendable>(
        _ frames: Frames, hearsAnnouncements: Bool = false,
        send: @escaping @Sendable (ControllerFrame) async throws -> Void
    ) async throws where Frames.Element == AgentFrame {
        var iterator = frames.makeAsyncIterator()
        let first = try await iterator.next(isolation: #isolation)
        guard case .message(.hello(let registration, let statuses), let topologyXML)? = first else {
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
        let link = AgentLink(session: nextSession, hearsAnnouncements: hearsAnnouncements)
        nextSession += 1
        links[node]?.finish()
        links[node] = link
        logger.info("An agent has joined.", metadata: ["node": "\(node)", "attempts": "\(statuses.count)"])
        link.send(.welcome(heartbeatInterval: heartbeatInterval))
        keepOutput(of: statuses, on: node)
        takeIn(.hello(registration, statuses), from: node, session: link.session)
        defer {
            link.finish()
            dataRelay.end(link.session)
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
        case .message(let message, _):
            if case .update(let status) = message { keepOutput(of: [status], on: node) }
            takeIn(message, from: node, session: link.session)
        case .pools(let statuses):
            pools[node] = statuses
            takeIn(.heartbeat, from: node, session: link.session)
        case .logPart(let part): link.take(part)
        case .readData(let question): pass(question, from: node, on: link)
        case .dataPart(let answer): dataRelay.take(answer, on: link.session)
        }
    }

    /// Keeps the last of what ended attempts wrote; nobody waits for it.
    private func keepOutput(of statuses: [AttemptStatus], on node: NodeName) {
        for status in statuses {
            guard case .ended(let end, _) = status.phase, let tails = end.outputTails, !tails.isEmpty else { continue }
            Task { [outputTails] in await outputTails.keep(tails, of: status.attempt, on: node) }
        }
    }

    /// A node may ask for what goes along with a task's job if the task is given to it, and for what it has saved if the task is given to it, and where the task ran last.
    private func pass(_ question: DataQuestion, from node: NodeName, on link: AgentLink) {
        let task = cluster.task(question.subject.task)
        let isGiven = task?.state.attempt?.allocation(on: node) != nil
        if let digest = question.subject.staged {
            let files = cluster.jobs[question.subject.task.job]?.specification.staged ?? []
            guard isGiven, files.contains(where: { $0.sha256 == digest }) else {
                let problem =
                    "Task \(question.subject.task) is not given to \(node), or \(digest) does not go along with it."
                return DataRelay.answer(question, from: link, DataPart(problem: problem))
            }
            // Reading may wait for the disk.
            Task.detached { [stagedFiles] in
                DataRelay.answer(question, from: link, stagedFiles.part(question.subject, of: digest))
            }
            return
        }
        guard isGiven, task?.checkpointNode == question.node else {
            let problem = "Task \(question.subject.task) is not given to \(node), or did not run on \(question.node)."
            return DataRelay.answer(question, from: link, DataPart(problem: problem))
        }
        if let answerer = links[question.node] {
            dataRelay.pass(question, from: link, to: answerer)
        } else if cluster.nodes[question.node]?.isUp == true {
            // Its agent is away for a moment; if it does not come back, the node is lost.
            DataRelay.answer(question, from: link, DataPart(isPending: true))
        } else {
            DataRelay.answer(question, from: link, DataPart(problem: "Node \(question.node) is lost."))
        }
    }

    /// Part of an attempt's output, from its node, or from that of a gang's member.
    ///
    /// - Throws: an error with a sentence if the node cannot be asked or has no such output.
    public func output(
        of attempt: Attempt, rank: Int, user: String, specification: JobSpecification, isStandardError: Bool,
        offset: UInt64,
        wait: Duration
    ) async throws -> LogPart {
        guard let link = links[attempt.allocations[rank].node] else { throw NodeUnreachable() }
        let file = specification.outputFile(isStandardError: isStandardError, rank: rank)
        let request = LogRequest(
            request: nextLogRequest, attempt: attempt.id, isStandardError: isStandardError, file: file, user: user,
            offset: offset,
            limit: 256 << 10, wait: wait)
        nextLogRequest += 1
        return try await link.read(request)
    }
}
