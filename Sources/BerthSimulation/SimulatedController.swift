package import BerthModel
package import BerthScheduling

/// The controller's shell in virtual time: the real dispatcher, an inbox, and rounds whose events become durable some
/// time later; only then is anything of them answered or sent.
package struct SimulatedController: Sendable {
    package private(set) var dispatcher: Dispatcher
    private var inbox: [Request] = []
    /// The round whose commit is awaited.
    private var round: Round?

    package enum Request: Sendable {
        case message(AgentMessage, from: NodeName, session: UInt64)
        case action(UserAction, by: String, ticket: Int)
    }

    private struct Round: Sendable {
        var answers: [Reply]
        var nextTime: Timestamp?
    }

    package struct Reply: Sendable {
        package var ticket: Int
        package var answer: UserAction.Answer

        package init(ticket: Int, answer: UserAction.Answer) {
            self.ticket = ticket
            self.answer = answer
        }
    }

    /// What a durable round leads to.
    package struct Outcome: Sendable {
        package var messages: [Dispatcher.Outgoing]
        package var answers: [Reply]
        /// When to work the next round if nothing arrives before.
        package var nextTime: Timestamp?
    }

    /// Takes over from the journal.
    package init(_ cluster: Cluster, timing: Dispatcher.Timing, configuration: ClusterConfiguration, at now: Timestamp)
    {
        dispatcher = Dispatcher(cluster, timing: timing, at: now)
        dispatcher.configure(configuration, at: now)
    }

    package var isCommitting: Bool { round != nil }
    package var hasRequests: Bool { !inbox.isEmpty }

    package mutating func take(_ request: Request) { inbox.append(request) }

    /// Works a round on everything that has arrived.
    ///
    /// - Returns: the events to make durable.
    package mutating func work(_ journal: SimulatedJournal, at now: Timestamp) -> [ClusterEvent] {
        precondition(round == nil, "a round begins when the one before it is durable")
        let requests = inbox
        inbox = []
        var answers: [Reply] = []
        for request in requests {
            switch request {
            case .message(let message, let node, let session):
                dispatcher.receive(message, from: node, session: session, at: now)
            case .action(let action, let user, let ticket):
                let answer = action.perform(by: user, on: &dispatcher, journal, at: now)
                answers.append(Reply(ticket: ticket, answer: answer))
            }
        }
        round = Round(answers: answers, nextTime: dispatcher.settle(at: now))
        return dispatcher.takeEvents()
    }

    /// The round's events are durable.
    package mutating func finishRound() -> Outcome {
        defer { round = nil }
        return Outcome(
            messages: dispatcher.takeMessages(), answers: round?.answers ?? [], nextTime: round?.nextTime)
    }
}
