import BerthAPI
import BerthController
import BerthJournal
import BerthModel
import BerthProtocol
import BerthScheduling

/// What one attempt writes to one of its streams.
struct AttemptOutput: Sendable {
    let controller: Controller
    let id: TaskID
    let number: Int
    /// Which member of a gang; 0 for all others.
    let rank: Int
    let isStandardError: Bool
    /// Whether to wait for what is still to come: the attempt's start, and its output until it ends.
    let follows: Bool

    /// What is there from `offset` on, perhaps nothing yet, and where it goes on; nil at the end.
    ///
    /// - Throws: a `Problem` where there is no such attempt, or its node cannot be asked.
    func part(from offset: UInt64) async throws -> (bytes: [UInt8], next: UInt64)? {
        guard let job = try controller.history.job(id) else { throw Refusal.noTask(id) }
        guard let attempt = job.attempts.first(where: { $0.attempt.id.number == number }) else {
            if follows { return job.state.hasEnded ? nil : await wait(at: offset) }
            if number == 1, job.attempts.isEmpty { return nil }
            throw Problem(kind: "notFound", problem: "Job \(id) has no attempt \(number).")
        }
        let members = attempt.attempt.worldSize
        guard (0..<members).contains(rank) else {
            throw Problem(
                kind: "notFound",
                problem: "Attempt \(attempt.attempt.id) has the ranks 0 to \(members - 1), and no \(rank).")
        }
        let launch = attempt.members.isEmpty ? attempt.launch : attempt.members[rank].launch
        guard launch != nil else { return attempt.end == nil && follows ? await wait(at: offset) : nil }
        let part: LogPart
        do {
            part = try await controller.output(
                of: attempt.attempt, rank: rank, user: job.submission.user, specification: job.submission.specification,
                isStandardError: isStandardError,
                offset: offset, wait: follows ? .seconds(2) : .zero)
        } catch let error as NodeUnreachable {
            let node = attempt.attempt.allocations[rank].node
            // An agent that is started anew comes back; what the job wrote meanwhile is not lost.
            if follows, await controller.cluster.nodes[node]?.isUp == true { return await wait(at: offset) }
            guard attempt.end != nil,
                let tail = await controller.outputTails.tail(
                    of: attempt.attempt.id, on: node, isStandardError: isStandardError)
            else { throw error }
            return tail.part(from: offset)
        }
        if let problem = part.problem { throw Problem(kind: "unavailable", problem: problem) }
        guard !part.isAtEnd, !part.data.isEmpty || follows else { return nil }
        return (part.data, part.nextOffset ?? offset + UInt64(part.data.count))
    }

    private func wait(at offset: UInt64) async -> (bytes: [UInt8], next: UInt64) {
        await controller.change(of: id.job, within: .seconds(1))
        return ([], offset)
    }
}
