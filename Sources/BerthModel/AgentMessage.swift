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
    /// How the members of a gang find each other; nil for all but gangs.
    public var rendezvous: Rendezvous?
    /// The node that has what the task saved last, where that is another one and the directory is Berth's own; what is
    /// there is to be brought here before the start.
    public var checkpointSource: NodeName?
    /// Attempts on the node whose resources it takes over: it begins as soon as none of them is alive there; nil where it
    /// begins at once.
    public var after: [AttemptID]?

    public init(
        attempt: Attempt, specification: JobSpecification, user: String, maximumGrace: Duration,
        rendezvous: Rendezvous? = nil, checkpointSource: NodeName? = nil, after: [AttemptID]? = nil
    ) {
        self.attempt = attempt
        self.specification = specification
        self.user = user
        self.maximumGrace = maximumGrace
        self.rendezvous = rendezvous
        self.checkpointSource = checkpointSource
        self.after = after
    }

    /// Where the members of a gang meet.
    public struct Rendezvous: Hashable, Sendable, Codable {
        /// Of the members' nodes, by rank: names or numbers by which they reach each other.
        public var addresses: [String]
        /// On the node of rank 0.
        public var port: Int

        public init(addresses: [String], port: Int) {
            self.addresses = addresses
            self.port = port
        }

        /// A port that follows from the fence, so that gangs one after the other on a node do not meet in it. Below those
        /// that Linux gives to connections by itself (ip_local_port_range, ip(7)).
        public static func port(for fence: UInt64) -> Int { 10_000 + Int(fence % 20_000) }
    }

    public static let defaultGrace = Duration.seconds(10)
    /// What is left to the members of a gang when one of them has failed.
    public static let graceAfterFailedMember = Duration.milliseconds(500)

    public var grace: Duration { min(specification.grace ?? Self.defaultGrace, maximumGrace) }

    /// Between notice and kill when it is stopped for `reason`.
    public func grace(for reason: StopReason) -> Duration {
        switch reason {
        case .stale: .zero  // Its successor may run already.
        case .memberFailed: min(grace, Self.graceAfterFailedMember)
        case .cancelled, .requeued, .drained, .preempted, .recalled: grace
        }
    }
    /// What the node is given to do of it: of a gang, the member that is there.
    public func allocation(on node: NodeName) -> Allocation { attempt.allocation(on: node) ?? attempt.allocation }
    /// The shape that the planner chose among those asked for.
    public var shape: ResourceRequest { specification.shapes[attempt.allocation.shape] }
}
