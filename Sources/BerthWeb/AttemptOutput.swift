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
    let isStandardError: Bool
    /// Whether to wait for what is still to come: the attempt's start, and its output until it ends.
    let follows: Bool

    /// The bytes that are there from `offset` on, perhaps none yet; nil at the end.
    ///
    /// - Throws: a `Problem` where there is no such attempt, or its node cannot be asked.
    func part(from offset: UInt64) async throws -> [UInt8]? {
        guard let job = try controller.history.job(id) else { throw Refusal.noTask(id) }
        guard let attempt = job.attempts.first(where: { $0.attempt.id.number == number }) else {
            if follows { return job.state.hasEnded ? nil : await wait() }
            if number == 1, job.attempts.isEmpty { return nil }
            throw Problem(kind: "notFound", problem: "Job \(id) has no attempt \(number).")
        }
        guard attempt.launch != nil else { return attempt.end == nil && follows ? await wait() : nil }
        let part: LogPart
        do {
            part = try await controller.output(
                of: attempt.attempt, specification: job.submission.specification, isStandardError: isStandardError,
                offset: offset, wait: follows ? .seconds(2) : .zero)
        } catch let error as NodeUnreachable {
            // An agent that is started anew comes back; what the job wrote meanwhile is not lost.
            guard follows, await controller.cluster.nodes[attempt.attempt.allocation.node]?.isUp == true else {
                throw error
            }
            return await wait()
        }
        if let problem = part.problem { throw Problem(kind: "unavailable", problem: problem) }
        return part.isAtEnd || (part.data.isEmpty && !follows) ? nil : part.data
    }

    private func wait() async -> [UInt8] {
        await controller.change(of: id.job, within: .seconds(1))
        return []
    }
}
