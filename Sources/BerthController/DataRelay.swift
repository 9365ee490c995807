import BerthModel
import BerthProtocol

/// Questions that nodes ask of each other and that have no answer yet. Each node asks a few at a time, so that what is
/// on its way through the controller stays small and every node has its turn.
struct DataRelay {
    /// Questions of one stream without an answer; of a mebibyte each at most.
    static let maximumPerAsker = 4

    private struct Question {
        var asker: AgentLink
        /// Its number on the asker's stream.
        var request: UInt64
        var limit: UInt64
        /// The stream of the node that is to answer.
        var answererSession: UInt64
    }

    private var questions: [UInt64: Question] = [:]
    private var next: UInt64 = 1

    /// Passes a question on.
    ///
    /// - Parameter answerer: the stream of the node that is asked.
    mutating func pass(_ question: DataQuestion, from asker: AgentLink, to answerer: AgentLink) {
        guard questions.values.count(where: { $0.asker.session == asker.session }) < Self.maximumPerAsker else {
            return Self.answer(question, from: asker, DataPart(isPending: true))
        }
        var passed = question
        passed.request = next
        passed.subject.limit = min(question.subject.limit, DataPart.maximumBytes)
        questions[next] = Question(
            asker: asker, request: question.request, limit: passed.subject.limit, answererSession: answerer.session)
        next += 1
        answerer.send(.readData(passed))
    }

    /// Takes an answer back to whoever asked.
    ///
    /// - Parameter session: of the stream it came on. An answer to what that node was not asked is left out.
    mutating func take(_ answer: DataAnswer, on session: UInt64) {
        guard let question = questions[answer.request], question.answererSession == session else { return }
        questions[answer.request] = nil
        let fits = answer.part.data.count <= Int(question.limit)
        let part = fits ? answer.part : DataPart(problem: "The node has answered with more than was asked for.")
        question.asker.send(.dataPart(DataAnswer(request: question.request, part: part)))
    }

    /// A stream has ended: what was asked of its node is to be asked again, and what it asked is forgotten.
    mutating func end(_ session: UInt64) {
        for (number, question) in questions.sorted(by: { $0.key < $1.key }) {
            guard question.answererSession == session || question.asker.session == session else { continue }
            questions[number] = nil
            if question.asker.session != session {
                question.asker.send(
                    .dataPart(
                        DataAnswer(request: question.request, part: DataPart(isPending: true))))
            }
        }
    }

    /// Answers at once.
    static func answer(_ question: DataQuestion, from asker: AgentLink, _ part: DataPart) {
        asker.send(.dataPart(DataAnswer(request: question.request, part: part)))
    }
}
