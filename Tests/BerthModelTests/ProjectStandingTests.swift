import BerthModel
import Testing

@Suite struct ProjectStandingTests {
    private static func configuration(
        shares: [String: Double] = [:], quotas: [PlanningConfiguration.Quota] = []
    ) -> ClusterConfiguration {
        var planning = PlanningConfiguration()
        planning.fairShare.projectShares = shares
        planning.quotas = quotas
        return ClusterConfiguration(planning: planning)
    }

    @Test func `a project tells what is meant for it, what it used and what it holds`() throws {
        var site = try Site()
        try site.apply(.configured(Self.configuration(shares: ["vision": 2])))
        _ = try site.started(try site.submitted(project: "vision"), cores: 0..<3)
        _ = try site.started(try site.submitted(project: "llm"), cores: 3..<4)
        _ = try site.submitted()

        let standings = site.cluster.projectStandings(at: .epoch + .seconds(60))
        #expect(standings.map(\.project) == ["", "llm", "vision"])
        #expect(standings.map(\.share) == [1, 1, 2])
        #expect(standings.map(\.held.cores) == [0, 1, 3])
        #expect(standings.map { ($0.usedPart * 100).rounded() } == [0, 25, 75])
        #expect(standings.map { $0.usedCoreSeconds.rounded() } == [0, 60, 180])
        #expect(standings.allSatisfy { $0.quota == nil && $0.borrowed == .init() })
    }

    @Test func `what is held beyond a quota is borrowed, and without a quota all of it`() throws {
        var site = try Site()
        let quotas = [PlanningConfiguration.Quota(project: "vision", cores: 2), .init(project: "idle", cores: 9)]
        try site.apply(.configured(Self.configuration(quotas: quotas)))
        _ = try site.started(try site.submitted(project: "vision"), cores: 0..<3)
        _ = try site.started(try site.submitted(project: "llm"), cores: 3..<7)

        let standings = site.cluster.projectStandings(at: .epoch)
        #expect(standings.map(\.project) == ["idle", "llm", "vision"])
        #expect(standings.map(\.borrowed.cores) == [0, 4, 1])
        #expect(standings.map(\.quota) == [quotas[1], nil, quotas[0]])
        #expect(standings.map(\.usedPart) == [0, 0, 0], "nobody has used anything yet")
    }

    @Test func `a project whose jobs have ended is told of while its use counts`() throws {
        var site = try Site()
        let end = Timestamp.epoch + .seconds(100)
        try site.ended(try site.started(try site.submitted(project: "vision")), at: end)
        let standing = try #require(site.cluster.projectStandings(at: end).first)
        #expect(standing.project == "vision" && standing.held == .init() && standing.usedPart == 1)
    }
}
