import BerthJournal
public import BerthModel
public import BerthScheduling
import Crypto
import Foundation

/// What users may ask the controller for. Every change is answered when it is durable.
extension Controller {
    /// Accepts jobs, all or none; the same key with the same content answers with the first ones.
    ///
    /// - Throws: a `Refusal`.
    public func submit(_ jobs: [Dispatcher.RequestedJob], user: String, key: String) async throws -> [Job.ID] {
        var jobs = jobs
        try checkStagedFiles(of: jobs)
        for index in jobs.indices {
            jobs[index].specification.environment = try secrets.concealed(jobs[index].specification.environment)
        }
        let request = Dispatcher.SubmissionRequest(
            jobs: jobs, user: user, key: key, contentDigest: try Self.digest(of: jobs))
        let history = journal
        return try await inRound { dispatcher, time throws(Refusal) in
            try dispatcher.submit(request, history: history, at: time)
        }
    }

    /// What is acknowledged can be started: its files are here, and stay.
    private func checkStagedFiles(of jobs: [Dispatcher.RequestedJob]) throws(Refusal) {
        let files = jobs.flatMap { $0.specification.staged ?? [] }
        if let missing = files.first(where: { !stagedFiles.holds($0.sha256) }) {
            throw .invalid(
                "The content of \(missing.path) (SHA-256 \(missing.sha256)) is not here. berth submit --stage sends it; over HTTP, PUT it to /api/v1/files/\(missing.sha256) first."
            )
        }
        // Now and then, so that a controller that runs for years does not fill its disk.
        if !files.isEmpty { stagedFiles.forgetUnused(by: cluster.jobs.values) }
    }

    /// SHA-256 over everything that was asked for.
    private static func digest(of jobs: [Dispatcher.RequestedJob]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var hash = SHA256()
        for job in jobs {
            var specification = job.specification
            specification.code = nil  // The code may have moved on between a submission and its repetition.
            hash.update(data: try encoder.encode(specification))
            for (place, condition) in job.dependsOn { hash.update(data: Data("\(place):\(condition.rawValue);".utf8)) }
        }
        return hash.finalize().map { String(format: "%02x", $0) }.joined()
    }

    public func cancel(_ id: TaskID, by user: Caller) async throws {
        let history = journal
        try await inRound { dispatcher, time throws(Refusal) in
            try user.mayChange(id.job, in: dispatcher)
            try dispatcher.cancel(id, by: user.name, history: history, at: time)
        }
    }

    public func hold(_ id: Job.ID, by user: Caller) async throws {
        let history = journal
        try await inRound { dispatcher, time throws(Refusal) in
            try user.mayChange(id, in: dispatcher)
            try dispatcher.hold(id, by: user.name, history: history, at: time)
        }
    }

    public func release(_ id: Job.ID, by user: Caller) async throws {
        let history = journal
        try await inRound { dispatcher, time throws(Refusal) in
            try user.mayChange(id, in: dispatcher)
            try dispatcher.release(id, by: user.name, history: history, at: time)
        }
    }

    /// Sends running tasks back to the queue, or runs an ended job's tasks again that did not succeed.
    public func requeue(_ id: TaskID, by user: Caller) async throws {
        let history = journal
        try await inRound { dispatcher, time throws(Refusal) in
            // Read within the round: what ended a moment ago has another attempt's number than what ended before.
            if dispatcher.cluster.jobs[id.job] == nil, let ended = try history.endedJob(id) {
                guard user.isOperator || ended.user == user.name else { throw .notOwner(id.job, owner: ended.user) }
                try dispatcher.reopen(ended, by: user.name, at: time)
            } else {
                try user.mayChange(id.job, in: dispatcher)
                try dispatcher.requeue(id, by: user.name, history: history, at: time)
            }
        }
    }

    public func drain(_ node: NodeName, reason: String, stopping: Bool, by user: Caller) async throws {
        try await inRound { dispatcher, time throws(Refusal) in
            try dispatcher.drain(node, reason: reason, stopping: stopping, by: user.name, at: time)
        }
    }

    public func undrain(_ node: NodeName, by user: Caller) async throws {
        try await inRound { dispatcher, time throws(Refusal) in
            try dispatcher.undrain(node, by: user.name, at: time)
        }
    }
}

/// Who asks.
public struct Caller: Sendable {
    public var name: String
    /// May change other people's jobs.
    public var isOperator: Bool

    public init(name: String, isOperator: Bool) {
        self.name = name
        self.isOperator = isOperator
    }

    func mayChange(_ id: Job.ID, in dispatcher: Dispatcher) throws(Refusal) {
        guard let owner = dispatcher.cluster.jobs[id]?.submission.user, !isOperator, owner != name else { return }
        throw .notOwner(id, owner: owner)
    }
}

// MARK: - One machine's own controller

extension Controller {
    /// Why `berth down` drains a node.
    public static let downReason = "berth down"

    /// Lets a node work again that `berth down` has drained.
    public func takeBack(_ node: NodeName) {
        guard cluster.nodes[node]?.drain?.reason == Self.downReason else { return }
        inNextRound { dispatcher, time in try? dispatcher.undrain(node, by: "berth up", at: time) }
    }
}
