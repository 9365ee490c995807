/// For how long a job is let be passed by others that come after it: the guard against starvation. `QueueScore` says how.
///
/// While more work arrives than the pool can do, no order keeps waits bounded, and holding to the rule would leave the
/// short jobs to suffer for all: patience then stretches, up to a limit.
public enum Patience {
    /// Where the pool can do what arrives.
    public static let ordinarySeconds = 216_000.0
    /// What a load of twice what can be done would add, in ordinary patience.
    private static let stretchByLoad = 30.0
    public static let longestStretch = 20.0

    /// - Parameter load: work that arrives per work that can be done; see `OfferedLoad`.
    public static func seconds(load: Double) -> Double {
        ordinarySeconds * min(longestStretch, max(1, 1 + stretchByLoad * (load - 1)))
    }
}
