/// What an agent tells the controller.
public enum AgentMessage: Hashable, Sendable {
    /// First on every stream: the node, and every attempt of which the controller has not confirmed the end.
    case hello(NodeRegistration, [AttemptStatus])
    case heartbeat
    case update(AttemptStatus)
    case report(attempt: AttemptID, fence: UInt64, Report)
}

/// What an agent knows of one attempt.
public struct AttemptStatus: Hashable, Sendable, Codable {
    public enum Phase: Hashable, Sendable, Codable {
        /// The order is here; no process is known of yet.
        case ordered
        case running(Launch)
        /// `launch` is nil where no process came to be.
        case ended(AttemptEnd, launch: Launch?)
    }

    public var attempt: AttemptID
    public var fence: UInt64
    public var phase: Phase
    public var hasEnded: Bool { if case .ended = phase { true } else { false } }

    public init(attempt: AttemptID, fence: UInt64, phase: Phase) {
        self.attempt = attempt
        self.fence = fence
        self.phase = phase
    }
}

/// What the controller tells an agent. Everything is sent only after it is in the journal, and may be sent again.
public enum ControllerMessage: Hashable, Sendable {
    case start(AttemptOrder)
    /// End the attempt within its grace; kill it at once where `reason` is `stale`.
    case stop(attempt: AttemptID, fence: UInt64, StopReason)
    /// Its end is recorded: the agent may forget it.
    case acknowledge(attempt: AttemptID, fence: UInt64)
}

/// Everything an agent needs to start an attempt.
public struct AttemptOrder: Hashable, Sendable, Codable {
    public var attempt: Attempt
    public var specification: JobSpecification
    public var user: String
    /// The longest time between notice and kill that the queue allows, extensions included.
    @Microseconds public var maximumGrace: Duration

    public init(attempt: Attempt, specification: JobSpecification, user: String, maximumGrace: Duration) {
        self.attempt = attempt
        self.specification = specification
        self.user = user
        self.maximumGrace = maximumGrace
    }

    public static let defaultGrace = Duration.seconds(10)

    public var grace: Duration { min(specification.grace ?? Self.defaultGrace, maximumGrace) }
    /// The shape that the planner chose among those asked for.
    public var shape: ResourceRequest { specification.shapes[attempt.allocation.shape] }
}
