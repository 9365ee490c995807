import BerthAPI
import BerthController
import BerthDescription
import BerthJournal
import BerthModel
import BerthPlanner
import BerthProtocol
import BerthScheduling
import Foundation
import Hummingbird
import NIOCore

/// Jobs: submitting, looking, waiting, changing, and their output.
struct JobRoutes: Sendable {
    let controller: Controller
    let defaultQueue: String

    func add(to api: RouterGroup<WebContext>) {
        api.post("/jobs", use: submit)
        api.get("/jobs", use: list)
        api.get("/jobs/:job", use: show)
        api.get("/jobs/:job/tasks", use: tasks)
        api.get("/jobs/:job/wait", use: wait)
        api.get("/jobs/:job/why", use: why)
        api.get("/jobs/:job/logs", use: output)
        api.get("/jobs/:job/events", use: events)
        api.post("/jobs/:job/cancel") { request, context in
            try await change(context) { try await controller.cancel($0, by: context.caller) }
        }
        api.post("/jobs/:job/requeue") { request, context in
            try await change(context) { try await controller.requeue($0, by: context.caller) }
        }
        api.post("/jobs/:job/hold") { request, context in
            try await change(context) { try await controller.hold(whole($0), by: context.caller) }
        }
        api.post("/jobs/:job/release") { request, context in
            try await change(context) { try await controller.release(whole($0), by: context.caller) }
        }
    }

    private func id(_ context: WebContext) throws -> TaskID {
        let text = try context.parameters.require("job")
        guard let id = TaskID(text) else {
            throw Problem(
                kind: "invalid", problem: "\"\(text)\" is no job's id; those are like 42, or 42.7 for a task.")
        }
        return id
    }

    /// A job that is no single task of an array.
    private func whole(_ id: TaskID) throws -> Job.ID {
        guard id.index == nil else {
            throw Problem(
                kind: "invalid", problem: "Tasks are held and released with their whole array: name job \(id.job).")
        }
        return id.job
    }

    private func record(_ id: TaskID, attemptLimit: Int? = nil) throws -> JobRecord {
        guard let record = try controller.history.job(id, attemptLimit: attemptLimit) else {
            throw id.index == nil ? Refusal.noJob(id.job) : Refusal.noTask(id)
        }
        return record
    }

    @Sendable private func submit(_ request: Request, _ context: WebContext) async throws -> Response {
        let body = try await request.body.collect(upTo: context.maxUploadSize)
        let description = JobDescription.Context(
            directory: "/", defaultQueue: defaultQueue, now: .now)
        do {
            let (key, jobs) = try JobDescription.submission(Array(body.readableBytesView), description)
            let ids = try await controller.submit(
                JobDescription.requested(jobs), user: context.caller.name, key: key)
            return try .json(SubmitAnswer(jobs: ids.map(\.description)), status: .created)
        } catch let error as DescriptionError {
            throw Problem(kind: "invalid", problem: error.description)
        }
    }

    @Sendable private func list(_ request: Request, _ context: WebContext) async throws -> Response {
        let query = request.uri.queryParameters
        var filter = JobFilter()
        for text in query.getAll("state") {
            guard let state = JobState(rawValue: text) else {
                let known = JobState.allCases.map(\.rawValue)
                let hint =
                    text.nearest(in: known).map { " Did you mean \"\($0)\"?" }
                    ?? " There are \(known.joined(separator: ", "))."
                throw Problem(kind: "invalid", problem: "There is no state \"\(text)\".\(hint)")
            }
            filter.states.insert(state)
        }
        filter.user = query.get("user")
        filter.project = query.get("project")
        filter.queue = query.get("queue")
        filter.name = query.get("name")
        for label in query.getAll("label") {
            let parts = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else {
                throw Problem(kind: "invalid", problem: "A label is KEY=VALUE, and here stands \"\(label)\".")
            }
            filter.labels[parts[0]] = parts[1]
        }
        if let text = query.get("since") {
            guard let since = Timestamp(text) else {
                throw Problem(kind: "invalid", problem: "\"\(text)\" is no time.")
            }
            filter.since = since
        }
        filter.limit = query.get("limit", as: Int.self) ?? 1000
        return try .json(controller.history.jobs(filter).map(JobView.init))
    }

    @Sendable private func show(_ request: Request, _ context: WebContext) async throws -> Response {
        try .json(JobView(record(id(context))))
    }

    @Sendable private func tasks(_ request: Request, _ context: WebContext) async throws -> Response {
        try .json(controller.history.tasks(of: id(context).job).map(JobView.init))
    }

    /// Answers when the job has ended, or after `timeout` seconds (at most 60) with what it is doing then.
    @Sendable private func wait(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = try id(context)
        let timeout = min(request.uri.queryParameters.get("timeout", as: Double.self) ?? 30, 60)
        let attempts = request.uri.queryParameters.get("attempts", as: Int.self).map { max(0, $0) }
        let deadline = ContinuousClock.now + .seconds(timeout)
        // Of what is not there nothing ever changes.
        _ = try record(id, attemptLimit: 0)
        while try !hasEnded(id) {
            let left = deadline - .now
            guard left > .zero else { break }
            await controller.change(of: id.job, within: left, waitsForEnd: id.index == nil)
        }
        return try .json(JobView(record(id, attemptLimit: attempts)))
    }

    /// Cheap, for a question that is asked at every change.
    private func hasEnded(_ id: TaskID) throws -> Bool {
        if id.index == nil, try controller.history.endState(of: id.job) != nil { return true }
        return id.index == nil ? false : try record(id).state.hasEnded
    }

    @Sendable private func why(_ request: Request, _ context: WebContext) async throws -> Response {
        let record = try record(id(context))
        let last = record.attempts.last
        let waiting = (record.tasks[.pending] ?? 0) + (record.tasks[.held] ?? 0)
        var view = WhyView(
            job: record.id.description, state: record.state,
            waitingTasks: record.id.index == nil ? waiting : record.state.hasEnded ? 0 : 1, reasons: [],
            decision: last?.decision, node: last?.attempt.allocation.node.text,
            predecessor: last?.attempt.predecessor?.description)
        if !record.state.hasEnded, let known = await controller.prospect(of: record.id.job) {
            view.reasons = known.reasons.map(WhyView.Reason.init)
            view.add(known.prospect)
        }
        return try .json(view)
    }

    @Sendable private func events(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = try id(context)
        _ = try record(TaskID(job: id.job))
        return try .json(
            controller.history.events(of: id.job).map {
                EventView(sequence: $0.sequence, time: $0.time.description, kind: $0.kind, body: $0.body)
            })
    }

    private func change(_ context: WebContext, _ body: (TaskID) async throws -> Void) async throws -> Response {
        let id = try id(context)
        if id.index != nil, try controller.history.job(id) == nil { throw Refusal.noTask(id) }
        try await body(id)
        return try .json(JobView(record(id)))
    }

    /// The output of one attempt as bytes, from `offset` on; with `follow` until the attempt has ended.
    @Sendable private func output(_ request: Request, _ context: WebContext) async throws -> Response {
        let id = try id(context)
        let query = request.uri.queryParameters
        let job = try record(id)
        if id.index == nil, let array = job.submission.specification.array {
            throw Problem(
                kind: "invalid",
                problem: "Job \(id) is an array; name one of its tasks, \(id).\(array.indices.first ?? 0).")
        }
        let source = AttemptOutput(
            controller: controller, id: id,
            number: query.get("attempt", as: Int.self) ?? job.attempts.last?.attempt.id.number ?? 1,
            rank: query.get("rank", as: Int.self) ?? 0, isStandardError: query.get("stream") == "stderr",
            follows: query.get("follow") == "true")
        let start = query.get("offset", as: UInt64.self) ?? 0
        // Asked before the answer begins, so that a node that cannot be asked is an error and not an empty output.
        let first = try await source.part(from: start)
        return Response(
            status: .ok, headers: [.contentType: "application/octet-stream"],
            body: ResponseBody { writer in
                var part = first
                while let (bytes, next) = part {
                    if !bytes.isEmpty { try await writer.write(ByteBuffer(bytes: bytes)) }
                    part = try await source.part(from: next)
                }
                try await writer.finish(nil)
            })
    }
}

extension WhyView.Reason {
    init(_ reason: WaitReason) {
        var nodes: [WhyView.NodeReason] = []
        if case .resources(_, let short) = reason {
            nodes = short.map { WhyView.NodeReason(node: $0.node.text, short: $0.shortfalls.map(\.description)) }
        }
        self.init(kind: reason.name, text: reason.description, remedy: reason.remedy, nodes: nodes)
    }
}
