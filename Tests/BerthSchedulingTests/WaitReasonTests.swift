import BerthModel
import BerthPlanner
import BerthScheduling
import Testing

@Suite struct WaitReasonTests {
    @Test func `every reason that binds is told, not only the first`() throws {
        let queue = Queue(name: "batch", tier: 1, maximumRunning: 1, maximumRunningPerUser: 1)
        var site = try Site(.machine("a", cores: 2), queues: [queue])
        let first = try site.pending(.cores(2))
        try site.settle()
        let ahead = try site.pending()
        let begin = Timestamp(microseconds: 50)
        let job = try site.pending(.cores(2, gibibytes: 17)) {
            $0.isHeld = true
            $0.begin = begin
            $0.dependencies = [Dependency(job: first), Dependency(job: ahead, condition: .started)]
        }
        let reasons = site.reasons(job)
        #expect(
            reasons.prefix(6) == [
                .held, .begins(at: begin), .dependency(Dependency(job: first)),
                .dependency(Dependency(job: ahead, condition: .started)), .queueLimit(queue: "batch", limit: 1),
                .userLimit(queue: "batch", user: "ada", limit: 1),
            ])
        #expect(reasons.dropFirst(6).map(\.name) == ["resources"])
        #expect(
            site.shortfalls(job) == [
                "a": [
                    .cores(asked: 2, free: 0, total: 2), .memory(asked: 17 << 30, free: 16 << 30, total: 16 << 30),
                ]
            ])
    }

    @Test func `each node tells everything that it lacks`() throws {
        var site = try Site(.machine("a", cores: 2, devices: [.gpu(0)], labels: ["zone": "a"]), .machine("b"))
        _ = try site.given(.gpus(1000))
        var request = ResourceRequest.gpus(1000)
        request.cpus = 2
        request.memoryBytes = 99 << 30
        let zone = try Expression("node.label.zone == 'b'")
        let job = try site.pending(request) { $0.constraints = [zone] }
        let memory = Shortfall.memory(asked: 99 << 30, free: 16 << 30, total: 16 << 30)
        let constraint = Shortfall.constraint(zone.text)
        #expect(
            site.shortfalls(job) == [
                "a": [
                    constraint, .device(kind: "gpu", asked: 1, free: 0, total: 1, unmet: nil),
                    .cores(asked: 2, free: 1, total: 2), memory,
                ],
                "b": [constraint, .device(kind: "gpu", asked: 1, free: 0, total: 0, unmet: nil), memory],
            ])
    }

    @Test func `each shape has its own reasons`() throws {
        var site = try Site(.machine("a", cores: 2))
        _ = try site.given(.cores(2))
        let job = try site.pending(.cores(4)) { $0.alternatives = [.cores(1)] }
        #expect(
            site.reasons(job).map(\.description) == ["No node has enough free for it.", "Nor for its alternative 1."])
    }

    @Test func `a job that is only held is not behind others`() throws {
        var site = try Site(.machine("a"))
        _ = try site.pending { $0.isHeld = true }
        let job = try site.pending { $0.isHeld = true }
        #expect(site.reasons(job) == [.held])
    }

    @Test func `without a node there is no node`() throws {
        var site = try Site()
        let job = try site.pending()
        #expect(site.reasons(job) == [.noNodes])
        #expect(WaitReason.noNodes.remedy?.contains("berth up") == true)
    }

    @Test func `a job of which nothing waits has no reasons`() throws {
        var site = try Site(.machine("a", cores: 1))
        let job = try site.pending()
        #expect(site.reasons(job).isEmpty, "it could start")
        try site.settle()
        #expect(site.reasons(job).isEmpty, "it runs")
    }

    @Test func `enough that does not lie together is told as such, and what would help`() throws {
        var site = try Site(.machine("a", numaNodes: 2, cores: 2))
        _ = try site.given(.cores(1))
        _ = try site.given(.cores(1, .numa))
        try site.ended(Job.ID(2))
        let wide = try site.pending(.cores(3, .numa))
        let reason = try #require(site.reasons(wide).first)
        #expect(site.shortfalls(wide) == ["a": [.locality(.numa)]])
        #expect(reason.remedy == "It would start now on a with --locality node.")
    }

    @Test func `the smallest change that lets it start now is named`() throws {
        var site = try Site(.machine("a", cores: 4), .machine("b", cores: 2))
        _ = try site.given(.cores(2))
        _ = try site.given(.cores(1))
        let job = try site.pending(.cores(4, gibibytes: 32))
        #expect(site.reasons(job).first?.remedy == "It would start now on a with --cpus 3 --memory 16384MiB.")
    }
}
