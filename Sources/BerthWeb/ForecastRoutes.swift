public import BerthAPI
import BerthController
import BerthDescription
import BerthJournal
public import BerthModel
import BerthPlanner
public import BerthScheduling
import Foundation
import Hummingbird

/// Questions about what will be, and about how decisions and predictions of the past stand up.
struct ForecastRoutes: Sendable {
    let controller: Controller
    let defaultQueue: String

    func add(to api: RouterGroup<WebContext>) {
        api.post("/whatif", use: whatIf)
        api.get("/calibration", use: calibration)
        api.get("/jobs/:job/replay", use: replay)
    }

    @Sendable private func whatIf(_ request: Request, _ context: WebContext) async throws -> Response {
        let body = Data(try await request.body.collect(upTo: context.maxUploadSize).readableBytesView)
        let question: WhatIfRequest
        do { question = try JSONDecoder().decode(WhatIfRequest.self, from: body) } catch {
            throw Problem(kind: "invalid", problem: "The question cannot be read: \(error)")
        }
        let jobs = try described(in: body)
        let answer = try await controller.whatIf(by: context.caller.name) { cluster in
            var suppositions: [Supposition] = []
            if let configuration = question.configuration { suppositions.append(.configured(configuration)) }
            if let added = question.addNode { suppositions.append(.joined(try nodes(added, in: cluster))) }
            if let name = question.removeNode { suppositions.append(.lost(NodeName(name))) }
            if !jobs.isEmpty { suppositions.append(.submitted(jobs)) }
            guard !suppositions.isEmpty else {
                throw Problem(
                    kind: "invalid",
                    problem: "Nothing is supposed. Give submit, addNode, removeNode or configuration.")
            }
            return suppositions
        }
        return try .json(WhatIfView(answer))
    }

    /// The jobs under `submit`, in the form in which they are submitted.
    private func described(in body: Data) throws -> [Dispatcher.RequestedJob] {
        guard let document = try JSONSerialization.jsonObject(with: body) as? [String: Any],
            let jobs = document["submit"]
        else { return [] }
        let submission = try JSONSerialization.data(withJSONObject: ["key": "whatif", "jobs": jobs] as [String: Any])
        let description = JobDescription.Context(directory: "/", defaultQueue: defaultQueue, now: .now)
        do throws(DescriptionError) {
            return try JobDescription.requested(JobDescription.submission(Array(submission), description).jobs)
        } catch {
            throw Problem(kind: "invalid", problem: error.description)
        }
    }

    private func nodes(_ added: WhatIfRequest.AddedNode, in cluster: Cluster) throws -> [NodeRegistration] {
        guard (1...1000).contains(added.count) else {
            throw Problem(kind: "invalid", problem: "1 to 1000 nodes may be supposed, and here stands \(added.count).")
        }
        if let registration = added.registration {
            return registration.copies(added.count, apartFrom: cluster.nodes.keys)
        }
        guard let like = added.like else {
            throw Problem(kind: "invalid", problem: "addNode needs like, a node's name, or registration.")
        }
        guard let node = cluster.nodes[NodeName(like)] else {
            throw Refusal.noNode(NodeName(like), known: cluster.nodes.keys.map(\.text).sorted())
        }
        return node.registration.copies(added.count, apartFrom: cluster.nodes.keys)
    }

    @Sendable private func calibration(_ request: Request, _ context: WebContext) async throws -> Response {
        let jobs = request.uri.queryParameters.get("jobs", as: Int.self) ?? 50
        guard (1...10_000).contains(jobs) else {
            throw Problem(kind: "invalid", problem: "1 to 10000 jobs can be compared, and here stands \(jobs).")
        }
        let calibration = try controller.history.past.calibration(jobs: jobs)
        return try .json(CalibrationView(calibration))
    }

    /// `attempt` names another attempt than the last.
    @Sendable private func replay(_ request: Request, _ context: WebContext) async throws -> Response {
        let text = try context.parameters.require("job")
        guard let id = TaskID(text) else {
            throw Problem(
                kind: "invalid", problem: "\"\(text)\" is no job's id; those are like 42, or 42.7 for a task.")
        }
        let number = request.uri.queryParameters.get("attempt", as: Int.self)
        guard let (attempt, verdict) = try controller.history.past.replayed(id, number: number) else {
            throw Problem(kind: "notFound", problem: "No such attempt of job \(id) was started.")
        }
        return try .json(ReplayView(attempt, verdict))
    }
}

extension WhyView {
    /// What the job can expect.
    mutating func add(_ prospect: JobProspect) {
        predictedStart = prospect.prediction.start?.description
        undisturbedStart = prospect.prediction.undisturbed?.description
        behind = prospect.prediction.behind?.description
        bands = Dictionary(
            prospect.prediction.bands.map {
                ("\($0.percent)", BandView(from: $0.from?.description, to: $0.to?.description))
            }, uniquingKeysWith: { first, _ in first })
        bandOutcomes = prospect.prediction.bands.isEmpty ? nil : prospect.prediction.outcomes
        forecastIsCut = prospect.prediction.isCut
        alternatives = prospect.alternatives.map {
            AlternativeView(
                start: $0.start.description, change: $0.change.kind.rawValue, option: $0.change.option)
        }
        priority = prospect.priority
        jobsAhead = prospect.jobsAhead
    }
}

extension WhatIfView {
    fileprivate init(_ answer: WhatIf) {
        self.init(
            jobs: answer.jobs.map {
                Change(
                    job: $0.job.description, name: $0.name, user: $0.user, direction: $0.direction.rawValue,
                    before: $0.before?.description, after: $0.after?.description, difference: $0.difference?.inSeconds)
            }, preempted: answer.preempted.map(\.description), forecastIsCut: answer.isCut)
    }
}

extension CalibrationView {
    fileprivate init(_ calibration: Calibration) {
        self.init(
            jobs: calibration.jobs,
            coverage: Dictionary(
                calibration.coverage.map { ("\($0.key)", $0.value) }, uniquingKeysWith: { first, _ in first }),
            medianErrorSeconds: calibration.medianErrorSeconds)
    }
}

extension ReplayView {
    /// As the command line builds it too, for a local journal.
    public init(_ attempt: AttemptID, _ verdict: DecisionReplay) {
        switch verdict {
        case .identical: self.init(attempt: attempt.description, identical: true)
        case .differs(let field, let recorded, let replayed):
            self.init(
                attempt: attempt.description, identical: false, field: field, recorded: recorded, replayed: replayed)
        }
    }
}
