/// A job as the choice of device types sees it: how much is left and how fast each type does it.
///
/// A gang runs on `devices` devices of one type or not at all; its speed on a type is that of the whole gang.
public struct ThroughputJob: Hashable, Sendable {
    /// Devices it holds while it runs, all of one type.
    public var devices: Int
    /// Work left, in the unit that `stepsPerSecond` counts.
    public var remainingSteps: Double
    /// Speed of the gang alone, by type; 0 where it cannot run.
    public var stepsPerSecond: [Double]
    /// Row of a `SharedThroughput` table: jobs of one kind share devices equally well.
    public var kind: Int

    public init(devices: Int, remainingSteps: Double, stepsPerSecond: [Double], kind: Int = 0) {
        self.devices = devices
        self.remainingSteps = remainingSteps
        self.stepsPerSecond = stepsPerSecond
        self.kind = kind
    }

    /// Seconds to the end if it ran on `type` throughout; infinite where it cannot run.
    public func seconds(on type: Int) -> Double {
        stepsPerSecond[type] > 0 ? remainingSteps / stepsPerSecond[type] : .infinity
    }

    /// Speed on the type that suits it best.
    public var bestStepsPerSecond: Double {
        stepsPerSecond.reduce(0, max)
    }
}

/// Where a job runs for one round.
public struct ThroughputPlacement: Hashable, Sendable {
    public var type: Int
    /// Position in the plan's jobs of the one job that runs on the same devices, each slowing the other.
    public var partner: Int?

    public init(type: Int, partner: Int? = nil) {
        self.type = type
        self.partner = partner
    }
}
