/// An attempt that went wrong on a node. A node keeps those since the last that went well there.
public struct NodeTrouble: Hashable, Sendable, Codable {
    public enum Kind: String, Hashable, Sendable, Codable {
        /// The node could not start it, by its own fault.
        case launch
        /// The node's agent would not start it: its model of the node is another.
        case refused
        /// The kernel bound it otherwise than planned.
        case binding
        /// It failed, as far as the node can tell by its own fault.
        case failure

        /// Whether it is certain that the node and not the job is at fault.
        public var isNodesFault: Bool { self != .failure }
    }

    public var kind: Kind
    public var time: Timestamp
    public var attempt: AttemptID
    public var family: JobFamily
    /// What it said: `exit code 1`.
    public var text: String

    public init(kind: Kind, time: Timestamp, attempt: AttemptID, family: JobFamily, text: String) {
        self.kind = kind
        self.time = time
        self.attempt = attempt
        self.family = family
        self.text = text
    }

    /// What the end of an attempt says about its node; nil where it says nothing against it.
    init?(_ end: AttemptEnd, of attempt: AttemptID, family: JobFamily, at time: Timestamp) {
        switch end.cause {
        case .launchFailed where end.fault == .neither: return nil
        case .launchFailed: kind = end.fault == .node ? .launch : .failure
        case .refused: kind = .refused
        case .exit where !end.isSuccess, .signal, .timeLimit: kind = .failure
        case .exit, .outOfMemory, .stopped, .nodeLost: return nil
        }
        self.time = time
        self.attempt = attempt
        self.family = family
        text = end.summary
    }
}

extension Node {
    mutating func note(_ trouble: NodeTrouble) {
        troubles = ((troubles ?? []) + [trouble]).suffix(FailureLimits.largestNodeLimit)
    }

    /// An attempt was started as planned: the node can do that.
    mutating func startedWell() {
        guard troubles != nil else { return }
        troubles?.removeAll(where: \.kind.isNodesFault)
        if troubles?.isEmpty == true { troubles = nil }
    }
}
