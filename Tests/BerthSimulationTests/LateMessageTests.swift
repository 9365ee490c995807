import BerthModel
import BerthPlanner
import BerthScheduling
import BerthSimulation
import Testing

/// Scenes that seeds of the simulation led to, kept as tests of their own.
@Suite struct LateMessageTests {
    private let node = SyntheticFleet.registration(0)

    private func order(of dispatcher: inout Dispatcher) throws -> AttemptOrder {
        let orders = dispatcher.takeMessages().compactMap { outgoing -> AttemptOrder? in
            if case .start(let order) = outgoing.message { order } else { nil }
        }
        return try #require(orders.first)
    }

    private func submit(_ jobs: [Dispatcher.RequestedJob], to dispatcher: inout Dispatcher) throws {
        let request = Dispatcher.SubmissionRequest(jobs: jobs, user: "ada", key: "key", contentDigest: "")
        _ = try dispatcher.submit(request, history: SimulatedJournal(), at: .epoch)
    }

    private let job = Dispatcher.RequestedJob(
        JobSpecification(name: "job", workingDirectory: "/", queue: "batch"))

    @Test func `a hello from before a node was lost frees nothing that runs there`() throws {
        var dispatcher = Dispatcher(Cluster(), at: .epoch)
        dispatcher.receive(.hello(node, []), from: node.name, session: 2, at: .epoch)
        try submit([job], to: &dispatcher)
        _ = dispatcher.settle(at: .epoch)
        let attempt = try order(of: &dispatcher).attempt.id
        _ = dispatcher.settle(at: .epoch + .seconds(60))
        #expect(dispatcher.cluster.nodes[node.name]?.isUp == false)

        for session in [1, 2] as [UInt64] {
            dispatcher.receive(.hello(node, []), from: node.name, session: session, at: .epoch + .seconds(70))
            #expect(dispatcher.cluster.nodes[node.name]?.given[attempt] != nil)
        }
        dispatcher.receive(.hello(node, []), from: node.name, session: 3, at: .epoch + .seconds(80))

        #expect(dispatcher.cluster.nodes[node.name]?.isUp == true)
        #expect(dispatcher.cluster.nodes[node.name]?.given[attempt] == nil)
    }

    @Test func `a job that waits for another's start starts in the same round`() throws {
        var dispatcher = Dispatcher(Cluster(), at: .epoch)
        dispatcher.receive(.hello(node, []), from: node.name, session: 1, at: .epoch)
        var second = job
        second.dependsOn = [(place: 0, condition: .started)]
        try submit([job, second], to: &dispatcher)

        _ = dispatcher.settle(at: .epoch)

        #expect(dispatcher.cluster.jobs.values.allSatisfy { $0.active == 1 })
    }
}
