public import BerthModel

/// What an agent puts on its stream.
public enum AgentFrame: Hashable, Sendable {
    /// - Parameter topologyXML: with a hello, the node's topology as hwloc writes it.
    case message(AgentMessage, topologyXML: [UInt8] = [])
    case logPart(LogPart)
}

/// What the controller puts on an agent's stream.
public enum ControllerFrame: Hashable, Sendable {
    /// The answer to a hello.
    case welcome(heartbeatInterval: Duration)
    case message(ControllerMessage)
    case readLog(LogRequest)
}

/// Asks an agent for a part of an attempt's output.
public struct LogRequest: Hashable, Sendable {
    /// Numbers the question, so that its answer is known.
    public var request: UInt64
    public var attempt: AttemptID
    public var isStandardError: Bool
    /// The file that the job named for this stream, if it named one.
    public var file: String?
    public var offset: UInt64
    public var limit: UInt64
    /// How long to wait for more where nothing is there yet.
    public var wait: Duration

    public init(
        request: UInt64, attempt: AttemptID, isStandardError: Bool, file: String?, offset: UInt64, limit: UInt64,
        wait: Duration
    ) {
        self.request = request
        self.attempt = attempt
        self.isStandardError = isStandardError
        self.file = file
        self.offset = offset
        self.limit = limit
        self.wait = wait
    }
}

/// The answer to a `LogRequest`.
public struct LogPart: Hashable, Sendable {
    public var request: UInt64
    public var data: [UInt8]
    /// Whether nothing can follow: the attempt has ended and this was the rest.
    public var isAtEnd: Bool
    /// Why there is no data, if it could not be read.
    public var problem: String?

    public init(request: UInt64, data: [UInt8] = [], isAtEnd: Bool = false, problem: String? = nil) {
        self.request = request
        self.data = data
        self.isAtEnd = isAtEnd
        self.problem = problem
    }
}

/// A frame that does not say what frames say.
public struct MalformedFrame: Error, CustomStringConvertible {
    public let description: String

    public init(description: String) { self.description = description }
}
