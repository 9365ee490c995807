import BerthAPI
import BerthController
import BerthJournal
import BerthModel
import BerthScheduling
import Foundation
import Hummingbird

/// Nodes, queues and the history.
struct FleetRoutes: Sendable {
    let controller: Controller
    let databasePath: String

    func add(to api: RouterGroup<WebContext>) {
        api.get("/nodes") { _, _ in
            try .json(await controller.cluster.nodes.values.sorted { $0.name < $1.name }.map(NodeView.init)) as Response
        }
        api.get("/nodes/:node") { _, context in try .json(await NodeTopologyView(node(context))) as Response }
        api.post("/nodes/:node/drain", use: drain)
        api.post("/nodes/:node/undrain") { _, context in
            let node = try await node(context)
            try operatorOnly(context)
            try await controller.undrain(node.name, by: context.caller)
            return try .json(await NodeView(self.node(context))) as Response
        }
        api.get("/queues", use: queues)
        api.get("/pools") { _, _ in
            let (nodes, statuses) = (await controller.cluster.nodes, await controller.pools)
            let views = nodes.values.sorted { $0.name < $1.name }.flatMap { node in
                (node.registration.pools ?? []).map { pool in
                    PoolView(pool, on: node.name, statuses[node.name]?.first { $0.pool == pool.name })
                }
            }
            return try .json(views) as Response
        }
        api.get("/projects") { _, _ in
            try .json(await controller.cluster.projectStandings(at: .now).map(ProjectView.init)) as Response
        }
        api.get("/version") { _, _ in try .json(["version": berthVersion]) as Response }
        api.post("/sql", use: sql)
        api.get("/verify") { _, context in
            try operatorOnly(context)
            return try .json(controller.history.verify()) as Response
        }
    }

    private func node(_ context: WebContext) async throws -> Node {
        let name = NodeName(try context.parameters.require("node"))
        let nodes = await controller.cluster.nodes
        guard let node = nodes[name] else { throw Refusal.noNode(name, known: nodes.keys.map(\.text).sorted()) }
        return node
    }

    private func operatorOnly(_ context: WebContext) throws {
        guard context.caller.isOperator else {
            throw Problem(kind: "refused", problem: "Only an operator may do this, and \(context.caller.name) is none.")
        }
    }

    @Sendable private func drain(_ request: Request, _ context: WebContext) async throws -> Response {
        let node = try await node(context)
        try operatorOnly(context)
        let body = try await request.body.collect(upTo: 64 << 10)
        let drain = try JSONDecoder().decode(DrainRequest.self, from: Data(body.readableBytesView))
        try await controller.drain(node.name, reason: drain.reason, stopping: drain.stop, by: context.caller)
        return try .json(await NodeView(self.node(context)))
    }

    @Sendable private func queues(_ request: Request, _ context: WebContext) async throws -> Response {
        let cluster = await controller.cluster
        var waiting: [String: Int] = [:]
        for place in cluster.queueOrder {
            guard let job = cluster.jobs[place.job] else { continue }
            waiting[job.specification.queue, default: 0] += job.waitingCount
        }
        return try .json(
            cluster.configuration.queues.map {
                QueueView(
                    $0, isDefault: $0.name == cluster.configuration.defaultQueue,
                    running: cluster.runningTasks(queue: $0.name), waiting: waiting[$0.name, default: 0])
            })
    }

    @Sendable private func sql(_ request: Request, _ context: WebContext) async throws -> Response {
        let body = try await request.body.collect(upTo: 1 << 20)
        let question = try JSONDecoder().decode(SQLRequest.self, from: Data(body.readableBytesView))
        do {
            return try .json(
                ProvenanceQuery(path: databasePath).answer(
                    question.statement, rowLimit: min(question.limit ?? 10_000, 1_000_000)))
        } catch let error as JournalError {
            throw Problem(kind: "invalid", problem: error.description)
        }
    }
}
