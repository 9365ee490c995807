import BerthModel

extension FailureLimits {
    /// `{family: 20, nodeFaults: 3, nodeFailures: 8, losses: 10, lossBackoff: …}`, each of which may be left out; none for
    /// a number lets it fail for ever.
    init(_ document: Document) throws(DescriptionError) {
        self.init()
        var fields = try Fields(document, "failures")
        family = try Self.limit("family", 1...1_000_000, &fields, or: family)
        nodeFaults = try Self.limit("nodeFaults", 1...Self.largestNodeLimit, &fields, or: nodeFaults)
        nodeFailures = try Self.limit(
            "nodeFailures", Self.families...Self.largestNodeLimit, &fields, or: nodeFailures)
        losses = try Self.limit("losses", 1...1_000_000, &fields, or: losses)
        if let part = fields.optional("lossBackoff") {
            lossBackoff = try RetryPolicy.Backoff(document: part, defaults: lossBackoff)
        }
        try fields.finish()
    }

    private static func limit(_ name: String, _ range: ClosedRange<Int>, _ fields: inout Fields, or standard: Int?)
        throws(DescriptionError) -> Int?
    {
        guard let document = fields.optional(name) else { return standard }
        if case .text("none") = document.content { return nil }
        return try document.integer(name, range)
    }
}
