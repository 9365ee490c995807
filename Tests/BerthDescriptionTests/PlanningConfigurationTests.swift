import BerthDescription
import BerthModel
import Testing

struct PlanningConfigurationTests {
    private func read(_ planning: String) throws -> PlanningConfiguration {
        try ControllerConfiguration(Array(planning.utf8), file: "controller.yaml") { name in
            throw DescriptionError("\(name) cannot be read.")
        }.cluster.planning
    }

    private func refusal(of planning: String) -> String? {
        do {
            _ = try read(planning)
            return nil
        } catch {
            return (error as? DescriptionError)?.description
        }
    }

    @Test(arguments: ["logLevel: info", "planning:", "planning: {}", "planning: {fairShare: {}, quotas: []}"])
    func `what is not said stands at its default`(text: String) throws {
        #expect(try read(text) == PlanningConfiguration())
    }

    @Test func `every key has its place`() throws {
        let planning = try read(
            """
            planning:
              backfill: {depth: 8}
              priority: {fairShare: 2.5, wait: 0}
              fairShare: {halfLife: 3d, projects: {vision: 2, llm: 0.5}}
              successors: {ahead: 25ms, most: 16, patience: 2s}
              quotas:
                - {project: vision, cores: 64, gpus: 8, lends: false, borrows: false}
                - {project: llm, cores: 32}
              reservations:
                - name: power
                  nodes: node.label.zone == 'b'
                  start: 2026-12-01T08:00:00Z
                  end: 2026-12-01T18:00:00+02:00
            """)
        #expect(planning.backfill.depth == 8)
        #expect(planning.priority == .init(fairShare: 2.5, wait: 0))
        #expect(
            planning.fairShare == .init(halfLife: .seconds(3 * 86_400), projectShares: ["vision": 2, "llm": 0.5]))
        #expect(planning.successors == .init(ahead: .milliseconds(25), most: 16, patience: .seconds(2)))
        #expect(
            planning.quotas == [
                .init(project: "vision", cores: 64, gpus: 8, lends: false, borrows: false),
                .init(project: "llm", cores: 32, gpus: 0, lends: true, borrows: true),
            ])
        let start = try #require(Timestamp("2026-12-01T08:00:00Z"))
        #expect(
            planning.reservations == [
                .init(
                    name: "power", nodes: try Expression("node.label.zone == 'b'"), start: start,
                    end: start + .seconds(8 * 3600))
            ])
    }

    @Test func `what is said of successors leaves the rest of them as it is`() throws {
        let shipped = PlanningConfiguration.Successors()
        #expect(try read("planning: {successors: {}}").successors == shipped)
        for none in ["0", "0s", "0ms"] {
            let successors = try read("planning: {successors: {ahead: \(none)}}").successors
            #expect(successors == .init(ahead: .zero, most: shipped.most, patience: shipped.patience))
        }
        #expect(try read("planning: {successors: {most: 0}}").successors.most == 0)
        #expect(try read("planning: {successors: {most: 64}}").successors.most == 64)
        #expect(try read("planning: {successors: {patience: 10ms}}").successors.patience == .milliseconds(10))
    }

    @Test(arguments: [
        ("[1]", 1, "planning is a mapping"),
        ("{backfil: {depth: 4}}", 1, "Did you mean \"backfill\"?"),
        ("{backfill: {deep: 4}}", 1, "unknown field \"deep\" in backfill"),
        ("{backfill: {depth: -1}}", 1, "depth is at least 0"),
        ("{backfill: {depth: all}}", 1, "depth is a whole number"),
        ("{priority: {fairshare: 1}}", 1, "Did you mean \"fairShare\"?"),
        ("{priority: {wait: -1}}", 1, "wait is a number from 0.0 to 1000000.0, and here stands the number -1"),
        ("{priority: {wait: .nan}}", 1, "wait is a number from"),
        ("{priority: {fairShare: .inf}}", 1, "fairShare is a number from"),
        ("{priority: {fairShare: 1e999}}", 1, "fairShare is a number from"),
        ("{fairShare: {halflife: 7d}}", 1, "Did you mean \"halfLife\"?"),
        ("{fairShare: {halfLife: 0s}}", 1, "halfLife is at least 1s"),
        ("{fairShare: {halfLife: -7d}}", 1, "halfLife is a time like"),
        ("{fairShare: {projects: [vision]}}", 1, "projects maps projects to shares"),
        ("{fairShare: {projects: {\"\": 1}}}", 1, "a name that is empty"),
        ("{fairShare: {projects: {vision: -2}}}", 1, "projects.vision is a number from"),
        ("\n  fairShare:\n    projects:\n      vision: much", 4, "projects.vision is a number from"),
        ("{successors: 10ms}", 1, "successors is a mapping"),
        ("{successors: {ahed: 10ms}}", 1, "Did you mean \"ahead\"?"),
        ("{successors: {ahead: -1s}}", 1, "ahead is a time like"),
        ("{successors: {ahead: soon}}", 1, "ahead is a time like"),
        ("{successors: {most: -1}}", 1, "most is at least 0 and at most 64, and here stands -1"),
        ("{successors: {most: 65}}", 1, "most is at least 0 and at most 64, and here stands 65"),
        ("{successors: {patience: 5ms}}", 1, "patience is at least 10ms, and here stands 5ms"),
        ("{successors: {patience: 0s}}", 1, "set ahead to 0s"),
        ("{quotas: {vision: 64}}", 1, "quotas is a list"),
        ("{quotas: [{cores: 64}]}", 1, "a quota needs the field \"project\""),
        ("{quotas: [{project: vision}]}", 1, "a quota needs the field \"cores\""),
        ("{quotas: [{project: \"\", cores: 1}]}", 1, "a quota's project is a name"),
        ("{quotas: [{project: vision, cores: -1}]}", 1, "cores is at least 0"),
        ("{quotas: [{project: vision, cores: 1, gpus: -8}]}", 1, "gpus is at least 0"),
        ("{quotas: [{project: vision, cores: 1, gpu: 8}]}", 1, "Did you mean \"gpus\"?"),
        ("{quotas: [{project: vision, cores: 1, lends: sometimes}]}", 1, "lends is true or false"),
        (
            "\n  quotas:\n  - {project: llm, cores: 1}\n  - {project: llm, cores: 2}", 4,
            "project \"llm\" has two quotas; keep one"
        ),
    ])
    func `a mistake is refused with its line`(planning: String, line: Int, problem: String) throws {
        let refusal = try #require(self.refusal(of: "planning: " + planning), "\(planning) was read")
        #expect(refusal.hasPrefix("controller.yaml:\(line): "))
        #expect(refusal.contains(problem), "\(refusal)")
    }

    @Test(arguments: [
        ("nodes: true, start: 2026-12-01T08:00:00Z, end: 2026-12-01T09:00:00Z", "needs the field \"name\""),
        ("name: a b, nodes: x, start: 2026-12-01T08:00:00Z, end: 2026-12-01T09:00:00Z", "is no name for a reservation"),
        ("name: a, start: 2026-12-01T08:00:00Z, end: 2026-12-01T09:00:00Z", "needs the field \"nodes\""),
        ("name: a, nodes: x ==, start: 2026-12-01T08:00:00Z, end: 2026-12-01T09:00:00Z", "is no expression"),
        ("name: a, nodes: x, start: +2h, end: 2026-12-01T09:00:00Z", "start is a time like 2026-12-01T08:00:00Z"),
        ("name: a, nodes: x, start: 2026-12-01T08:00:00Z, end: 2026-12-01", "end is a time like"),
        ("name: a, nodes: x, start: 2026-12-01T08:00:00Z", "needs the field \"end\""),
        (
            "name: a, nodes: x, start: 2026-12-01T08:00:00Z, end: 2026-12-01T08:00:00Z",
            "which is not after its start 2026-12-01T08:00:00.000000Z; give it a later end"
        ),
        (
            "name: a, nodes: x, start: 2026-12-01T08:00:00Z, end: 2026-12-01T09:00:00Z, until: 1",
            "unknown field \"until\" in a reservation"
        ),
    ])
    func `a reservation that makes no sense is refused`(reservation: String, problem: String) throws {
        let refusal = try #require(self.refusal(of: "planning: {reservations: [{\(reservation)}]}"))
        #expect(refusal.contains(problem), "\(refusal)")
    }

    @Test func `two reservations of one name are refused`() {
        let power = "{name: power, nodes: x, start: 2026-12-01T08:00:00Z, end: 2026-12-01T09:00:00Z}"
        #expect(
            refusal(of: "planning: {reservations: [\(power), \(power)]}")
                == "controller.yaml:1: reservation \"power\" stands twice; give one another name.")
    }
}
