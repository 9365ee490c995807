/// Where a job runs until the next look at the fleet.
public enum SpotChoice: Hashable, Sendable, CaseIterable {
    /// Nowhere: it waits, and only time passes.
    case idle
    /// On capacity that is cheap and may be taken away at any moment.
    case spot
    /// On capacity that is dear and stays.
    case onDemand
}
