import BerthWorkloads
import Testing

private let records = PublishedRecords("wfinstances")

/// Recorded workflows, where the shared data are at hand.
@Suite(.enabled(if: records.areAtHand))
struct RecordedWorkflowTests {
    @Test(arguments: [
        ("1000genome-chameleon-22ch-100k-001", 1.0), ("blast-chameleon-medium-001", 1.23),
        ("bwa-chameleon-large-001", 1.06), ("montage-chameleon-2mass-01d-001", 1.0),
    ])
    func `Berth comes as near to the bound as it did, and never behind HEFT`(name: String, ratio: Double) throws {
        let instance = try WorkflowInstance(json: records.unzipped(name + ".json.gz"))
        let berth = try instance.simulate(.berth)
        let makespan = try #require(berth.value("makespanSeconds"))
        #expect(makespan <= ratio * (try #require(berth.value("lowerBoundSeconds"))) + 1e-6)
        #expect(makespan <= (try #require(instance.simulate(.heft).value("makespanSeconds"))))
    }
}
