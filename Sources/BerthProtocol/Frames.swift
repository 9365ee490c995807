public import BerthModel

/// What an agent puts on its stream.
public enum AgentFrame: Hashable, Sendable {
    /// - Parameter topologyXML: with a hello, the node's topology as hwloc writes it.
    case message(AgentMessage, topologyXML: [UInt8] = [])
    /// What has become of the node's pools; a heartbeat as well.
    case pools([PoolStatus])
    case logPart(LogPart)
    /// For what a task has saved on another node.
    case readData(DataQuestion)
    /// The answer to a question that the controller passed on.
    case dataPart(DataAnswer)
}

/// What the controller puts on an agent's stream.
public enum ControllerFrame: Hashable, Sendable {
    /// The answer to a hello.
    case welcome(heartbeatInterval: Duration)
    case message(ControllerMessage)
    /// What is about to be recorded: the agent may get ready for it, and starts nothing before it is told to. Within one
    /// process only.
    case announce(AttemptOrder)
    case readLog(LogRequest)
    /// Another node's question.
    case readData(DataQuestion)
    /// The answer to the agent's own question.
    case dataPart(DataAnswer)
}

/// Asks an agent for a part of an attempt's output.
public struct LogRequest: Hashable, Sendable {
    /// Numbers the question, so that its answer is known.
    public var request: UInt64
    public var attempt: AttemptID
    public var isStandardError: Bool
    /// The file that the job named for this stream, if it named one.
    public var file: String?
    /// Whose job it is: such a file is read with this user's rights.
    public var user: String
    public var offset: UInt64
    public var limit: UInt64
    /// How long to wait for more where nothing is there yet.
    public var wait: Duration

    public init(
        request: UInt64, attempt: AttemptID, isStandardError: Bool, file: String?, user: String, offset: UInt64,
        limit: UInt64, wait: Duration
    ) {
        self.request = request
        self.attempt = attempt
        self.isStandardError = isStandardError
        self.file = file
        self.user = user
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
    /// Where the output goes on, if that is not right after `data`: of too much output, something was taken out.
    public var nextOffset: UInt64?

    public init(
        request: UInt64, data: [UInt8] = [], isAtEnd: Bool = false, problem: String? = nil, nextOffset: UInt64? = nil
    ) {
        self.request = request
        self.data = data
        self.isAtEnd = isAtEnd
        self.problem = problem
        self.nextOffset = nextOffset
    }
}

/// A node's question for a part of what a task has saved on another one. The controller passes it on, under a number of
/// its own, if the task has just been given to the node that asks.
public struct DataQuestion: Hashable, Sendable {
    /// Numbers the question for whoever is to be answered.
    public var request: UInt64
    /// The node that is to answer.
    public var node: NodeName
    public var subject: DataRequest

    public init(request: UInt64, node: NodeName, subject: DataRequest) {
        self.request = request
        self.node = node
        self.subject = subject
    }
}

/// The answer to a `DataQuestion`.
public struct DataAnswer: Hashable, Sendable {
    public var request: UInt64
    public var part: DataPart

    public init(request: UInt64, part: DataPart) {
        self.request = request
        self.part = part
    }
}

/// A frame that does not say what frames say.
public struct MalformedFrame: Error, CustomStringConvertible {
    public let description: String

    public init(description: String) { self.description = description }
}
