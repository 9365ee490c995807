public import BerthModel
public import BerthPlanner

/// Why a request was refused. The text says what is wrong, with the numbers, and then what to do.
public enum Refusal: Error, Hashable, Sendable {
    case noQueue(String, known: [String])
    case noJob(Job.ID)
    case noTask(TaskID)
    case noNode(NodeName, known: [String])
    case hasEnded(TaskID, JobState)
    /// The task has ended while its array goes on.
    case taskHasEnded(TaskID)
    case cyclicDependency([String])
    case neverFits(node: NodeName, shortfalls: [Shortfall], nodes: Int)
    /// No registered node offers it.
    case noPool(String, known: [String])
    /// No node has a device of this kind.
    case noDeviceKind(String, known: [String])
    case timeOverQueueLimit(asked: Duration, limit: Duration, queue: String)
    case graceOverQueueLimit(asked: Duration, limit: Duration, queue: String)
    case deadlinePassed(Timestamp)
    /// The idempotency key was used for another content.
    case keyReused(String, jobs: [Job.ID])
    case dependencyFailed(Job.ID, EndState, Dependency.Condition)
    case notHeld(Job.ID)
    case nothingToRequeue(Job.ID)
    case notOwner(Job.ID, owner: String)
    /// The description itself is wrong.
    case invalid(String)
    /// The journal cannot take it in.
    case unavailable(String)

    /// What kind of answer it is; faces translate it to exit codes and HTTP statuses.
    public enum Kind: String, Sendable { case invalid, notFound, refused, unavailable }

    public var kind: Kind {
        switch self {
        case .noQueue, .cyclicDependency, .noPool, .deadlinePassed, .invalid: .invalid
        case .noJob, .noTask, .noNode: .notFound
        case .hasEnded, .taskHasEnded, .neverFits, .noDeviceKind, .timeOverQueueLimit, .graceOverQueueLimit,
            .keyReused, .dependencyFailed, .notHeld, .nothingToRequeue, .notOwner:
            .refused
        case .unavailable: .unavailable
        }
    }
}

extension Refusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .noQueue(let name, let known):
            "There is no queue \"\(name)\"."
                + (name.nearest(in: known).map { " Did you mean \"\($0)\"?" }
                    ?? " There are \(known.joined(separator: ", ")).")
        case .noJob(let job): "There is no job \(job)."
        case .noTask(let task): "There is no task \(task)."
        case .noNode(let node, let known):
            "There is no node \"\(node)\"."
                + (node.text.nearest(in: known).map { " Did you mean \"\($0)\"?" } ?? " berth nodes lists them.")
        case .hasEnded(let task, let state): "Job \(task) has ended (\(state.rawValue)); nothing was changed."
        case .taskHasEnded(let task): "Task \(task) has ended; nothing was changed."
        case .cyclicDependency(let names):
            "The jobs wait for each other in a circle: \(names.joined(separator: " → ")). Remove one of these dependencies."
        case .neverFits(let node, let shortfalls, let nodes):
            "No node could ever run this job. The nearest of \(nodes) is \(node): "
                + shortfalls.map(\.permanentDescription).joined(separator: "; ") + "."
        case .noDeviceKind(let kind, let known):
            "No node has a device of the kind \"\(kind)\"."
                + (kind.nearest(in: known).map { " Did you mean \"\($0)\"?" }
                    ?? (known.isEmpty ? " The nodes have none." : " There are \(known.joined(separator: ", "))."))
        case .noPool(let name, let known):
            "No node offers a pool \"\(name)\"."
                + (name.nearest(in: known).map { " Did you mean \"\($0)\"?" }
                    ?? (known.isEmpty ? " Leave it out." : " There are \(known.joined(separator: ", "))."))
        case .timeOverQueueLimit(let asked, let limit, let queue):
            "The job asks for \(asked.text); queue \(queue) allows \(limit.text). Ask for less with --time."
        case .graceOverQueueLimit(let asked, let limit, let queue):
            "The job asks for a grace of \(asked.text); queue \(queue) allows \(limit.text). Ask for less with --grace."
        case .deadlinePassed(let time): "The deadline \(time) has passed."
        case .keyReused(let key, let jobs):
            "The idempotency key \(key) was used for job \(jobs.map(\.description).joined(separator: ", ")) with another content. "
                + "Use another key for another job."
        case .dependencyFailed(let job, let state, let condition):
            "The job is to wait until job \(job) has \(condition.past), but that one has ended (\(state.rawValue))."
        case .notHeld(let job): "Job \(job) is not held."
        case .nothingToRequeue(let job): "All tasks of job \(job) have succeeded; there is nothing to run again."
        case .notOwner(let job, let owner): "Job \(job) belongs to \(owner)."
        case .invalid(let problem): problem
        case .unavailable(let problem): problem
        }
    }
}

extension Shortfall {
    /// The same for an empty node: what it has in all.
    var permanentDescription: String {
        switch self {
        case .cores(let asked, _, let total): "\(asked.counted("core")) asked, it has \(total)"
        case .threads(let asked, _, let total): "\(asked.counted("thread")) asked, it has \(total)"
        case .memory(let asked, _, let total):
            "\(ByteCount.text(asked)) memory asked, it offers \(total.map(ByteCount.text) ?? "an unknown amount")"
        case .device(let kind, let asked, _, let total, nil): "\(asked) \(kind) asked, it has \(total)"
        default: description
        }
    }
}
