/// What a declared device needs around its jobs: programs with their arguments, run without a shell on the device's node.
public struct DeviceCare: Hashable, Sendable, Codable {
    /// Run before a job that holds the device; the job is not started where it fails. Empty runs nothing.
    public var startHook: [String]
    /// Run after the end of every such job, also one whose start hook failed. Empty runs nothing.
    public var stopHook: [String]
    /// Succeeds while the device works; while it fails, the device is given to nobody. Empty asks nothing.
    public var healthCommand: [String]
    /// From the end of one look to the beginning of the next.
    @Microseconds public var healthInterval: Duration

    public init(
        startHook: [String] = [], stopHook: [String] = [], healthCommand: [String] = [],
        healthInterval: Duration = .seconds(30)
    ) {
        self.startHook = startHook
        self.stopHook = stopHook
        self.healthCommand = healthCommand
        self.healthInterval = healthInterval
    }
}
