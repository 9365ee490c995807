package import BerthModel

/// When what is sent arrives, and whether. A stream is ordered, as gRPC's are: what the controller says arrives in
/// order, what it says again whenever, and an agent listens to its present stream only. What an agent says after its
/// hello may come twice, out of order, and after the stream has ended, since the controller's own inbox lies between.
package struct SimulatedNetwork: Sendable {
    private let faults: Set<Fault>
    private var streams: [UInt64: Stream] = [:]
    /// The open stream of each node, by the node's place.
    private var current: [Int: UInt64] = [:]
    private var cutOff: [Int: [Held]] = [:]
    /// Older ones ended with an earlier controller, and what was on the way to it.
    private var firstSession: UInt64 = 0

    private struct Stream: Sendable {
        var node: Int
        var lastToAgent: Timestamp
        var lastToController: Timestamp
        var helloTime: Timestamp?
    }

    package enum Message: Sendable {
        case toController(AgentMessage)
        case toAgent(ControllerMessage)
        /// The stream has ended; its agent learns it.
        case end
    }

    /// A message that waits for its node to be reached again.
    package struct Held: Sendable {
        package var message: Message
        package var session: UInt64
    }

    package init(faults: Set<Fault>) { self.faults = faults }

    package func isOpen(_ session: UInt64, of node: Int) -> Bool { current[node] == session }
    package func session(of node: Int) -> UInt64? { current[node] }
    package func isCutOff(_ node: Int) -> Bool { cutOff[node] != nil }

    package mutating func open(_ session: UInt64, of node: Int, at now: Timestamp) {
        streams[session] = Stream(node: node, lastToAgent: now, lastToController: now)
        current[node] = session
    }

    /// Ends the node's stream at the controller's side.
    ///
    /// - Returns: the session, if there was one.
    package mutating func close(_ node: Int) -> UInt64? { current.removeValue(forKey: node) }

    /// The controller has ended: all its streams do, and what was on the way to it is lost.
    package mutating func closeAll(firstSession: UInt64) {
        current = [:]
        self.firstSession = firstSession
    }

    // MARK: - Delivery

    private func delay(of message: Message, using random: inout SeededGenerator) -> Duration {
        guard faults.contains(.lateMessages), random.chance(0.05) else {
            return random.duration(.microseconds(200) ... .milliseconds(20))
        }
        // What an agent says may be so late that its node is lost meanwhile, and back.
        if case .toController = message, random.chance(0.05) { return random.duration(.seconds(60) ... .seconds(300)) }
        return random.duration(.seconds(1) ... .seconds(60))
    }

    /// When a message arrives: once, or where that is a fault a second time up to ten minutes later.
    package mutating func arrivals(
        of message: Message, on session: UInt64, at now: Timestamp, using random: inout SeededGenerator
    ) -> [Timestamp] {
        guard var stream = streams[session] else { return [] }
        defer { streams[session] = stream }
        let first = arrival(of: message, on: &stream, at: now, using: &random)
        guard faults.contains(.doubledMessages), random.chance(0.1) else { return [first] }
        return [first, first + random.duration(.zero ... .seconds(600))]
    }

    private func arrival(
        of message: Message, on stream: inout Stream, at now: Timestamp, using random: inout SeededGenerator
    ) -> Timestamp {
        let time = now + delay(of: message, using: &random)
        switch message {
        case .toController(let said):
            if faults.contains(.reorderedMessages), let hello = stream.helloTime { return max(time, hello) }
            stream.lastToController = max(time, stream.lastToController)
            if case .hello = said { stream.helloTime = stream.lastToController }
            return stream.lastToController
        case .toAgent, .end:
            stream.lastToAgent = max(time, stream.lastToAgent)
            return stream.lastToAgent
        }
    }

    /// Whether a message that arrives now does; one for a node that is cut off is kept back, if its stream holds.
    package mutating func delivers(_ message: Message, on session: UInt64) -> Bool {
        guard let node = streams[session]?.node else { return false }
        if cutOff[node] != nil {
            cutOff[node]?.append(Held(message: message, session: session))
            return false
        }
        if case .toController = message {
            guard session >= firstSession else { return false }
            return isOpen(session, of: node) || faults.contains(.lateMessages)
        }
        return true
    }

    package mutating func cutOff(_ node: Int) { cutOff[node] = cutOff[node] ?? [] }

    /// - Returns: what was kept back, in order.
    package mutating func reconnect(_ node: Int) -> [Held] { cutOff.removeValue(forKey: node) ?? [] }
}
