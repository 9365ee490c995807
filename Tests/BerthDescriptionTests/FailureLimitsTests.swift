import BerthDescription
import BerthModel
import Testing

@Suite struct FailureLimitsTests {
    private func read(_ text: String) throws -> FailureLimits {
        try ControllerConfiguration(Array(text.utf8), file: "controller.yaml") { name in
            throw DescriptionError("\(name) cannot be read.")
        }.cluster.failures
    }

    private func refusal(of text: String) -> String? {
        do {
            _ = try read(text)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func `what is left out is as it is shipped`() throws {
        #expect(try read("logLevel: info") == FailureLimits())
        #expect(try read("failures: {family: 5}") == FailureLimits(family: 5))
    }

    @Test func `every limit can be set, and none takes it away`() throws {
        let limits = try read(
            """
            failures:
              family: none
              nodeFaults: 5
              nodeFailures: 12
              losses: 3
              lossBackoff: {initial: 1s, maximum: 1m}
            """)
        #expect(
            limits
                == FailureLimits(
                    family: nil, nodeFaults: 5, nodeFailures: 12, losses: 3,
                    lossBackoff: .init(initial: .seconds(1), maximum: .seconds(60))))
    }

    @Test(
        arguments: [
            ("{family: 0}", "family"), ("{nodeFaults: 33}", "nodeFaults"), ("{nodeFailures: 2}", "nodeFailures"),
            ("{losses: never}", "losses"), ("{famly: 3}", "Did you mean \"family\"?"),
        ])
    func `what is no limit is refused with the reason`(failures: String, says: String) {
        #expect(refusal(of: "failures: \(failures)")?.contains(says) == true)
    }
}
